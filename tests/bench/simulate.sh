#!/usr/bin/env bash
# Measures the simulator: tests/bench/simulate.sh [--regions N] [--workers N] [--hours H] [--keep]. By default 100 regions of 100
# workers for one virtual hour: mlp-large, 2 s per batch, an exchange every 5,000 steps, a full mesh of 100 Mbit/s. Prints processor
# time, wall time, memory and events per second; with --keep they become tests/bench/results/simulate.md (rows: .jsonl). Exits 3 beyond
# 10 minutes of processor time or 4 GiB.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
regions=100 workers=100 hours=1 keep= arguments=("$@")
while (($#)); do
    case "$1" in
    --regions) regions=$2; shift 2 ;;
    --workers) workers=$2; shift 2 ;;
    --hours) hours=$2; shift 2 ;;
    --keep) keep=1; shift ;;
    --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
    *) sed -n '2,5s/^# //p' "$0" >&2; exit 2 ;;
    esac
done
. tests/bench/kit/rows.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rows_build cloudless
CLOUDLESS=${CLOUDLESS:-build/release/cloudless}
rows=$scratch/rows
rows_open "$CLOUDLESS" tests/bench/simulate.sh "${arguments[@]}"
{
    cat <<YAML
job:
  name: many
  model: mlp-large
  data: {dir: /nowhere, samples: 2000000000}
  sync: {strategy: asgd-ga, every: 5000, encoding: int8}
checkpoint: {every: 2000, durability: process}
plan: {samples_per_s: 32}
links:
  - {between: all, rate: 100Mbit, rtt: 80ms, jitter: 5ms, price_per_gb: 0.02}
regions:
YAML
    for ((r = 0; r < regions; r++)); do
        echo "  - {name: r$r, data_share: 1, offers: [{name: quad, count: $(((workers + 3) / 4)), cores: 4, price_per_s: 0.00005}]}"
    done
} >"$scratch/many.yaml"
TIMEFORMAT='%U %S %R'
{ time "$CLOUDLESS" simulate "$scratch/many.yaml" --objective everything --hours "$hours" --json --quiet \
    >"$scratch/result.json"; } 2>"$scratch/time" &
# The most memory that it had, as the kernel counts it.
peak_kb=0
while kill -0 $! 2>/dev/null; do
    for child in $(pgrep -f "$scratch/many.yaml" || true); do
        now=$(awk '/VmHWM/ { print $2 }' "/proc/$child/status" 2>/dev/null || true)
        ((${now:-0} > peak_kb)) && peak_kb=$now
    done
    sleep 1
done
wait $!
read -r user system wall <"$scratch/time"
jq --argjson u "$user" --argjson s "$system" --argjson w "$wall" --argjson m "$peak_kb" --argjson regions "$regions" --argjson workers "$workers" '
    {regions: $regions, workers: $workers, virtual_s, processor_s: ($u + $s), wall_s: $w, memory_kb: $m, events, samples: .total.samples,
     durability: "process", seeds: [.seed], kernel: null}' "$scratch/result.json" | rows_add "$rows"
{
    echo "# The simulator's speed"
    echo
    echo "| regions x workers | virtual | processor | wall | memory | events | events per processor second | samples | seeds | load | made by |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|"
    rows_numbered "$rows" | jq -r "$rows_jq"'.[] | "| \(.regions) x \(.workers) | \(.virtual_s | round) s | \(.processor_s | round) s | \(.wall_s | round) s | " +
        "\(.memory_kb / 1024 | round) MiB | \(.events) | \(.events / .processor_s | round) | \(.samples) | \([.] | rows_seeds) | \([.] | rows_load) | \(.made_by) |"'
    echo
    rows_origins "$rows"
} >"$scratch/result.md"
cat "$scratch/result.md"
[ -z "$keep" ] || { cp "$scratch/result.md" tests/bench/results/simulate.md && cp "$rows" tests/bench/results/simulate.jsonl; }
awk -v u="$user" -v s="$system" -v m="$peak_kb" 'BEGIN { exit u + s > 600 || m > 4194304 }' || exit 3
