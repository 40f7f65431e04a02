# Every role is killed with SIGKILL while a ledger runs, each in a process of its own: the run goes on by itself, comes out
# exact, and its report counts what was started again. So does a run whose brokers alone are killed, again and again.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

state=$work/run samples=60000

status() { "$CLOUDLESS" status --state "$state" --json >"$work/status.json"; }
steps() { status && json "$work/status.json" "regions[$1].steps"; }
beyond() { [ "$(steps "$1")" -gt "$2" ]; }
runs() { "$LIVE_TOOL" pid "$state" "$1" >"$work/pid"; }
moved() { runs "$1" && [ "$(cat "$work/pid")" != "$2" ]; }

# advance: both regions train on.
advance() {
    local region before
    for region in 0 1; do
        before=$(steps $region) || fail "no status"
        until_true beyond $region "$before"
    done
}

killed=0
strike() { # NAME: kills its process; both regions train on with a new one
    local process
    until_true runs "$1"
    process=$(cat "$work/pid")
    progress_from steps 0
    kill -KILL "$process" 2>/dev/null || return 0 # a status a moment old: it has just been started again
    killed=$((killed + 1))
    until_true moved "$1" "$process"
    progress_to 10 "$1 is killed"
    advance
}

start() { # ISOLATE EPOCHS
    state=$work/$1 killed=0
    begin "run-$1" up "$SOURCE/deploy/topologies/ledger.yaml" --state "$state" --report "$work/report.json" --quiet \
        --isolate "$1" --set job.data.samples=$samples --set job.epochs="$2" --set links[0].rtt=100ms
    run=$pid
    until_true beyond 1 10
    progress_usual 10 steps 0
}

finish() { # ISOLATE EPOCHS
    alive "$run" || fail "the run was over before the last kill; give it more epochs"
    expect_end "$run" 0 "the run with --isolate $1"
    expect_counters "$state" $samples "$2" north south
    [ "$(json "$work/report.json" samples)" = $((samples * $2)) ] || fail "samples in the report"
}

pace_begin
start actor 40
for round in 1 2; do
    for name in worker/north/0 shard/north/0 synchronizer/south/1 shard/south/1 worker/south/0; do strike "$name"; done
done
actors=$killed
for name in "broker north" "node south" "broker south" "broker north"; do strike "$name"; done
processes=$((killed - actors))
finish actor 40
[ "$(json "$work/report.json" restarts)" -ge "$actors" ] || fail "$actors actors were killed, the report has $(json "$work/report.json" restarts)"
[ "$(json "$work/report.json" process_restarts)" -ge "$processes" ] ||
    fail "$processes processes were killed, the report has $(json "$work/report.json" process_restarts)"
[ "$actors" -ge 8 ] && [ "$processes" -ge 3 ] || fail "only $actors and $processes kills hit"

start role 20
for round in 1 2 3; do
    strike "broker north"
    strike "broker south"
done
finish role 20
[ "$killed" -ge 5 ] || fail "only $killed kills hit"
