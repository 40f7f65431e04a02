# The benchmark of training over networks, in short: every figure of its table is there, over real packets where that is possible;
# a run that takes too long is ended, says where it stood and fails; kept results make the same table again.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ -e /usr/share/datasets/fashion-mnist ] && command -v jq >/dev/null || {
    skip all "no data set, or no jq"
    exit
}
export LAB COMPUTE CLOUDLESS
LAB=$(dirname "$LIVE_TOOL")/lab COMPUTE=$(dirname "$LIVE_TOOL")/compute
wan() { bash "$SOURCE/tests/bench/wan.sh" "$@"; }

wan --short --rows "$work/rows" >"$work/table" || fail "it ended with $?"
cat "$work/table"
[ "$(grep -Ec '^\| softmax \| (room|wan) \| [a-z0-9-]+ \| [0-9.]+ s \|' "$work/table")" -eq 3 ] || fail "not three rows with a time to the accuracy"
grep -Eq '^\| softmax \| bare \| none \| - \|.*\| [0-9.]+ s \|' "$work/table" || fail "no bare computing"
# Every row says where it is from, and what it is of.
jq -se 'length == 4 and all(.[]; (.commit | length) > 6 and (.command | startswith("tests/bench/wan.sh --short")) and (.machine | test("cores")) and
    (.kernel | length) > 1 and (.load | length) == 2 and .samples == 3840 and .seeds == [1] and has("durability")) and
    (map(select(.scene == "room")) | length == 1 and .[0].strategy == "alone" and (.[0].sync | test("inside")))' "$work/rows" >/dev/null ||
    fail "a row does not say where it is from"
echo '{"model": "softmax", "samples": 1, "seeds": [1]}' >"$work/row"
bash -c '. "$1/tests/bench/kit/rows.sh"; rows_open "$2" none; rows_add "$3" <"$4"' rows "$SOURCE" "$CLOUDLESS" "$work/bad" "$work/row" 2>"$work/bad.err" &&
    fail "a row that does not say its durability is taken"
expect_line "$work/bad.err" 'a row does not say its durability'

# The sweep for what is compared with, in short: the best is marked.
bash "$SOURCE/tests/bench/sweep.sh" --models softmax --what alone --rates 0.02,0.1 --inside sync --samples 3840 --epochs 1 --accuracy 0.3 \
    --out none >"$work/sweep" || fail "the sweep ended with $?"
cat "$work/sweep"
[ "$(grep -c '^| softmax | alone | .*| best |$' "$work/sweep")" -eq 1 ] || fail "the sweep has no best one"
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
