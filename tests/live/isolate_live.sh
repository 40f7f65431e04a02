# Whatever shares a process, a small ledger comes out exact, every actor runs where the isolation says, and nothing is left.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

samples=9000 epochs=8

trains() {
    look "$1" && [ "$(json "$work/status.json" state)" = training ] &&
        [ "$(json "$work/status.json" 'regions[0].steps')" -gt 10 ]
}

# different NAME NAME: two actors run, in different processes.
different() {
    local one two
    one=$("$LIVE_TOOL" pid "$state" "$1") && two=$("$LIVE_TOOL" pid "$state" "$2") && [ "$one" != "$two" ]
}
same() {
    local one two
    one=$("$LIVE_TOOL" pid "$state" "$1") && two=$("$LIVE_TOOL" pid "$state" "$2") && [ "$one" = "$two" ]
}

expect 2 up "$SOURCE/deploy/topologies/ledger.yaml" --state "$work/none" --isolate everything
expect_line "$work/last.err" '^cloudless: up: --isolate everything: write region, role or actor'
[ ! -e "$work/none" ] || fail "a wrong --isolate left a state directory"

for isolate in region role actor; do
    state=$work/$isolate
    begin "run-$isolate" up "$SOURCE/deploy/topologies/ledger.yaml" --state "$state" --report "$work/$isolate.json" --quiet \
        --isolate $isolate --set job.data.samples=$samples --set job.epochs=$epochs
    until_true trains "$state"
    pgrep -P "$pid" >"$work/children"
    case $isolate in
    region) until_true same worker/north/0 shard/north/1 ;;
    role)
        until_true same shard/north/0 shard/north/1
        until_true different worker/north/0 shard/north/0
        until_true different scheduler/north shard/north/0
        ;;
    actor)
        until_true different shard/north/0 shard/north/1
        until_true different worker/north/0 worker/north/1
        until_true different synchronizer/north/0 synchronizer/north/1
        ;;
    esac
    expect_end "$pid" 0 "$isolate"
    while read -r child; do gone "$child" || fail "$isolate: child $child outlived its run"; done <"$work/children"
    expect_counters "$state" $samples $epochs north south
    [ "$(json "$work/$isolate.json" samples)" = $((samples * epochs)) ] || fail "$isolate: samples in the report"
    [ "$(json "$work/$isolate.json" restarts)" = 0 ] || fail "$isolate: restarts in the report"
done
