# checkpoint.sh - for the scripts about `cloudless checkpoint`: their job, and the checks that they share.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

samples=6000
epochs=20
cat >"$work/job.yaml" <<YAML
job:
  name: tools
  model: ledger
  data: {kind: counter, samples: $samples}
  epochs: $epochs
  batch: 40
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 4}
checkpoint: {every: 8, keep: 3, mark_every: 0} # points are made here by hand
regions:
  - {name: north, data_share: 2, workers: 2, shards: 2}
  - {name: south, data_share: 1, workers: 1, shards: 2}
links:
  - {between: [north, south], rate: 100Mbit, rtt: 4ms, emulate: true}
YAML

# A run that takes a minute and a half, so that it is not over before all was done beside it; and one as fast as the machine.
slow=(--set plan.emulate=0.04 --set plan.samples_per_s=10000)
quick=(--set plan.emulate=0 --set plan.samples_per_s=0)

checkpoint() { # STATUS ARGS...
    local status=$1
    shift
    expect "$status" checkpoint "$@"
}

# refused STATUS LINE ARGS...: exactly this line of error, and nothing else.
refused() {
    local status=$1 line=$2
    shift 2
    checkpoint "$status" "$@"
    [ "$(cat "$work/last.err")" = "cloudless: checkpoint $line" ] || fail "checkpoint $*: says: $(cat "$work/last.err")"
    [ ! -s "$work/last.out" ] || fail "checkpoint $*: a refusal has output"
}

applied() { # STATE NUMBER: true once the first region has made so many steps
    look "$1" && [ "$(json "$work/status.json" state)" = training ] &&
        [ "$(json "$work/status.json" 'regions[0].steps')" -gt "$2" ]
}

# exact STATE: goes on to the end, with the topology that lies there, and the ledger is exact.
exact() {
    expect 0 up "$1/topology.yaml" --state "$1" --resume --quiet --report "$work/report.json" "${quick[@]}"
    expect_counters "$1" $samples $epochs north south
    [ "$(json "$work/report.json" samples)" = $((samples * epochs)) ] || fail "$1: samples in the report"
}

fingerprint() { # STATE: everything but what reading touches
    (cd "$1" && find . -type f ! -name 'lock*' ! -name '*.lock' -print0 | sort -z | xargs -0 sha256sum)
}

unchanged() { # STATE WHAT
    [ "$(fingerprint "$1")" = "$before" ] || fail "$2 changed $1"
}

