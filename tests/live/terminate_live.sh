# A process of a run that is told to end, by whoever reboots a machine, ends gently and is as harmless as one that was killed: the
# run goes on with its successor and comes out exact. Only `stop`, Ctrl-C on `up`, and the end of the global scheduler end it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

samples=60000 epochs=10 state=$work/run
status() { "$CLOUDLESS" status --state "$state" --json >"$work/status.json"; }
steps() { status && json "$work/status.json" "regions[$1].steps"; }
beyond() { [ "$(steps "$1")" -gt "$2" ]; }
runs() { "$LIVE_TOOL" pid "$state" "$1" >"$work/pid"; }
moved() { runs "$1" && [ "$(cat "$work/pid")" != "$2" ]; }
advance() {
    local region before
    for region in 0 1; do
        before=$(steps $region) || fail "no status"
        until_true beyond $region "$before"
    done
}
ended=0
terminate() { # NAME
    local process
    until_true runs "$1"
    process=$(cat "$work/pid")
    kill -TERM "$process" 2>/dev/null || return 0
    ended=$((ended + 1))
    until_true moved "$1" "$process"
    advance
}

# Under up, whatever shares a process.
for isolate in actor region; do
    state=$work/$isolate
    begin "$isolate" up "$SOURCE/deploy/topologies/ledger.yaml" --state "$state" --report "$work/$isolate.json" --quiet \
        --isolate "$isolate" --set job.data.samples=$samples --set job.epochs=$epochs --set links[0].rtt=100ms
    run=$pid
    until_true beyond 1 10
    names=("node north" "broker south" "scheduler north" shard/north/1 "broker north")
    [ "$isolate" = actor ] || names=("region north" "region south" "region north")
    for name in "${names[@]}"; do terminate "$name"; done
    alive "$run" || fail "the run was over before the last was told to end; give it more epochs"
    expect_end "$run" 0 "the run with --isolate $isolate"
    [ "$(json "$work/$isolate.json" state)" = done ] || fail "$isolate: it was not done"
    expect_counters "$state" $samples $epochs north south
done
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
