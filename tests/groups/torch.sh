#!/usr/bin/env bash
# What the tests have recorded of PyTorch (tests/golden/*.py) is recorded once more, and compared number by number: golden files say
# what it computes, not what somebody wrote into them. And exported models compute the same in it (tests/torch). Ends with 77 where
# PyTorch cannot be installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

./deploy/packages.sh build data torch || {
    echo "SKIPPED: torch: python3-torch cannot be installed"
    exit 77
}
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
again=$(mktemp)
trap 'rm -f "$again"' EXIT
status=0
for script in tests/golden/*.py; do
    recorded=$(ls "${script%.py}".golden "${script%.py}".inc 2>/dev/null) || true
    [ -f "$recorded" ] || {
        echo "$script: what it records is not there: NAME.golden or NAME.inc beside NAME.py"
        status=1
        continue
    }
    /usr/bin/python3 "$script" >"$again"
    paste -d '\n' "$recorded" "$again" | awk -v name="$recorded" -f tests/golden/compare.awk || status=1
done
tests/torch/exported.sh || status=1
exit $status
