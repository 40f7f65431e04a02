# Nodes are rented by plan: what `cloudless plan` says comes, a price that changes while it trains leads to another plan, what is
# rented is paid to the second, what is not to be had is said before anything starts, and the ledger is exact.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

samples=12000 epochs=6
cat >"$work/job.yaml" <<YAML
job:
  name: rent
  model: ledger
  data: {kind: counter, samples: $samples}
  epochs: $epochs
  batch: 50
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 8}
plan: {objective: cheapest, apply: true, emulate: 0.5, samples_per_s: 2000}
regions:
  - name: fast
    data_share: 1
    shards: 2
    offers:
      - {name: dear, count: 2, price_per_s: 2}
      - {name: cheap, count: 2, price_per_s: 1}
  - name: slow
    data_share: 1
    shards: 2
    offers: [{name: core, count: 3, power: 0.5, price_per_s: 1}]
links:
  - {between: [fast, slow], rate: 100Mbit, rtt: 10ms, price_per_gb: 3, emulate: true}
YAML

# units PLANS-ITEM REGION OFFER: of a plan in the report.
units() { jq -r ".plans[$1].units[] | select(.region == \"$2\" and .offer == \"$3\") | .units" "$work/report.json"; }
steps() { look "$work/run" && json "$work/status.json" 'regions[0].steps'; }
planned() { json "$work/plan.json" "plan.regions[$1].units.$2"; }

expect 0 plan "$work/job.yaml" --json
cp "$work/last.out" "$work/plan.json"

cp "$work/job.yaml" "$work/live.yaml"
begin up up "$work/live.yaml" --state "$work/run" --report "$work/report.json" --quiet
up=$pid
pace_begin
until_true grep -q 'ev=marked tag=mark/epoch-1' "$work/run/log/up.log"
progress_usual 40 steps

# Something else than prices may not change: one line, and nothing happens.
sed -i 's/batch: 50/batch: 25/' "$work/live.yaml"
kill -HUP "$up"
until_true grep -q 'live.yaml: job.batch: may not change while the job runs' "$work/up.err"

# The offer that was cheap is not any more: the other one is rented in its place. The link is another one, too.
sed -e 's/name: cheap, count: 2, price_per_s: 1/name: cheap, count: 2, price_per_s: 9/' -e 's/rate: 100Mbit, rtt: 10ms/rate: 50Mbit, rtt: 40ms/' \
    "$work/job.yaml" >"$work/live.yaml"
progress_from steps
kill -HUP "$up"
until_true grep -q 'ev=returned offer=cheap' "$work/run/log/fast.log"
progress_to 40 "other machines are rented in place of all that a region has"
expect_end "$up" 0 "the run"

[ "$(units 0 fast cheap)" = "$(planned 0 cheap)" ] && [ "$(units 0 fast dear)" = "$(planned 0 dear)" ] &&
    [ "$(units 0 slow core)" = "$(planned 1 core)" ] || fail "the first plan is not what cloudless plan says"
[ "$(units 0 fast cheap)" -gt 0 ] && [ "$(units 0 fast dear)" -eq 0 ] || fail "the first plan does not rent what is cheap"
jq -e '.plans | length >= 2' "$work/report.json" >/dev/null || fail "the price has changed, and no plan was made"
# A busy machine may have led to others before it.
new=$(jq -r '[.plans[].reason] | index("prices, offers or links in the topology have changed") // ""' "$work/report.json")
[ "$new" ] || fail "the reason of the new plan"
[ "$(units "$new" fast cheap)" -eq 0 ] && [ "$(units "$new" fast dear)" -gt 0 ] || fail "the new plan rents what is dear now"
grep -q "ev=plan number=$((new + 1)) reason=\"prices" "$work/run/log/up.log" || fail "the new plan is not logged"
for region in fast:slow slow:fast; do
    grep -q "ev=link_changed region=${region#*:} rate_bytes_per_s=6250000 rtt_us=40000" "$work/run/log/${region%:*}.log" || fail "the link is as it was"
