#!/usr/bin/env bash
# Compares what `cloudless simulate` predicts with what `cloudless up` then does: tests/bench/predict.sh [--runs N] [--scenes "A B"]
# [--epochs N] [--keep]. Two regions with a worker each on this machine, LeNet, an emulated link. Prints a table of time, bytes and
# cost; with --keep it becomes tests/bench/results/predict.md. Exits 3 when a prediction is off by more than 15 %.
# A prediction measures what a core computes before the run. With other programs beside it that is not what the run gets, so the last
# two columns tell what is predicted with the speed that the run's workers had: that error is the simulator's own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
runs=3 epochs=2 keep= chosen="room wan rounds thin"
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

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ -z "${CLOUDLESS:-}" ]; then
    ./deploy/packages.sh build data
    [ -f build/release/build.ninja ] || cmake --preset release >/dev/null
    cmake --build --preset release --target cloudless >/dev/null
    CLOUDLESS=build/release/cloudless
fi

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

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
figure() { jq -r "$2" "$1"; }

status=0
row() { # SCENE WHAT PREDICTED MEASURED AGAIN
    awk -v scene="$1" -v what="$2" -v p="$3" -v m="$4" -v a="$5" 'BEGIN {
        printf "| %s | %s | %.4g | %.4g | %+.1f %% | %.4g | %+.1f %% |\n", scene, what, p, m, 100 * (p / m - 1), a, 100 * (a / m - 1) }'
    awk -v p="$3" -v m="$4" 'BEGIN { e = p / m - 1; exit !(e > 0.15 || e < -0.15) }' && status=3
    return 0
}
predict() { # FILE ARGS...
    "$CLOUDLESS" simulate "$scratch/job.yaml" --cores "$(nproc)" --seed "$run" --json --quiet "${@:2}" >"$scratch/simulated.json"
    figure "$scratch/simulated.json" '[.total.train_s, .total.wan_sent_bytes, .total.cost] | @tsv' >>"$1"
}

table=$scratch/table
{
    echo "| scene | figure | predicted | measured | error | with the run's speed | error |"
    echo "|---|---|---|---|---|---|---|"
} | tee "$table"
for scene in "${scenes[@]}"; do
    IFS='|' read -r name sync link <<<"$scene"
    [[ " $chosen " == *" $name "* ]] || continue
    write_topology "$scratch/job.yaml" "$sync" "$link"
    : >"$scratch/predicted" && : >"$scratch/measured" && : >"$scratch/again"
    for ((run = 1; run <= runs; run++)); do
        predict "$scratch/predicted"
        rm -rf "$scratch/state"
        "$CLOUDLESS" up "$scratch/job.yaml" --state "$scratch/state" --report "$scratch/report.json" --quiet >"$scratch/up.out" 2>&1
        predict "$scratch/again" --set plan.samples_per_s="$(figure "$scratch/report.json" '.samples / ([.regions[].compute_s] | add)')"
        figure "$scratch/report.json" '[.train_s, ([.regions[].wan_sent_bytes] | add), .cost] | @tsv' >>"$scratch/measured"
    done
    for what in "1 time (s)" "2 bytes between regions" "3 cost"; do
        row "$name" "${what#* }" "$(cut -f"${what%% *}" "$scratch/predicted" | median)" \
            "$(cut -f"${what%% *}" "$scratch/measured" | median)" "$(cut -f"${what%% *}" "$scratch/again" | median)" >"$scratch/row"
        tee -a "$table" <"$scratch/row"
    done
done
[ -z "$keep" ] || {
    echo "# Predicted and measured"
    echo
    echo "\`tests/bench/predict.sh --runs $runs --epochs $epochs\`, $(nproc) cores; medians."
    echo
    cat "$table"
} >tests/bench/results/predict.md
exit "$status"
