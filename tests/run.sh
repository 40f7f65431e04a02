#!/usr/bin/env bash
# Builds everything with sanitizers and runs every test:  ./tests/run.sh [arguments of ctest, for example -R sim]
# What needs more than that, a group of tests by name:     ./tests/run.sh --with GROUP
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "${1-}" = --with ]; then
    groups=$(cd tests/groups && ls ./*.sh | sed 's|^\./||; s|\.sh$||' | paste -sd' ')
    [ -x "tests/groups/${2-}.sh" ] || {
        echo "run.sh: there is no group '${2-}'; write one of: $groups" >&2
        exit 2
    }
    exec "tests/groups/$2.sh"
fi

./deploy/packages.sh build data test
[ -f build/asan/build.ninja ] || cmake --preset asan
cmake --build --preset asan
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}
status=0
# More at a time than there are processors: live tests wait as much as they compute.
ctest --test-dir build/asan --output-on-failure --no-tests=error -j "$(($(nproc) + 2))" "$@" || status=$?
# Parts that could not run here, by name: ctest says only of which tests.
grep -h '^SKIPPED: ' build/asan/Testing/Temporary/LastTest.log || true
exit $status
