# The cost experiment, in short: a region with machines of half the power; everything rented, everything but what is done, and by plan.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ -e /usr/share/datasets/fashion-mnist ] && command -v jq >/dev/null || {
    skip all "no data set, or no jq"
    exit
}
CLOUDLESS=$CLOUDLESS bash "$SOURCE/tests/bench/cost.sh" --short >"$work/table" || fail "it ended with $?"
cat "$work/table"
for baseline in everything until-done; do # real, and simulated
    [ "$(grep -Ec "^\| power-0.5 \| (1 \| )?$baseline \| 12\+12 \|" "$work/table")" -eq 2 ] || fail "$baseline does not rent everything"
done
[ "$(grep -Ec '^\| power-0.5 \| (1 \| )?match \| 6\+12 \| .*\| 25.0 % \|' "$work/table")" -eq 2 ] || fail "not what the slower region can follow, or no optimum"
! grep -q 'nan\|null' "$work/table" || fail "a figure is missing"
# Simulated, what is returned is not paid, and planning saves more than returning alone.
cost() { awk -F' [|] ' -v objective="$1" '$2 == "1" && $3 == objective { print $6 }' "$work/table"; }
awk -v kept="$(cost everything)" -v returned="$(cost until-done)" -v planned="$(cost match)" 'BEGIN { exit !(kept > 1.1 * returned && returned > planned && planned > 0) }' ||
    fail "everything $(cost everything), until-done $(cost until-done), match $(cost match)"
