#!/usr/bin/env bash
# What renting by plan saves beside renting everything: real runs on this machine, two regions whose data or machines are unequal.
#
#   tests/bench/cost.sh [--scenes LIST] [--objectives LIST] [--runs N] [--epochs N] [--out NAME] [--short] [--simulate-only]
#
# LISTs are comma-separated names of rows below. A core is emulated by a part of a core of this machine (plan.emulate), so that all
# units that are rented fit into it; the table names that part. Time and cost are from the first plan to the end of the
# run, starts of nodes included; the median of the runs. The arithmetic optimum is what whole fractions of a core would save.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

# name | data a : b | power of a core in a, b | units of each region: as many as make the optimum's fraction whole
scenes=(
    "equal|1|1|1|1|12"
    "data-2-1|2|1|1|1|12"
    "data-3-1|3|1|1|1|12"
    "power-0.7|1|1|1|0.7|10"
    "power-0.5|1|1|1|0.5|12"
    "both|2|1|0.7|1|10"
)
all_objectives=everything,match,fastest # cheapest takes many times as long where every core has one price
model=softmax samples=60000 batch=128 emulate=0.005 samples_per_s=100000 epochs=4 runs=1
short= simulate_only= chosen= out= objectives=$all_objectives

usage() { sed -n '4s/^# *//p' "$0"; }
fail() {
    echo "cost.sh: $*" >&2
    exit 1
}
while (($#)); do
    case "$1" in
    --help) usage; exit 0 ;;
    --scenes) chosen=${2:?}; shift 2 ;;
    --objectives) objectives=${2:?}; shift 2 ;;
    --runs) runs=${2:?}; shift 2 ;;
    --epochs) epochs=${2:?}; shift 2 ;;
    --out) out=${2:?}; shift 2 ;;
    --short) short=1; shift ;;
    --simulate-only) simulate_only=1; shift ;;
    *) usage >&2; exit 2 ;;
    esac
done
if [ "$short" ]; then
    chosen=${chosen:-power-0.5} objectives=everything,match samples=6000 epochs=2
fi
[ "$chosen" ] || chosen=$(printf '%s\n' "${scenes[@]}" | cut -d'|' -f1 | paste -sd,)
cloudless=${CLOUDLESS:-$root/build/release/cloudless}
[ -x "$cloudless" ] || fail "no $cloudless; build it with cmake --build --preset release --target cloudless"
[ -e /usr/share/datasets/fashion-mnist ] || fail "no data set; install dataset-fashion-mnist"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

write_topology() { # FILE SCENE-ROW OBJECTIVE
    local name data_a data_b power_a power_b units
    IFS='|' read -r name data_a data_b power_a power_b units <<<"$2"
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
regions:
  - {name: a, data_share: $data_a, offers: [{name: core, count: $units, power: $power_a, price_per_s: 0.01}]}
  - {name: b, data_share: $data_b, offers: [{name: core, count: $units, power: $power_b, price_per_s: 0.01}]}
links:
  - {between: [a, b], rate: 100Mbit, rtt: 30ms, price_per_gb: 0.02, emulate: true}
YAML
}

# The share of the cost of renting everything that is saved when the faster region rents just what the slower one can follow.
optimum() { # SCENE-ROW
    local name data_a data_b power_a power_b units
    IFS='|' read -r name data_a data_b power_a power_b units <<<"$1"
    awk -v a="$data_a" -v b="$data_b" -v p="$power_a" -v q="$power_b" \
        'BEGIN { x = p / a; y = q / b; f = x < y ? x / y : y / x; printf "%.4f", (1 - f) / 2 }'
}

median() { jq -s "map($1) | sort | .[length / 2 | floor]" "${@:2}"; }

# figures FILES...: seconds, cost, accuracy, predicted seconds and cost, units of both regions.
figures() {
    printf '%s %s %s %s %s %s' "$(median .planned_s "$@")" "$(median .cost "$@")" "$(median .test_accuracy "$@")" \
        "$(median .predicted_s "$@")" "$(median .predicted_cost "$@")" \
        "$(jq -r '[.plans[0].units[].units] | join("+")' "$1")"
}

print_row() { # SCENE OBJECTIVE OPTIMUM BASE-SECONDS BASE-COST FIGURES...
    awk -v scene="$1" -v objective="$2" -v optimum="$3" -v base_s="$4" -v base="$5" -v s="$6" -v cost="$7" -v accuracy="$8" \
        -v predicted_s="$9" -v predicted="${10}" -v units="${11}" 'BEGIN {
        saved = 1 - cost / base
        ratio = optimum > 0 && objective != "everything" ? sprintf("%.2f", saved / optimum) : "-"
        printf "| %s | %s | %s | %.1f s | %+.1f %% | %.3f | %.1f %% | %.1f %% | %s | %.3f | %.1f s, %+.1f %% | %.3f, %+.1f %% |\n", scene,
            objective, units, s, 100 * (s / base_s - 1), cost, 100 * saved, 100 * optimum, ratio, accuracy, predicted_s,
            100 * (predicted_s / s - 1), predicted, 100 * (predicted / cost - 1) }'
}

