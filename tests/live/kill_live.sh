# Every role is killed with SIGKILL while a ledger runs, each in a process of its own: the run goes on by itself, comes out
# exact, and its report counts what was started again. So does a run whose brokers alone are killed, again and again.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$SOURCE/tests/live/strikes.sh"

pace_begin
strikes_begin actor 10
for round in 1 2; do
    for name in worker/north/0 shard/north/0 synchronizer/south/1 shard/south/1 worker/south/0; do strike KILL "$name"; done
done
actors=$struck
for name in "broker north" "node south" "broker south" "broker north"; do strike KILL "$name"; done
processes=$((struck - actors))
strikes_end actor 10
[ "$(json "$work/report.json" restarts)" -ge "$actors" ] || fail "$actors actors were killed, the report has $(json "$work/report.json" restarts)"
[ "$(json "$work/report.json" process_restarts)" -ge "$processes" ] ||
    fail "$processes processes were killed, the report has $(json "$work/report.json" process_restarts)"
[ "$actors" -ge 8 ] && [ "$processes" -ge 3 ] || fail "only $actors and $processes kills hit"

strikes_begin role 4
for round in 1 2 3; do
    strike KILL "broker north"
    strike KILL "broker south"
done
strikes_end role 4
[ "$struck" -ge 5 ] || fail "only $struck kills hit"
