# The judge: real processes, one for each actor, under a seeded plan of kills, pauses, cuts and a network that doubles,
# swaps and damages. Every counter of every region must be exact, every fault must have fired, and no region may stand still for
# longer than it takes to notice one. For as long as one likes:
#   CLOUDLESS=build/asan/cloudless build/asan/tests/chaos plan --isolate actor --epochs 200 --rounds 20 --pause 15000 --cut 8000
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
: "${CHAOS:?tests/chaos}"
export TMPDIR=$work

pace_begin
chaos() { "$CHAOS" "$@" --pace "$work/pace" || fail "chaos $*"; }

chaos plan --isolate actor --regions 2 --shards 2 --strategy asgd-ga --epochs 2
chaos plan --isolate actor --regions 3 --shards 1 --strategy asgd --epochs 2 --only kill,cut
chaos plan --isolate actor --regions 2 --shards 4 --strategy asgd --epochs 1 --only 'kill shard,kill worker,pause shard'
chaos plan --isolate region --regions 2 --shards 2 --strategy asgd-ga --epochs 2
