# The newest snapshot of a shard is damaged: the run goes on from the one before, computes again what was lost, says how much
# that was, and the ledger is exact.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cat >"$work/job.yaml" <<YAML
job:
  name: damaged
  model: ledger
  data: {kind: counter, samples: 20000}
  epochs: 40
  batch: 20
  optimizer: {name: sgd, lr: 1, schedule: constant}
checkpoint: {every: 8, keep: 3}
regions:
  - {name: here, data_share: 1, workers: 2, shards: 2}
YAML

trains() {
    look "$1" &&
        [ "$(json "$work/status.json" 'regions[0].steps')" -gt 100 ]
}

begin first up "$work/job.yaml" --state "$work/state" --quiet
first=$pid
until_true trains "$work/state"
expect 0 stop --state "$work/state"
expect_end "$first" 0 "the stopped run"
"$LIVE_TOOL" damage "$work/state" here 1 || fail "nothing was damaged"
expect 0 up "$work/job.yaml" --state "$work/state" --resume --report "$work/report.json"
[ "$(json "$work/report.json" 'regions[0].updates_rolled_back')" -gt 0 ] || fail "what was lost is not in the report"
expect_line "$work/state/log/here.log" 'actor=shard/here/1 ev=rolled_back '
expect_counters "$work/state" 20000 40 here
[ "$(json "$work/report.json" samples)" = 800000 ] || fail "samples in the report"
