# A process and its surroundings: descriptors that are closed, output that nobody takes, signals at any moment.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ledger=("$SOURCE/deploy/topologies/ledger.yaml" --set job.data.samples=6000)
trains() {
    look "$1" && [ "$(json "$work/status.json" state)" = training ]
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

# A terminal that is closed stops `up` in order; with nohup, or in a session without it, the run goes on.
in_terminal() { # NAME COMMAND...: in one of its own, which goes with $pid
    local name=$1
    shift
    printf -v line '%q ' "$@" up "${ledger[@]}" --set job.epochs=100000 --state "$work/$name" --quiet
    script --quiet --flush --command "exec $line" /dev/null >/dev/null 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
    until_true trains "$work/$name"
    kill -KILL "$pid"
}
idle() { look "$work/$1" && [ "$(json "$work/status.json" running)" = false ]; }
in_terminal terminal "$CLOUDLESS"
until_true idle terminal
[ "$(json "$work/status.json" state)" = drained ] || fail "a closed terminal did not stop it in order"
cd "$work" || fail "cannot enter $work" # nohup writes beside itself
in_terminal nohup nohup "$CLOUDLESS"
before=$(durable)
onward() { trains "$work/nohup" && [ "$(durable)" -gt $((before + 6000)) ]; }
until_true onward
expect 0 stop --state "$work/nohup"
in_terminal setsid setsid --wait "$CLOUDLESS"
before=$(durable)
onward() { trains "$work/setsid" && [ "$(durable)" -gt $((before + 6000)) ]; }
until_true onward
expect 0 stop --state "$work/setsid"

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

# No work in proportion to a number in a file: neither its memory, nor its time.
sanitized=$(ldd "$CLOUDLESS" | grep -c 'lib.san') # which needs more memory than any limit here itself
(
    [ "$sanitized" != 0 ] || ulimit -v 3000000
    timeout 60 "$CLOUDLESS" check "${ledger[0]}" --set job.data.samples=4294967295
) >"$work/last.out" 2>"$work/last.err" || fail "check counts what it need not: $(cat "$work/last.err")"

# Limits that no run fits into are named before anything starts.
limited() { # OPTION VALUE PATTERN
    (
        ulimit "$1" "$2"
        "$CLOUDLESS" up "${ledger[@]}" --state "$work/limited" --quiet
    ) >/dev/null 2>"$work/last.err"
    [ $? = 1 ] || fail "with ulimit $1 $2 it did not end with 1"
    expect_line "$work/last.err" "^cloudless: up: $3"
    [ ! -e "$work/limited" ] || fail "it left something"
}
limited -n 64 'open files are limited to 64 .*ulimit -n'
limited -f 100 'files are limited to 100 KiB .*ulimit -f'
[ "$sanitized" != 0 ] || limited -v 1000000 'memory is limited to .*ulimit -v'

# A name that nobody knows is told as that.
sed 's|  - name: north|&\n    broker: {bind: "tcp://127.0.0.1:*", advertise: "tcp://broker-a.invalid:5599"}|' \
    "$SOURCE/deploy/topologies/ledger.yaml" >"$work/named.yaml"
grep -q broker-a "$work/named.yaml" || fail "the topology has no such line any more"
begin named node --topology "$work/named.yaml" --region north --name a --state "$work/named"
until_true grep -q 'ev=broker_unreachable endpoint=tcp://broker-a.invalid:5599 .*name unknown: broker-a.invalid' "$work/named/log/node-north-a.log"
kill -KILL "$pid"

# A machine that comes back with an empty disk, by the same name and process number, as a container without a volume does. What it had
# is told as lost, and is taken over from the other region: nobody waits for it, and counts are exact.
read -r eu_port us_port < <("$LIVE_TOOL" ports 2)
cat >"$work/job.yaml" <<YAML
job:
  name: contained
  model: ledger
  data: {kind: counter, samples: 6000}
  epochs: 6
  batch: 30
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 4}
checkpoint: {every: 8}
plan: {emulate: 0.1, samples_per_s: 10000}
regions:
  - {name: eu, data_share: 1, workers: 1, shards: 1, broker: {bind: "tcp://127.0.0.1:$eu_port", advertise: "tcp://127.0.0.1:$eu_port"}}
  - {name: us, data_share: 1, workers: 1, shards: 1, broker: {bind: "tcp://127.0.0.1:$us_port", advertise: "tcp://127.0.0.1:$us_port"}}
links:
  - {between: [eu, us], rate: 100Mbit, rtt: 10ms, emulate: true}
YAML
contained() { # node eu/a as process 1, with a disk that goes with it; its number from outside is in $work/pid
    unshare --mount --pid --fork --kill-child --mount-proc sh -c 'mount -t tmpfs none "$1" && shift && exec "$@"' sh "$work/disk" \
        "$CLOUDLESS" node --topology "$work/job.yaml" --region eu --name a --state "$work/disk/state" >>"$work/contained.err" 2>&1 &
    outside=$!
    started+=("$outside")
    until_true pgrep -P "$outside" >"$work/pid"
}
trained() { [ "$(steps_of "$work/on-scheduler" 0)" -gt 40 ]; }
lost_disk() {
    mkdir "$work/disk"
    for name in broker-eu broker-us scheduler node-us-a; do role "$name"; done
    contained
    pace_begin
    until_true trained
    progress_usual 20 steps_of "$work/on-scheduler" 0
    progress_from steps_of "$work/on-scheduler" 0
    kill -KILL "$(cat "$work/pid")"
    wait "$outside"
    contained
    until_true grep -q 'actor=shard/eu/0 ev=newest_lost .*no node has it.*going on at node/eu/a' "$work/on-broker-eu/log/broker-eu.log"
    progress_to 20 "a container comes back without its disk"
    for name in node-us-a broker-us broker-eu scheduler; do expect_end "${pids[$name]}" 0 "$name"; done
    expect_end "$outside" 0 "a node in a container"
    [ "$(json "$work/report.json" 'regions[0].welcomes')" -gt 0 ] || fail "what was lost was not taken over"
    [ "$(json "$work/report.json" samples)" = 36000 ] || fail "samples in the report"
    expect_counters "$work/on-node-us-a" 6000 6 us
}
if unshare --mount --pid --fork --mount-proc mount -t tmpfs none "$work" 2>/dev/null; then
    lost_disk
else
    skip "a container that comes back without its disk" "only root may make one"
fi
