#!/usr/bin/env bash
# What renting by plan saves beside renting everything, and beside renting everything and giving back what has finished: real runs on
# this machine, of regions whose data or machines are unequal; and the same simulated, also with prices that differ and a deadline.
#
#   tests/bench/cost.sh [--scenes LIST] [--objectives LIST] [--runs N] [--epochs N] [--out NAME] [--short] [--real-only] [--simulate-only] [--from]
#
# LISTs are comma-separated names of rows below. A core is emulated by a part of a core of this machine (plan.emulate), so that all
# units that are rented fit into it; the table names that part. Time and cost are from the first plan to the end of the
# run, starts of nodes included; the median of the runs. The arithmetic optimum is what whole fractions of a core would save.
# --out: all rows into results/NAME.jsonl, and a page of them; --from: the page alone, of the rows that are there.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/kit/rows.sh"

# name | data of each region | offers of each region, COUNTxPOWER@PRICE of a core | real runs too
scenes=(
    "equal|1 1|12x1@0.01;12x1@0.01|real"
    "data-2-1|2 1|12x1@0.01;12x1@0.01|real"
    "data-3-1|3 1|12x1@0.01;12x1@0.01|real"
    "power-0.7|1 1|10x1@0.01;10x0.7@0.01|real"
    "power-0.5|1 1|12x1@0.01;12x0.5@0.01|real"
    "both|2 1|10x0.7@0.01;10x1@0.01|real"
    "straggler|1 1 1|12x1@0.01;12x1@0.01;12x0.33@0.01|"
    "dear-region|2 1|12x1@0.01;12x1@0.03|"
    "two-prices|2 1|8x1@0.01 8x1@0.03;8x1@0.01 8x1@0.03|"
    "old-and-new|2 1|8x1@0.01 8x0.5@0.003;8x1@0.01 8x0.5@0.003|"
)
objectives=everything,until-done,match simulated_objectives=everything,until-done,match,fastest,cheapest,deadline
deadline_times=1.5 # of what everything takes
model=softmax samples=60000 batch=128 emulate=0.005 samples_per_s=100000 epochs=4 runs=1
short= simulate_only= real_only= chosen= out= from= arguments=("$@")

usage() { sed -n '5s/^# *//p' "$0"; }
fail() {
    echo "cost.sh: $*" >&2
    exit 1
}
while (($#)); do
    case "$1" in
    --help) usage; exit 0 ;;
    --scenes) chosen=${2:?}; shift 2 ;;
    --objectives) objectives=${2:?} simulated_objectives=$2; shift 2 ;;
    --runs) runs=${2:?}; shift 2 ;;
    --epochs) epochs=${2:?}; shift 2 ;;
    --out) out=${2:?}; shift 2 ;;
    --short) short=1; shift ;;
    --simulate-only) simulate_only=1; shift ;;
    --real-only) real_only=1; shift ;;
    --from) from=1; shift ;;
    *) usage >&2; exit 2 ;;
    esac
done
if [ "$short" ]; then
    chosen=${chosen:-power-0.5} samples=6000 epochs=2 simulated_objectives=$objectives
fi
[ "$chosen" ] || chosen=$(printf '%s\n' "${scenes[@]}" | cut -d'|' -f1 | paste -sd,)
[ "$from" ] || rows_build cloudless || fail "does not build"
cloudless=${CLOUDLESS:-$rows_root/build/release/cloudless}
[ -e /usr/share/datasets/fashion-mnist ] || fail "no data set; install dataset-fashion-mnist"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rows=$work/rows
: >"$rows"
rows_open "$cloudless" tests/bench/cost.sh "${arguments[@]}"

letters=(a b c d)
scene_row() {
    local line
    for line in "${scenes[@]}"; do
        [[ $line != "$1|"* ]] || { echo "$line" && return; }
    done
    fail "no such scene: $1"
}

