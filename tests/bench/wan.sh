#!/usr/bin/env bash
# Trains the same job over networks that differ, with strategies that differ: real processes, each region in a network namespace
# of its own, joined by the laboratory (tests/live/wan). Prints and keeps a table, figures beside their targets and a plot.
# Without root there are no namespaces: then every scene is the emulated link of `cloudless up`, as far as a topology can describe
# it. `tests/bench/wan.sh --help` says the rest.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/kit/rows.sh"

# name | samples | epochs | accuracy whose time is taken
models=(
    "softmax|60000|2|0.75"
    "lenet|60000|4|0.87"
    "mlp-large|60000|4|0.87"
)

# name | regions | what the laboratory does | the same as keys of an emulated link | workers of each region | its only strategy
# bare: the samples computed and nothing exchanged. room: one region with as many workers as all regions have, as `up` runs it.
# unlimited: the regions with links that let everything through at once.
scenes=(
    "bare|1|||2|none"
    "room|1|||2|alone"
    "unlimited|2||"
    "wan|2|--link 0-1:rate=100Mbit,rtt=30ms|rate: 100Mbit, rtt: 30ms"
    "fluctuating|2|--link 0-1:rate=100Mbit,rtt=30ms,jitter=10ms --at 4s:0-1:rate=20Mbit --at 8s:0-1:rate=200Mbit --at 12s:0-1:rate=10Mbit --at 16s:0-1:rate=100Mbit --at 24s:0-1:rate=20Mbit --at 32s:0-1:rate=100Mbit|rate: 50Mbit, rtt: 30ms, jitter: 10ms"
    "collapse|2|--link 0-1:rate=100Mbit,rtt=30ms --at 6s:0-1:rate=1Mbit --at 16s:0-1:rate=100Mbit|rate: 1Mbit, rtt: 30ms"
    "outage|2|--link 0-1:rate=100Mbit,rtt=30ms --at 8s:0-1:down --at 28s:0-1:up|"
    "far|2|--link 0-1:rate=100Mbit,rtt=300ms|rate: 100Mbit, rtt: 300ms"
    "lossy|2|--link 0-1:rate=100Mbit,rtt=30ms,loss=5%|rate: 100Mbit, rtt: 30ms, loss: 5%"
    "capped|2|--link 0-1:rate=100Mbit,rtt=30ms,flow=10Mbit|rate: 100Mbit, rtt: 30ms"
    "bare4|1|||4|none"
    "room4|1|||4|alone"
    "unlimited4|4||"
    "four|4|--link 0-1:rate=900Mbit,rtt=10ms --link 0-2:rate=300Mbit,rtt=30ms --link 0-3:rate=100Mbit,rtt=60ms --link 1-2:rate=100Mbit,rtt=30ms --link 1-3:rate=50Mbit,rtt=80ms --link 2-3:rate=20Mbit,rtt=100ms|rate: 100Mbit, rtt: 30ms"
)

