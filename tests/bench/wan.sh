#!/usr/bin/env bash
# Trains the same job over networks that differ, with strategies that differ: real processes, each region in a network namespace
# of its own, joined by the laboratory (tests/live/wan). Prints and keeps a table; see tests/README.md.
#
#   tests/bench/wan.sh [--models LIST] [--scenes LIST] [--strategies LIST] [--seeds N] [--samples N] [--epochs N] [--out NAME] [--short]
#
# LISTs are comma-separated names of rows below. Without root there are no namespaces: then every scene is the emulated link
# of `cloudless up`, as far as a topology can describe it.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

# name | samples | epochs | accuracy whose time is taken
models=(
    "softmax|60000|2|0.75"
    "lenet|60000|4|0.87"
    "mlp-large|60000|4|0.87"
)

# name | regions | what the laboratory does | the same as keys of an emulated link
scenes=(
    "room|2||"
    "wan|2|--link 0-1:rate=100Mbit,rtt=30ms|rate: 100Mbit, rtt: 30ms"
    "fluctuating|2|--link 0-1:rate=100Mbit,rtt=30ms,jitter=10ms --at 4s:0-1:rate=20Mbit --at 8s:0-1:rate=200Mbit --at 12s:0-1:rate=10Mbit --at 16s:0-1:rate=100Mbit --at 24s:0-1:rate=20Mbit --at 32s:0-1:rate=100Mbit|rate: 50Mbit, rtt: 30ms, jitter: 10ms"
    "collapse|2|--link 0-1:rate=100Mbit,rtt=30ms --at 6s:0-1:rate=1Mbit --at 16s:0-1:rate=100Mbit|rate: 1Mbit, rtt: 30ms"
    "outage|2|--link 0-1:rate=100Mbit,rtt=30ms --at 8s:0-1:down --at 18s:0-1:up|"
    "far|2|--link 0-1:rate=100Mbit,rtt=300ms|rate: 100Mbit, rtt: 300ms"
    "lossy|2|--link 0-1:rate=100Mbit,rtt=30ms,loss=5%|rate: 100Mbit, rtt: 30ms, loss: 5%"
    "capped|2|--link 0-1:rate=100Mbit,rtt=30ms,flow=10Mbit|rate: 100Mbit, rtt: 30ms"
    "room4|4||"
    "four|4|--link 0-1:rate=900Mbit,rtt=10ms --link 0-2:rate=300Mbit,rtt=30ms --link 0-3:rate=100Mbit,rtt=60ms --link 1-2:rate=100Mbit,rtt=30ms --link 1-3:rate=50Mbit,rtt=80ms --link 2-3:rate=20Mbit,rtt=100ms|rate: 100Mbit, rtt: 30ms"
)

# name | keys of job.optimizer | keys of job.sync. Rules that add gradients of several regions are steady without momentum.
strategies=(
    "asgd|name: sgd, lr: 0.06, warmup: 10%|strategy: asgd, staleness: 4, window: 64MiB"
    "asgd-ga|name: sgd, lr: 0.06, warmup: 10%|strategy: asgd-ga, every: 8, staleness: 3, window: 64MiB"
    "asgd-ga-topk|name: sgd, lr: 0.06, warmup: 10%|strategy: asgd-ga, every: 8, staleness: 3, encoding: topk"
    "asgd-ga-auto|name: sgd, lr: 0.06, warmup: 10%|strategy: asgd-ga, every: auto, staleness: 3, encoding: int8"
    "ama|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: ama, every: 16"
    "ama-int8|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: ama, every: 32, encoding: int8"
    "sma-int8|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: sma, every: 32, encoding: int8"
    "diloco|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: diloco, every: 32, encoding: int8"
    "diloco-async|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: diloco-async, every: 32, encoding: int8"
    "ssgd|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: ssgd, window: 64MiB"
)

