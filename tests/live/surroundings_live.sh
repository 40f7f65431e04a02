# A process and its surroundings: descriptors that are closed, output that nobody takes, signals at any moment.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ledger=("$SOURCE/deploy/topologies/ledger.yaml" --set job.data.samples=6000)
trains() {
    "$CLOUDLESS" status --state "$1" --json >"$work/status.json" && [ "$(json "$work/status.json" state)" = training ]
}

# With 0, 1 and 2 closed it runs, and a signal is no warning that was written into its own pipe.
"$CLOUDLESS" up "${ledger[@]}" --set job.epochs=2 --state "$work/closed" --report "$work/closed.json" <&- >&- 2>&- ||
    fail "with its descriptors closed it ended with $?"
[ "$(json "$work/closed.json" state)" = done ] || fail "with its descriptors closed it did not end as done"

# What cannot be written is a failure, in every command; a report is not lost.
lost() { # COMMAND...: to a full device
    local status=0
    "$CLOUDLESS" "$@" >/dev/full 2>"$work/last.err" || status=$?
    [ "$status" = 1 ] || fail "cloudless $* to a full device ended with $status"
    expect_line "$work/last.err" '^cloudless: .*standard output: No space left on device'
}
lost check "${ledger[@]}"
lost check --default
lost status --state "$work/closed"
lost stop --state "$work/closed" --json
lost checkpoint ls --state "$work/closed"
lost plan "$SOURCE/deploy/topologies/rented.yaml"
lost --help
lost up --help
lost up "${ledger[@]}" --set job.epochs=1 --state "$work/lost" --json --quiet
expect_line "$work/last.err" "the report is in $work/lost/report.json"
[ "$(json "$work/lost/report.json" state)" = done ] || fail "the report that was kept is not the run's"

# Standard error that nobody reads holds nobody up: the run goes on, and can be stopped.
mkfifo "$work/unread"
exec 9<>"$work/unread"
head -c 65536 /dev/zero >&9 # it is full
"$CLOUDLESS" up "${ledger[@]}" --set job.epochs=100000 --state "$work/unread.state" 2>"$work/unread" >"$work/unread.out" &
unread=$!
started+=("$unread")
until_true trains "$work/unread.state"
durable() { json "$work/status.json" regions[0].samples; }
before=$(durable)
further() { trains "$work/unread.state" && [ "$(durable)" -gt $((before + 6000)) ]; }
until_true further
expect 0 stop --state "$work/unread.state"
expect_end "$unread" 0 "an up whose standard error nobody read"
exec 9<&-

begun() { grep -q '^cloudless$' "/proc/$1/comm"; } # before, a signal would be for this script

# Ctrl-C in its first moments, wherever that hits. (Without env, what is begun in the background ignores it.)
for pause in 0.02 0.15 0.4; do
    env --default-signal=INT setsid "$CLOUDLESS" up "${ledger[@]}" --set job.epochs=100000 --state "$work/early-$pause" --quiet >/dev/null 2>"$work/early.err" &
    early=$!
    started+=("$early")
    until_true begun "$early"
    sleep "$pause"
    status=0
    kill -INT -- "-$early" 2>/dev/null
    wait "$early" || status=$?
    [ "$status" = 0 ] || [ "$status" = 130 ] || fail "Ctrl-C after $pause s: $status"
done

# Commands that only look end when they are told to.
for signal in INT TERM HUP; do
    mkfifo "$work/held-$signal"
    env --default-signal=INT "$CLOUDLESS" check "$work/held-$signal" >/dev/null 2>"$work/held.err" & # reads what nobody writes
    held=$!
    started+=("$held")
    until_true begun "$held"
    kill -"$signal" "$held"
    status=0
    wait "$held" || status=$?
    [ "$status" -gt 128 ] || fail "a check that was sent SIG$signal ended with $status"
done
