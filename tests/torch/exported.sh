#!/usr/bin/env bash
# Every model that there is, trained a little and exported, computes the same in PyTorch. CLOUDLESS: the binary (default: a build of
# what is shipped).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if [ -z "${CLOUDLESS-}" ]; then
    [ -f build/release/build.ninja ] || cmake --preset release >/dev/null
    cmake --build --preset release --target cloudless >/dev/null
    CLOUDLESS=$PWD/build/release/cloudless
fi
exec /usr/bin/python3 tests/torch/exported.py "$CLOUDLESS"
