# What `simulate` predicts: the same for the same seed, what arithmetic says where arithmetic can say it, and one clear error for
# what cannot be simulated.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cat >"$work/job.yaml" <<YAML
job:
  name: simulate
  model: ledger
  data: {kind: counter, samples: 24000}
  batch: 8
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 50}
checkpoint: {durability: process}
plan: {samples_per_s: 100}
regions:
  - name: fast
    data_share: 1
    offers: [{name: core, count: 12, price_per_s: 1}]
  - name: slow
    data_share: 1
    offers: [{name: core, count: 12, power: 0.5, price_per_s: 1}]
links:
  - {between: [fast, slow], rate: 100Mbit, rtt: 10ms, price_per_gb: 1}
YAML

# near VALUE FROM TO WHAT
near() {
    awk -v v="$1" -v from="$2" -v to="$3" 'BEGIN { exit !(v + 0 >= from && v + 0 <= to) }' ||
        fail "$4: $1 is not within $2 and $3"
}

# One seed, one prediction; another seed draws other times.
expect 0 simulate "$work/job.yaml" --objective everything --json --quiet
cp "$work/last.out" "$work/everything.json"
expect 0 simulate "$work/job.yaml" --objective everything --json --quiet
cmp "$work/last.out" "$work/everything.json" || fail "the same seed gives another prediction"
expect 0 simulate "$work/job.yaml" --objective everything --json --quiet --seed 2
cmp -s "$work/last.out" "$work/everything.json" && fail "another seed gives the same prediction"

# 12,000 samples each: 10 s for 12 cores of power 1, 20 s for 12 of power 0.5; the run takes as long as the slower one.
[ "$(json "$work/everything.json" over)" = true ] || fail "the run did not end"
[ "$(json "$work/everything.json" total.samples)" = 24000 ] || fail "samples"
near "$(json "$work/everything.json" run_s)" 20 23 "time of everything"
near "$(json "$work/everything.json" regions[1].computed)" 0.7 1 "share computed of the slower region"
near "$(json "$work/everything.json" regions[0].computed)" 0.3 0.55 "share computed of the faster region"

# Half of the faster region is enough, and a quarter of the rent is saved.
expect 0 simulate "$work/job.yaml" --objective match --json --quiet
[ "$(json "$work/last.out" regions[0].workers)" = 6 ] || fail "workers of match"
near "$(json "$work/last.out" run_s)" 20 23 "time of match"
near "$(awk -v a="$(json "$work/last.out" total.rent)" -v b="$(json "$work/everything.json" total.rent)" \
    'BEGIN { print a / b }')" 0.7 0.8 "rent of match beside everything"

# Every delta is a model of 4,000 bytes: where computing is quick, rounds of every step take what the link takes.
expect 0 simulate "$work/job.yaml" --units fast.core=12 --units slow.core=12 --set job.sync.strategy=ssgd \
    --set job.sync.every=1 --set plan.samples_per_s=1000000 --set links[0].rate=400kbit --json --quiet
rounds=$(json "$work/last.out" total.rounds)
near "$(json "$work/last.out" run_s)" "$(awk -v n="$rounds" 'BEGIN { print n * 0.08 }')" \
    "$(awk -v n="$rounds" 'BEGIN { print n * 0.08 * 1.6 + 5 }')" "time of $rounds rounds over a thin link"
near "$(json "$work/last.out" regions[0].wan_sent_bytes)" "$(awk -v n="$rounds" 'BEGIN { print n * 4000 }')" \
    "$(awk -v n="$rounds" 'BEGIN { print n * 6500 }')" "bytes of $rounds rounds"

# A limit ends it, and the whole run is told from what was done.
expect 0 simulate "$work/job.yaml" --objective everything --hours 0.0025 --json --quiet
[ "$(json "$work/last.out" over)" = false ] || fail "it went on beyond its limit"
near "$(json "$work/last.out" run_s)" 18 26 "time of the whole run, from nine seconds of it"

# A signal ends it as well.
begin long simulate "$work/job.yaml" --objective everything --set job.data.samples=4000000000
until_true grep -q '^simulated ' "$work/long.err"
kill -TERM "$pid"
expect_end "$pid" 0 "a simulation that was told to end"
expect_line "$work/long.out" '^  ended after .*; the run takes '

# Without a choice the topology's workers run.
expect 0 simulate "$work/job.yaml" --quiet
expect_line "$work/last.out" '^  fast +1 +12000 '
expect_line "$work/last.out" '^  the run takes '

# Bad input.
expect 2 simulate
expect 2 simulate "$work/job.yaml" --objective cheap
expect_line "$work/last.err" '^cloudless: simulate: --objective cheap: is not known; write everything, '
expect 2 simulate "$work/job.yaml" --objective deadline
expect_line "$work/last.err" 'needs a limit; write --set plan.deadline=VALUE too$'
expect 3 simulate "$work/job.yaml" --objective deadline --set plan.deadline=5s
expect_line "$work/last.err" '5 s is impossible with these offers; the fastest takes 22.0'
expect 2 simulate "$work/job.yaml" --objective match --units fast.core=1
expect_line "$work/last.err" 'write one of them$'
expect 2 simulate "$work/job.yaml" --units fast.core
expect_line "$work/last.err" 'write REGION.OFFER=COUNT, such as eu.small=4$'
expect 2 simulate "$work/job.yaml" --units quick.core=1
expect_line "$work/last.err" 'the topology has no region quick'
expect 2 simulate "$work/job.yaml" --units fast.gpu=1
expect_line "$work/last.err" 'region fast offers no gpu'
expect 2 simulate "$work/job.yaml" --units fast.core=13
expect_line "$work/last.err" 'there are 12 of them; write no more$'
expect 2 simulate "$work/job.yaml" --units fast.core=1
expect_line "$work/last.err" 'region slow would have no worker; rent a unit of one of its offers$'
expect 2 simulate "$work/job.yaml" --hours 0
expect_line "$work/last.err" '^cloudless: simulate: --hours 0: is no number of hours'
expect 2 simulate "$work/job.yaml" --seed x
expect_line "$work/last.err" '^cloudless: simulate: --seed x: is no whole number'
expect 3 simulate "$work/job.yaml" --units fast.core=12 --units slow.core=12 --set 'regions[0].offers[0].cores=100'
expect_line "$work/last.err" 'region fast would have 1200 workers; at most 1024 are simulated$'
