# The soak in its short form: it is exact, and no region stands still. How much of the speed is left is for the long form to say.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export CHAOS=${CHAOS:?tests/chaos} TMPDIR=$work

pace_begin
"$SOURCE/tests/live/soak" --minutes 0.1 --interval 2 --least 0 --pace "$work/pace" || fail "soak"
"$SOURCE/tests/live/soak" --help >/dev/null || fail "soak --help"
