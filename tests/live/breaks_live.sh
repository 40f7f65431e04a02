# A judge that cannot go red proves nothing: without one of the guards the counters must come out wrong. The guards whose windows
# are short beside a real disk and a real clock (fencing, output-commit) are taken away in the simulator: sim.ledger_without_*.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
: "${CHAOS:?tests/chaos}"
export TMPDIR=$work

red() { "$CHAOS" plan --isolate actor --epochs 1 "$@" || fail "not red: $*"; }

red --break dedup --only 'kill worker' --network 20000
red --break checksum --only 'kill worker' --network 20000
expect 2 up "$SOURCE/deploy/topologies/ledger.yaml" --state "$work/none" --break everything
expect_line "$work/last.err" 'there is no such guard'
