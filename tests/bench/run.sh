#!/usr/bin/env bash
# Measures: tests/bench/run.sh [NAME] [--runs N] [--only SCENE] [--json FILE] [--keep]
# --keep writes all rows into tests/bench/results/NAME.jsonl (all.jsonl without NAME), with a page of them.
# Without NAME every benchmark runs. Exits 3 when a ratio misses its target. What could not be measured here is named at the end.
set -euo pipefail
usage() {
    echo "usage: tests/bench/run.sh [NAME] [--runs N] [--only SCENE] [--json FILE] [--keep]"
    echo "benchmarks: $(cd "$(dirname "${BASH_SOURCE[0]}")" && ls ./*.c | sed 's|^\./||; s|\.c$||' | tr '\n' ' ')"
}
name= json= keep= options=() arguments=("$@")
while (($#)); do
    case "$1" in
    --help) usage; exit 0 ;;
    --json) json=$(realpath -m "${2:?--json needs a file}"); shift 2 ;;
    --runs | --only) options+=("$1" "${2:?$1 needs a value}"); shift 2 ;;
    --keep) keep=yes; shift ;;
    -*) usage >&2; exit 2 ;;
    *) name=$1; shift ;;
    esac
done
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if [ -n "$name" ] && [ ! -f "tests/bench/$name.c" ]; then
    echo "run.sh: no benchmark '$name'" >&2
    usage >&2
    exit 2
fi

./deploy/packages.sh build data
[ -f build/release/build.ninja ] || cmake --preset release >/dev/null
cmake --build --preset release --target cloudless "$([ -n "$name" ] && echo "bench.$name" || echo benches)" >/dev/null

. tests/bench/kit/rows.sh
rows_table() {
    echo "| name | bytes | transport | processes | measured | beside | that measured | ratio | target | runs | samples | seeds | load | made by |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    rows_numbered "$rows" | jq -r "$rows_jq"'def short: if . == null then "-" else . * 1000 | round / 1000 end;
        .[] | "| \(.name) | \(.size_bytes) | \(.transport | or_none) | \(.processes) | \(.value | short) \(.unit) | \(.peer | or_none) | \(.peer_value | short) | " +
        "\(.ratio | short) | \(if .target > 0 then "\(.target_is) \(.target)" else "-" end) | \(.runs) | \(.samples | or_none) | \([.] | rows_seeds) | \([.] | rows_load) | \(.made_by) |"'
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rows=$scratch/rows
: >"$rows"
rows_open build/release/cloudless tests/bench/run.sh "${arguments[@]}"
export TMPDIR=$scratch # ZeroMQ puts its ipc sockets there; those of ended processes go with it
status=0
for source in tests/bench/${name:-*}.c; do
    program=build/release/bench/bench.$(basename "$source" .c)
    echo "== $(basename "$source" .c)"
    result=0
    rows_begin
    "$program" --rows "$scratch/new" "${options[@]}" | tee -a "$scratch/out" || result=${PIPESTATUS[0]}
    ((result == 0 || status == 1)) || status=$result
    [ ! -e "$scratch/new" ] || rows_add "$rows" <"$scratch/new"
    rm -f "$scratch/new"
done
[ -z "$json" ] || { echo '['; paste -sd, "$rows"; echo ']'; } >"$json"
[ -z "$keep" ] || {
    cp "$rows" "tests/bench/results/${name:-all}.jsonl"
    {
        echo "# ${name:-All benchmarks}"
        echo
        rows_table
        echo
        rows_origins "$rows"
    } >"tests/bench/results/${name:-all}.md"
}
echo "skipped: $(grep -c '^SKIPPED: ' "$scratch/out" || true)"
sed -n 's/^SKIPPED: /  /p' "$scratch/out"
exit "$status"
