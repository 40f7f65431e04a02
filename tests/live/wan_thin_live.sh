# A link that is full collapses to 1 Mbit/s for a while: pings pass what is queued, so nobody takes the other for dead, no
# connection is given up, and afterwards deltas come again. Needs root, for the laboratory.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
tools=$(dirname "$LIVE_TOOL")

if [ "${1:-}" = inside ]; then
    net() { eval "echo /proc/\$LAB_PID_$1/ns/net"; }
    nsenter --net="$(net 0)" "$tools/bulk" "$2/job.yaml" east 0 1 >/dev/null 2>"$2/east.log" &
    started+=("$!")
    nsenter --net="$(net 1)" "$tools/bulk" "$2/job.yaml" west 12 0 2>"$2/west.log"
    exit
fi

cat >"$work/job.yaml" <<'YAML'
job: {name: thin, model: ledger, data: {kind: counter, samples: 1000}}
security: none
regions:
  - {name: east, data_share: 1, broker: {bind: "tcp://10.77.1.1:7000", advertise: "tcp://10.77.1.1:7000"}}
  - {name: west, data_share: 1, broker: {bind: "tcp://10.77.2.1:7000", advertise: "tcp://10.77.2.1:7000"}}
links:
  - {between: [east, west]}
YAML
# thin: the scene once; fails when the other side was taken for dead.
thin() {
    local status=0
    "$tools/lab" --link 0-1:rate=40Mbit,rtt=30ms --at 3s:0-1:rate=1Mbit --at 11s:0-1:rate=40Mbit --stats "$work/lab.json" -- \
        bash "${BASH_SOURCE[0]}" inside "$work" 2>"$work/lab.err" || status=$?
    [ "$status" -ne 77 ] || {
        skip all "$(cat "$work/lab.err")"
        exit
    }
    cat "$work"/*.log
    [ "$status" -eq 0 ] || fail "it ended with $status"
    grep -q ev=link_up "$work/west.log" || fail "the link was never up"
    "$LIVE_TOOL" json "$work/lab.json" '[0].dropped' >"$work/dropped"
    [ "$(cat "$work/dropped")" -gt 0 ] || fail "the link was never full"
    ! grep -q ev=link_down "$work/west.log"
}
# A full queue on the way drops whatever comes, and may drop every try of one ping for five seconds: that was seen once in some
# twenty. Pings that wait behind data would be late each time.
thin || thin || fail "the other side was taken for dead, twice"