write_regions() { # DATA OFFERS TIMES: so many times as many units
    local -a data offers list
    local r i count power price
    read -ra data <<<"$1"
    IFS=';' read -ra offers <<<"$2"
    for ((r = 0; r < ${#data[@]}; r++)); do
        echo "  - name: ${letters[r]}"
        echo "    data_share: ${data[r]}"
        echo "    offers:"
        read -ra list <<<"${offers[r]}"
        for ((i = 0; i < ${#list[@]}; i++)); do
            IFS='x@' read -r count power price <<<"${list[i]}"
            echo "      - {name: core$i, count: $((count * $3)), power: $power, price_per_s: $price}"
        done
    done
}

write_topology() { # FILE SCENE-ROW OBJECTIVE
    local name data offers
    IFS='|' read -r name data offers _ <<<"$2"
    cat >"$1" <<YAML
job:
  name: cost
  model: $model
  data: {dir: /usr/share/datasets/fashion-mnist, samples: $samples}
  epochs: $epochs
  batch: $batch
  optimizer: {name: sgd, lr: 0.1, warmup: 10%}
  sync: {strategy: ama, every: 8}
checkpoint: {durability: process, every: 64, mark_every: 0}
plan: {objective: $3, apply: true, emulate: $emulate, samples_per_s: $samples_per_s}
links:
  - {between: all, rate: 100Mbit, rtt: 30ms, price_per_gb: 0.02, emulate: true}
regions:
YAML
    write_regions "$data" "$offers" 1 >>"$1"
}

# As simulate sees them, at the size of an experiment (1) and ten times that (10): cores that need no emulation.
write_simulated() { # FILE SCENE-ROW TIMES
    local name data offers
    IFS='|' read -r name data offers _ <<<"$2"
    cat >"$1" <<YAML
job:
  name: cost
  model: lenet
  data: {dir: /usr/share/datasets/fashion-mnist, samples: 60000}
  epochs: 10
  batch: 64
  sync: {strategy: ama, every: 32, encoding: int8}
checkpoint: {durability: process, every: 64, mark_every: 0}
plan: {samples_per_s: 1700}
links:
  - {between: all, rate: 100Mbit, rtt: 30ms, price_per_gb: 0.02}
regions:
YAML
    write_regions "$data" "$offers" "$3" >>"$1"
}

# The share of the cost of renting everything that is saved when every region rents just what the slowest one can follow; of regions
# with one kind of machine.
optimum() { # SCENE-ROW
    local name data offers
    IFS='|' read -r name data offers _ <<<"$1"
    [[ $offers != *" "* ]] || { echo null && return; }
    awk -v data="$data" -v offers="$offers" 'BEGIN {
        n = split(data, d, " "); split(offers, o, ";")
        for (r = 1; r <= n; r++) { split(o[r], p, /[x@]/); load[r] = p[1] * p[2] / d[r]; price[r] = p[1] * p[3]; if (r == 1 || load[r] < least) least = load[r] }
        for (r = 1; r <= n; r++) { all += price[r]; needed += price[r] * least / load[r] }
        printf "%.4f", 1 - needed / all }'
}

# ---- real runs

run_real() { # SCENE-ROW OBJECTIVE RUN
    local name=${1%%|*} file=$work/real
    rm -rf "$file"
    rows_begin
    write_topology "$file.yaml" "$1" "$2"
    "$cloudless" up "$file.yaml" --state "$file" --report "$file.json" --seed "$3" --quiet 2>"$file.err" || {
        cat "$file.err" >&2
        fail "$name, $2: the run failed"
    }
    jq --arg scene "$name" --arg objective "$2" --argjson optimum "$(optimum "$1")" --argjson emulate "$emulate" --argjson seed "$3" '
        {kind: "real", scene: $scene, objective: $objective, optimum: $optimum, emulate: $emulate, s: .planned_s, cost, accuracy: .test_accuracy,
         predicted_s, predicted_cost, units: ([.plans[0].units[].units] | map(tostring) | join("+")), plans: (.plans | length),
         kernel: .regions[0].kernels, samples, durability: "process", seeds: [$seed]}' "$file.json" | rows_add "$rows"
}

real() {
    local name row objective run
    for name in ${chosen//,/ }; do
        row=$(scene_row "$name") || exit 1
        [[ $row == *"|real" ]] || continue
        for ((run = 1; run <= runs; run++)); do
            for objective in ${objectives//,/ }; do run_real "$row" "$objective" "$run"; done
        done
    done
}

# ---- simulated

run_simulated() { # SCENE-ROW TIMES OBJECTIVE DEADLINE
    local file=$work/simulated
    rows_begin
    "$cloudless" simulate "$file.yaml" --objective "$3" --json --quiet --set "plan.deadline=${4}s" >"$file.json" ||
        fail "${1%%|*}, $3: not simulated"
    jq --arg scene "${1%%|*}" --arg objective "$3" --argjson times "$2" --argjson optimum "$(optimum "$1")" --argjson deadline "$4" '
        {kind: "simulated", scene: $scene, objective: $objective, optimum: $optimum, size: $times, deadline_s: (if $objective == "deadline" then $deadline else null end),
         s: .virtual_s, cost: .total.cost, workers: .total.workers, units: ([.regions[].units | add] | map(tostring) | join("+")),
         kernel: null, samples: .total.samples, durability: "process", seeds: [.seed]}' "$file.json" | rows_add "$rows"
}

simulated() {
    local name row times objective deadline
    for name in ${chosen//,/ }; do
        row=$(scene_row "$name") || exit 1
        for times in 1 10; do
            write_simulated "$work/simulated.yaml" "$row" "$times"
            deadline=$("$cloudless" plan "$work/simulated.yaml" --json | jq ".objectives.everything.run_s * $deadline_times * 10 | round / 10")
            for objective in ${simulated_objectives//,/ }; do run_simulated "$row" "$times" "$objective" "$deadline"; done
        done
    done
}

# ---- the page

# Beside everything and until-done of the same scene and size: what is saved, and how much longer it takes.
table_jq='
    def median: map(numbers) | sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor] else (.[length / 2] + .[length / 2 - 1]) / 2 end;
    def fixed($d): if . == null then "-" else (. * pow(10; $d) | round) as $n | (if $n < 0 then -$n else $n end | tostring) as $t |
        ("0" * ([$d + 1 - ($t | length), 0] | max) // "") + $t | (if $n < 0 then "-" else "" end) + .[:-$d] + "." + .[-$d:] end;
    def percent: if . == null then "-" else "\(. * 100 | fixed(1)) %" end;
    def beside($all; $objective): . as $row | [$all[] | select(.scene == $row.scene and .size == $row.size and .objective == $objective)] | first;
    def saved($all; $objective): beside($all; $objective) as $base | if $base == null then null else 1 - .cost / $base.cost end;
    def all_of($kind): [.[] | select(.kind == $kind)] | group_by([.scene, .size, .objective]) | map(
        {scene: .[0].scene, size: .[0].size, objective: .[0].objective, units: .[0].units, optimum: .[0].optimum, workers: .[0].workers, deadline_s: .[0].deadline_s,
         s: (map(.s) | median), cost: (map(.cost) | median), accuracy: (map(.accuracy) | median), predicted_s: (map(.predicted_s) | median),
         predicted_cost: (map(.predicted_cost) | median), samples: .[0].samples, seeds: rows_seeds, load: rows_load, made_by: (map(.made_by) | unique | map(tostring) | join(" "))});
    def in_order($scenes; $objectives): sort_by(.scene as $s | .objective as $o | [($scenes | index($s)), .size, ($objectives | index($o))]);'
orders() { # as arguments of jq
    printf '%s\n' "${scenes[@]}" | cut -d'|' -f1 | jq -Rcs 'split("\n")'
}

table_real() {
    echo "| scene | objective | units | time | cost | saved of everything | saved of until-done | optimum without returning | accuracy | predicted time | predicted cost | samples | seeds | load | made by |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    rows_numbered "$rows" | jq -r --argjson scenes "$(orders)" "$rows_jq$table_jq"'
        all_of("real") | . as $all | in_order($scenes; ["everything", "until-done", "match", "fastest", "cheapest"])[] |
        "| \(.scene) | \(.objective) | \(.units) | \(.s | fixed(1)) s | \(.cost | fixed(3)) | \(saved($all; "everything") | percent) | \(saved($all; "until-done") | percent) | " +
        "\(.optimum | percent) | \(.accuracy | fixed(3)) | \(.predicted_s | fixed(1)) s | \(.predicted_cost | fixed(3)) | \(.samples) | \(.seeds) | \(.load) | \(.made_by) |"'
}

table_simulated() {
    echo "| scene | size | objective | units | time | cost | saved of everything | saved of until-done | optimum without returning | samples | seeds | load | made by |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    rows_numbered "$rows" | jq -r --argjson scenes "$(orders)" "$rows_jq$table_jq"'
        all_of("simulated") | . as $all | in_order($scenes; ["everything", "until-done", "match", "fastest", "deadline", "cheapest"])[] |
        "| \(.scene) | \(.size) | \(.objective)\(if .deadline_s then " of \(.deadline_s) s" else "" end) | \(.units) | \(.s | fixed(1)) s | \(.cost | fixed(3)) | " +
        "\(saved($all; "everything") | percent) | \(saved($all; "until-done") | percent) | \(.optimum | percent) | \(.samples) | \(.seeds) | \(.load) | \(.made_by) |"'
}

scene_table() {
    echo "| scene | data of the regions | machines of each region: count x power @ price per second |"
    echo "|---|---|---|"
    for name in ${chosen//,/ }; do IFS='|' read -r name data offers _ <<<"$(scene_row "$name")" && echo "| $name | ${data// /:} | ${offers//;/; } |"; done
}

page() {
    echo "# Renting by plan"
    echo
    echo "Beside two baselines: \`everything\` keeps all machines until the end, \`until-done\` gives a region's machines back when the region is done (but those that host its parameters)."
    echo
    scene_table
    if grep -q '"kind":"real"' "$rows"; then
        echo
        echo "Real runs: model $model, batch $batch, \`ama\` every 8 steps, 100 Mbit/s and 30 ms. A core of power 1 is emulated by $emulate of a core of this machine and computes $(awk "BEGIN { print $samples_per_s * $emulate }") samples/s."
        echo
        table_real
    fi
    if grep -q '"kind":"simulated"' "$rows"; then
        echo
        echo "Simulated (\`cloudless simulate\`): model lenet, 1,700 samples/s a core, 10 epochs, batch 64, \`ama\` every 32 steps, \`int8\`; size 10 has ten times as many machines. The deadline is $deadline_times times what everything takes."
        echo
        table_simulated
    fi
    echo
    rows_origins "$rows"
}

if [ "$from" ]; then
    cat "$here/results/${out:-cost}.jsonl" >"$rows" || exit 1
else
    [ "$simulate_only" ] || real
    [ "$real_only" ] || simulated
fi
page >"$work/page"
cat "$work/page"
[ -z "$out" ] || { cp "$work/page" "$here/results/$out.md" && { [ "$from" ] || cp "$rows" "$here/results/$out.jsonl"; }; }
