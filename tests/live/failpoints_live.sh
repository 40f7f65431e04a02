# Whoever first comes to a named point is killed there, one run for each point: nothing is lost, nothing doubled.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
: "${CHAOS:?tests/chaos}"
export TMPDIR=$work

"$CHAOS" points --isolate actor --samples 2000 --epochs 1 --parallel 6 || fail "some point"
