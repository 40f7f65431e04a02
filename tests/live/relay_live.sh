# Two of three regions have no link with each other: what they exchange goes over the third, and counts are exact.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

samples=3000 epochs=4
cat >"$work/job.yaml" <<YAML
job:
  name: relay
  model: ledger
  data: {kind: counter, samples: $samples}
  epochs: $epochs
  batch: 30
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 4}
regions:
  - {name: eu, data_share: 1, shards: 2}
  - {name: us, data_share: 1, shards: 2}
  - {name: asia, data_share: 1, shards: 2}
links:
  - {between: [eu, asia], rate: 100Mbit, rtt: 10ms, emulate: true}
  - {between: [us, asia], rate: 100Mbit, rtt: 10ms, emulate: true}
YAML

expect 0 up "$work/job.yaml" --state "$work/state" --report "$work/report.json" --quiet
[ "$(json "$work/report.json" samples)" = $((samples * epochs)) ] || fail "samples in the report"
expect_counters "$work/state" $samples $epochs eu us asia
for way in "ev=detour to=us over=asia" "ev=detour to=eu over=asia" "ev=relays from=eu to=us" "ev=relays from=us to=eu"; do
    grep -rq "$way" "$work/state" "$work/last.err" || fail "no log says $way"
done

# Without a region that both are linked with there is no way.
sed '/us, asia/d' "$work/job.yaml" >"$work/apart.yaml"
expect 2 check "$work/apart.yaml"
expect_line "$work/last.err" 'links: none joins eu and us, and no third region is linked with both'
