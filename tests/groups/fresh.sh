#!/usr/bin/env bash
# A Debian 12 with nothing but what every Debian has: do our scripts install all they need? Makes a root of its own, copies the
# checkout there, installs every group of deploy/packages.sh, looks for every program that a script calls, builds, and trains.
# Needs root, debootstrap and a Debian mirror; ends with 77 where one of these is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

skipped() {
    echo "SKIPPED: a fresh Debian: $*"
    exit 77
}

((EUID == 0)) || skipped "needs root"
command -v apt-get >/dev/null || skipped "this is not a Debian"
command -v debootstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends debootstrap \
    >/dev/null 2>&1 || skipped "debootstrap cannot be installed"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' | grep '/debian/*$' | head -n 1)
[ -n "$mirror" ] || skipped "apt knows no mirror of Debian"

root=$(mktemp -d)
cleanup() {
    umount "$root/proc" 2>/dev/null || true
    rm -rf --one-file-system "$root"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 || {
    tail -n 5 "$root.log"
    rm -f "$root.log"
    skipped "debootstrap failed (above)"
}
rm -f "$root.log"
mount -t proc proc "$root/proc"
# Where packages come from is this machine's business, not the project's.
cp -r /etc/apt/. "$root/etc/apt/"
cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
mkdir -p "$root/src/cloudless"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$root/src/cloudless"

inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root bash -c "cd /src/cloudless && $*"; }

inside ./deploy/packages.sh build data test bench
# Groups like this one install what they need themselves.
missing=
while read -r program; do
    # What is no program here either is a word that only looks like one.
    type -P "$program" >/dev/null || continue
    inside "type -P $program" >/dev/null || missing+=" $program"
done < <(perl tests/programs.pl $(git ls-files '*.sh' .ci/run tests/live/soak '*.md' ':!tests/groups' ':!tests/fuzz') | awk '{ print $2 }' | sort -u)
[ -z "$missing" ] || {
    echo "FAIL: called by a script and not there on a fresh machine:$missing" >&2
    exit 1
}
inside "cmake --preset release >/dev/null && cmake --build --preset release >/dev/null"
inside "build/release/cloudless --version | head -n 1"
inside "build/release/cloudless up deploy/topologies/ledger.yaml --state /tmp/ledger --quiet"
echo "a fresh Debian: every program is there; built and trained"