run_scene() { # SCENE-ROW
    local name=${1%%|*} objective file base= files
    for objective in ${objectives//,/ }; do
        files=()
        for ((i = 0; i < runs; i++)); do
            file=$work/$name-$objective-$i
            write_topology "$file.yaml" "$1" "$objective"
            "$cloudless" up "$file.yaml" --state "$file" --report "$file.json" --quiet 2>"$file.err" || {
                cat "$file.err" >&2
                fail "$name, $objective: the run failed"
            }
            rm -rf "$file"
            files+=("$file.json")
        done
        read -r -a row <<<"$(figures "${files[@]}")"
        [ "$base" ] || base="${row[0]} ${row[1]}"
        # shellcheck disable=SC2086
        print_row "$name" "$objective" "$(optimum "$1")" $base "${row[@]}"
    done
}

table() {
    echo "Two regions a and b, model $model, $samples samples of Fashion-MNIST, $epochs epochs, batch $batch, \`ama\` every 8 steps,"
    echo "100 Mbit/s and 30 ms; equal price per core. A core of power 1 is emulated by $emulate of a core of this machine,"
    echo "$(nproc) cores, and computes $(awk "BEGIN { print $samples_per_s * $emulate }") samples/s. Runs per row: $runs (median). Load of the machine before: $(cut -d' ' -f1 /proc/loadavg)."
    echo
    echo "| scene | objective | units a+b | time | more time | cost | saved | optimum | saved / optimum | accuracy | predicted time | predicted cost |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|---|"
    for name in ${chosen//,/ }; do
        row=$(printf '%s\n' "${scenes[@]}" | grep -m1 "^$name|") || fail "no such scene: $name"
        run_scene "$row"
    done
}

# The same scenes without emulation, as `simulate` sees them: at the original's size, two regions of 12 cores, and ten times that.
simulated() {
    local name row size objective base
    echo
    echo "Simulated (\`cloudless simulate\`), model lenet, 1,700 samples/s a core, 10 epochs, batch 64, \`ama\` every 32 steps, \`int8\`:"
    echo
    echo "| scene | units of each region | objective | workers | time | more time | cost | saved | optimum | saved / optimum |"
    echo "|---|---|---|---|---|---|---|---|---|---|"
    for name in ${chosen//,/ }; do
        row=$(printf '%s\n' "${scenes[@]}" | grep -m1 "^$name|")
        for size in ${row##*|} "${row##*|}0"; do
            base=
            for objective in everything match; do
                write_topology "$work/simulated.yaml" "${row%|*}|$size" everything
                sed -i -e 's/^plan: .*/plan: {samples_per_s: 1700}/' -e 's/model: .*/model: lenet/' -e 's/epochs: .*/epochs: 10/' \
                    -e 's/batch: .*/batch: 64/' -e 's/every: 8}/every: 32, encoding: int8}/' -e 's/samples: [0-9]*/samples: 60000/' "$work/simulated.yaml"
                "$cloudless" simulate "$work/simulated.yaml" --objective "$objective" --json --quiet >"$work/simulated.json" ||
                    fail "$name, $objective: not simulated"
                [ "$base" ] || base=$(jq -r '[.run_s, .run_cost] | join(" ")' "$work/simulated.json")
                # shellcheck disable=SC2046
                awk -v head="$name | $size | $objective" -v optimum="$(optimum "$row")" -v base="$base" -v objective="$objective" \
                    -v now="$(jq -r '[.run_s, .run_cost, .total.workers] | join(" ")' "$work/simulated.json")" 'BEGIN {
                    split(base, b); split(now, n); saved = 1 - n[2] / b[2]
                    ratio = optimum > 0 && objective != "everything" ? sprintf("%.2f", saved / optimum) : "-"
                    printf "| %s | %d | %.1f s | %+.1f %% | %.3f | %.1f %% | %.1f %% | %s |\n", head, n[3], n[1],
                        100 * (n[1] / b[1] - 1), n[2], 100 * saved, 100 * optimum, ratio }'
            done
        done
    done
}

if [ "$simulate_only" ]; then
    simulated
elif [ "$out" ]; then
    { table && simulated; } | tee "$here/results/$out.md"
else
    table && simulated
fi
exit "${PIPESTATUS[0]}"
