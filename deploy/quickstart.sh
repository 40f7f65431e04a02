#!/usr/bin/env bash
# One model, two regions, one command: installs what is missing, builds, and trains LeNet on Fashion-MNIST over an
# emulated WAN. Further arguments go to `cloudless up`, for example: ./deploy/quickstart.sh --set job.epochs=1
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

./deploy/packages.sh build data
[ -f build/release/build.ninja ] || cmake --preset release
cmake --build --preset release --target cloudless

state=$(mktemp -d build/quickstart-XXXXXX)
exec ./build/release/cloudless up deploy/topologies/two-regions.yaml --state "$state" --report "$state/report.json" --beside asgd "$@"
