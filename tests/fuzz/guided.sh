#!/usr/bin/env bash
# Every reader that meets foreign bytes under clang's fuzzer, guided by coverage, in a build of its own (build/fuzz):
#   tests/fuzz/guided.sh [SECONDS [NAME...]]   for each program, by default 5; names as message or archive
# It begins from inputs that the programs make themselves. What it finds stays in build/fuzz/found and can be given to the program.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-5}
shift $(($# > 0))

probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
echo 'int LLVMFuzzerTestOneInput(const unsigned char *b, unsigned long n) { return (void)b, (void)n, 0; }' >"$probe/probe.c"
clang -fsanitize=fuzzer,address,undefined "$probe/probe.c" -o "$probe/probe" 2>"$probe/why" || {
    echo "SKIPPED: fuzz.guided: no clang with its fuzzer: $(head -n 1 "$probe/why")" >&2
    exit 77
}

names=("$@")
[ ${#names[@]} -gt 0 ] || names=($(basename -a -s _fuzz.c tests/fuzz/*_fuzz.c))
[ -f build/fuzz/build.ninja ] || cmake -S . -B build/fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_C_FLAGS_DEBUG="-O1 -w" -DCLOUDLESS_SANITIZE=address,undefined,fuzzer-no-link -DCLOUDLESS_LIBFUZZER=ON >/dev/null || exit 1
cmake --build build/fuzz --target $(printf "fuzz.%s_fuzz " "${names[@]}") || exit 1

found=build/fuzz/found
mkdir -p "$found"
status=0
for name in "${names[@]}"; do
    mkdir -p "build/fuzz/corpus/$name"
    seeds=()
    [ "$name" != topology ] || seeds=(deploy/topologies)
    # Ends by itself at the first thing it finds; the last line says how much it tried and what it reached.
    "build/fuzz/tests/fuzz.${name}_fuzz" -max_total_time="$seconds" -max_len=20000 -rss_limit_mb=4096 -print_final_stats=0 \
        -artifact_prefix="$found/$name-" "build/fuzz/corpus/$name" "${seeds[@]}" >"$probe/$name.log" 2>&1 || {
        tail -n 60 "$probe/$name.log" >&2
        echo "FAIL: $name: it can be given again: build/fuzz/tests/fuzz.${name}_fuzz $found/$name-..." >&2
        status=1
    }
    echo "$name: $(grep -E 'DONE|pulse|NEW' "$probe/$name.log" | tail -n 1)"
done
exit $status