usage() { sed -n '5s/^# *//p' "$0"; }
fail() {
    echo "wan.sh: $*" >&2
    exit 1
}
row() { # ARRAY NAME: the row of that name
    local -n rows=$1
    printf '%s\n' "${rows[@]}" | grep -m1 "^$2|" || fail "no such row of $1: $2; write one of $(printf '%s\n' "${rows[@]}" | cut -d'|' -f1 | tr '\n' ' ')"
}
names() { # ARRAY
    local -n rows=$1
    printf '%s\n' "${rows[@]}" | cut -d'|' -f1
}
column() { cut -d'|' -f"$2" <<<"$1"; }

# ---- one run -----------------------------------------------------------------------------------------------------------

region_names=(east west north south)

write_topology() { # FILE MODEL SCENE STRATEGY SEED LAB
    local model=$2 scene strategy regions r q address
    scene=$(row scenes "$3") strategy=$(row strategies "$4") regions=$(column "$scene" 2)
    {
        echo "job:"
        echo "  name: wan-bench"
        echo "  model: $model"
        echo "  data: {dir: /usr/share/datasets/fashion-mnist, samples: ${samples:-$(column "$(row models "$model")" 2)}}"
        echo "  epochs: ${epochs:-$(column "$(row models "$model")" 3)}"
        echo "  seed: $5"
        echo "  optimizer: {${optimizer:-$(column "$strategy" 2)}}"
        echo "  sync: {$(column "$strategy" 3)${sync:+, $sync}}"
        echo "checkpoint: {durability: process, every: 64, mark_every: 0}"
        echo "security: none"
        echo "regions:"
        for ((r = 0; r < regions; r++)); do
            address="tcp://10.77.$((r + 1)).1:7000"
            echo "  - {name: ${region_names[r]}, data_share: 1, workers: 1, offers: [{name: one, cores: 1}]${6:+, broker: {bind: \"$address\", advertise: \"$address\"\}}}"
        done
        echo "links:"
        for ((r = 0; r < regions; r++)); do
            for ((q = r + 1; q < regions; q++)); do
                local keys=
                [ -n "$6" ] || keys=", emulate: true, $(column "$scene" 4)"
                echo "  - {between: [${region_names[r]}, ${region_names[q]}]${keys%, }}"
            done
        done
    } >"$1"
}

# Inside the laboratory: every process of the job in the namespace of its region.
inside() { # DIR REGIONS
    local dir=$1 r region pids=() status=0
    at() { # REGION-INDEX ARGS...
        local pid="LAB_PID_$1" name="$2-$1"
        shift
        nsenter --net="/proc/${!pid}/ns/net" "$cloudless" "$@" >"$dir/$name.out" 2>&1 &
        pids+=("$!")
    }
    for ((r = 0; r < $2; r++)); do
        region=${region_names[r]}
        at "$r" broker --topology "$dir/job.yaml" --region "$region" --state "$dir/broker-$region"
        at "$r" node --topology "$dir/job.yaml" --region "$region" --name main --state "$dir/node-$region"
    done
    nsenter --net="/proc/$LAB_PID_0/ns/net" "$cloudless" scheduler --topology "$dir/job.yaml" --state "$dir/scheduler" \
        --report "$dir/report.json" --quiet >"$dir/scheduler.out" 2>&1 || status=$?
    ((status == 0)) || kill -TERM "${pids[@]}"
    wait "${pids[@]}"
    return "$status"
}

