# The ledger comes out exact in every region, by one command, for the strategies that must not lose or double anything.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for strategy in asgd asgd-ga asp; do
    every=8
    [ "$strategy" = asgd ] && every=1
    expect 0 up "$SOURCE/deploy/topologies/ledger.yaml" --state "$work/$strategy" --report "$work/$strategy.json" \
        --set job.sync.strategy=$strategy --set job.sync.every=$every --set job.data.samples=12345 --set job.epochs=2
    expect_counters "$work/$strategy" 12345 2 north south
    [ "$(json "$work/$strategy.json" samples)" = 24690 ] || fail "$strategy: samples in the report"
    [ "$(json "$work/$strategy.json" strategy)" = "$strategy" ] || fail "$strategy: strategy in the report"
    [ "$(json "$work/$strategy.json" 'regions[0].parameters_sha256')" = \
        "$(json "$work/$strategy.json" 'regions[1].parameters_sha256')" ] || fail "$strategy: the replicas differ"
    expect_line "$work/last.out" '^[^ ]*'
done
expect 0 status --state "$work/asgd" --json
expect_line "$work/last.out" '"running": false'
