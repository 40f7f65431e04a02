# The scripts beside this one can fail: whatever they take back at their end, a failure is a failure and a part that was skipped is told.
# It does without lib.sh, whose faults it would share.
set -u
: "${SOURCE:?the source tree}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

# ends STATUS LINES: a script of these lines after lib.sh.
ends() {
    local status=0
    printf '. "%s/tests/live/lib.sh"\n%s\n' "$SOURCE" "$2" >"$work/script.sh"
    bash "$work/script.sh" >"$work/script.out" 2>&1 || status=$?
    [ "$status" -eq "$1" ] || fail "it ended with $status, not $1: $2"
}

ends 0 'true'
ends 1 'fail "as it must"'
ends 1 'undo() { true; }; fail "as it must"'
ends 1 'undo() { false; }; until_true true; fail "as it must"'
ends 0 'undo() { false; }; until_true true'
ends 77 'undo() { true; }; skip "a part" "it cannot run"'
ends 1 'skip "a part" "it cannot run"; fail "as it must"'
ends 1 'echo "ERROR: a sanitizer" >"$reports.1"'

others=$(grep -l '^ *trap .*EXIT' "$SOURCE"/tests/live/*_live.sh | grep -v '/lib_live.sh$')
[ -z "$others" ] || fail "a trap of their own hides what comes of these; let them define undo: $others"
