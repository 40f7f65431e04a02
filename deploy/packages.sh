#!/usr/bin/env bash
# Installs the Debian packages that are missing, and nothing when none is: packages.sh [--list] build|data|test|movielens|fuzz|torch|bench ...
# Each group stands with the reason for it; every script of the project installs through here. --list prints the names alone.
set -euo pipefail

packages() {
    case "$1" in
    build)
        echo gcc libc6-dev cmake ninja-build pkg-config # compiler and build system
        echo libczmq-dev libzmq3-dev                     # actors and brokers: message queues
        echo libmsgpack-dev                              # wire format
        echo liblmdb-dev                                 # snapshots
        echo libarchive-dev                              # archives of snapshots
        echo libopenblas-dev                             # matrix products
        echo libdnnl-dev                                 # convolutions of many channels; opened at run time where there is one
        echo libyaml-dev                                 # topology files, with line and column of every node
        echo libjansson-dev                              # --json output, reports
        echo libxxhash-dev                               # checksums of chunks and stored values
        echo libsodium-dev                               # SHA-256 of parameters
        echo zlib1g-dev                                  # gzipped data sets
        ;;
    data) echo dataset-fashion-mnist ;;              # 60,000 + 10,000 real images
    test)
        echo libcriterion-dev # unit tests
        echo git              # which files there are; the commit
        echo jq               # figures out of reports
        echo iproute2         # network namespaces; which ports are taken
        echo procps           # which processes there are
        echo e2fsprogs mount  # small file systems that fill up
        echo perl             # figures of how the source is built
        echo clang-format-14  # whose format the source has
        ;;
    movielens) echo r-base-core r-cran-dslabs ;; # 100,004 ratings, and what reads them
    fuzz) echo clang libclang-rt-14-dev ;; # its fuzzer, which coverage guides
    torch) echo python3-torch python3-numpy ;; # PyTorch, beside which models are checked
    bench)
        echo iperf3      # the physical limit beside our own figures
        echo gnuplot-nox # accuracy against time
        ;;
    *)
        echo "packages.sh: unknown group '$1'; write build, data, test, movielens, fuzz, torch or bench" >&2
        return 2
        ;;
    esac
}

if [ "${1-}" = --list ]; then
    shift
    for group in "$@"; do packages "$group"; done
    exit
fi

missing=()
for group in "$@"; do
    list=$(packages "$group")
    for package in $list; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
    command -v sudo >/dev/null || {
        echo "packages.sh: needs root to install: ${missing[*]}; run as root or install sudo" >&2
        exit 1
    }
    as_root=(sudo)
fi
echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
{ "${as_root[@]}" apt-get update -q && "${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    echo "packages.sh: apt-get failed (see above); check the network and /etc/apt/sources.list" >&2
    exit 1
}
