# What the planner says of a topology: figures that can be done by hand, impossible limits, and offers that cannot be planned.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cat >"$work/job.yaml" <<YAML
job:
  name: plan
  model: ledger
  data: {kind: counter, samples: 24000}
  optimizer: {name: sgd, lr: 1, schedule: constant}
plan: {objective: match, samples_per_s: 100}
regions:
  - name: fast
    data_share: 1
    offers: [{name: core, count: 12, price_per_s: 1}]
  - name: slow
    data_share: 1
    offers: [{name: core, count: 12, power: 0.5, price_per_s: 1}]
links:
  - {between: [fast, slow], rate: 100Mbit, rtt: 10ms}
YAML

# Both have 12,000 samples: 6 cores of power 0.5 x 12 are as fast as 6 of power 1.
expect 0 plan "$work/job.yaml" --json
cp "$work/last.out" "$work/plan.json"
[ "$(json "$work/plan.json" plan.regions[0].workers)" = 6 ] || fail "workers of the fast region"
[ "$(json "$work/plan.json" plan.regions[1].workers)" = 12 ] || fail "workers of the slow region"
# And two seconds in which nodes start and end; the last exchange is next to nothing.
near() { awk -v a="$(json "$work/plan.json" "$1")" -v b="$2" 'BEGIN { exit !(a >= b && a < b * 1.001) }' || fail "$1 is not $2"; }
near plan.epoch_s 20
near plan.run_s 22
near objectives.everything.rent $((24 * 22))
near objectives.match.rent $((18 * 22))

expect 0 plan "$work/job.yaml"
expect_line "$work/last.out" '^  slow .* 12 of 12 core'
expect_line "$work/last.out" '^  match .* -25\.0 %'

expect 3 plan "$work/job.yaml" --set plan.objective=deadline --set plan.deadline=5s
expect_line "$work/last.err" '^cloudless: plan: plan.deadline: 5 s is impossible with these offers; the fastest takes 22.0'
expect 3 plan "$work/job.yaml" --set plan.objective=budget --set plan.budget=1
expect_line "$work/last.err" '^cloudless: plan: plan.budget: 1 is impossible with these offers; the cheapest costs '

sed '/name: slow/,/offers/{/offers/d}' "$work/job.yaml" >"$work/bare.yaml"
expect 2 plan "$work/bare.yaml"
expect_line "$work/last.err" 'regions\[1\].offers: region slow has nothing to rent'
expect 2 plan "$work/job.yaml" --set 'regions[0].offers[0].price_per_s=0'
expect_line "$work/last.err" 'offer core of region fast has no price; write one above 0'
expect 2 plan "$work/job.yaml" --set 'regions[0].offers[0].power=0'
expect_line "$work/last.err" 'power'

# Without a figure the speed of this machine is measured.
expect 0 plan "$work/job.yaml" --set plan.samples_per_s=0 --json
[ "$(json "$work/last.out" measured)" = true ] || fail "nothing was measured"
