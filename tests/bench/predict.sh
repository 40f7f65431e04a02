#!/usr/bin/env bash
# Compares what `cloudless simulate` predicts with what `cloudless up` then does: tests/bench/predict.sh [--runs N] [--scenes "A B"]
# [--epochs N] [--keep]. Two regions with a worker each on this machine, LeNet, an emulated link. Prints a table of time, bytes and
# cost; with --keep it becomes tests/bench/results/predict.md, its rows predict.jsonl. Exits 3 when a prediction is off by more than 15 %.
# A prediction measures what a core computes before the run. With other programs beside it that is not what the run gets, so the last
# two columns tell what is predicted with the speed that the run's workers had: that error is the simulator's own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
runs=3 epochs=2 keep= chosen="room wan rounds thin" arguments=("$@")
while (($#)); do
    case "$1" in
    --runs) runs=$2; shift 2 ;;
    --epochs) epochs=$2; shift 2 ;;
    --scenes) chosen=$2; shift 2 ;;
    --keep) keep=1; shift ;;
    --help) sed -n '2,7s/^# //p' "$0"; exit 0 ;;
    *) sed -n '2,7s/^# //p' "$0" >&2; exit 2 ;;
    esac
done

# name | how regions exchange | the link
scenes=(
    "room|strategy: asgd-ga, every: 8, staleness: 3|rate: 1Gbit, rtt: 1ms"
    "wan|strategy: ama, every: 32, encoding: int8|rate: 100Mbit, rtt: 30ms"
    "rounds|strategy: ssgd|rate: 200Mbit, rtt: 20ms"
    "thin|strategy: asgd-ga, every: 8, staleness: 3|rate: 20Mbit, rtt: 50ms"
)

. tests/bench/kit/rows.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rows_build cloudless
CLOUDLESS=${CLOUDLESS:-build/release/cloudless}
rows=$scratch/rows
: >"$rows"
rows_open "$CLOUDLESS" tests/bench/predict.sh "${arguments[@]}"

write_topology() { # FILE SYNC LINK
    cat >"$1" <<YAML
job:
  name: predict
  model: lenet
  data: {dir: /usr/share/datasets/fashion-mnist}
  epochs: $epochs
  optimizer: {lr: 0.02, momentum: 0.5, warmup: 10%}
  sync: {$2}
checkpoint: {durability: process, every: 64}
regions:
  - {name: east, data_share: 1, offers: [{name: one, price_per_s: 0.0001}]}
  - {name: west, data_share: 1, offers: [{name: one, price_per_s: 0.0001}]}
links:
  - {between: [east, west], $3, price_per_gb: 0.02, emulate: true}
YAML
}

predict() { # FILE ARGS...: what is simulated
    "$CLOUDLESS" simulate "$scratch/job.yaml" --cores "$(nproc)" --seed "$run" --json --quiet "${@:2}" >"$1"
}

# A row a figure: what was predicted, what was measured, what is predicted with the speed that the run's workers had.
add_rows() { # SCENE SEED
    jq -n --arg scene "$1" --argjson seed "$2" --slurpfile p "$scratch/predicted" --slurpfile m "$scratch/report.json" --slurpfile a "$scratch/again" '
        $m[0] as $m | $p[0].total as $p | $a[0].total as $a | {scene: $scene, samples: $m.samples, durability: "process", seeds: [$seed], kernel: $m.regions[0].kernels} +
        ({figure: "time (s)", predicted: $p.train_s, measured: $m.train_s, again: $a.train_s},
         {figure: "bytes between regions", predicted: $p.wan_sent_bytes, measured: ([$m.regions[].wan_sent_bytes] | add), again: $a.wan_sent_bytes},
         {figure: "cost", predicted: $p.cost, measured: $m.cost, again: $a.cost})' | rows_add "$rows"
}

for scene in "${scenes[@]}"; do
    IFS='|' read -r name sync link <<<"$scene"
    [[ " $chosen " == *" $name "* ]] || continue
    write_topology "$scratch/job.yaml" "$sync" "$link"
    for ((run = 1; run <= runs; run++)); do
        rows_begin
        predict "$scratch/predicted"
        rm -rf "$scratch/state"
        "$CLOUDLESS" up "$scratch/job.yaml" --state "$scratch/state" --report "$scratch/report.json" --seed "$run" --quiet >"$scratch/up.out" 2>&1
        predict "$scratch/again" --set plan.samples_per_s="$(jq '.samples / ([.regions[].compute_s] | add)' "$scratch/report.json")"
        add_rows "$name" "$run"
    done
done

table() {
    echo "| scene | figure | predicted | measured | error | with the run's speed | error | samples | seeds | load | made by |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|"
    rows_numbered "$rows" | jq -r "$rows_jq"'
        def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2] + .[length / 2 - 1]) / 2 end;
        def short: if . >= 1000 then round else . * 10000 | round / 10000 end;
        def error($of): (. / $of - 1) * 1000 | round / 10 | "\(if . > 0 then "+" else "" end)\(.) %";
        group_by([.scene, .figure])[] | (map(.predicted) | median) as $p | (map(.measured) | median) as $m | (map(.again) | median) as $a |
        "| \(.[0].scene) | \(.[0].figure) | \($p | short) | \($m | short) | \($p | error($m)) | \($a | short) | \($a | error($m)) | " +
        "\(.[0].samples) | \(rows_seeds) | \(rows_load) | \(map(.made_by) | unique | map(tostring) | join(" ")) |"'
}
{
    echo "# Predicted and measured"
    echo
    echo "Medians over seeds."
    echo
    table
    echo
    rows_origins "$rows"
} >"$scratch/page"
cat "$scratch/page"
[ -z "$keep" ] || { cp "$scratch/page" tests/bench/results/predict.md && cp "$rows" tests/bench/results/predict.jsonl; }
! jq -es 'group_by([.scene, .figure]) | map((map(.predicted) | add) / (map(.measured) | add) - 1) | any(.[]; . > 0.15 or . < -0.15)' "$rows" >/dev/null || exit 3