done
# New ones first; what they take over was stopped in order, so that nothing is lost and nothing is computed twice.
first=$(grep -n 'ev=rented offer=dear' "$work/run/log/fast.log" | head -n 1 | cut -d: -f1)
last=$(grep -n 'ev=returned offer=cheap' "$work/run/log/fast.log" | head -n 1 | cut -d: -f1)
[ "$first" -lt "$last" ] || fail "the old machines were returned before the new ones were rented"
grep -q 'ev=moved .*from=node/fast/cheap-.* to=node/fast/dear-' "$work/run/log/fast.log" || fail "no shard has moved"
jq -e '.regions[0] | .samples_repeated == 0 and .updates_rolled_back == 0 and .shards_moved > 0' "$work/report.json" >/dev/null ||
    fail "something was lost on the way to the new machines"
jq -e '.regions | map(.still_s >= 0 and (.still_why | type == "string")) | all' "$work/report.json" >/dev/null ||
    fail "how long a region stood still, and why, is not told"

# Seconds x price + GB x price: exactly where no price has changed, and within both prices where one has.
jq -e '.regions[1] | ((.offers[0].rented_s * .offers[0].price_per_s + .wan_sent_bytes / 1e9 * 3 - .cost) | fabs) < 1e-5 * .cost' \
    "$work/report.json" >/dev/null || fail "the cost of a region is not what it rented and sent"
jq -e '.regions[0] as $r | $r.offers | ($r.rent_cost >= .[0].rented_s * 2 + .[1].rented_s * 1 - 1e-6) and
    ($r.rent_cost <= .[0].rented_s * 2 + .[1].rented_s * 9 + 1e-6) and .[0].rented_s > 0 and .[1].rented_s > 0' \
    "$work/report.json" >/dev/null || fail "the cost of the region whose prices changed"
jq -e '((.regions | map(.cost) | add) - .cost | fabs) < 1e-6 * .cost' "$work/report.json" >/dev/null || fail "the sum of costs"
jq -e '.emulate == 0.5 and .predicted_s > 0 and .planned_s > 0' "$work/report.json" >/dev/null || fail "prediction and emulation are not named"
# A core of power 1 is half of one that computes 2000 samples/s, so no step took less.
jq -e '[.regions[0].compute_s * 1000, .regions[1].compute_s * 500] | map(. >= 0.97 * '$((samples * epochs / 2))') | all' \
    "$work/report.json" >/dev/null || fail "workers computed faster than the emulated cores can"
expect_counters "$work/run" "$samples" "$epochs" fast slow
until_true test -z "$(pgrep -f -- "--state $work/run" || true)"

# Ctrl-C ends what is rented, and a resumed run ends exactly.
begin stop up "$work/job.yaml" --state "$work/again" --quiet
up=$pid
until_true grep -q 'ev=marked tag=mark/epoch-1' "$work/again/log/up.log"
kill -INT "$up"
expect_end "$up" 0 "the stopped run"
[ -z "$(pgrep -f -- "--state $work/again" || true)" ] || fail "a rented node outlives the run"
expect 0 up "$work/job.yaml" --state "$work/again" --resume --quiet
expect_counters "$work/again" "$samples" "$epochs" fast slow

# What cannot be is said before anything starts.
expect 3 up "$work/job.yaml" --state "$work/none" --set plan.objective=deadline --set plan.deadline=1s
expect_line "$work/last.err" '^cloudless: up: plan.deadline: 1 s is impossible with these offers; the fastest takes '
expect 3 up "$work/job.yaml" --state "$work/none" --set plan.objective=budget --set plan.budget=0.5
expect_line "$work/last.err" '^cloudless: up: plan.budget: 0.5 is impossible with these offers; the cheapest costs '
sed '/name: slow/,/offers/{/offers/d}' "$work/job.yaml" >"$work/bare.yaml"
expect 2 up "$work/bare.yaml" --state "$work/none"
expect_line "$work/last.err" 'regions\[1\].offers: missing'
expect 2 up "$work/job.yaml" --state "$work/none" --set 'regions[1].offers[0].price_per_s=0'
expect_line "$work/last.err" 'offer core of region slow has no price; write one above 0'
[ ! -e "$work/none" ] || fail "a run that cannot be has left something behind"
