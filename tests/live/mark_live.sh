# A job is led to common points of all its shards while it trains. They outlive the incarnation of the shards that made them,
# and all shards are taken back to the oldest of them together: the ledger still comes out exact.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

state=$work/state
settings=(--state "$state" --quiet --set job.data.samples=30000 --set job.epochs=8 --set checkpoint.mark_every=1
    --set checkpoint.marks=8 --set checkpoint.every=4 --set checkpoint.keep=1)
up=(up "$SOURCE/deploy/topologies/ledger.yaml" "${settings[@]}")
marks() { "$LIVE_TOOL" marks "$state" 2 north south >"$work/marks"; }
has() { marks && grep -Eqx -- "$1" "$work/marks"; }

begin first "${up[@]}"
first=$pid
until_true has 'mark/epoch-1'
expect 0 checkpoint mark before-lunch --state "$state"
expect_line "$work/last.out" '^made common point before-lunch; '
has 'mark/before-lunch' || fail "not all shards have the point that was asked for: $(cat "$work/marks")"
expect 2 checkpoint mark before-lunch --state "$state"
expect_line "$work/last.err" 'there is a common point before-lunch already; choose another name$'
expect 2 checkpoint mark epoch-7 --state "$state"
expect 0 stop --state "$state"
expect_end "$first" 0 "the run that was stopped"

expect 0 "${up[@]}" --resume
expect_counters "$state" 30000 8 north south
has 'mark/epoch-1' || fail "the point of the first run is gone: $(cat "$work/marks")"
[ "$(find "$state/north/shard-0" -mindepth 1 -maxdepth 1 | wc -l)" -le 9 ] || fail "more stores stay than hold points"

expect 1 checkpoint mark too-late --state "$state"
expect_line "$work/last.err" "no global scheduler runs in $state; "
expect 0 checkpoint ls --state "$state" --points
expect_line "$work/last.out" '^    before-lunch +4 of +4 '
cp -a "$state" "$work/asked"
expect 0 checkpoint restore --state "$work/asked" --to before-lunch
expect 0 up "$work/asked/topology.yaml" --state "$work/asked" --resume --quiet
expect_counters "$work/asked" 30000 8 north south

expect 0 checkpoint restore --state "$state" --to mark/epoch-1
expect 0 checkpoint export --state "$state" --region north -o "$work/back.safetensors"
"$LIVE_TOOL" counters "$work/back.safetensors" 30000 8 2>/dev/null && fail "nothing was taken back"
expect 0 "${up[@]}" --resume
expect_counters "$state" 30000 8 north south
has 'mark/epoch-[0-9]:3\.[0-9]+' || fail "the run after it made no point: $(cat "$work/marks")"
