# A run has an identity: the directory that an earlier run has left on one machine is refused with both identities, and nothing is
# mixed; a second global scheduler, started elsewhere with a new directory, is refused at once and told by whom, with status 1
# and without a report, and the first never notices.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

read -r port < <("$LIVE_TOOL" ports 1)
cat >"$work/job.yaml" <<YAML
job:
  name: identity
  model: ledger
  data: {kind: counter, samples: 3000}
  epochs: 2
  batch: 30
  optimizer: {name: sgd, lr: 1, schedule: constant}
regions:
  - name: eu
    data_share: 1
    workers: 1
    shards: 1
    broker: {bind: "tcp://127.0.0.1:$port", advertise: "tcp://127.0.0.1:$port"}
YAML

run_of() { sed -n 's/^run //p' "$work/on-$1/job"; }

# The earlier run: all three directories are of it.
for name in scheduler broker-eu node-eu-a; do role $name; done
for name in scheduler broker-eu node-eu-a; do expect_end "${pids[$name]}" 0 "the earlier run: $name"; done
old=$(run_of scheduler)
[ -n "$old" ] && [ "$(run_of broker-eu)" = "$old" ] && [ "$(run_of node-eu-a)" = "$old" ] || fail "a run has several identities"

# A new one, with the directory of the earlier one's node.
rm -rf "$work/on-scheduler" "$work/on-broker-eu" "$work/report.json"
for name in broker-eu node-eu-a scheduler; do role $name; done
expect_end "${pids[node-eu-a]}" 1 "the node of the earlier run"
new=$(run_of scheduler)
[ "$new" != "$old" ] || fail "the new run has the identity of the earlier one"
expect_line "$work/node-eu-a.err" "run $old, and this is run $new; .*--state"

# A second global scheduler.
begin second scheduler --topology "$work/job.yaml" --state "$work/on-second" --report "$work/second.json"
expect_end "$pid" 1 "the second scheduler"
expect_line "$work/second.err" "scheduler/global runs already: process ${pids[scheduler]} on "
[ ! -e "$work/second.json" ] || fail "the second scheduler wrote a report"
alive "${pids[scheduler]}" || fail "the first scheduler has ended"

# An empty directory is welcome, and the run is exact.
role node-eu-b
for name in scheduler broker-eu node-eu-b; do expect_end "${pids[$name]}" 0 "the new run: $name"; done
[ "$(run_of node-eu-b)" = "$new" ] || fail "the node has not kept the identity of its run"
[ "$(json "$work/report.json" samples)" = 6000 ] || fail "samples in the report"
expect_counters "$work/on-node-eu-b" 3000 2 eu
