# Two regions are killed in the midst of a run; before it is resumed one of them has lost its disk, or a shard is found at an
# older snapshot. It takes the other's state if that has more of it, computes again what is nowhere, and the ledger of both is exact.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

samples=20000 epochs=12 # of 250 steps in each region; a cut comes after 200
cat >"$work/job.yaml" <<YAML
job:
  name: lost
  model: ledger
  data: {kind: counter, samples: $samples}
  epochs: $epochs
  batch: 40
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 4, away_after: 30s}
checkpoint: {every: 8, keep: 3}
regions:
  - {name: north, data_share: 1, workers: 1, shards: 2}
  - {name: south, data_share: 1, workers: 1, shards: 2}
links:
  - {between: [north, south], rate: 1Gbit, rtt: 2ms}
YAML

trains() {
    look "$1" &&
        [ "$(json "$work/status.json" 'regions[0].steps')" -gt 100 ] &&
        [ "$(json "$work/status.json" 'regions[1].steps')" -gt 100 ]
}

# Kills everything of a run at once, as a loss of power would.
cut_off() {
    local state=$1
    begin "$(basename "$state")" up "$work/job.yaml" --state "$state" --quiet
    until_true trains "$state"
    [ "${usual:-}" ] || progress_usual 100 steps_of "$state" 1
    local hosts host
    hosts=$("$LOOK" status --state "$state" | awk '$1 ~ /^shard\// { print $3 }' | sort -u)
    [ "$hosts" ] || fail "$state: nobody hosts a shard"
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    for host in $hosts; do until_true gone "$host"; done # a region whose `up` was killed ends by itself, and holds its stores until then
    until_true stopped "$state"
}

stopped() {
    look "$1" && [ "$(json "$work/status.json" running)" = false ]
}

figures() { # REPORT REGION-INDEX NAME...: their sum
    local report=$1 region=$2 sum=0 name
    shift 2
    for name in "$@"; do sum=$((sum + $(json "$report" "regions[$region].$name"))); done
    echo "$sum"
}

# resumed STATE FIGURE...: goes on to the end, which is exact in both regions; the figures tell of the loss where it was.
resumed() {
    local state=$1 report
    shift
    report="$work/$(basename "$state").json"
    progress_from steps_of "$state" 1
    begin "$(basename "$state")" up "$work/job.yaml" --state "$state" --resume --report "$report" --quiet
    progress_to 100 "$state is resumed after a loss" # beyond those that it had made
    expect_end "$pid" 0 "$state, resumed"
    expect_counters "$state" $samples $epochs north south
    [ "$(json "$report" samples)" = $((samples * epochs)) ] || fail "$state: samples in the report"
    (($(figures "$report" 1 "$@") > 0)) || fail "$state: none of $*"
    (($(figures "$report" 0 "$@") == 0)) || fail "$state: $* where nothing was lost"
    [ "$(json "$report" 'regions[0].parameters_sha256')" = "$(json "$report" 'regions[1].parameters_sha256')" ] ||
        fail "$state: the replicas differ"
}

pace_begin
cut_off "$work/emptied"
ls -d "$work/emptied"/south/shard-*/* >/dev/null || fail "there is nothing to lose"
rm -rf "$work/emptied"/south/shard-*
resumed "$work/emptied" welcomes

cut_off "$work/older"
"$LIVE_TOOL" damage "$work/older" south 1 || fail "nothing was damaged"
resumed "$work/older" updates_rolled_back welcomes # the other region may have all that is lost here
expect_line "$work/older/log/south.log" 'actor=shard/south/1 ev=rolled_back '
