# A scheduler, two brokers and four nodes, each started by hand from one topology, in any order; the ledger is exact and
# every process ends with 0.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cat >"$work/job.yaml" <<YAML
job:
  name: by-hand
  model: ledger
  data: {kind: counter, samples: 9000}
  epochs: 2
  batch: 30
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 4}
regions:
  - {name: eu, data_share: 2, workers: 2, shards: 2, offers: [{name: small, count: 2}]}
  - {name: us, data_share: 1, workers: 2, shards: 2, offers: [{name: small, count: 2}]}
links:
  - {between: [eu, us], rate: 100Mbit, rtt: 10ms, emulate: true}
YAML

# run NAME ROLE...: starts the roles in this order and waits for all of them.
run() {
    local state="$work/$1" name=$1 role pids=()
    shift
    for role in "$@"; do
        case $role in
        scheduler) begin "$name-$role" scheduler --topology "$work/job.yaml" --state "$state" --report "$work/$name.json" ;;
        broker-*) begin "$name-$role" broker --topology "$work/job.yaml" --region "${role#broker-}" --state "$state" ;;
        node-*)
            local place=${role#node-}
            begin "$name-$role" node --topology "$work/job.yaml" --region "${place%-*}" --name "${place#*-}" --state "$state"
            ;;
        esac
        pids+=("$pid:$role")
    done
    for role in "${pids[@]}"; do expect_end "${role%%:*}" 0 "$name: ${role#*:}"; done
    expect_counters "$state" 9000 2 eu us
    [ "$(json "$work/$name.json" samples)" = 18000 ] || fail "$name: samples in the report"
}

run forward scheduler broker-eu broker-us node-eu-a node-eu-b node-us-a node-us-b
run backward node-us-b node-us-a node-eu-b node-eu-a broker-us broker-eu scheduler
run mixed node-eu-a broker-us node-us-a scheduler node-us-b broker-eu node-eu-b
