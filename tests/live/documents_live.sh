# Every command of the documents is run, in their order and from the root of a checkout, but for the test command itself.
# The quickstart among them must have trained a model that is worth something.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

copy=$work/checkout
git -C "$SOURCE" ls-files -z --cached --others --exclude-standard | (cd "$SOURCE" && xargs -0 cp --parents -t "$(mkdir -p "$copy" && echo "$copy")") ||
    fail "cannot copy the checkout"
cd "$copy" || fail "cannot enter $copy"

# The lines of all ```sh blocks; each must succeed, background ones are waited for by `wait`.
{
    echo 'set -eE; trap '\''echo "failed: $BASH_COMMAND" >&2'\'' ERR'
    cat README.md ARCHITECTURE.md */README.md |
        awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' | grep -v '^\./tests/run\.sh'
} >"$work/commands.sh"
count=$(($(wc -l <"$work/commands.sh") - 1))
[ "$count" -ge 10 ] || fail "only $count commands found in the documents"
bash "$work/commands.sh" >"$work/documents.out" 2>"$work/documents.err" </dev/null || {
    tail -n 30 "$work/documents.out" "$work/documents.err" >&2
    fail "a command of the documents failed"
}
report=$(ls -d build/quickstart-*/report.json)
accuracy=$(json "$report" test_accuracy)
awk -v a="$accuracy" 'BEGIN { exit !(a >= 0.88) }' || fail "the quickstart reached only $accuracy, not 0.88"
[ "$(json "$report" model)" = lenet ] || fail "the quickstart did not train lenet"
# The stopped and resumed ledger of the how-to is exact, and so is the one by hand: `wait` would not tell of their failure.
expect_counters build/ledger 60000 62 north south
expect_counters build/by-hand 60000 2 north south
expect_counters build/killed 60000 20 north south
expect_counters build/ledger-import 60000 62 north south
echo "ran $count commands of the documents; quickstart accuracy $accuracy"
