# A training that diverged ends with 0 and one line that says so and what to do; one that did not has no such line.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$LIVE_TOOL" images "$work/data" 600 100 || fail "no data"
cat >"$work/job.yaml" <<YAML
job:
  name: diverged
  model: mlp
  data: {dir: $work/data}
  epochs: 2
  batch: 10
  optimizer: {name: sgd, lr: 0.01}
regions:
  - {name: here, data_share: 1}
YAML

expect 0 up "$work/job.yaml" --state "$work/well" --report "$work/well.json"
! grep -q diverged "$work/last.err" || fail "it did not diverge: $(cat "$work/last.err")"
[ "$(json "$work/well.json" diverged)" = false ] || fail "diverged in the report of a good run"
expect 0 up "$work/job.yaml" --state "$work/badly" --report "$work/badly.json" --set job.optimizer.lr=1000
expect_line "$work/last.err" '^cloudless: the training diverged.*job.optimizer.lr'
[ "$(grep -c '^cloudless: ' "$work/last.err")" = 1 ] || fail "more than one line"
[ "$(json "$work/badly.json" diverged)" = true ] || fail "diverged in the report"
# The words about what is not finite stand there exactly when something was.
finite() { [ "$(json "$1" regions[0].not_finite)" = 0 ] && ! grep -q parameters_not_finite "$1"; }
if finite "$work/badly.json"; then ! grep -q 'not finite' "$work/last.err"; else grep -q 'not finite' "$work/last.err"; fi ||
    fail "not the whole truth: $(cat "$work/last.err")"
