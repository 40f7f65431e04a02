# A region of one machine, whose copies lie in the other region: the machine is killed and its disk deleted, another one joins, and
# the region goes on from what the other region's keeper has.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

samples=6000 epochs=${EPOCHS:-15}

read -r eu_port us_port < <("$LIVE_TOOL" ports 2)
cat >"$work/job.yaml" <<YAML
job:
  name: elsewhere
  model: ledger
  data: {kind: counter, samples: $samples}
  epochs: $epochs
  batch: 30
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 4}
checkpoint: {durability: replica, replicas: 1, elsewhere: true, wan_share: 0.5, move_after: 500ms}
regions:
  - name: eu
    data_share: 1
    workers: 2
    broker: {bind: "tcp://127.0.0.1:$eu_port", advertise: "tcp://127.0.0.1:$eu_port"}
    offers: [{name: small, count: 1}]
  - name: us
    data_share: 1
    workers: 2
    broker: {bind: "tcp://127.0.0.1:$us_port", advertise: "tcp://127.0.0.1:$us_port"}
    offers: [{name: small, count: 1}]
links:
  - {between: [eu, us], rate: 100Mbit, rtt: 10ms, emulate: true}
YAML

steps() {
    look "$work/on-scheduler" &&
        json "$work/status.json" "regions[$1].steps"
}
beyond() { [ "$(steps "$1")" -gt "$2" ]; }

for name in broker-eu broker-us scheduler node-eu-a node-us-a; do role "$name"; done
pace_begin
until_true beyond 0 0
progress_usual 40 steps 0
kill -KILL "${pids[node-eu-a]}"
expect_end "${pids[node-eu-a]}" 137 "a killed node"
rm -rf "$work/on-node-eu-a"
progress_from steps 0
role node-eu-b
progress_to 40 "a region's only node is lost with its disk, and another one comes"
grep -q 'shard/eu/0 ev=resumes' "$work/on-node-eu-b/log/node-eu-b.log" || fail "shard/eu/0 did not go on from a copy"

for name in node-eu-b node-us-a broker-eu broker-us scheduler; do expect_end "${pids[$name]}" 0 "$name"; done
[ "$(json "$work/report.json" samples)" = $((samples * epochs)) ] || fail "samples in the report"
expect_counters "$work/on-node-eu-b" $samples $epochs eu
expect_counters "$work/on-node-us-a" $samples $epochs us
