# `stop` reaches whoever works in the directory, wherever that is, and nobody else.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ledger=("$SOURCE/deploy/topologies/ledger.yaml" --set job.data.samples=60000 --set job.epochs=1000 --quiet)
trains() {
    look "$1" && [ "$(json "$work/status.json" state)" = training ]
}

# In a pid namespace of its own, where its number is another process' of this one; below a path too long for a socket.
deep=$work/$(printf 'long-%.0s' {1..30})
if unshare --pid --fork --mount-proc true 2>/dev/null; then
    unshare --pid --fork --kill-child --mount-proc sh -c '"$@" & wait $!' sh \
        "$CLOUDLESS" up "${ledger[@]}" --state "$deep" >"$work/apart.out" 2>"$work/apart.err" &
    apart=$!
    started+=("$apart")
    until_true trains "$deep"
    expect 0 stop --state "$deep"
    expect_line "$work/last.out" '^stopped .* in '
    expect_end "$apart" 0 "an up in another pid namespace that was stopped"
else
    echo "skipped: stop across pid namespaces; unshare --pid is not allowed here" >&2
fi

# As process 1 it buries orphans, and hands on what it is sent.
if unshare --pid --fork --mount-proc true 2>/dev/null; then
    unshare --pid --fork --kill-child --mount-proc "$CLOUDLESS" up "${ledger[@]}" --state "$work/first" \
        >"$work/first.out" 2>"$work/first.err" &
    outside=$!
    started+=("$outside")
    until_true trains "$work/first"
    first=$(pgrep -P "$outside")
    nsenter --target "$first" --pid sh -c 'sleep 0.2 & :'
    adopted() { pgrep -P "$first" -x sleep >"$work/orphan"; }
    until_true adopted
    buried() { [ ! -e "/proc/$(cat "$work/orphan")" ]; }
    until_true buried
    kill -TERM "$first"
    expect_end "$outside" 0 "an up that is process 1 and was told to end"
    expect_line "$work/first.err" '^stopping after a last snapshot'
fi

# One that stands still hears of it when it goes on; until then who asks may give up.
begin still up "${ledger[@]}" --state "$work/still"
still=$pid
until_true trains "$work/still"
kill -STOP "$still"
begin stop stop --state "$work/still"
stop=$pid
until_true grep -q "^process $still does not answer" "$work/stop.err"
kill -CONT "$still"
expect_end "$stop" 0 "a stop of one that stood still"
expect_line "$work/stop.out" "^stopped process $still in "
expect_end "$still" 0 "an up that was stopped"

# One that was stopped before anything was stored is gone on with all the same, from the beginning.
early=("$SOURCE/deploy/topologies/ledger.yaml" --set job.data.samples=6000 --set job.epochs=2 --state "$work/early")
begin early up "${early[@]}"
early=("${early[@]}" --resume)
up=$pid
until_true test -S "$work/early/run/up.sock"
expect 0 stop --state "$work/early"
expect_end "$up" 0 "an up that was stopped at its start"
expect_line "$work/early.out" 'go on with: cloudless up .* --resume$'
rm -rf "$work"/early/*/shard-* # on a busy machine the stop may have come later
expect 0 up "${early[@]}"
expect_line "$work/last.err" '^this job has no snapshot yet: it starts from the beginning$'
expect_counters "$work/early" 6000 2 north south

# By hand, too: the same commands again.
by_hand() { # starts all of them; their pids are in ${hands[@]}
    local part hands_of=("scheduler" "broker --region north" "broker --region south" "node --region north" "node --region south")
    hands=()
    for part in "${hands_of[@]}"; do
        begin "hand-${#hands[@]}" $part --topology "$SOURCE/deploy/topologies/ledger.yaml" --state "$work/hand"
        hands+=("$pid")
    done
}
by_hand
until_true test -S "$work/hand/run/scheduler.sock"
expect 0 stop --state "$work/hand"
for pid in "${hands[@]}"; do expect_end "$pid" 0 "a process that was stopped at its start"; done
rm -rf "$work"/hand/*/shard-*
by_hand
for pid in "${hands[@]}"; do expect_end "$pid" 0 "a process that was started again"; done
expect_counters "$work/hand" 60000 2 north south
