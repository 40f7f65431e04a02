# A process that is stopped (SIGSTOP) beyond its lease is replaced, and can do no harm when it wakes up.
#
# Under `up` the node kills the stopped process of an actor before it starts the successor. A whole node that is stopped
# wakes up with actors that have successors elsewhere: the broker refuses them and they leave, or the scheduler's word to end them
# comes first; the node serves on.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# ---- one actor; an epoch takes ten seconds at least, so that the run is not over before the second is stopped

state=$work/actor samples=60000
begin actor up "$SOURCE/deploy/topologies/ledger.yaml" --state "$state" --report "$work/actor.json" --quiet --isolate actor \
    --set job.data.samples=$samples --set job.epochs=5 --set job.batch=100 --set links[0].rtt=100ms \
    --set plan.emulate=0.2 --set plan.samples_per_s=10000
run=$pid

pid_of() { "$LIVE_TOOL" pid "$state" "$1"; }
runs() { pid_of "$1" >"$work/pid"; }
moved() { runs "$1" && [ "$(cat "$work/pid")" != "$2" ]; }
steps() {
    look "$state" && json "$work/status.json" 'regions[0].steps'
}
beyond() { [ "$(steps)" -gt "$1" ]; }

pace_begin
until_true beyond 10
progress_usual 10 steps
for name in shard/north/0 worker/south/0; do
    until_true runs "$name"
    process=$(cat "$work/pid")
    progress_from steps
    kill -STOP "$process"
    until_true gone "$process"
    until_true moved "$name" "$process"
    expect_line "$state/log/node-$(echo "$name" | cut -d/ -f2).log" "actor=$name ev=ended .*ended where it stood"
    progress_to 10 "$name is stopped where it stands"
done
expect_end "$run" 0 "a run with stopped actors"
expect_counters "$state" $samples 5 north south
[ "$(json "$work/actor.json" restarts)" -ge 2 ] || fail "the report counts no restarts"

# ---- a whole node

samples=3000 epochs=10
cat >"$work/job.yaml" <<YAML
job:
  name: paused
  model: ledger
  data: {kind: counter, samples: $samples}
  epochs: $epochs
  batch: 10
  optimizer: {name: sgd, lr: 1, schedule: constant}
plan: {emulate: 0.025, samples_per_s: 10000}
regions:
  - {name: eu, data_share: 1, workers: 2, shards: 2, offers: [{name: small, count: 2}]}
YAML

state=$work/hand
for name in scheduler broker node-a node-b; do
    case $name in
    scheduler) begin "$name" scheduler --topology "$work/job.yaml" --state "$state" --report "$work/hand.json" --quiet ;;
    broker) begin "$name" broker --topology "$work/job.yaml" --region eu --state "$state" ;;
    node-*) begin "$name" node --topology "$work/job.yaml" --region eu --name "${name#node-}" --state "$state" ;;
    esac
    pids[$name]=$pid
done

# workers_on NODE: how many workers run there, as the scheduler knows.
workers_on() {
    look "$state" && tr -d '\n' <"$work/status.json" | tr '{' '\n' | grep '"name": "worker/eu/' |
        grep '"state": "\(running\|waiting\)"' | grep -c "\"node\": \"node/eu/$1\""
}
one_each() { [ "$(workers_on a)" = 1 ] && [ "$(workers_on b)" = 1 ]; }
all_on_a() { [ "$(workers_on a)" = 2 ]; }

until_true one_each
until_true beyond 10
kill -STOP "${pids[node-b]}"
until_true all_on_a
kill -CONT "${pids[node-b]}"
log=$state/log/node-eu-b.log
until_true grep -Eq 'actor=worker/eu/[01] ev=(fenced .*leaving|ended .*ended where it stood)' "$log"
alive "${pids[node-b]}" || fail "the node did not go on"
before=$(steps) || fail "no status"
until_true beyond "$before" # its shard is there again
for name in scheduler broker node-a node-b; do expect_end "${pids[$name]}" 0 "$name"; done
expect_counters "$state" $samples $epochs eu
[ "$(json "$work/hand.json" samples)" = $((samples * epochs)) ] || fail "samples in the report"
