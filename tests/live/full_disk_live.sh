# A full disk under two regions: by default a region waits for it, and says so; whoever dies meanwhile waits for room and
# goes on; with `checkpoint.when_full: go_on` nobody waits, and a death is a loss as any other: entered, told, equal.
# Needs a small file system of its own: as root, or in a namespace where users may have one.
if [ "$(id -u)" -ne 0 ]; then
    unshare -rm true 2>/dev/null || { echo "no small file system can be mounted here"; exit 77; }
    exec unshare -rm bash "$0"
fi
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

disk=$work/disk
undo() { umount -l "$disk" 2>/dev/null; }
mkdir "$disk"
mount -t tmpfs -o size=32m none "$disk" || exit 77

job() { # EPOCHS of two seconds at least, however fast the machine is
    cat <<YAML
job:
  name: full2
  model: ledger
  data: {kind: counter, samples: 60000}
  epochs: $1
  batch: 50
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 8}
checkpoint: {every: 16, keep: 256}
plan: {emulate: 1, samples_per_s: 10000}
regions:
  - {name: north, data_share: 2, workers: 2, shards: 2}
  - {name: south, data_share: 1, workers: 1, shards: 2}
links:
  - {between: [north, south], rate: 100Mbit, rtt: 10ms, emulate: true}
YAML
}

has_steps() { [ "$(steps_of "$state" "$1")" -gt "$2" ]; }
shows() { look "$state" && grep -q -- "$1" "$work/status.json"; }
runs() { "$LIVE_TOOL" pid "$state" "$1" >"$work/pid"; }
strike() { # NAME: its process is killed
    until_true runs "$1"
    kill -KILL "$(cat "$work/pid")"
}

start() { # NAME EPOCHS [--set ...]
    state=$disk/$1
    job "$2" >"$work/$1.yaml"
    begin "$1" up "$work/$1.yaml" --state "$state" --report "$work/$1.json" "${@:3}"
    until_true has_steps 0 200
    until_true has_steps 1 100
    progress_usual 200 steps_of "$state" 0
}

fill() { # to the last page
    dd if=/dev/zero of="$disk/filler" bs=64k 2>/dev/null
    dd if=/dev/zero of="$disk/filler2" bs=4k 2>/dev/null
}
make_room() { # WHAT: and all goes on
    progress_from steps_of "$state" 0
    rm "$disk/filler" "$disk/filler2"
    progress_to 200 "$1"
}

# Both regions stand for the disk, then the process of one dies, and the global scheduler's.
waits_and_goes_on() {
    start waits 4
    fill
    until_true shows '"waits_for": "disk"'
    strike "region north"
    until_true grep -q 'region north waits for room: ' "$work/waits.err"
    until_true shows 'No space left on device'
    strike scheduler/global
    until_true grep -q 'scheduler/global waits for room: ' "$work/waits.err"
    alive "$pid" || fail "the run did not wait"
    make_room "there is room again, for a region's process and the global scheduler"
    expect_end "$pid" 0 "up on a disk that was full"
    expect_line "$work/waits.err" 'region north has room again'
    expect_counters "$state" 60000 4 north south
    rm -rf "$state"
}

pace_begin
waits_and_goes_on

# A shard alone, in a process of its own: its region says what it waits for.
one_shard_waits() {
    start one 4 --isolate actor
    fill
    until_true shows '"waits_for": "disk"'
    strike shard/north/0
    until_true shows 'disk for shard/north/0'
    make_room "there is room again, for a shard"
    expect_end "$pid" 0 "up with a shard that found no room"
    expect_counters "$state" 60000 4 north south
    rm -rf "$state"
}

one_shard_waits

# Nobody waits; then the process of one region dies, with more behind it than its disk has.
goes_on() {
    start on 7 --set checkpoint.when_full=go_on
    fill
    until_true shows '"state": "undurable"'
    progress_from steps_of "$state" 0
    progress_to 500 "the disk is full, and nobody waits for it"
    progress_from steps_of "$state" 1
    progress_to 100 "the disk is full, and nobody waits for it"
    strike "region north"
    until_true grep -q 'region north waits for room: ' "$work/on.err"
    make_room "there is room again, for a region that went on without"
    expect_end "$pid" 0 "up that goes on without its disk"
    [ "$(json "$work/on.json" 'welcomes')" -gt 0 ] || fail "nobody entered after the loss"
    expect_line "$work/on.err" '[0-9]+ exchanges left a region before they were on a disk'
    expect_counters "$state" 60000 7 north south
}

goes_on
