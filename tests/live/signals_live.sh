# SIGTERM drains and exits 0, a second one ends at once with 143; when `up` is killed its children are gone.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

up() { # NAME OPTIONS...: a long run, which hardly computes
    begin "$1" up "$SOURCE/deploy/topologies/ledger.yaml" --state "$work/$1" --set job.data.samples=60000 --set job.epochs=1000 \
        --set plan.emulate=0.2 --set plan.samples_per_s=10000 "${@:2}"
}

trains() {
    look "$1" && [ "$(json "$work/status.json" state)" = training ]
}

children() { pgrep -P "$1"; }
descendants() {
    local child
    for child in $(children "$1"); do
        echo "$child"
        descendants "$child"
    done
}

up drained
drained=$pid
until_true trains "$work/drained"
children "$drained" >"$work/children"
[ "$(wc -l <"$work/children")" = 3 ] || fail "a global scheduler and two regions have $(wc -l <"$work/children") processes"
expect 2 up "$SOURCE/deploy/topologies/ledger.yaml" --state "$work/drained" --set job.data.samples=60000 --set job.epochs=1000
expect_line "$work/last.err" "^cloudless: .*$drained"
kill -TERM "$drained"
expect_end "$drained" 0 "a drained up"
expect_line "$work/drained.out" '--resume'
while read -r child; do gone "$child" || fail "child $child outlived a drained up"; done <"$work/children"

up twice
twice=$pid
until_true trains "$work/twice"
children "$twice" >"$work/children"
kill -STOP $(cat "$work/children") # so that the drain cannot be over before the second signal
kill -TERM "$twice"
until_true grep -q 'once more' "$work/twice.err"
kill -TERM "$twice"
expect_end "$twice" 143 "an up that got two signals"
while read -r child; do until_true gone "$child"; done <"$work/children"

up killed --isolate actor
killed=$pid
until_true trains "$work/killed"
descendants "$killed" >"$work/children"
[ "$(wc -l <"$work/children")" -ge 18 ] || fail "only $(wc -l <"$work/children") processes of their own" # 7, and 11 actors
kill -KILL "$killed"
expect_end "$killed" 137 "a killed up"
while read -r child; do until_true gone "$child"; done <"$work/children"
expect 0 stop --state "$work/killed"
expect_line "$work/last.out" 'nothing runs'

# A process that dies is started again, whichever it is; the run goes on, and its report counts it.
pace_begin
up crashed
crashed=$pid
until_true trains "$work/crashed"
progress_usual 20 steps_of "$work/crashed" 0
other() { [ "$("$LIVE_TOOL" pid "$work/crashed" "$1")" != "$2" ]; }
for name in "region north" scheduler/global; do
    process=$("$LIVE_TOOL" pid "$work/crashed" "$name") || fail "no process of $name"
    progress_from steps_of "$work/crashed" 0
    kill -KILL "$process"
    until_true other "$name" "$process"
    progress_to 20 "$name is killed"
done
kill -TERM "$crashed"
expect_end "$crashed" 0 "an up whose processes died"
expect_line "$work/crashed.out" 'restarts .* 2 processes'

# One that does not even start, time after time, ends the run with 1 and a line that names it and its log.
up hopeless
hopeless=$pid
until_true trains "$work/hopeless"
while alive "$hopeless"; do
    for child in $(children "$hopeless"); do
        grep -qz '^north$' "/proc/$child/cmdline" 2>/dev/null && kill -KILL "$child" 2>/dev/null
    done
    sleep 0.02
done
expect_end "$hopeless" 1 "an up whose region does not start"
expect_line "$work/hopeless.err" '^cloudless: .*region north .*(each time it was started|times in a row with nothing done in between).*north\.log'
[ -z "$(children "$hopeless")" ] || fail "an up that failed left something running"
