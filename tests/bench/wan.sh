#!/usr/bin/env bash
# Trains the same job over networks that differ, with strategies that differ: real processes, each region in a network namespace
# of its own, joined by the laboratory (tests/live/wan). Prints and keeps a table, figures beside their targets and a plot.
# Without root there are no namespaces: then every scene is the emulated link of `cloudless up`, as far as a topology can describe
# it. `tests/bench/wan.sh --help` says the rest.
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

# name | keys of job.optimizer | keys of job.sync. Rules that add gradients of several regions are steady without momentum. Learning
# rates, and staleness where it matters, are the best of short runs of LeNet in the scene wan that do not diverge for one seed and
# not for another: README.md, "Over a WAN", has what was tried for asgd, the baseline.
strategies=(
    "asgd|name: sgd, lr: 0.12, warmup: 10%|strategy: asgd, staleness: 2, window: 64MiB"
    "asgd-ga|name: sgd, lr: 0.08, warmup: 10%|strategy: asgd-ga, every: 8, staleness: 3, window: 64MiB"
    "asgd-ga-dc|name: sgd, lr: 0.08, warmup: 10%|strategy: asgd-ga, every: 8, staleness: 3, window: 64MiB, compensate: 0.04"
    "asgd-ga-topk|name: sgd, lr: 0.06, warmup: 10%|strategy: asgd-ga, every: 8, staleness: 3, encoding: topk"
    "asgd-ga-auto|name: sgd, lr: 0.06, warmup: 10%|strategy: asgd-ga, every: auto, staleness: 3, encoding: int8"
    "ama|lr: 0.03, momentum: 0.9, warmup: 5%|strategy: ama, every: 16, staleness: 16"
    "ama-int8|lr: 0.03, momentum: 0.9, warmup: 5%|strategy: ama, every: 32, staleness: 16, encoding: int8"
    "ama-int4|lr: 0.03, momentum: 0.9, warmup: 5%|strategy: ama, every: 32, staleness: 16, encoding: int4"
    "sma-int8|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: sma, every: 16, encoding: int8"
    "diloco|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: diloco, every: 16, outer_lr: 1, outer_momentum: 0.5, encoding: int8"
    "diloco-int4|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: diloco, every: 16, outer_lr: 1, outer_momentum: 0.5, encoding: int4"
    "diloco-overlap|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: diloco, every: 16, overlap: 8, outer_lr: 1, outer_momentum: 0.5, encoding: int8"
    "diloco-async|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: diloco-async, every: 16, staleness: 16, outer_lr: 1, outer_momentum: 0.5, encoding: int8"
    "diloco-async-int4|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: diloco-async, every: 16, staleness: 16, outer_lr: 1, outer_momentum: 0.5, encoding: int4"
    "asp|lr: 0.01, momentum: 0.9, warmup: 5%|strategy: asp, every: 8, staleness: 8, encoding: int8, threshold: 5%"
    "ssgd|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: ssgd, window: 64MiB"
)

