# A run that is stopped and resumed ends with the same parameters as one that was not, bit for bit, where the same seed must
# give the same parameters: sync inside, ssgd or sma, one worker per region.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

topology() {
    cat >"$work/job.yaml" <<YAML
job:
  name: resume
  model: softmax
  data: {kind: idx, dir: $work/data}
  epochs: 6
  batch: 16
  optimizer: {name: momentum, lr: 0.02, momentum: 0.9, schedule: linear}
  sync: {strategy: $1, every: $2, inside: sync}
checkpoint: {every: 16}
regions:
  - {name: eu, data_share: 2, shards: 2}
  - {name: us, data_share: 1, shards: 2}
links:
  - {between: [eu, us], rate: 1Gbit, rtt: 2ms, emulate: true}
YAML
}

"$LIVE_TOOL" images "$work/data" 1500 300 || fail "no data"

# trains STATE: true once its scheduler says that batches were applied, and not all of them.
trains() {
    look "$1" && [ "$(json "$work/status.json" state)" = training ] &&
        [ "$(json "$work/status.json" 'regions[0].steps')" -gt 20 ]
}

for strategy in ssgd sma; do
    every=1
    [ $strategy = sma ] && every=4
    topology $strategy $every
    expect 0 up "$work/job.yaml" --state "$work/$strategy-whole" --report "$work/whole.json" --quiet
    begin "$strategy-first" up "$work/job.yaml" --state "$work/$strategy-parts" --quiet
    first=$pid
    until_true trains "$work/$strategy-parts"
    expect 0 stop --state "$work/$strategy-parts"
    expect_end "$first" 0 "$strategy: the stopped run"
    expect 2 up "$work/job.yaml" --state "$work/$strategy-parts" --quiet
    expect_line "$work/last.err" '^cloudless: .*--resume'
    expect 0 up "$work/job.yaml" --state "$work/$strategy-parts" --resume --report "$work/parts.json" --quiet
    for region in 0 1; do
        whole=$(json "$work/whole.json" "regions[$region].parameters_sha256")
        parts=$(json "$work/parts.json" "regions[$region].parameters_sha256")
        [ -n "$whole" ] && [ "$whole" = "$parts" ] || fail "$strategy: region $region: $whole and $parts"
    done
    [ "$(json "$work/whole.json" 'regions[0].parameters_sha256')" = \
        "$(json "$work/whole.json" 'regions[1].parameters_sha256')" ] || fail "$strategy: the replicas differ"
    [ "$(json "$work/parts.json" samples)" = 9000 ] || fail "$strategy: samples after the resume"
done
