# Machines by hand, and workers and shards that follow them: while it trains one joins, one is told to leave and hands its shards over, one
# is killed and comes back. The ledger is exact, and nothing is computed twice for the one that left.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

samples=9000 epochs=${EPOCHS:-14} shards=2

read -r eu_port us_port < <("$LIVE_TOOL" ports 2)
cat >"$work/job.yaml" <<YAML
job:
  name: elastic
  model: ledger
  data: {kind: counter, samples: $samples}
  epochs: $epochs
  batch: 30
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 4}
plan: {emulate: 0.1, samples_per_s: 10000} # a minute at least, whatever the machine
regions:
  - name: eu
    data_share: 1
    workers: auto
    shards: $shards
    broker: {bind: "tcp://127.0.0.1:$eu_port", advertise: "tcp://127.0.0.1:$eu_port"}
    offers: [{name: small, count: 1}]
  - name: us
    data_share: 1
    workers: auto
    shards: $shards
    broker: {bind: "tcp://127.0.0.1:$us_port", advertise: "tcp://127.0.0.1:$us_port"}
    offers: [{name: small, count: 2}]
links:
  - {between: [eu, us], rate: 100Mbit, rtt: 10ms, emulate: true}
YAML

status() { look "$work/on-scheduler"; }
figure() { status && json "$work/status.json" "regions[$1].$2"; }
beyond() { [ "$(figure "$1" "$2")" -gt "$3" ]; }
# on NODE KIND: actors of a kind that run there.
on() {
    status && tr -d '\n ' <"$work/status.json" | grep -o "\"name\":\"$2/[^}]*" | grep "\"node\":\"node/$1\"" | grep -vc '"state":"stopped"'
}
has() { [ "$(on "$1" "$2")" -ge "$3" ]; }

node() { role "node-$1" --offer small; }
for name in broker-eu broker-us scheduler; do role "$name"; done
for name in eu-a us-a us-b; do node "$name"; done
pace_begin
until_true beyond 0 steps 0
progress_usual 40 figure 0 steps

# One joins: it gets workers, and a batch that it computed is applied.
node eu-b
until_true beyond 0 nodes_joined 0
until_true has eu/b worker 1

# A second one by its name is refused, wherever it keeps its state; the first goes on.
"$CLOUDLESS" node --topology "$work/job.yaml" --region eu --name b --state "$work/on-twin" >"$work/twin.out" 2>"$work/twin.err"
[ $? -eq 1 ] || fail "a second node by the name of the first was not refused"
expect_line "$work/twin.err" 'another node of this name runs in the region.*--name'
"$CLOUDLESS" node --topology "$work/job.yaml" --region eu --name b --state "$work/on-node-eu-b" >"$work/twin.out" 2>"$work/twin.err"
[ $? -eq 1 ] || fail "a second node on the disk of the first was not refused"
expect_line "$work/twin.err" 'node b of region eu runs here already; .*--name'
alive "${pids[node-eu-b]}" || fail "the first node of a name did not go on"

# One of the shards goes there, too, and not back.
progress_from figure 0 steps
until_true has eu/b shard 1
until_true beyond 0 shards_moved 0
until_true grep -q 'ev=moved from=node/eu/a to=node/eu/b reason="2 shards there, 0 on the other node"' "$work/on-broker-eu/log/broker-eu.log"
progress_to 40 "a shard moves to a node that has joined"
[ "$(on eu/a shard)" -eq $((shards - 1)) ] && [ "$(figure 0 shards_moved)" -eq 1 ] || fail "the shards do not stay where they are"

# The first one is told to leave: what is left there goes on on the other one.
progress_from figure 0 steps
kill -TERM "${pids[node-eu-a]}"
expect_end "${pids[node-eu-a]}" 0 "a node that leaves"
until_true has eu/b shard $shards
until_true beyond 0 shards_moved $((shards - 1))
grep -q 'ev=moved .*reason="its node leaves"' "$work/on-broker-eu/log/broker-eu.log" || fail "the move is not logged"
rm -rf "$work/on-node-eu-a"
progress_to 40 "all shards of a node that leaves move"

# One is killed, and started again.
progress_from figure 1 steps
kill -KILL "${pids[node-us-b]}"
expect_end "${pids[node-us-b]}" 137 "a killed node"
node us-b
progress_to 20 "a node is killed, and started again"

for name in node-us-a node-us-b node-eu-b broker-us broker-eu scheduler; do expect_end "${pids[$name]}" 0 "$name"; done
[ "$(json "$work/report.json" samples)" = $((samples * epochs)) ] || fail "samples in the report"
[ "$(json "$work/report.json" "regions[0].samples_repeated")" = 0 ] || fail "samples were computed twice for a node that left"
for region in 0 1; do
    [ "$(json "$work/report.json" "regions[$region].updates_rolled_back")" = 0 ] || fail "something was rolled back"
    echo "region $region: a node joined in $(json "$work/report.json" "regions[$region].join_s") s, a worker started in" \
        "$(json "$work/report.json" "regions[$region].worker_start_median_s") s," \
        "at most $(json "$work/report.json" "regions[$region].worker_start_s") s"
done

cp -a "$work/on-node-us-a" "$work/whole-us"
cp -an "$work/on-node-us-b/us/." "$work/whole-us/us/"
expect_counters "$work/on-node-eu-b" $samples $epochs eu
expect_counters "$work/whole-us" $samples $epochs us
