#!/usr/bin/env bash
# Every reader that meets foreign bytes under clang's fuzzer, some seconds each; ends with 77 where clang cannot be installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

./deploy/packages.sh build fuzz || {
    echo "SKIPPED: fuzz: clang cannot be installed"
    exit 77
}
exec tests/fuzz/guided.sh
