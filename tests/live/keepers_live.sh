# Machines of their own, and snapshots that count when another machine has them too: a node is killed and its disk deleted, its
# shards go on elsewhere from a keeper's copy, and the ledger is exact. A copy that was damaged on the disk does not count.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

samples=9000 epochs=${EPOCHS:-20} shards=2

read -r eu_port us_port < <("$LIVE_TOOL" ports 2)
cat >"$work/job.yaml" <<YAML
job:
  name: kept
  model: ledger
  data: {kind: counter, samples: $samples}
  epochs: $epochs
  batch: 30
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 4}
checkpoint: {durability: replica, replicas: 1, move_after: 500ms}
regions:
  - name: eu
    data_share: 2
    workers: 2
    shards: $shards
    broker: {bind: "tcp://127.0.0.1:$eu_port", advertise: "tcp://127.0.0.1:$eu_port"}
    offers: [{name: small, count: 3}]
  - name: us
    data_share: 1
    workers: 2
    shards: $shards
    broker: {bind: "tcp://127.0.0.1:$us_port", advertise: "tcp://127.0.0.1:$us_port"}
    offers: [{name: small, count: 2}]
links:
  - {between: [eu, us], rate: 100Mbit, rtt: 10ms, emulate: true}
YAML

status() { look "$work/on-scheduler"; }
steps() { status && json "$work/status.json" "regions[$1].steps"; }
beyond() { [ "$(steps "$1")" -gt "$2" ]; }

# node_of ACTOR: the last part of the name of the node that hosts it.
node_of() {
    status && tr -d '\n ' <"$work/status.json" | grep -o "\"name\":\"$1\",[^}]*" | sed 's/.*"node":"[^"]*\///; s/".*//'
}
moved() { # REGION NODE: none of its shards is there any more
    local k
    for ((k = 0; k < shards; k++)); do
        local node
        node=$(node_of "shard/$1/$k")
        [ -n "$node" ] && [ "$node" != "$2" ] || return 1
    done
}

for name in broker-eu broker-us scheduler node-eu-a node-eu-b node-eu-c node-us-a node-us-b; do role "$name"; done
pace_begin
until_true beyond 0 0
progress_usual 40 steps 0
victim=$(node_of shard/eu/0)
[ -n "$victim" ] || fail "nobody tells where shard/eu/0 is"
progress_from steps 0
kill -KILL "${pids[node-eu-$victim]}"
expect_end "${pids[node-eu-$victim]}" 137 "a killed node"
rm -rf "$work/on-node-eu-$victim"
until_true moved eu "$victim"
progress_to 40 "a node is lost with its disk, and its shards go on elsewhere"

# What another node keeps for the shard is damaged while that node is away.
keeper=$([ "$(node_of shard/us/0)" = a ] && echo b || echo a)
kill -TERM "${pids[node-us-$keeper]}"
expect_end "${pids[node-us-$keeper]}" 0 "a stopped node"
"$LIVE_TOOL" damage "$work/on-node-us-$keeper" us 0 || fail "node us/$keeper keeps nothing"
role "node-us-$keeper"
until_true grep -q ev=copy_damaged "$work/on-node-us-$keeper/log/node-us-$keeper.log"
cat "$work"/on-node-eu-*/log/*.log | grep -q 'shard/eu/0 ev=resumes' || fail "shard/eu/0 did not go on from a copy"

for name in node-us-a node-us-b broker-us broker-eu scheduler; do expect_end "${pids[$name]}" 0 "$name"; done
for name in a b c; do [ "$name" = "$victim" ] || expect_end "${pids[node-eu-$name]}" 0 "node-eu-$name"; done
[ "$(json "$work/report.json" samples)" = $((samples * epochs)) ] || fail "samples in the report"
for region in 0 1; do
    [ "$(json "$work/report.json" "regions[$region].updates_rolled_back")" = 0 ] || fail "something was rolled back"
done

for region in eu us; do
    for node in a b c; do
        [ -d "$work/on-node-$region-$node" ] || continue
        [ -d "$work/whole-$region" ] || { cp -a "$work/on-node-$region-$node" "$work/whole-$region"; continue; }
        cp -an "$work/on-node-$region-$node/$region/." "$work/whole-$region/$region/"
    done
    expect_counters "$work/whole-$region" $samples $epochs $region
done
