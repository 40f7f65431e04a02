# A training that diverges is stopped at once, with 1 and one line that says what to change; one that does not has no
# such line.
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
expect 1 up "$work/job.yaml" --state "$work/badly" --report "$work/badly.json" --set job.optimizer.lr=1000 \
    --set job.epochs=100000
expect_line "$work/last.err" \
    '^cloudless: up: scheduler/here: the training diverged: .*; use a smaller job.optimizer.lr.*clip_norm.*begin anew$'
[ "$(grep -c '^cloudless: ' "$work/last.err")" = 1 ] || fail "more than one line"
[ "$(json "$work/badly.json" diverged)" = true ] || fail "diverged in the report"
[ "$(json "$work/badly.json" state)" = failed ] || fail "it is no failure in the report"

# A model with values that are not finite is exported only when somebody wants it, and then the file says so.
export_to() { expect "$1" checkpoint export --state "$work/well" --region here -o "$work/$2" "${@:3}"; }
"$LIVE_TOOL" mark "$work/well" before || fail "no common point"
export_to 0 whole.safetensors
"$LIVE_TOOL" notfinite "$work/well" || fail "no value that is not finite"
export_to 1 refused.safetensors
expect_line "$work/last.err" '^cloudless: checkpoint export: .*not finite.*; name an earlier common point with --to, or add --allow-nonfinite'
[ ! -e "$work/refused.safetensors" ] || fail "a refused export left a file"
export_to 0 before.safetensors --to before
! head -c 4096 "$work/before.safetensors" | grep -aq 'not finite' || fail "the model before is called not finite"
export_to 0 spoilt.safetensors --allow-nonfinite
head -c 4096 "$work/spoilt.safetensors" | grep -aq 'not finite' || fail "the file does not say that values are not finite"
