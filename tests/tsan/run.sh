#!/usr/bin/env bash
# Data races: builds the binary with ThreadSanitizer and trains with it, as `up` does, over two regions. Fails on any report.
# Criterion does not start under ThreadSanitizer, so this is what looks at the threads: actors, brokers, snapshot writers.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

[ -f build/tsan/build.ninja ] || cmake --preset tsan -DCLOUDLESS_TESTS=OFF >/dev/null || exit 1
cmake --build --preset tsan --target cloudless || exit 1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TSAN_OPTIONS="log_path=$work/report exitcode=66 history_size=4 suppressions=$PWD/tests/tsan/suppressions.txt"
fixed=() # the sanitizer's map of memory does not fit every layout that the kernel draws
setarch "$(uname -m)" -R true 2>/dev/null && fixed=(setarch "$(uname -m)" -R)

# train NAME ARGS...: one run to its end.
train() {
    local name=$1 status=0
    shift
    "${fixed[@]}" build/tsan/cloudless up "$@" --state "$work/$name" >"$work/$name.out" 2>&1 || status=$?
    if [ "$status" -ne 0 ] || compgen -G "$work/report.*" >/dev/null; then
        cat "$work/$name.out" "$work"/report.* 2>/dev/null | head -n 300 >&2
        echo "FAIL: $name ended with status $status" >&2
        exit 1
    fi
}

train ledger deploy/topologies/ledger.yaml --set job.data.samples=6000 --set job.epochs=1
# Large enough that tensors are shared and not copied; a snapshot every few steps.
train softmax deploy/topologies/two-regions.yaml --set job.model=softmax --set job.epochs=1 --set checkpoint.every=4
echo "no data race seen"