run_one() { # MODEL SCENE STRATEGY SEED: a line of figures into $rows
    local dir=$scratch/run scene regions lab_options status=0
    rm -rf "$dir"
    mkdir -p "$dir"
    scene=$(row scenes "$2") regions=$(column "$scene" 2)
    write_topology "$dir/job.yaml" "$1" "$2" "$3" "$4" "$in_lab"
    if [ -n "$in_lab" ]; then
        read -ra lab_options <<<"$(column "$scene" 3)"
        "$lab" --regions "$regions" --seed "$4" --stats "$dir/lab.json" "${lab_options[@]}" -- bash "$0" inside "$dir" "$regions" || status=$?
    else
        "$cloudless" up "$dir/job.yaml" --state "$dir/state" --report "$dir/report.json" --quiet >"$dir/up.out" 2>&1 || status=$?
        echo '[]' >"$dir/lab.json"
    fi
    if ((status != 0)); then
        tail -n 3 "$dir"/*.out >&2
        fail "$1 $2 $3 seed $4 ended with $status"
    fi
    figures "$dir" "$@" | tee -a "$rows"
    jq -r --arg k "$1 $2 $3 $4" '.curve[] | select(.test_accuracy != null) | [$k, .region, .t_s, .test_accuracy] | @tsv' \
        "$dir/report.json" >>"$curves"
}

# The time is when the last region has got there, between two evaluations on the straight line between them; WAN bytes are as on
# the wire where the laboratory counted them.
figures() { # DIR MODEL SCENE STRATEGY SEED
    local target
    target=${accuracy:-$(column "$(row models "$2")" 4)}
    jq -r --slurpfile lab "$1/lab.json" --argjson target "$target" --arg model "$2" --arg scene "$3" --arg strategy "$4" --arg seed "$5" '
        def reached: reduce .[] as $p ({t: null, before: null};
            if .t != null then . elif $p.test_accuracy >= $target then
                .t = (if .before == null or $p.test_accuracy == .before.test_accuracy then $p.t_s else
                    .before.t_s + ($p.t_s - .before.t_s) * ($target - .before.test_accuracy) / ($p.test_accuracy - .before.test_accuracy) end)
            else .before = $p end) | .t;
        ([.curve[] | select(.test_accuracy != null)] | group_by(.region) | map(sort_by(.t_s) | reached)) as $times |
        ($lab[0] | map(.bytes) | add) as $wire |
        [$model, $scene, $strategy, $seed,
         (if ($times | any(. == null)) then "never" else ($times | max * 100 | round / 100) end),
         .test_accuracy, ($wire // ([.regions[].wan_sent_bytes] | add)),
         (([.regions[].compute_s] | add) / ([.regions[] | .train_s * .workers] | add) * 1000 | round / 1000),
         (.train_s * 100 | round / 100)] | @tsv' "$1/report.json"
}

# ---- the table ---------------------------------------------------------------------------------------------------------

median='function median(text,   v, n, i, k, t) { n = split(text, v, " ");
    for (i = 2; i <= n; i++) { t = v[i]; for (k = i - 1; k > 0 && (v[k] == "never" || (t != "never" && v[k] + 0 > t + 0)); k--) v[k + 1] = v[k]; v[k + 1] = t }
    return n % 2 || v[n / 2 + 1] == "never" ? v[int((n + 1) / 2)] : (v[n / 2] + v[n / 2 + 1]) / 2 }'

table() {
    echo "| model | network | strategy | runs | time to accuracy | of one room | faster than asgd | final accuracy | minus one room | WAN bytes | fewer than asgd | workers computed | whole training |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    awk -F'\t' "$median"' { k = $1 FS $2 FS $3; if (!(k in n)) order[++count] = k; n[k]++; for (i = 5; i <= 9; i++) v[k, i] = v[k, i] " " $i }
        function m(k, i) { return median(v[k, i]) }
        function ratio(a, b, form) { return a == "" || b == "" || a == "never" || b == "never" || b == 0 ? "-" : sprintf(form, a / b) }
        END { for (o = 1; o <= count; o++) { k = order[o]; split(k, p, FS); room = p[1] FS (p[2] ~ /4|four/ ? "room4" : "room") FS p[3]; base = p[1] FS p[2] FS "asgd"
            printf "| %s | %s | %s | %d | %s | %s | %s | %.4f | %s | %.1f MB | %s | %.0f %% | %.1f s |\n", p[1], p[2], p[3], n[k],
                m(k, 5) == "never" ? "never" : sprintf("%.1f s", m(k, 5)), room in n ? ratio(m(k, 5), m(room, 5), "%.2f") : "-", base in n ? ratio(m(base, 5), m(k, 5), "%.1f") : "-",
                m(k, 6), room in n ? sprintf("%+.4f", m(k, 6) - m(room, 6)) : "-", m(k, 7) / 1e6, base in n ? ratio(m(base, 7), m(k, 7), "%.1f") : "-", m(k, 8) * 100, m(k, 9) } }' "$rows"
}

plot() { # FILE: accuracy against time, a line for each model, network and strategy, of the first seed and region
    local key lines=() index=0
    while read -r key; do
        awk -F'\t' -v key="$key 1" -v region="${region_names[0]}" '$1 == key && $2 == region { print $3, $4 }' "$curves" >"$scratch/line-$index"
        lines+=("'$scratch/line-$index' with linespoints title '$key' noenhanced")
        index=$((index + 1))
    done < <(cut -f1 "$curves" | sed 's/ [0-9]*$//' | sort -u)
    {
        echo "set terminal svg size 1000,600 background rgb 'white'"
        echo "set output '$1'"
        echo "set xlabel 'seconds of training'; set ylabel 'test accuracy'; set key bottom right; set grid; set yrange [0.7:0.92]"
        (IFS=, && echo "plot ${lines[*]}")
    } | gnuplot || echo "wan.sh: no plot" >&2
}

header() {
    echo "# Training over networks"
    echo
    echo "Made by \`tests/bench/wan.sh $arguments\` on $(nproc) cores of $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), Linux $(uname -r)," \
        "load before and after: $load_before, $(cut -d' ' -f1 /proc/loadavg). $([ -n "$in_lab" ] && echo "Real packets between network namespaces." || echo "No root: the emulated link.")"
    echo "Medians over seeds. Time to accuracy is training time until every region's replica has the set test accuracy."
    echo
}

# ---- main --------------------------------------------------------------------------------------------------------------

arguments=$*
cloudless=${CLOUDLESS:-$root/build/release/cloudless} lab=${LAB:-$root/build/release/bench/bench.lab}
[ "${1:-}" != inside ] || {
    inside "$2" "$3"
    exit
}
want_models=lenet,mlp-large want_scenes=$(names scenes | paste -sd,) want_strategies=$(names strategies | paste -sd,)
seeds=3 samples= epochs= accuracy= sync= optimizer= out=wan
while (($#)); do
    case $1 in
    --models) want_models=$2 ;;
    --scenes) want_scenes=$2 ;;
    --strategies) want_strategies=$2 ;;
    --seeds | --samples | --epochs | --accuracy | --sync | --optimizer | --out) declare "${1#--}=$2" ;;
    --short)
        want_models=softmax want_scenes=room,wan want_strategies=asgd-ga-topk,ama-int8 seeds=1 samples=3840 epochs=1 accuracy=0.3 out=
        shift
        continue
        ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
    [ $# -ge 2 ] || { usage >&2 && exit 2; }
    shift 2
done
if [ -z "${CLOUDLESS:-}" ]; then
    "$root/deploy/packages.sh" build data bench || exit 1
    [ -f "$root/build/release/build.ninja" ] || (cd "$root" && cmake --preset release >/dev/null)
    (cd "$root" && cmake --build --preset release --target cloudless bench.lab >/dev/null) || fail "does not build"
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rows=$scratch/rows curves=$scratch/curves load_before=$(cut -d' ' -f1 /proc/loadavg)
: >"$rows"
: >"$curves"
in_lab=yes
"$lab" -- true 2>"$scratch/lab.err" || {
    cat "$scratch/lab.err" >&2
    echo "wan.sh: using the emulated link of one machine instead" >&2
    in_lab=
}
for seed in $(seq "$seeds"); do # the outermost, so that a disturbance of the machine does not meet one row alone
    for model in ${want_models//,/ }; do
        for scene in ${want_scenes//,/ }; do
            for strategy in ${want_strategies//,/ }; do
                run_one "$model" "$scene" "$strategy" "$seed"
            done
        done
    done
done
table
[ -n "$out" ] || exit 0
{ header && table; } >"$here/results/$out.md"
cp "$rows" "$here/results/$out.tsv"
plot "$here/results/$out.svg"
