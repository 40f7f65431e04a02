# The benchmark of training over networks, in short: every figure of its table is there, over real packets where that is possible.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ -e /usr/share/datasets/fashion-mnist ] && command -v jq >/dev/null || {
    echo "no data set or no jq"
    exit 77
}
LAB=$(dirname "$LIVE_TOOL")/lab CLOUDLESS=$CLOUDLESS bash "$SOURCE/tests/bench/wan.sh" --short >"$work/table" || fail "it ended with $?"
cat "$work/table"
[ "$(grep -c '^| softmax | .* | 1 | [0-9.]* s | ' "$work/table")" -eq 4 ] || fail "not four rows with a time to the accuracy"
grep '^| softmax | wan | asgd-ga-topk' "$work/table" | grep -Eq '\| [0-9.]+ MB \|' || fail "no bytes over the WAN"
! grep -q 'nan\|null' "$work/table" || fail "a figure is missing"