# name | keys of job.optimizer | keys of job.sync. Rules that add gradients of several regions are steady without momentum. Learning
# rates, and staleness where it matters, are the best of short runs of LeNet in the scene wan that do not diverge for one seed and
# not for another. What is compared with (asgd, and alone in one room) is tuned for each model: by tests/bench/sweep.sh, whose rows are
# kept in results/sweep.jsonl.
strategies=(
    "none||"
    "alone|name: sgd, lr: 0.12, warmup: 10%|inside: async"
    "asgd|name: sgd, lr: 0.1, warmup: 10%|strategy: asgd, staleness: 2, window: 64MiB"
    "asgd-ga|name: sgd, lr: 0.08, warmup: 10%|strategy: asgd-ga, every: 8, staleness: 3, window: 64MiB"
    "asgd-ga-dc|name: sgd, lr: 0.08, warmup: 10%|strategy: asgd-ga, every: 8, staleness: 3, window: 64MiB, compensate: 0.04"
    "asgd-ga-topk|name: sgd, lr: 0.06, warmup: 10%|strategy: asgd-ga, every: 8, staleness: 3, encoding: topk"
    "asgd-ga-auto|name: sgd, lr: 0.06, warmup: 10%|strategy: asgd-ga, every: auto, staleness: 3, encoding: int8"
    "ama|lr: 0.03, momentum: 0.9, warmup: 5%|strategy: ama, every: 16, staleness: 16"
    "ama-int8|lr: 0.03, momentum: 0.9, warmup: 5%|strategy: ama, every: 32, staleness: 16, encoding: int8"
    "ama-int4|lr: 0.03, momentum: 0.9, warmup: 5%|strategy: ama, every: 32, staleness: 16, encoding: int4"
    "slowmo-int8|lr: 0.03, momentum: 0.9, warmup: 5%|strategy: slowmo, every: 32, staleness: 16, encoding: int8"
    "sma-int8|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: sma, every: 16, encoding: int8"
    "diloco|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: diloco, every: 16, outer_lr: 1, outer_momentum: 0.5, encoding: int8"
    "diloco-int4|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: diloco, every: 16, outer_lr: 1, outer_momentum: 0.5, encoding: int4"
    "diloco-overlap|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: diloco, every: 16, overlap: 8, outer_lr: 1, outer_momentum: 0.5, encoding: int8"
    "diloco-topk|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: diloco, every: 16, outer_lr: 1, outer_momentum: 0.5, encoding: topk, topk_ratio: 5%, topk_values: int4"
    "diloco-async|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: diloco-async, every: 16, staleness: 16, outer_lr: 1, outer_momentum: 0.5, encoding: int8"
    "diloco-async-int4|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: diloco-async, every: 16, staleness: 16, outer_lr: 1, outer_momentum: 0.5, encoding: int4"
    "asp|lr: 0.01, momentum: 0.9, warmup: 5%|strategy: asp, every: 8, staleness: 8, encoding: int8, threshold: 5%"
    "ssgd|lr: 0.02, momentum: 0.9, warmup: 5%|strategy: ssgd, window: 64MiB"
)

# model | strategy | what it has in place of the keys above
tuned=(
    "mlp-large|alone|lr: 0.01, momentum: 0.9, warmup: 5%|inside: async"
    "mlp-large|asgd|name: sgd, lr: 0.2, warmup: 10%|strategy: asgd, staleness: 2, window: 64MiB"
)

