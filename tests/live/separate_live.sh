# Each process has a state directory of its own, as on machines of their own, and brokers have fixed addresses. A node that is
# stopped hands its shards to another one; one that is killed is waited for, and goes on when it is started again; so does a job whose scheduler was stopped, when
# everything is started again. The ledger is exact. What processes log is in DIR/log/NAME.log.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

samples=9000 epochs=30

read -r eu_port us_port < <("$LIVE_TOOL" ports 2)
cat >"$work/job.yaml" <<YAML
job:
  name: separate
  model: ledger
  data: {kind: counter, samples: $samples}
  epochs: $epochs
  batch: 30
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 4}
regions:
  - name: eu
    data_share: 2
    workers: 2
    shards: 2
    broker: {bind: "tcp://127.0.0.1:$eu_port", advertise: "tcp://127.0.0.1:$eu_port"}
    offers: [{name: small, count: 2}]
  - name: us
    data_share: 1
    workers: 2
    shards: 2
    broker: {bind: "tcp://127.0.0.1:$us_port", advertise: "tcp://127.0.0.1:$us_port"}
    offers: [{name: small, count: 2}]
links:
  - {between: [eu, us], rate: 100Mbit, rtt: 10ms, emulate: true}
YAML

all="node-us-b node-us-a node-eu-b node-eu-a broker-us broker-eu scheduler"
start_all() { for name in $all; do role "$name"; done; }
end_all() { for name in $all; do expect_end "${pids[$name]}" 0 "$1: $name"; done; }

# steps REGION: what the scheduler knows.
steps() {
    look "$work/on-scheduler" &&
        json "$work/status.json" "regions[$1].steps"
}
beyond() { [ "$(steps "$1")" -gt "$2" ]; }
moved() { steps 0 >/dev/null && ! grep -q '"node": "node/us/a"' "$work/status.json"; }

start_all
pace_begin
until_true beyond 1 0
progress_usual 40 steps 1
progress_from steps 1
kill -TERM "${pids[node-us-a]}"
expect_end "${pids[node-us-a]}" 0 "a stopped node"
until_true moved
progress_to 40 "a node hands its shards over"
role node-us-a
kill -KILL "${pids[node-eu-b]}"
expect_end "${pids[node-eu-b]}" 137 "a killed node"
until_true grep -q 'waits for .*shard/eu/' "$work/scheduler.err" # a person sees it
progress_from steps 0
role node-eu-b
progress_to 20 "a node that was killed is started again"
kill -TERM "${pids[scheduler]}"
end_all "stopped"
[ "$(json "$work/report.json" samples)" -lt $((samples * epochs)) ] || fail "the job was over before it was stopped"

start_all
end_all "resumed"
[ "$(json "$work/report.json" samples)" = $((samples * epochs)) ] || fail "samples in the report"
grep -q ev=resumes "$work/on-node-eu-a/log/node-eu-a.log" || fail "no log of a node in its state directory"
[ -s "$work/on-broker-eu/log/broker-eu.log" ] || fail "no log of a broker in its state directory"
[ -e "$work/on-scheduler/log/scheduler.log" ] || fail "no log of the scheduler in its state directory"

# A region's shards lie on two machines: put together, they are exact.
for region in eu us; do
    cp -a "$work/on-node-$region-a" "$work/whole-$region"
    cp -an "$work/on-node-$region-b/$region/." "$work/whole-$region/$region/"
    expect_counters "$work/whole-$region" $samples $epochs $region
done
