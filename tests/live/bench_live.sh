# The script that measures builds, runs one benchmark and writes rows that programs read. What it measures is not judged
# here: 0 and 3 (a ratio missed its target) are both fine.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

status=0
"$SOURCE/tests/bench/run.sh" model_step --runs 1 --json "$work/rows.json" >"$work/bench.out" 2>"$work/bench.err" || status=$?
[ "$status" -eq 0 ] || [ "$status" -eq 3 ] || fail "run.sh ended with $status"
[ "$(json "$work/rows.json" '[0].name')" = lenet_step ] || fail "the first row has no name"
for key in size_bytes processes value unit peer_value ratio target runs commit command machine kernel samples; do
    [ -n "$(json "$work/rows.json" "[0].$key")" ] || fail "the first row has no $key"
done
jq -e '.[0] | (.load | length) == 2 and .seeds == [1] and has("durability") and (.command | startswith("tests/bench/run.sh model_step"))' \
    "$work/rows.json" >/dev/null || fail "the first row does not say where it is from"
"$SOURCE/tests/bench/run.sh" no_such_bench >/dev/null 2>"$work/unknown.err" && fail "an unknown benchmark is no error"
expect_line "$work/unknown.err" 'no_such_bench'
