# The cost experiment, in short: a region with machines of half the power, everything rented and by plan.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ -e /usr/share/datasets/fashion-mnist ] && command -v jq >/dev/null || {
    skip all "no data set, or no jq"
    exit
}
CLOUDLESS=$CLOUDLESS bash "$SOURCE/tests/bench/cost.sh" --short >"$work/table" || fail "it ended with $?"
cat "$work/table"
grep -Eq '^\| power-0.5 \| everything \| 12\+12 \|' "$work/table" || fail "the baseline does not rent everything"
grep -Eq '^\| power-0.5 \| match \| 6\+12 \| .*\| 25.0 % \|' "$work/table" || fail "not what the slower region can follow, or no optimum"
! grep -q 'nan\|null' "$work/table" || fail "a figure is missing"
