# strikes.sh - for the scripts beside it that signal one process of a run after another: both regions train on each time, about as
# fast as a job to which nothing is done. Sourced after lib.sh; `state` is the run's directory.

steps() { steps_of "$state" "$1"; }
beyond() { [ "$2" = done ] || [ "$(steps "$1" | sed 's/done/1000000000/')" -gt "$2" ]; }
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

struck=0
strike() { # SIGNAL NAME: its process gets it; both regions train on with a new one
    local process
    until_true runs "$2"
    process=$(cat "$work/pid")
    progress_from steps 0
    kill "-$1" "$process" 2>/dev/null || return 0 # a status a moment old: it has just been started again
    struck=$((struck + 1))
    until_true moved "$2" "$process"
    progress_to 10 "$2 gets a SIG$1"
    advance
}

# strikes_begin ISOLATE EPOCHS: a run, in which nothing has happened yet. An epoch takes ten seconds at least, however fast the machine
# is, and hardly computes.
strikes_begin() {
    state=$work/$1 struck=0
    begin "run-$1" up "$SOURCE/deploy/topologies/ledger.yaml" --state "$state" --report "$work/report.json" --quiet \
        --isolate "$1" --set job.data.samples=60000 --set job.epochs="$2" --set job.batch=100 --set links[0].rtt=100ms \
        --set plan.emulate=0.2 --set plan.samples_per_s=10000
    run=$pid
    until_true beyond 1 10
    progress_usual 10 steps 0
}

# strikes_end ISOLATE EPOCHS: it ends by itself, done and exact.
strikes_end() {
    alive "$run" || fail "the run was over before the last signal; give it more epochs"
    expect_end "$run" 0 "the run with --isolate $1"
    [ "$(json "$work/report.json" state)" = done ] || fail "$1: it was not done"
    expect_counters "$state" 60000 "$2" north south
    [ "$(json "$work/report.json" samples)" = $((60000 * $2)) ] || fail "$1: samples in the report"
}