usage() {
    cat <<TEXT
Trains the same job over networks that differ, with strategies that differ, and compares.

Usage: tests/bench/wan.sh [OPTIONS]

What is run: every model in every scene with every strategy, and all of that once for each seed.
  --models LIST       $(names models | paste -sd' ') (default: lenet,mlp-large)
  --scenes LIST       $(names scenes | paste -sd' ') (default: all)
  --strategies LIST   $(names strategies | paste -sd' ') (default: all)
  --seeds N           runs of each, with other seeds; medians are shown (default: 3)
  --short             two strategies with a small model in two scenes, a minute in all; nothing is kept

What a run is:
  --samples N         of the training set's 60000 (default: the model's row)
  --epochs N          (default: the model's row)
  --accuracy A        whose time is taken (default: the model's row)
  --optimizer KEYS    in place of the strategy's, such as "name: sgd, lr: 0.1"
  --sync KEYS         in place of the same of the strategy's or added to them, such as "staleness: 8"
  --limit SECONDS     a run that takes longer is ended, says where it stood, and fails (default: 1800)

What comes out:
  --out NAME          results/NAME.md, .tsv, -curves.tsv and a plot NAME-MODEL.svg of each model (default: wan; '' for none)
  --plot LIST         SCENE:STRATEGY of the lines of the plots (default: every strategy of the scene wan, and the room's best)
  --from LIST         nothing is run: the page and the plots of --out are made of these NAMEs of kept results
  --check             exit status 3 when a figure misses its target

A strategy's figures in a scene are beside the same strategy in one room (scene room, or room4 for four regions) and beside
asgd in the same scene: choose these too. All rows take hours.

Example: sudo tests/bench/wan.sh --models lenet --scenes room,wan --strategies ama-int8,asgd --samples 10000 --epochs 3 --accuracy 0.78 --seeds 1 --out ''
TEXT
}
fail() {
    echo "wan.sh: $*" >&2
    exit 1
}
wrong() {
    echo "wan.sh: $*; see --help" >&2
    exit 2
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

with_keys() { # KEYS KEYS: the first with the second in their place
    local key kept=$2
    while read -r key; do
        [[ ", $2" == *", ${key%%:*}:"* ]] || kept+="${kept:+, }$key"
    done < <(sed 's/, */\n/g' <<<"$1")
    echo "$kept"
}

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
        echo "  sync: {$(with_keys "$(column "$strategy" 3)" "$sync")}"
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
        nsenter --net="/proc/${!pid}/ns/net" "$cloudless" "$@" >"$dir/$name.out" 2>"${errors:-$dir/$name.err}" &
        pids+=("$!")
        echo "$!" >>"$dir/pids"
    }
    for ((r = 0; r < $2; r++)); do
        region=${region_names[r]}
        at "$r" broker --topology "$dir/job.yaml" --region "$region" --state "$dir/broker-$region"
        at "$r" node --topology "$dir/job.yaml" --region "$region" --name main --state "$dir/node-$region"
    done
    errors=$dir/progress.err at 0 scheduler --topology "$dir/job.yaml" --state "$dir/scheduler" --report "$dir/report.json"
    wait "$!" || status=$?
    ((status == 0)) || kill -TERM "${pids[@]}"
    wait "${pids[@]}"
    return "$status"
}

end_run() { # DIR: kills what it has started
    local pid
    while read -r pid; do kill -KILL "$pid" 2>/dev/null; done < <(cat "$1/pids" 2>/dev/null)
}

# What a run says about itself, now and then, and its end when it takes too long.
watch() { # DIR PID
    local began=$SECONDS said= line
    while kill -0 "$2" 2>/dev/null; do
        read -rt 1 line <>"$scratch/never"
        ((SECONDS - began < limit)) || {
            echo "wan.sh: not done after $limit s (--limit); where it stands:" >&2
            "$cloudless" status --state "$1/$([ -n "$in_lab" ] && echo scheduler || echo state)" >&2
            end_run "$1"
            return
        }
        (((SECONDS - began) % 15 == 14)) || continue
        line=$(tail -qn 1 "$1/progress.err" 2>/dev/null)
        [ "$line" = "$said" ] || echo "    $((SECONDS - began)) s: $line" >&2
        said=$line
    done
}

run_one() { # MODEL SCENE STRATEGY SEED: a line of figures into $rows
    local dir=$scratch/run scene regions lab_options job status=0
    rm -rf "$dir"
    mkdir -p "$dir"
    run_index=$((run_index + 1)) scene=$(row scenes "$2") regions=$(column "$scene" 2)
    [ -n "$in_lab" ] || [ -z "$(column "$scene" 3)" ] || [ -n "$(column "$scene" 4)" ] || {
        echo "[$run_index/$run_count] $2: an emulated link cannot show it; left out" >&2
        return
    }
    echo "[$run_index/$run_count] $1 $2 $3, seed $4; $((SECONDS / 60)) min so far" >&2
    write_topology "$dir/job.yaml" "$1" "$2" "$3" "$4" "$in_lab"
    if [ -n "$in_lab" ]; then
        read -ra lab_options <<<"$(column "$scene" 3)"
        "$lab" --regions "$regions" --seed "$4" --stats "$dir/lab.json" "${lab_options[@]}" -- bash "$0" inside "$dir" "$regions" 2>"$dir/lab.err" &
    else
        echo '[]' >"$dir/lab.json"
        "$cloudless" up "$dir/job.yaml" --state "$dir/state" --report "$dir/report.json" >"$dir/up.out" 2>"$dir/progress.err" &
        echo "$!" >"$dir/pids"
    fi
    job=$!
    watch "$dir" "$job"
    wait "$job" || status=$?
    if ((status != 0)); then
        tail -n 3 "$dir"/*.err >&2
        fail "$1 $2 $3 seed $4 ended with $status"
    fi
    figures "$dir" "$@" | tee -a "$rows"
    jq -r --arg k "$1 $2 $3 $4" '.curve[] | select(.test_accuracy != null) | [$k, .region, .t_s, .test_accuracy, .epoch] | @tsv' \
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
         (.train_s * 100 | round / 100), (.wall_s * 100 | round / 100)] | @tsv' "$1/report.json"
}

# ---- the table ---------------------------------------------------------------------------------------------------------

# For awk: what is in $rows by model, scene and strategy, its medians over the seeds, and ratios of them.
medians='
    function median(text,   v, n, i, k, t) {
        n = split(text, v, " ")
        for (i = 2; i <= n; i++) {
            t = v[i]
            for (k = i - 1; k > 0 && (v[k] == "never" || (t != "never" && v[k] + 0 > t + 0)); k--) v[k + 1] = v[k]
            v[k + 1] = t
        }
        return n % 2 || v[n / 2 + 1] == "never" ? v[int((n + 1) / 2)] : (v[n / 2] + v[n / 2 + 1]) / 2
    }
    function m(k, i) { return k in n ? median(v[k, i]) : "" }
    function known(a) { return a != "" && a != "never" }
    function ratio(a, b, form) { return known(a) && known(b) && b != 0 ? sprintf(form, a / b) : "-" }
    function minus(a, b, form) { return known(a) && known(b) ? sprintf(form, a - b) : "-" }
    function room(k,   p) { split(k, p, FS); return p[1] FS (p[2] ~ /4|four/ ? "room4" : "room") FS p[3] }
    function of(k, scene, strategy,   p) { split(k, p, FS); return p[1] FS (scene == "" ? p[2] : scene) FS (strategy == "" ? p[3] : strategy) }
    { k = $1 FS $2 FS $3; if (!(k in n)) order[++count] = k; n[k]++; for (i = 5; i <= NF; i++) v[k, i] = v[k, i] " " $i }'

table() {
    echo "| model | network | strategy | runs | time to accuracy | of one room | faster than asgd | final accuracy | minus one room | WAN bytes | fewer than asgd | workers computed | whole training |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    awk -F'\t' "$medians"'
        END { for (o = 1; o <= count; o++) { k = order[o]; split(k, p, FS); base = of(k, "", "asgd")
            printf "| %s | %s | %s | %d | %s | %s | %s | %.4f | %s | %.1f MB | %s | %.0f %% | %.1f s |\n", p[1], p[2], p[3], n[k],
                m(k, 5) == "never" ? "never" : sprintf("%.1f s", m(k, 5)), ratio(m(k, 5), m(room(k), 5), "%.2f"),
                ratio(m(base, 5), m(k, 5), "%.1f"), m(k, 6), minus(m(k, 6), m(room(k), 6), "%+.4f"), m(k, 7) / 1e6,
                ratio(m(base, 7), m(k, 7), "%.1f"), m(k, 8) * 100, m(k, 9) } }' "$rows"
}

# model | strategy | the least that it is to be faster than asgd. Further targets are those of every model.
goals=(
    "lenet|ama-int8|3"
    "mlp-large|ama-int8|8"
)

# The figures that are promised, beside what was measured; rows that were not run are left out.
figures_table() {
    printf '%s\n' "${goals[@]}" | awk -F'\t' "$medians"'
        function line(what, target, value, good) {
            if (!lines++) print "| model | strategy | figure | target | measured | |\n|---|---|---|---|---|---|"
            printf "| %s | %s | %s | %s | %s | %s |\n", goal[1], goal[2], what, target, value, good ? "reached" : "missed"
        }
        function judge(   k, base, inside) {
            k = goal[1] FS "wan" FS goal[2]; base = of(k, "", "asgd"); inside = room(k)
            if (!(k in n)) return
            if (inside in n) {
                value = ratio(m(k, 5), m(inside, 5), "%.2f"); line("time to accuracy, of one room", "at most 1.1", value, value != "-" && value + 0 <= 1.1)
                value = minus(m(k, 6), m(inside, 6), "%+.4f"); line("final accuracy, minus one room", "at least -0.003", value, value + 0 >= -0.003)
            }
            if (base in n) {
                value = ratio(m(base, 5), m(k, 5), "%.1f"); line("faster than asgd", "at least " goal[3], value, m(base, 5) == "never" || (value != "-" && value + 0 >= goal[3]))
                value = ratio(m(base, 7), m(k, 7), "%.0f"); line("fewer bytes than asgd", "at least 50", value, value != "-" && value + 0 >= 50)
            }
        }
        END {
            while ((getline text < "-") > 0) { split(text, goal, "|"); judge() }
            for (o = 1; o <= count; o++) {
                k = order[o]; split(k, goal, FS); calm = of(k, "wan")
                if (goal[2] != "outage" || !(calm in n)) continue
                goal[2] = goal[3]; value = minus(m(k, 10), m(calm, 10), "%+.1f s")
                line("whole run with an outage of 10 s, minus without", "at most 15 s", value, value != "-" && value + 0 <= 15)
            }
        }' "$rows"
}

# Accuracy against time, at each quarter of an epoch the mean of all regions and seeds; a line for each SCENE:STRATEGY.
plot_model() { # MODEL FILE
    local want line scene strategy lines=() index=0
    want=${plot:-$(cut -f1 "$curves" | awk -v model="$1" '$1 == model && ($2 == "wan" || $2 == "room" && $3 == "ama-int8") { print $2 ":" $3 }' | uniq | sort -ru | paste -sd,)}
    for line in ${want//,/ }; do
        scene=${line%%:*} strategy=${line#*:}
        awk -F'\t' -v key="$1 $scene $strategy " 'index($1, key) == 1 { q = int($5 * 4 + 0.01); if (!(q in n)) order[++count] = q; n[q]++; t[q] += $3; a[q] += $4 }
            END { for (i = 1; i <= count; i++) { e = order[i]; print t[e] / n[e], a[e] / n[e] } }' "$curves" | sort -n >"$scratch/line-$index"
        [ -s "$scratch/line-$index" ] || continue
        lines+=("'$scratch/line-$index' with linespoints linewidth 2 pointsize 0.6 title '$strategy, ${scene/room/one room}' noenhanced")
        index=$((index + 1))
    done
    ((index)) || return
    {
        echo "set terminal svg size 900,540 font 'sans,14' background rgb 'white'"
        echo "set output '$2'"
        echo "set title '$1 on Fashion-MNIST' noenhanced; set xlabel 'seconds of training'; set ylabel 'test accuracy'"
        echo "set key bottom right; set grid; set yrange [0.6:*]; set xrange [1:*]; set logscale x"
        echo "set xtics (1, 2, 5, 10, 20, 50, 100, 200, 500)"
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

header_kept() { # the same words of each of the results that this is made of
    local name
    echo "# Training over networks"
    echo
    for name in ${from//,/ }; do grep '^Made by' "$results/$name.md"; done
    echo
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
seeds=3 samples= epochs= accuracy= sync= optimizer= out=wan limit=1800 plot= from= check=
while (($#)); do
    case $1 in
    --models) want_models=$2 ;;
    --scenes) want_scenes=$2 ;;
    --strategies) want_strategies=$2 ;;
    --seeds | --samples | --epochs | --accuracy | --sync | --optimizer | --out | --limit | --plot | --from) declare "${1#--}=${2-}" ;;
    --check)
        check=yes
        shift
        continue
        ;;
    --short)
        want_models=softmax want_scenes=room,wan want_strategies=asgd-ga-topk,ama-int8 seeds=1 samples=3840 epochs=1 accuracy=0.3 out=
        shift
        continue
        ;;
    --help) usage && exit 0 ;;
    *) wrong "no such option: $1" ;;
    esac
    [ $# -ge 2 ] || wrong "$1: what it is to be is missing"
    shift 2
done
if [ -z "$from" ] && [ -z "${CLOUDLESS:-}" ]; then
    "$root/deploy/packages.sh" build data bench || exit 1
    [ -f "$root/build/release/build.ninja" ] || (cd "$root" && cmake --preset release >/dev/null)
    (cd "$root" && cmake --build --preset release --target cloudless bench.lab >/dev/null) || fail "does not build"
fi
scratch=$(mktemp -d)
trap 'end_run "$scratch/run"; rm -rf "$scratch"' EXIT
mkfifo "$scratch/never"
rows=$scratch/rows curves=$scratch/curves run_index=0
: >"$rows"
: >"$curves"

run_all() {
    local seed model scene strategy
    load_before=$(cut -d' ' -f1 /proc/loadavg) in_lab=yes
    "$lab" -- true 2>"$scratch/lab.err" || {
        cat "$scratch/lab.err" >&2
        echo "wan.sh: using the emulated link of one machine instead" >&2
        in_lab=
    }
    for model in ${want_models//,/ }; do row models "$model" >/dev/null || exit 1; done
    for scene in ${want_scenes//,/ }; do row scenes "$scene" >/dev/null || exit 1; done
    for strategy in ${want_strategies//,/ }; do row strategies "$strategy" >/dev/null || exit 1; done
    run_count=$((seeds * $(wc -w <<<"${want_models//,/ }") * $(wc -w <<<"${want_scenes//,/ }") * $(wc -w <<<"${want_strategies//,/ }")))
    for seed in $(seq "$seeds"); do # the outermost, so that a disturbance of the machine does not meet one row alone
        for model in ${want_models//,/ }; do
            for scene in ${want_scenes//,/ }; do
                for strategy in ${want_strategies//,/ }; do
                    run_one "$model" "$scene" "$strategy" "$seed"
                done
            done
        done
    done
}

read_kept() {
    local name
    for name in ${from//,/ }; do
        [ -f "$results/$name.tsv" ] || fail "no kept results $results/$name.tsv"
        cat "$results/$name.tsv" >>"$rows"
        cat "$results/$name-curves.tsv" >>"$curves"
    done
}

results=$here/results
if [ -n "$from" ]; then read_kept; else run_all; fi
{
    table
    echo
    figures_table
} >"$scratch/tables"
cat "$scratch/tables"
if [ -n "$out" ]; then
    { if [ -n "$from" ]; then header_kept; else header; fi && cat "$scratch/tables"; } >"$scratch/page"
    cp "$scratch/page" "$results/$out.md"
    [ -n "$from" ] || {
        cp "$rows" "$results/$out.tsv"
        cp "$curves" "$results/$out-curves.tsv"
    }
    for model in $(cut -d' ' -f1 "$curves" | sort -u); do plot_model "$model" "$results/$out-$model.svg"; done
fi
[ -z "$check" ] || ! grep -q '| missed |$' "$scratch/tables" || exit 3
