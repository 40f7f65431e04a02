#!/usr/bin/env bash
# Every C file is as clang-format 14 would write it. Another version of it would write some lines differently.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

command -v clang-format-14 >/dev/null || {
    echo "SKIPPED: the format: there is no clang-format-14; ./deploy/packages.sh test installs it"
    exit 77
}
mapfile -t files < <(find codec store brokers actors deploy tests -name '*.[ch]' | sort)
((${#files[@]} > 100)) || {
    echo "FAIL: only ${#files[@]} C files were found" >&2
    exit 1
}
wrong=$(clang-format-14 --dry-run "${files[@]}" 2>&1 | sed -n 's/: warning: code should be clang-formatted.*//p')
[ -z "$wrong" ] || {
    echo "$wrong" >&2
    echo "FAIL: these places are not formatted; run: clang-format-14 -i FILE" >&2
    exit 1
}
echo "${#files[@]} files are formatted"
