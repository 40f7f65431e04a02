# A process of a run that is told to end, by whoever reboots a machine, ends gently and is as harmless as one that was killed: the
# run goes on with its successor and comes out exact. Only `stop`, Ctrl-C on `up`, and the end of the global scheduler end it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$SOURCE/tests/live/strikes.sh"

# Under up, whatever shares a process.
pace_begin
strikes_begin actor 5
for name in "node north" "broker south" "scheduler north" shard/north/1 "broker north"; do strike TERM "$name"; done
ended=$struck
strikes_end actor 5
strikes_begin region 5
for name in "region north" "region south" "region north"; do strike TERM "$name"; done
ended=$((ended + struck))
strikes_end region 5
[ "$ended" -ge 6 ] || fail "only $ended were told to end"

# By hand: a region's broker and a node are told to end and started again; stop, where a scheduler or a broker is, ends all.
state=$work/hand
sed 's/samples: [0-9]*/samples: 60000/; s/epochs: .*/epochs: 100000/' "$SOURCE/deploy/topologies/ledger.yaml" >"$work/job.yaml"
hand() { # NAME COMMAND ARGS...
    begin "$1" "${@:2}" --topology "$work/job.yaml" --state "$state"
    pids[$1]=$pid
}
start() {
    case $1 in
    scheduler) hand "$1" scheduler --report "$work/report.json" ;;
    broker-*) hand "$1" broker --region "${1#broker-}" ;;
    node-*) hand "$1" node --region "${1#node-}" --name a ;;
    esac
}
for name in scheduler broker-north broker-south node-north node-south; do start $name; done
until_true beyond 1 10
for name in broker-north node-south; do
    kill -TERM "${pids[$name]}"
    expect_end "${pids[$name]}" 0 "$name that was told to end"
    start $name
    advance
done
expect 0 stop --state "$state"
for name in "${!pids[@]}"; do expect_end "${pids[$name]}" 0 "$name of a run that was stopped"; done
[ "$(json "$work/report.json" state)" = drained ] || fail "it was not stopped"
