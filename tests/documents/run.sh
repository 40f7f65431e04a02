# run.sh ENTRY: the commands that `table` gives to this ctest entry are run, in their order and from the root of a copy of the
# checkout; each must succeed, background ones are waited for by `wait`. Then what they have made is judged.
. "$(dirname "${BASH_SOURCE[0]}")/../live/lib.sh"

entry=${1:?the name of an entry of tests/documents/table}
copy=$work/checkout
git -C "$SOURCE" ls-files -z --cached --others --exclude-standard | (cd "$SOURCE" && xargs -0 cp --parents -t "$(mkdir -p "$copy" && echo "$copy")") ||
    fail "cannot copy the checkout"
cd "$copy" || fail "cannot enter $copy"
# The quickstart builds its own program, or finds that the checkout's is built (test build.release); everybody else finds one where the
# quickstart would have put it: without sanitizers, as documents have it, beside which commands as long as these would be slow.
mkdir -p build
if [ "$entry" != quickstart ]; then
    mkdir build/release && ln -s "$LOOK" build/release/cloudless || fail "cannot link the program"
elif [ -f "$SOURCE/build/release/build.ninja" ]; then
    ln -s "$SOURCE/build/release" build/release || fail "cannot link the build"
fi
export PATH="$copy/build/release:$PATH"

# What the commands have started goes with them, also when one of them fails.
group=
undo() { [ -z "$group" ] || kill -KILL -- "-$group" 2>/dev/null; }

# What the ledgers have counted, the model that was trained, the pages that were made: `wait` would not tell of a failure.
judge() {
    local page
    case $entry in
    quickstart)
        report=$(ls -d build/quickstart-*/report.json)
        accuracy=$(json "$report" test_accuracy)
        awk -v a="$accuracy" 'BEGIN { exit !(a >= 0.88) }' || fail "the quickstart reached only $accuracy, not 0.88"
        [ "$(json "$report" model)" = lenet ] || fail "the quickstart did not train lenet"
        echo "accuracy of the quickstart: $accuracy"
        ;;
    tasks)
        expect_counters build/go-on 60000 60 north south
        expect_counters build/hand 60000 2 north south
        ;;
    operating) expect_counters build/killed 60000 20 north south ;;
    checkpoint)
        expect_counters build/ledger 60000 62 north south
        expect_counters build/ledger-import 60000 62 north south
        ;;
    by_hand) expect_counters build/by-hand 60000 2 north south ;;
    elastic) expect_counters build/elastic 60000 20 north south ;;
    results)
        for page in tests/bench/results/*.md; do
            diff -u "$SOURCE/$page" "$page" || fail "$page is not what its rows say; make it again as tests/bench/results/README.md says"
        done
        ;;
    esac
}

{
    echo 'set -eE; trap '\''echo "failed: $BASH_COMMAND" >&2'\'' ERR'
    perl "$SOURCE/tests/documents/documents.pl" commands "$SOURCE" "$entry" || fail "cannot read the documents"
} >"$work/commands.sh"
count=$(($(wc -l <"$work/commands.sh") - 1))
[ "$count" -gt 0 ] || fail "no commands of $entry are in the documents"
setsid bash "$work/commands.sh" >"$work/documents.out" 2>"$work/documents.err" </dev/null &
group=$!
wait "$group" || {
    tail -n 30 "$work/documents.out" "$work/documents.err" >&2
    fail "a command of the documents failed"
}
judge
echo "ran $count lines of commands"
