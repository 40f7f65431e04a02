# The soak in its short form: it is exact. How much of the speed is left is for the long form to say.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export CHAOS=${CHAOS:?tests/chaos} TMPDIR=$work

"$SOURCE/tests/live/soak" --minutes 0.1 --interval 2 --least 0 || fail "soak"
"$SOURCE/tests/live/soak" --help >/dev/null || fail "soak --help"
