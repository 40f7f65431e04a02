# The laboratory does what it says: a round trip, a rate, a loss, a cap per flow, reordering and an outage are asked for and measured.
# Needs root; without it there is nothing to measure, and the emulated link is what other tests use.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
tools=$(dirname "$LIVE_TOOL")
lab=$tools/lab probe=$tools/probe

# Inside the laboratory: this script again, with what to measure.
if [ "${1:-}" = measure ]; then
    shift
    net() { eval "echo /proc/\$LAB_PID_$1/ns/net"; }
    (exec nsenter --net="$(net 1)" "$probe" serve 10.77.2.1:0) >"$work/port" &
    started+=("$!")
    until_true [ -s "$work/port" ]
    nsenter --net="$(net 0)" "$probe" "$1" "10.77.2.1:$(cat "$work/port")" "${@:2}"
    exit
fi

# measure LINK ARGS-OF-PROBE...: its figures into $a and $b.
measure() {
    local link=$1 status=0
    shift
    "$lab" --seed "${CLOUDLESS_SEED:-1}" --link "0-1:$link" -- bash "${BASH_SOURCE[0]}" measure "$@" >"$work/figures" || status=$?
    [ "$status" -eq 0 ] || fail "measuring $link ended with $status"
    read -r a b <"$work/figures"
    echo "asked $link: $* says $a ${b:-}"
}
within() { awk -v x="$1" -v low="$2" -v high="$3" 'BEGIN { exit !(x >= low && x <= high) }' || fail "$4: $1 is not within $2 .. $3"; }

status=0
"$lab" -- true 2>"$work/lab.err" || status=$?
if [ "$status" -eq 77 ]; then
    skip all "$(cat "$work/lab.err")"
    exit
fi
[ "$status" -eq 0 ] || fail "the laboratory does not start"

measure rtt=300ms rtt 5
within "$a" 300 330 "least round trip in ms"
measure rtt=30ms rtt 20
within "$a" 30 36 "least round trip in ms"
measure rate=100Mbit,rtt=10ms rate 1 2
within "$a" 75 101 "rate in Mbit/s"
measure rate=20Mbit,rtt=10ms rate 4 2
within "$a" 15 20.5 "rate in Mbit/s of four streams"
measure loss=5% loss 4000
within "$a" 0.07 0.125 "loss of datagrams that go both ways"
measure rate=200Mbit,flow=10Mbit,rtt=10ms rate 1 2
within "$a" 6 10.5 "rate in Mbit/s of one capped stream"
measure rate=200Mbit,flow=10Mbit,rtt=10ms rate 8 2
within "$a" 48 84 "rate in Mbit/s of eight capped streams"
measure rtt=10ms,reorder=10% loss 2000
within "${b:-0}" 50 2000 "datagrams out of order"
measure down loss 20
within "$a" 1 1 "loss while it is down"
