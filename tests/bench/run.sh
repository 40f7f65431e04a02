#!/usr/bin/env bash
# Measures: tests/bench/run.sh [NAME] [--runs N] [--only SCENE] [--json FILE]
# Without NAME every benchmark runs. Exits 3 when a ratio misses its target. What could not be measured here is named at the end.
set -euo pipefail
usage() {
    echo "usage: tests/bench/run.sh [NAME] [--runs N] [--only SCENE] [--json FILE]"
    echo "benchmarks: $(cd "$(dirname "${BASH_SOURCE[0]}")" && ls ./*.c | sed 's|^\./||; s|\.c$||' | tr '\n' ' ')"
}
name= json= options=()
while (($#)); do
    case "$1" in
    --help) usage; exit 0 ;;
    --json) json=$(realpath -m "${2:?--json needs a file}"); shift 2 ;;
    --runs | --only) options+=("$1" "${2:?$1 needs a value}"); shift 2 ;;
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
cmake --build --preset release --target "$([ -n "$name" ] && echo "bench.$name" || echo benches)" >/dev/null

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rows=$scratch/rows
: >"$rows"
export TMPDIR=$scratch # ZeroMQ puts its ipc sockets there; those of ended processes go with it
status=0
for source in tests/bench/${name:-*}.c; do
    program=build/release/bench/bench.$(basename "$source" .c)
    echo "== $(basename "$source" .c)"
    result=0
    "$program" --rows "$rows" "${options[@]}" | tee -a "$scratch/out" || result=${PIPESTATUS[0]}
    ((result == 0 || status == 1)) || status=$result
done
[ -z "$json" ] || { echo '['; paste -sd, "$rows"; echo ']'; } >"$json"
echo "skipped: $(grep -c '^SKIPPED: ' "$scratch/out" || true)"
sed -n 's/^SKIPPED: /  /p' "$scratch/out"
exit "$status"
