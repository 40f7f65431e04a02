# The benchmark of training over networks, in short: every figure of its table is there, over real packets where that is possible;
# a run that takes too long is ended, says where it stood and fails; kept results make the same table again.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ -e /usr/share/datasets/fashion-mnist ] && command -v jq >/dev/null || {
    skip all "no data set, or no jq"
    exit
}
wan() { LAB=$(dirname "$LIVE_TOOL")/lab CLOUDLESS=$CLOUDLESS bash "$SOURCE/tests/bench/wan.sh" "$@"; }

wan --short >"$work/table" || fail "it ended with $?"
cat "$work/table"
[ "$(grep -c '^| softmax | .* | 1 | [0-9.]* s | ' "$work/table")" -eq 4 ] || fail "not four rows with a time to the accuracy"
grep '^| softmax | wan | asgd-ga-topk' "$work/table" | grep -Eq '\| [0-9.]+ MB \|' || fail "no bytes over the WAN"
! grep -q 'nan\|null' "$work/table" || fail "a figure is missing"

status=0
wan --models softmax --scenes wan --strategies ama-int8 --samples 60000 --epochs 1000 --seeds 1 --out '' --limit 20 \
    >"$work/late" 2>"$work/late.err" || status=$?
[ "$status" -eq 1 ] || fail "a run that takes too long ended with $status"
expect_line "$work/late.err" 'not done after 20 s'
expect_line "$work/late.err" 'scheduler/global' # a slow machine has no more yet
! grep -q '^| softmax' "$work/late" || fail "figures of a run that was not done"

status=0
wan --models softmax --scenes nowhere --out '' >"$work/late" 2>"$work/late.err" || status=$?
[ "$status" -eq 1 ] || fail "a scene that is not there ended with $status"
expect_line "$work/late.err" 'no such row of scenes: nowhere'
