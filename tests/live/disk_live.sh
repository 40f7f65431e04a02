# A disk that is full, and one that says EIO: training goes on, people are told, nothing is lost, and the run goes on by
# itself when the disk does. As root with real file systems; otherwise the store is told so by the test build.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mounts=() loops=()
undo() {
    local i
    for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do umount -l "${mounts[i]}" 2>/dev/null; done
    for i in "${loops[@]}"; do losetup -d "$i" 2>/dev/null; done
}

job() { # EPOCHS, of two and a half seconds at least, however fast the machine is
    cat <<YAML
job:
  name: disk
  model: ledger
  data: {kind: counter, samples: 20000}
  epochs: $1
  batch: 20
  optimizer: {name: sgd, lr: 1, schedule: constant}
checkpoint: {every: 16, keep: 256} # so that the store grows for a while
plan: {emulate: 0.4, samples_per_s: 10000}
regions:
  - {name: here, data_share: 1, workers: 2, shards: 2}
YAML
}

waits_for_store() { look "$1" && grep -Eq '"waits_for": "(disk|snapshot store)"' "$work/status.json"; }

# trains STATE: it does, and so quickly as is usual while its disk is well.
trains() {
    until_true has_begun "$1"
    progress_usual 200 steps_of "$1" 0
}
has_begun() { [ "$(steps_of "$1" 0)" -gt 100 ]; }

# go_on STATE: while the store is refused, steps are made and nothing becomes durable.
go_on() {
    until_true waits_for_store "$1"
    progress_from steps_of "$1" 0
    progress_to 500 "the disk is full"
    waits_for_store "$1" || fail "the alarm is gone while the disk is still bad"
    progress_from steps_of "$1" 0
}

finish() { # STATE EPOCHS NAME
    expect_end "$pid" 0 "$3"
    [ "$(json "$work/$3.json" 'regions[0].snapshots_failed')" -gt 0 ] || fail "$3: no refused snapshot in the report"
    expect_line "$work/$3.err" 'the disk refused [0-9]+ snapshots'
    expect_counters "$1" 20000 "$2" here
}

full_disk() {
    mkdir "$work/full"
    mount -t tmpfs -o size=16m none "$work/full" && mounts+=("$work/full")
    job 8 >"$work/full.yaml"
    begin full up "$work/full.yaml" --state "$work/full/state" --report "$work/full.json"
    trains "$work/full/state"
    dd if=/dev/zero of="$work/full/filler" bs=64k 2>/dev/null
    dd if=/dev/zero of="$work/full/filler2" bs=512 2>/dev/null
    go_on "$work/full/state"
    rm "$work/full/filler" "$work/full/filler2"
    progress_to 200 "the disk has room again"
    finish "$work/full/state" 8 full
}

# A loop device whose file lies on a full disk: what the file system thinks it has room for comes back as EIO, or as if there were no
# room, as the kernel has it.
broken_disk() {
    local device
    mkdir "$work/below" "$work/broken"
    mount -t tmpfs -o size=64m none "$work/below" && mounts+=("$work/below")
    truncate -s 48m "$work/below/image"
    mkfs.ext2 -q -F "$work/below/image" && device=$(losetup -f --show "$work/below/image") && loops+=("$device")
    mount "$device" "$work/broken" && mounts+=("$work/broken")
    job 8 >"$work/broken.yaml"
    begin broken up "$work/broken.yaml" --state "$work/broken/state" --report "$work/broken.json"
    trains "$work/broken/state"
    progress_from steps_of "$work/broken/state" 0
    dd if=/dev/zero of="$work/below/filler" bs=64k 2>/dev/null
    dd if=/dev/zero of="$work/below/filler2" bs=512 2>/dev/null
    until_true grep -Eq 'ev=(store_suspect|snapshot_failed) ' "$work/broken/state/log/here.log"
    rm "$work/below/filler" "$work/below/filler2"
    progress_to 500 "a disk says EIO, and then has room again"
    finish "$work/broken/state" 8 broken
    ! grep -q 'ev=store_suspect' "$work/broken/state/log/here.log" || expect_line "$work/broken/state/log/here.log" 'ev=store_replaced '
}

told_so() { # FAILPOINT NAME
    job 2 >"$work/$2.yaml"
    export CLOUDLESS_FAILPOINT=$1
    begin "$2" up "$work/$2.yaml" --state "$work/$2" --report "$work/$2.json"
    unset CLOUDLESS_FAILPOINT
    finish "$work/$2" 2 "$2"
    expect_line "$work/$2/log/here.log" 'ev=snapshot_failed '
}

# Several commits in a row, as one of them may be a scheduler's and not a shard's.
pace_begin
told_so store.commit.full:9+8 told_full
told_so store.commit.eio:9+3 told_eio
expect_line "$work/told_eio/log/here.log" 'ev=store_replaced '
if [ "$(id -u)" -eq 0 ]; then full_disk; else skip "a full disk" "only root may mount a small one"; fi
if [ "$(id -u)" -eq 0 ] && losetup -f >/dev/null 2>&1; then broken_disk; else skip "a disk that says EIO" "no loop device for root"; fi
