# A run that is done, or was stopped, goes on with more epochs or another rate; counts are then those of all epochs. By `up`, and by
# hand on machines of their own.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

topology() { # STRATEGY EPOCHS EVERY
    cat >"$work/job.yaml" <<YAML
job:
  name: more
  model: ledger
  data: {kind: counter, samples: 3000}
  epochs: $2
  batch: 30
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: $1, every: $3}
checkpoint: {every: 16}
regions:
  - {name: eu, data_share: 2, workers: 2, shards: 2}
  - {name: us, data_share: 1, workers: 2, shards: 2}
links:
  - {between: [eu, us], rate: 100Mbit, rtt: 2ms, emulate: true}
YAML
}

# Done, in rounds of all regions: two epochs, then three.
topology ssgd 2 1
up=(up "$work/job.yaml" --state "$work/state")
expect 0 "${up[@]}" --quiet
expect 0 "${up[@]}" --resume
expect_line "$work/last.err" 'all 2 epochs are trained.*--set job.epochs=3'
expect 2 "${up[@]}" --set job.epochs=3
expect_line "$work/last.err" 'job.epochs 2 -> 3; to go on so add --resume --set job.epochs=3,'
sed 's/epochs: 2/epochs: 3/' "$work/job.yaml" >"$work/longer.yaml" # what is not asked for may have been forgotten
expect 2 up "$work/longer.yaml" --state "$work/state" --resume
expect_line "$work/last.err" 'job.epochs 2 -> 3; to go on so add --resume --set job.epochs=3,'
expect 2 "${up[@]}" --resume --set job.epochs=3 --set job.batch=31
expect_line "$work/last.err" 'with other settings: job.batch is 30, not 31; undo'
expect 2 "${up[@]}" --resume --set job.epochs=1
expect_line "$work/last.err" 'job.epochs: shard/.* has trained more than 1 epoch'
expect_counters "$work/state" 3000 2 eu us
expect 0 "${up[@]}" --resume --set job.epochs=3 --report "$work/report.json"
expect_line "$work/last.err" '^carried on with job.epochs 2 -> 3$'
expect_line "$work/last.out" 'carried on with job.epochs 2 -> 3'
expect_counters "$work/state" 3000 3 eu us
[ "$(json "$work/report.json" 'carried_on[0].to')" = 3 ] || fail "the report does not say what was carried on"
[ "$(json "$work/report.json" samples)" = 9000 ] || fail "the report is not of all epochs"
# What it was carried on with outlives the file that says so, and goes into archives.
rm "$work/state/job"
expect 0 checkpoint repair --state "$work/state"
expect_line "$work/state/job" '^changed job.epochs 2 3$'
expect 0 checkpoint export --state "$work/state" --archive "$work/more.tar.zst"
expect 0 checkpoint import "$work/more.tar.zst" --state "$work/imported"
expect_line "$work/imported/job" '^changed job.epochs 2 3$'

# Stopped amidst rounds another rate must wait for the end, as regions would step with it in different rounds; without rounds not.
trains() { look "$1" && [ "$(json "$work/status.json" 'regions[0].steps')" -gt 5 ]; }
for strategy in ssgd asgd-ga; do
    topology $strategy 4000 $([ $strategy = ssgd ] && echo 1 || echo 4)
    begin "$strategy" up "$work/job.yaml" --state "$work/$strategy" --quiet
    stopped=$pid
    until_true trains "$work/$strategy"
    expect 0 stop --state "$work/$strategy"
    expect_end "$stopped" 0 "$strategy, stopped"
    resume=(up "$work/job.yaml" --state "$work/$strategy" --resume)
    if [ $strategy = ssgd ]; then
        expect 2 "${resume[@]}" --set job.optimizer.lr=0.5
        expect_line "$work/last.err" 'job.optimizer cannot change now: .*ssgd'
        continue
    fi
    look "$work/$strategy"
    eu=$(($(json "$work/status.json" 'regions[0].samples') / 2000)) us=$(($(json "$work/status.json" 'regions[1].samples') / 1000))
    epochs=$(((eu > us ? eu : us) + 2)) # fewer than were said, more than are trained
    expect 0 "${resume[@]}" --set job.optimizer.warmup=0.001 --set job.epochs=$epochs
    expect_line "$work/last.err" "^carried on with job.epochs 4000 -> $epochs, job.optimizer.warmup 0 -> 0.001$"
    expect_counters "$work/$strategy" 3000 $epochs eu us
done

# By hand, each process with a directory of its own: the same commands with the changed file. Who still has the old one is told.
topology asgd-ga 1 4
read -r eu_port us_port < <("$LIVE_TOOL" ports 2)
sed -i -e "s|{name: eu,|{name: eu, broker: {bind: 'tcp://127.0.0.1:$eu_port', advertise: 'tcp://127.0.0.1:$eu_port'},|" \
    -e "s|{name: us,|{name: us, broker: {bind: 'tcp://127.0.0.1:$us_port', advertise: 'tcp://127.0.0.1:$us_port'},|" "$work/job.yaml"
by_hand() {
    local name
    for name in scheduler broker-eu broker-us node-eu-a node-us-a; do role $name; done
    for name in scheduler broker-eu broker-us node-eu-a node-us-a; do expect_end "${pids[$name]}" 0 "$1: $name"; done
}
by_hand "one epoch"
cp "$work/job.yaml" "$work/before.yaml"
sed -i 's/epochs: 1/epochs: 2/' "$work/job.yaml"
by_hand "one more"
expect_line "$work/node-eu-a.err" '^carried on with job.epochs 1 -> 2$'
[ "$(json "$work/report.json" 'carried_on[0].key')" = job.epochs ] || fail "the report by hand does not say what was carried on"
[ "$(json "$work/report.json" samples)" = 6000 ] || fail "the report by hand is not of all epochs"
for region in eu us; do expect_counters "$work/on-node-$region-a" 3000 2 $region; done
role node-eu-a # works there with the settings of now
until_true grep -q broker_unreachable "$work/node-eu-a.err" # its lock lies there from before, this comes when it holds it
timeout 60 "$CLOUDLESS" node --topology "$work/before.yaml" --state "$work/on-node-eu-a" --region eu --name b >"$work/last.out" 2>"$work/last.err" &&
    fail "a node with the former topology joined a directory that works with another"
expect_line "$work/last.err" 'works there with other settings; stop it first'
kill -TERM "${pids[node-eu-a]}"
wait "${pids[node-eu-a]}"
