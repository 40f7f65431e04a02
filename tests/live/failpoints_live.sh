# Whoever first comes to a named point is killed there, some points in each run: nothing is lost, nothing doubled, and the
# others, and its successor, train on.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
: "${CHAOS:?tests/chaos}"
export TMPDIR=$work

pace_begin
"$CHAOS" points --isolate actor --samples 2000 --epochs 1 --parallel 4 --pace "$work/pace" || fail "some point"
