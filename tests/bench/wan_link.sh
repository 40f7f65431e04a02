#!/usr/bin/env bash
# What a link between two brokers carries beside what iperf3 does with its best number of flows, over real packets between network
# namespaces. Needs root. Exits 3 when a ratio misses its target.
#
#   tests/bench/wan_link.sh [--scenes LIST] [--seconds N] [--out NAME] [--keys "YAML KEYS OF THE LINK"]
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/kit/rows.sh"

# name | what the laboratory does | compared with: the rate in Mbit/s, or iperf3 | least share of it | seconds in which the
# link finds its number of connections: many round trips, of which a long path has few
scenes=(
    "near|rate=100Mbit,rtt=30ms|100|0.8|15"
    "far|rate=100Mbit,rtt=300ms|100|0.8|40"
    "loss-1|rate=100Mbit,rtt=30ms,loss=1%|iperf3|0.9|15"
    "loss-5|rate=100Mbit,rtt=30ms,loss=5%|iperf3|0.9|15"
    "capped|rate=100Mbit,rtt=30ms,flow=10Mbit|iperf3|0.9|15"
    "thick|rate=500Mbit,rtt=10ms|iperf3|0.9|15"
)
flows="1 2 4 8 16"

at() { # REGION-INDEX COMMAND...
    local pid="LAB_PID_$1"
    shift
    nsenter --net="/proc/${!pid}/ns/net" "$@"
}

iperf_server() { at 1 iperf3 --server --one-off --port 5201 >/dev/null 2>&1; }

# Mbit/s of iperf3 with so many flows, its start-up left out.
iperf() { # FLOWS SECONDS CONGESTION
    iperf_server &
    until at 1 ss -Hltn 'sport = 5201' 2>/dev/null | grep -q .; do sleep 0.05; done
    at 0 iperf3 --client 10.77.2.1 --port 5201 --parallel "$1" --omit 3 --time "$2" --congestion "$3" --json 2>/dev/null |
        jq '.end.sum_received.bits_per_second / 1e6 * 10 | round / 10'
    wait
}

if [ "${1:-}" = inside ]; then
    what=$2 dir=$3 seconds=$4
    case $what in
    bulk)
        at 0 "$BULK" "$dir/job.yaml" east "$START" "$seconds" >/dev/null 2>"$dir/east.err" &
        sender=$!
        at 1 "$BULK" "$dir/job.yaml" west "$START" "$seconds" 2>"$dir/west.err"
        kill -KILL "$sender" 2>/dev/null
        ;;
    iperf) iperf "$5" "$seconds" "$6" ;;
    esac
    exit
fi

wanted=$(printf '%s\n' "${scenes[@]}" | cut -d'|' -f1 | paste -sd,) seconds=8 out=wan-link keys= arguments=("$@")
while (($#)); do
    case $1 in
    --scenes) wanted=$2 ;;
    --seconds | --out | --keys | --flows) declare "${1#--}=$2" ;;
    *) sed -n '5s/^# *//p' "$0" >&2 && exit 2 ;;
    esac
    shift 2
done
rows_build cloudless bench.lab bench.bulk || exit 1
cloudless=${CLOUDLESS:-$rows_built/cloudless}
export BULK=${BULK:-$rows_built/bench/bench.bulk}
lab=${LAB:-$rows_built/bench/bench.lab}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/job.yaml" <<YAML
job: {name: link, model: ledger, data: {kind: counter, samples: 1000}}
security: none
regions:
  - {name: east, data_share: 1, broker: {bind: "tcp://10.77.1.1:7000", advertise: "tcp://10.77.1.1:7000"}}
  - {name: west, data_share: 1, broker: {bind: "tcp://10.77.2.1:7000", advertise: "tcp://10.77.2.1:7000"}}
links:
  - {between: [east, west]${keys:+, $keys}}
YAML
in_lab() { "$lab" --link "0-1:$1" -- bash "$0" inside "${@:2}"; }

rows=$scratch/rows status=0
: >"$rows"
rows_open "$cloudless" tests/bench/wan_link.sh "${arguments[@]}"
for scene in "${scenes[@]}"; do
    IFS='|' read -r name knobs with least START <<<"$scene"
    [[ ",$wanted," == *",$name,"* ]] || continue
    export START
    rows_begin
    ours=$(in_lab "$knobs" bulk "$scratch" "$seconds")
    best=0 best_how=
    for congestion in $(tr ' ' '\n' </proc/sys/net/ipv4/tcp_available_congestion_control | grep -E 'cubic|bbr'); do
        for count in $flows; do
            rate=$(in_lab "$knobs" iperf "$scratch" "$seconds" "$count" "$congestion")
            awk "BEGIN { exit !(${rate:-0} > $best) }" && best=$rate best_how="$count, $congestion"
            [ -z "${VERBOSE:-}" ] || echo "$name: iperf3 $count $congestion $rate" >&2
        done
    done
    [ "$with" = iperf3 ] && with=$best
    awk "BEGIN { exit ${ours:-0} / $with < $least }" || status=3
    jq -n --arg scene "$name" --arg network "$knobs" --argjson ours "${ours:-0}" --argjson best "$best" --arg how "$best_how" --argjson with "$with" --argjson least "$least" '
        {scene: $scene, network: $network, link: $ours, iperf3: $best, iperf3_with: $how, beside: $with, target: $least, kernel: null, samples: null, durability: null, seeds: null}' |
        rows_add "$rows"
done
{
    echo "# What a link carries"
    echo
    echo "| network | link, Mbit/s | iperf3, Mbit/s (flows, congestion control) | compared with | ratio | target | load | made by |"
    echo "|---|---|---|---|---|---|---|---|"
    rows_numbered "$rows" | jq -r "$rows_jq"'.[] | "| \(.scene): \(.network) | \(.link) | \(.iperf3) (\(.iperf3_with)) | \(.beside) | \(.link / .beside * 100 | round / 100) | \(.target) | " +
        "\([.] | rows_load) | \(.made_by) |"'
    echo
    rows_origins "$rows"
} >"$scratch/page"
cat "$scratch/page"
[ -z "$out" ] || { cp "$scratch/page" "$here/results/$out.md" && cp "$rows" "$here/results/$out.jsonl"; }
exit "$status"
