# However deltas are encoded, every count has arrived at the end: what one delta leaves out comes with a later one.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

plain=
for encoding in none fp16 int8 int4 topk; do
    expect 0 up "$SOURCE/deploy/topologies/ledger.yaml" --state "$work/$encoding" --report "$work/$encoding.json" \
        --set job.sync.encoding=$encoding --set job.data.samples=12345 --set job.epochs=2
    expect_counters "$work/$encoding" 12345 2 north south
    [ "$(json "$work/$encoding.json" encoding)" = "$encoding" ] || fail "$encoding: encoding in the report"
    sum=$(json "$work/$encoding.json" 'regions[0].parameters_sha256')
    [ "$sum" = "${plain:=$sum}" ] || fail "$encoding: the replica differs from that of none"
done
for encoding in none int8; do # what is not significant comes later, too
    expect 0 up "$SOURCE/deploy/topologies/ledger.yaml" --state "$work/asp-$encoding" --report "$work/asp.json" --set job.sync.strategy=asp \
        --set job.sync.encoding=$encoding --set job.sync.threshold=10% --set job.data.samples=12345 --set job.epochs=2
    expect_counters "$work/asp-$encoding" 12345 2 north south
    [ "$(json "$work/asp.json" 'regions[1].parameters_sha256')" = "$plain" ] || fail "asp, $encoding: the replica differs from that of none"
done
expect 2 up "$SOURCE/deploy/topologies/ledger.yaml" --state "$work/asp" --set job.sync.strategy=asp --set job.sync.encoding=topk
expect_line "$work/last.err" 'asp itself chooses which values it sends'
expect 2 up "$SOURCE/deploy/topologies/ledger.yaml" --state "$work/ama" --set job.sync.strategy=ama --set job.sync.encoding=topk
expect_line "$work/last.err" 'no model to average; write fp16'