usage() {
    cat <<TEXT
Trains the same job over networks that differ, with strategies that differ, and compares.

Usage: tests/bench/wan.sh [OPTIONS]

What is run: every model in every scene with every strategy, and all of that once for each seed.
  --models LIST       $(names models | paste -sd' ') (default: lenet,mlp-large)
  --scenes LIST       $(names scenes | paste -sd' ') (default: all)
  --strategies LIST   $(names strategies | grep -vxE 'none|alone' | paste -sd' ') (default: all)
                      bare and room have one way each to train, whatever is chosen here
  --seeds N           runs of each, with other seeds; medians are shown (default: 3); --first-seed N: from this one on (default: 1)
  --short             two strategies with a small model in two scenes, a minute in all; nothing is kept

What a run is:
  --samples N         of the training set's 60000 (default: the model's row)
  --epochs N          (default: the model's row)
  --accuracy A        whose time is taken (default: the model's row)
  --optimizer KEYS    in place of the strategy's, such as "name: sgd, lr: 0.1"
  --sync KEYS         in place of the same of the strategy's or added to them, such as "staleness: 8"
  --limit SECONDS     a run that takes longer is ended, says where it stood, and fails (default: 1800)
  --late-is-never     such a run, or one that fails, is a row without a time
  --until-reached     a run ends as soon as all regions have the accuracy: what it sends and ends with is then not of a whole run

What comes out:
  --out NAME          results/NAME.jsonl with all rows, a page NAME.md and a plot NAME-MODEL.svg of each model (default: wan; '' for
                      none); --rows FILE adds the rows to a file of yours too
  --plot LIST         SCENE:STRATEGY of the lines of the plots (default: every strategy of the scene wan, and the room's best)
  --from LIST         nothing is run: the page and the plots of --out are made of these NAMEs of kept results
  --check             exit status 3 when a figure misses its target

A strategy's figures in a scene are beside one room, which is one region with as many workers (scene room, or room4 for four
regions), beside the bare computing of as many samples (bare, bare4), beside the same strategy over links that do not limit (unlimited,
unlimited4) and beside asgd in the same scene: choose these too. All rows take hours.

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
    local line
    for line in "${rows[@]}"; do
        [[ $line != "$2|"* ]] || { echo "$line" && return; }
    done
    fail "no such row of $1: $2; write one of $(printf '%s\n' "${rows[@]}" | cut -d'|' -f1 | tr '\n' ' ')"
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

keys_of() { # MODEL STRATEGY: its row, or what it has for this model
    local own
    for own in "${tuned[@]}"; do
        [[ $own != "$1|$2|"* ]] || { echo "${own#*|}" && return; }
    done
    row strategies "$2"
}

samples_of() { echo "${samples:-$(column "$(row models "$1")" 2)}"; }
epochs_of() { echo "${epochs:-$(column "$(row models "$1")" 3)}"; }
workers_of() { # SCENE-ROW: of each region
    local workers
    workers=$(column "$1" 5)
    echo "${workers:-1}"
}

write_topology() { # FILE MODEL SCENE STRATEGY SEED LAB
    local model=$2 scene strategy regions r q address
    scene=$(row scenes "$3") strategy=$(keys_of "$2" "$4") regions=$(column "$scene" 2)
    {
        echo "job:"
        echo "  name: wan-bench"
        echo "  model: $model"
        echo "  data: {dir: /usr/share/datasets/fashion-mnist, samples: $(samples_of "$model")}"
        echo "  epochs: $(epochs_of "$model")"
        echo "  seed: $5"
        echo "  optimizer: {${optimizer:-$(column "$strategy" 2)}}"
        echo "  sync: {$(with_keys "$(column "$strategy" 3)" "$sync")}"
        echo "checkpoint: {durability: process, every: 64, mark_every: 0}"
        echo "security: none"
        echo "regions:"
        for ((r = 0; r < regions; r++)); do
            address="tcp://10.77.$((r + 1)).1:7000"
            echo "  - {name: ${region_names[r]}, data_share: 1, workers: $(workers_of "$scene"), offers: [{name: one, cores: $(workers_of "$scene")}]${6:+, broker: {bind: \"$address\", advertise: \"$address\"\}}}"
        done
        ((regions == 1)) || echo "links:"
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

# Whether every region's newest evaluation has the accuracy: then the run is told to end, in order and with a report.
end_reached() { # DIR TARGET
    local where
    where=$1/$([ -d "$1/scheduler" ] && echo scheduler || echo state)
    "$cloudless" status --state "$where" --json 2>/dev/null |
        jq -e --argjson target "$2" '[.regions[].test_accuracy | numbers] as $a | ($a | length) == (.regions | length) and ($a | min) >= $target' >/dev/null 2>&1 &&
        "$cloudless" stop --state "$where" >/dev/null 2>&1
}

end_run() { # DIR: kills what it has started
    local pid
    while read -r pid; do kill -KILL "$pid" 2>/dev/null; done < <(cat "$1/pids" 2>/dev/null)
}

# What a run says about itself, now and then, and its end when it takes too long.
watch() { # DIR PID TARGET
    local began=$SECONDS said= line
    while kill -0 "$2" 2>/dev/null; do
        read -rt 1 line <>"$scratch/never"
        ((SECONDS - began < limit)) || {
            echo "wan.sh: not done after $limit s (--limit); where it stands:" >&2
            "$cloudless" status --state "$1/$([ -d "$1/scheduler" ] && echo scheduler || echo state)" >&2
            end_run "$1"
            return
        }
        [ -z "$until_reached" ] || ! end_reached "$1" "$3" || until_reached=now
        (((SECONDS - began) % 15 == 14)) || continue
        line=$(tail -qn 1 "$1/progress.err" 2>/dev/null)
        [ "$line" = "$said" ] || echo "    $((SECONDS - began)) s: $line" >&2
        said=$line
    done
}

run_bare() { # MODEL SCENE STRATEGY SEED: what computing alone takes
    local count workers
    count=$(($(samples_of "$1") * $(epochs_of "$1"))) workers=$(workers_of "$(row scenes "$2")")
    "$compute" "$1" "$count" "$workers" 64 >"$scratch/bare" || fail "$1: nothing was computed"
    jq -n --arg model "$1" --arg scene "$2" --arg strategy "$3" --argjson seed "$4" --argjson samples "$count" --slurpfile took "$scratch/bare" '
        {model: $model, scene: $scene, strategy: $strategy, samples: $samples, durability: null, seeds: [$seed], train_s: $took[0]}' | rows_add "$rows"
}

run_one() { # MODEL SCENE STRATEGY SEED: a row of figures into $rows
    local dir=$scratch/run scene regions lab_options job status=0 in_run_lab=$in_lab target until_reached=$until_reached
    rm -rf "$dir"
    mkdir -p "$dir"
    run_index=$((run_index + 1)) scene=$(row scenes "$2") regions=$(column "$scene" 2)
    target=${accuracy:-$(column "$(row models "$1")" 4)}
    ((regions > 1)) || in_run_lab=
    [ -n "$in_run_lab" ] || [ -z "$(column "$scene" 3)" ] || [ -n "$(column "$scene" 4)" ] || {
        echo "[$run_index/$run_count] $2: an emulated link cannot show it; left out" >&2
        return
    }
    echo "[$run_index/$run_count] $1 $2 $3, seed $4; $((SECONDS / 60)) min so far" >&2
    rows_begin
    [ "$3" != none ] || {
        run_bare "$@"
        return
    }
    write_topology "$dir/job.yaml" "$1" "$2" "$3" "$4" "$in_run_lab"
    if [ -n "$in_run_lab" ]; then
        read -ra lab_options <<<"$(column "$scene" 3)"
        "$lab" --regions "$regions" --seed "$4" --stats "$dir/lab.json" "${lab_options[@]}" -- bash "$0" inside "$dir" "$regions" 2>"$dir/lab.err" &
    else
        echo '[]' >"$dir/lab.json"
        "$cloudless" up "$dir/job.yaml" --state "$dir/state" --report "$dir/report.json" >"$dir/up.out" 2>"$dir/progress.err" &
        echo "$!" >"$dir/pids"
    fi
    job=$!
    watch "$dir" "$job" "$target"
    wait "$job" || status=$?
    if ((status != 0)) && [ -n "$late_is_never" ]; then
        late_row "$@" | rows_add "$rows"
        return
    fi
    if ((status != 0)); then
        tail -n 3 "$dir"/*.err >&2
        fail "$1 $2 $3 seed $4 ended with $status"
    fi
    figures "$dir" "$target" "$@" | rows_add "$rows"
}

keys_json() { # MODEL STRATEGY: what it was trained with
    local keys
    keys=$(keys_of "$1" "$2")
    jq -n --arg optimizer "${optimizer:-$(column "$keys" 2)}" --arg sync "$(with_keys "$(column "$keys" 3)" "$sync")" '{optimizer: $optimizer, sync: $sync}'
}

late_row() { # MODEL SCENE STRATEGY SEED: it was ended at the limit, or diverged
    jq -n --argjson keys "$(keys_json "$1" "$3")" --arg model "$1" --arg scene "$2" --arg strategy "$3" --argjson seed "$4" --argjson limit "$limit" '
        {model: $model, scene: $scene, strategy: $strategy} + $keys + {limit_s: $limit, samples: null, durability: "process", seeds: [$seed]}'
}

# The time is when the last region has got there, between two evaluations on the straight line between them; WAN bytes are as on
# the wire where the laboratory counted them. Samples are those of the whole run.
figures() { # DIR TARGET MODEL SCENE STRATEGY SEED
    jq -c --slurpfile lab "$1/lab.json" --argjson target "$2" --arg model "$3" --arg scene "$4" --arg strategy "$5" --argjson seed "$6" \
        --argjson keys "$(keys_json "$3" "$5")" --arg until "$until_reached" \
        --arg path "$([ -n "$in_run_lab" ] && echo "packets between namespaces" || echo "emulated link")" --argjson regions "$(column "$(row scenes "$4")" 2)" '
        def cents: . * 100 | round / 100;
        def reached(at): reduce .[] as $p ({t: null, before: null};
            if .t != null then . elif $p.test_accuracy >= $target then
                .t = (if .before == null or $p.test_accuracy == .before.test_accuracy then ($p | at) else
                    (.before | at) + (($p | at) - (.before | at)) * ($target - .before.test_accuracy) / ($p.test_accuracy - .before.test_accuracy) end)
            else .before = $p end) | .t;
        def last(at): map(sort_by(.t_s) | reached(at)) | if any(. == null) then null else max | cents end;
        ([.curve[] | select(.test_accuracy != null)] | group_by(.region)) as $curves |
        ($lab[0] | map(.bytes) | add) as $wire |
        ($until != "now") as $whole |
        {model: $model, scene: $scene, strategy: $strategy} + $keys + {target: $target,
         t_s: ($curves | last(.t_s)), epochs_to: ($curves | last(.epoch)),
         accuracy: (if $whole then .test_accuracy else null end),
         wan_bytes: (if $whole then ($wire // ([.regions[].wan_sent_bytes] | add)) else null end),
         computed: (([.regions[].compute_s] | add) / ([.regions[] | .train_s * .workers] | add) * 1000 | round / 1000),
         train_s: (if $whole then (.train_s | cents) else null end), wall_s: (if $whole then (.wall_s | cents) else null end),
         still_s: ([.regions[].still_s] | max | cents), still_why: (.regions | max_by(.still_s) | .still_why),
         path: (if $regions == 1 then null else $path end), kernel: .regions[0].kernels, samples: .samples, durability: "process", seeds: [$seed],
         curve: [.curve[] | select(.test_accuracy != null) | [.region, (.t_s | cents), .test_accuracy, .epoch]]}' "$1/report.json"
}

# ---- the table ---------------------------------------------------------------------------------------------------------

# One line a row, for awk; what a row has not is "never".
flat() {
    rows_numbered "$rows" | jq -r '.[] | [.model, .scene, .strategy, .seeds[0], (.t_s, .accuracy, .wan_bytes, .computed, .train_s, .wall_s, .still_s, .samples |
        if . == null then "never" else . end), .made_by, .load[]] | @tsv'
}

# For awk: what flat says by model, scene and strategy, its medians over the seeds, and ratios of them.
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
    function cell(a, form) { return known(a) ? sprintf(form, a) : "-" }
    function ratio(a, b, form) { return known(a) && known(b) && b != 0 ? sprintf(form, a / b) : "-" }
    function minus(a, b, form) { return known(a) && known(b) ? sprintf(form, a - b) : "-" }
    function of(k, scene, strategy,   p) { split(k, p, FS); return p[1] FS (scene == "" ? p[2] : scene) FS (strategy == "" ? p[3] : strategy) }
    function four(k,   p) { split(k, p, FS); return p[2] ~ /4|four/ ? "4" : "" }
    function room(k) { return of(k, "room" four(k), "alone") }
    function bare(k) { return of(k, "bare" four(k), "none") }
    function free(k, strategy) { return of(k, "unlimited" four(k), strategy) }
    function once(list, a) { return index(" " list " ", " " a " ") ? list : list (list == "" ? "" : " ") a }
    {
        k = $1 FS $2 FS $3
        if (!(k in n)) order[++count] = k
        n[k]++
        for (i = 5; i <= 12; i++) v[k, i] = v[k, i] " " $i
        seeds[k] = once(seeds[k], $4); samples[k] = once(samples[k], $12); made[k] = once(made[k], $13)
        for (i = 14; i <= 15; i++) {
            if (!(k in least) || $i + 0 < least[k]) least[k] = $i + 0
            if (!(k in most) || $i + 0 > most[k]) most[k] = $i + 0
        }
    }'

table() {
    echo "| model | network | strategy | time to accuracy | of one room | faster than asgd | final accuracy | minus one room | WAN bytes | fewer than asgd | workers computed | whole training | of one room | of bare computing | stood still | samples | seeds | load | made by |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    flat | awk -F'\t' "$medians"'
        END { for (o = 1; o <= count; o++) { k = order[o]; split(k, p, FS); base = of(k, "", "asgd")
            printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", p[1], p[2], p[3],
                m(k, 5) == "never" && p[3] != "none" ? "never" : cell(m(k, 5), "%.1f s"), ratio(m(k, 5), m(room(k), 5), "%.2f"),
                ratio(m(base, 5), m(k, 5), "%.1f"), cell(m(k, 6), "%.4f"), minus(m(k, 6), m(room(k), 6), "%+.4f"),
                known(m(k, 7)) ? sprintf("%.1f MB", m(k, 7) / 1e6) : "-", ratio(m(base, 7), m(k, 7), "%.1f"),
                known(m(k, 8)) ? sprintf("%.0f %%", m(k, 8) * 100) : "-", cell(m(k, 9), "%.1f s"), ratio(m(k, 9), m(room(k), 9), "%.2f"),
                ratio(m(k, 9), m(bare(k), 9), "%.2f"), cell(m(k, 11), "%.1f s"), samples[k], seeds[k],
                least[k] == most[k] ? least[k] : least[k] " to " most[k], made[k] } }'
}

# model | strategy | the least that it is to be faster than asgd. Further targets are those of every model.
goals=(
    "lenet|ama-int8|3"
    "mlp-large|ama-int8|8"
)

# The figures that are promised, beside what was measured; rows that were not run are left out.
figures_table() {
    { printf '%s\n' "${goals[@]}" && echo . && flat; } | awk -F'\t' '
        !begun && $0 == "." { begun = 1; next }
        !begun { goals[++goal_count] = $0; next }'"$medians"'
        function line(what, target, value, good) {
            if (!lines++) print "| model | strategy | figure | target | measured | |\n|---|---|---|---|---|---|"
            printf "| %s | %s | %s | %s | %s | %s |\n", goal[1], goal[2], what, target, value, target == "" ? "" : good ? "reached" : "missed"
        }
        function judge(   k, base, inside, open, open_base) {
            k = goal[1] FS "wan" FS goal[2]; base = of(k, "", "asgd"); inside = room(k); open = free(k, ""); open_base = free(k, "asgd")
            if (!(k in n)) return
            if (inside in n) {
                value = ratio(m(k, 5), m(inside, 5), "%.2f"); line("time to accuracy, of one room", "at most 1.1", value, value != "-" && value + 0 <= 1.1)
                value = minus(m(k, 6), m(inside, 6), "%+.4f"); line("final accuracy, minus one room", "at least -0.003", value, value + 0 >= -0.003)
            }
            if (open in n) line("time to accuracy, of the same without limits of the link", "", ratio(m(k, 5), m(open, 5), "%.2f"))
            if (base in n) {
                value = ratio(m(base, 5), m(k, 5), "%.1f"); line("faster than asgd", "at least " goal[3], value, m(base, 5) == "never" || (value != "-" && value + 0 >= goal[3]))
                if (open_base in n && open in n) line("of that without any WAN: faster than asgd where no link limits", "", ratio(m(open_base, 5), m(open, 5), "%.1f"))
                value = ratio(m(base, 7), m(k, 7), "%.0f"); line("fewer bytes than asgd", "at least 50", value, value != "-" && value + 0 >= 50)
            }
        }
        END {
            for (g = 1; g <= goal_count; g++) { split(goals[g], goal, "|"); judge() }
            for (o = 1; o <= count; o++) {
                k = order[o]; split(k, goal, FS); calm = of(k, "wan")
                if (goal[2] != "outage" || !(calm in n)) continue
                goal[2] = goal[3]; value = minus(m(k, 10), m(calm, 10), "%+.1f s")
                line("longest stand in an outage of 20 s, minus without: it is longer than what staleness lets pass", "at least 5 s", minus(m(k, 11), m(calm, 11), "%+.1f s"), m(k, 11) - m(calm, 11) >= 5)
                line("whole run with an outage of 20 s, minus without", "at most 25 s", value, value != "-" && value + 0 <= 25)
            }
        }'
}

# Accuracy against time, at each quarter of an epoch the mean of all regions and seeds; a line for each SCENE:STRATEGY.
plot_model() { # MODEL FILE
    local want line scene strategy lines=() index=0
    want=${plot:-$(jq -r --arg model "$1" 'select(.model == $model and (.scene == "wan" or .scene == "room")) | "\(.scene):\(.strategy)"' "$rows" | sort -ru | paste -sd,)}
    for line in ${want//,/ }; do
        scene=${line%%:*} strategy=${line#*:}
        jq -r --arg model "$1" --arg scene "$scene" --arg strategy "$strategy" \
            'select(.model == $model and .scene == $scene and .strategy == $strategy) | (.curve // [])[] | @tsv' "$rows" |
            awk -F'\t' '{ q = int($4 * 4 + 0.01); if (!(q in n)) order[++count] = q; n[q]++; t[q] += $2; a[q] += $3 }
                END { for (i = 1; i <= count; i++) { e = order[i]; print t[e] / n[e], a[e] / n[e] } }' | sort -n >"$scratch/line-$index"
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
    echo "Medians over seeds. Time to accuracy is training time until every region's replica has the set test accuracy." \
        "One room is one region with as many workers; bare computing is as many samples by as many processes that exchange nothing." \
        "Load is that of the machine, least and most before and after the row's runs." \
        "What is between regions: $(jq -rs '[.[].path // empty] | unique | join(", ")' "$rows")."
    echo
}

# ---- main --------------------------------------------------------------------------------------------------------------

arguments=()
cloudless=${CLOUDLESS:-$root/build/release/cloudless} lab=${LAB:-$root/build/release/bench/bench.lab}
compute=${COMPUTE:-$root/build/release/bench/bench.compute}
[ "${1:-}" != inside ] || {
    inside "$2" "$3"
    exit
}
want_models=lenet,mlp-large want_scenes=$(names scenes | paste -sd,) want_strategies=$(names strategies | grep -vxE 'none|alone' | paste -sd,)
seeds=3 first_seed=1 samples= epochs= accuracy= sync= optimizer= out=wan limit=1800 plot= from= check= keep= late_is_never= until_reached=
while (($#)); do
    case $1 in --rows) ;; --check | --late-is-never | --until-reached | --short) arguments+=("$1") ;; *) arguments+=("$1" "${2-}") ;; esac
    case $1 in
    --models) want_models=$2 ;;
    --scenes) want_scenes=$2 ;;
    --strategies) want_strategies=$2 ;;
    --seeds | --first-seed | --samples | --epochs | --accuracy | --sync | --optimizer | --out | --limit | --plot | --from) name=${1#--} && declare "${name//-/_}=${2-}" ;;
    --rows) keep=$2 ;;
    --check | --late-is-never | --until-reached)
        name=${1#--}
        declare "${name//-/_}=yes"
        shift
        continue
        ;;
    --short)
        want_models=softmax want_scenes=bare,room,wan want_strategies=asgd-ga-topk,ama-int8 seeds=1 samples=3840 epochs=1 accuracy=0.3 out=
        shift
        continue
        ;;
    --help) usage && exit 0 ;;
    *) wrong "no such option: $1" ;;
    esac
    [ $# -ge 2 ] || wrong "$1: what it is to be is missing"
    shift 2
done
[ -n "$from" ] || rows_build cloudless bench.lab bench.compute || fail "does not build"
scratch=$(mktemp -d)
trap 'end_run "$scratch/run"; rm -rf "$scratch"' EXIT
mkfifo "$scratch/never"
rows=$scratch/rows run_index=0
: >"$rows"
rows_open "$cloudless" tests/bench/wan.sh "${arguments[@]}"

run_all() {
    local model scene strategy runs run
    in_lab=yes
    "$lab" -- true 2>"$scratch/lab.err" || {
        cat "$scratch/lab.err" >&2
        echo "wan.sh: using the emulated link of one machine instead" >&2
        in_lab=
    }
    for model in ${want_models//,/ }; do row models "$model" >/dev/null || exit 1; done
    for scene in ${want_scenes//,/ }; do row scenes "$scene" >/dev/null || exit 1; done
    for strategy in ${want_strategies//,/ }; do row strategies "$strategy" >/dev/null || exit 1; done
    mapfile -t runs < <(list_runs)
    run_count=${#runs[@]}
    for run in "${runs[@]}"; do
        # shellcheck disable=SC2086
        run_one $run
    done
}

# Seeds are the outermost, so that a disturbance of the machine does not meet one row alone.
list_runs() {
    local seed model scene strategy only
    for seed in $(seq "$first_seed" $((first_seed + seeds - 1))); do
        for model in ${want_models//,/ }; do
            for scene in ${want_scenes//,/ }; do
                only=$(column "$(row scenes "$scene")" 6)
                for strategy in ${only:-${want_strategies//,/ }}; do
                    echo "$model $scene $strategy $seed"
                done
            done
        done
    done
}

read_kept() {
    local name
    for name in ${from//,/ }; do
        [ -f "$results/$name.jsonl" ] || fail "no kept results $results/$name.jsonl"
        cat "$results/$name.jsonl" >>"$rows"
    done
}

results=$here/results
if [ -n "$from" ]; then read_kept; else run_all; fi
{
    table
    echo
    figures_table
    echo
    rows_origins "$rows"
} >"$scratch/tables"
cat "$scratch/tables"
[ -z "$keep" ] || cat "$rows" >>"$keep"
if [ -n "$out" ]; then
    { header && cat "$scratch/tables"; } >"$results/$out.md"
    [ -n "$from" ] || cp "$rows" "$results/$out.jsonl"
    for model in $(jq -r .model "$rows" | sort -u); do plot_model "$model" "$results/$out-$model.svg"; done
fi
[ -z "$check" ] || ! grep -q '| missed |$' "$scratch/tables" || exit 3
