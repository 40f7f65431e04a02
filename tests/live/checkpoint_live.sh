# Every command of `cloudless checkpoint`, on a running job, on files alone and on damaged ones; and the recovery as a user does
# it: copied, the first deleted, another address, --resume. The judge is the ledger.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

samples=6000
epochs=60
cat >"$work/job.yaml" <<YAML
job:
  name: tools
  model: ledger
  data: {kind: counter, samples: $samples}
  epochs: $epochs
  batch: 20
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 4}
checkpoint: {every: 8, keep: 3, mark_every: 0} # points are made here by hand
regions:
  - {name: north, data_share: 2, workers: 2, shards: 2}
  - {name: south, data_share: 1, workers: 1, shards: 2}
links:
  - {between: [north, south], rate: 100Mbit, rtt: 4ms, emulate: true}
YAML

checkpoint() { # STATUS ARGS...
    local status=$1
    shift
    expect "$status" checkpoint "$@"
}

# refused STATUS LINE ARGS...: exactly this line of error, and nothing else.
refused() {
    local status=$1 line=$2
    shift 2
    checkpoint "$status" "$@"
    [ "$(cat "$work/last.err")" = "cloudless: checkpoint $line" ] || fail "checkpoint $*: says: $(cat "$work/last.err")"
    [ ! -s "$work/last.out" ] || fail "checkpoint $*: a refusal has output"
}

applied() { # STATE NUMBER: true once the first region has made so many steps
    "$CLOUDLESS" status --state "$1" --json >"$work/status.json" && [ "$(json "$work/status.json" state)" = training ] &&
        [ "$(json "$work/status.json" 'regions[0].steps')" -gt "$2" ]
}

# exact STATE: goes on to the end, with the topology that lies there, and the ledger is exact.
exact() {
    expect 0 up "$1/topology.yaml" --state "$1" --resume --quiet --report "$work/report.json"
    expect_counters "$1" $samples $epochs north south
    [ "$(json "$work/report.json" samples)" = $((samples * epochs)) ] || fail "$1: samples in the report"
}

fingerprint() { # STATE: everything but what reading touches
    (cd "$1" && find . -type f ! -name 'lock*' ! -name '*.lock' -print0 | sort -z | xargs -0 sha256sum)
}

unchanged() { # STATE WHAT
    [ "$(fingerprint "$1")" = "$before" ] || fail "$2 changed $1"
}

# ---- beside a running job ----
state=$work/state
begin run up "$work/job.yaml" --state "$state" --quiet
run=$pid
until_true applied "$state" 100

checkpoint 0 ls --state "$state"
for shard in north/shard-0 north/shard-1 south/shard-0 south/shard-1; do expect_line "$work/last.out" "^$shard/[0-9a-f]{16}$"; done
checkpoint 0 ls --state "$state" --region south --json
expect_line "$work/last.out" '"store": "south/shard-1/'
grep -q north "$work/last.out" && fail "--region south lists north"
checkpoint 0 show --state "$state" --region north --shard 1 --json
expect_line "$work/last.out" '"name": "parameters"'
checkpoint 0 verify --state "$state"
expect_line "$work/last.out" '^all is well: '
checkpoint 0 export --state "$state" --region north -o "$work/live.safetensors"
checkpoint 0 export --state "$state" --archive "$work/live.tar.zst"
checkpoint 0 copy --state "$state" --to "$work/live-copy" --json
cp "$work/last.out" "$work/copy.json"
[ "$(json "$work/copy.json" fits)" = true ] || fail "a copy of a running job does not fit together"
checkpoint 0 prune --state "$state" --keep 1
refused 2 "restore: $state is in use by process $run; stop it with cloudless stop --state $state" restore --state "$state" --to noon
refused 2 "repair: $state is in use by process $run; stop it with cloudless stop --state $state" repair --state "$state"
refused 2 "import: $state is in use by process $run; stop it with cloudless stop --state $state" \
    import "$work/live.tar.zst" --state "$state" --force
expect 0 stop --state "$state"
expect_end "$run" 0 "the stopped run"

# Both go on from the moment they were taken at, as if nothing else had been.
checkpoint 0 verify --state "$work/live-copy"
exact "$work/live-copy"
checkpoint 0 verify --archive "$work/live.tar.zst"
before=$(ls -A "$work")
checkpoint 0 import "$work/live.tar.zst" --state "$work/imported" --dry-run
[ "$(ls -A "$work" | grep imported)" = "" ] || fail "import --dry-run wrote something"
checkpoint 0 import "$work/live.tar.zst" --state "$work/imported"
refused 2 "import: $work/imported is there already; add --force to replace it, or name another one" \
    import "$work/live.tar.zst" --state "$work/imported"
checkpoint 0 diff "$work/live.tar.zst" "$work/imported"
expect_line "$work/last.out" '^they are equal$'
exact "$work/imported"

# ---- what is refused ----
before=$(fingerprint "$state")
refused 2 "copy: $work/live-copy is there already; add --force to replace it, or name another one" \
    copy --state "$state" --to "$work/live-copy"
refused 2 "copy: $state/inside and $state lie in each other; name a directory beside it" copy --state "$state" --to "$state/inside"
refused 2 "copy: $state and $state lie in each other; name a directory beside it" copy --state "$state" --to "$state" --force
mkdir "$work/photos" && touch "$work/photos/cat.jpg"
refused 2 "copy: $work/photos is there and no state directory; name another one" copy --state "$state" --to "$work/photos" --force
[ "$(ls "$work/photos")" = cat.jpg ] || fail "a foreign directory was written to"
refused 2 "ls: $work/photos is no state directory; give --state as for up" ls --state "$work/photos"
refused 2 "verify: $work/photos is no state directory; give --state as for up" verify --state "$work/photos"
refused 2 "show: there is no shard 7 in region north; it has 2, the first is 0" show --state "$state" --region north --shard 7
refused 2 "show: there is no region east in this job; name one of its regions" show --state "$state" --region east --shard 0
refused 1 "show: shard 0 of region north has no snapshot with the tag noon" show --state "$state" --region north --shard 0 --tag noon
refused 2 "export: $work/live.tar.zst is there already; add --force to replace it, or name another one" \
    export --state "$state" --archive "$work/live.tar.zst"
refused 2 "export: there is no region east in this job; name one of its regions" export --state "$state" --region east -o "$work/x"
refused 2 "prune: --keep 0: write a number of at least 1" prune --state "$state" --keep 0
refused 1 "restore: shard 0 of region north has no snapshot with the tag mark/noon" restore --state "$state" --to noon
refused 2 "verify: give either --state or --archive" verify
refused 2 "diff: missing: B; see cloudless checkpoint diff --help" diff "$state"
refused 2 "ls: there is no option --stade; see cloudless checkpoint ls --help" ls --stade x
expect 2 checkpoint lss
expect_line "$work/last.err" '^cloudless: checkpoint: there is no command lss; did you mean ls\?$'
unchanged "$state" "a refusal"

# ---- a stopped job: nothing is written by a dry run ----
checkpoint 0 copy --state "$state" --to "$work/second" --dry-run
checkpoint 0 export --state "$state" --archive "$work/none.tar.zst" --dry-run
checkpoint 0 export --state "$state" --region north -o "$work/none.safetensors" --dry-run
checkpoint 0 prune --state "$state" --keep 1 --dry-run
expect_line "$work/last.out" '^would remove '
checkpoint 0 repair --state "$state" --from "$work/live-copy" --dry-run
unchanged "$state" "a dry run"
[ ! -e "$work/second" ] && [ ! -e "$work/none.tar.zst" ] && [ ! -e "$work/none.safetensors" ] || fail "a dry run wrote something"

# ---- prune: the newest stays, and a common point unless asked for ----
checkpoint 0 copy --state "$state" --to "$work/pruned" --json
cp "$work/last.out" "$work/copy.json"
[ "$(json "$work/copy.json" fits)" = true ] || fail "a copy of a stopped job does not fit together"
"$LIVE_TOOL" mark "$work/pruned" early || fail "no common point"
"$LIVE_TOOL" mark "$work/pruned" late || fail "no common point"
count() { checkpoint 0 ls --state "$work/pruned" && grep -Ec "$1" "$work/last.out"; }
checkpoint 0 prune --state "$work/pruned" --keep 1
[ "$(count 'mark/(early|late)')" = 8 ] && [ "$(count 'B .* [0-9a-f]{16}$')" = 8 ] || fail "prune took common points, or left others"
checkpoint 0 prune --state "$work/pruned" --keep 1 --tags
[ "$(count 'mark/late')" = 4 ] && [ "$(count 'B .* [0-9a-f]{16}$')" = 4 ] || fail "prune --tags did not leave the newest alone"
checkpoint 0 verify --state "$work/pruned"
exact "$work/pruned"

# ---- diff ----
checkpoint 0 copy --state "$state" --to "$work/copy"
checkpoint 0 diff "$state" "$work/copy" --json
expect_line "$work/last.out" '"equal": true'
checkpoint 3 diff "$state" "$work/pruned" --json
expect_line "$work/last.out" '"equal": false'
expect_line "$work/last.out" '"position": "batches"'
checkpoint 0 diff "$work/pruned" "$work/pruned" --region north --against south
checkpoint 0 export --state "$work/pruned" --region south --tag late -o "$work/tagged.safetensors"
refused 2 "diff: --against needs --region; see cloudless checkpoint diff --help" diff "$state" "$state" --against south

# ---- restore: on to the end, then back to the common point, and exact again ----
"$LIVE_TOOL" mark "$work/copy" noon || fail "no common point"
checkpoint 0 copy --state "$work/copy" --to "$work/point"
begin more up "$work/job.yaml" --state "$work/copy" --resume --quiet
more=$pid
until_true applied "$work/copy" 400
expect 0 stop --state "$work/copy"
expect_end "$more" 0 "the run behind the common point"
checkpoint 3 diff "$work/copy@noon" "$work/copy"
checkpoint 0 diff "$work/copy@mark/noon" "$work/point"
before=$(fingerprint "$work/copy")
checkpoint 0 restore --state "$work/copy" --to noon --dry-run
unchanged "$work/copy" "restore --dry-run"
checkpoint 0 restore --state "$work/copy" --to noon
checkpoint 0 diff "$work/copy" "$work/point"
checkpoint 0 verify --state "$work/copy"
exact "$work/copy"
# One shard's point is damaged: refused as a whole, and it says which.
"$LIVE_TOOL" damage "$work/point" south 1 || fail "nothing was damaged"
refused 1 "restore: shard 1 of region south has no snapshot with the tag mark/noon" restore --state "$work/point" --to noon

# ---- damage and repair ----
newest() { # STATE SHARD: the directory that a shard starts from
    ls -d "$1/$2"/[0-9a-f]* | tail -n 1
}
checkpoint 0 copy --state "$state" --to "$work/whole"
checkpoint 0 export --state "$state" --archive "$work/whole.tar.gz"
checkpoint 0 copy --state "$state" --to "$work/hurt"
rm -rf "$work/point"
"$LIVE_TOOL" damage "$work/hurt" north 0 || fail "nothing was damaged"
dd if=/dev/zero of="$(newest "$work/hurt" south/shard-0)/data.mdb" bs=4096 count=3 conv=notrunc status=none
checkpoint 3 verify --state "$work/hurt"
expect_line "$work/last.out" '^  damaged +north/shard-0/.*snapshot [0-9]+'
expect_line "$work/last.out" '^  damaged +south/shard-0/'
checkpoint 3 verify --state "$work/hurt" --json
expect_line "$work/last.out" '"problems": [1-9]'
checkpoint 0 ls --state "$work/hurt"
expect_line "$work/last.out" 'damaged: '
checkpoint 1 copy --state "$work/hurt" --to "$work/refused"
expect_line "$work/last.err" '^cloudless: checkpoint copy: shard 0 of region north is damaged: '
[ ! -e "$work/refused" ] || fail "a refused copy left something"
before=$(fingerprint "$work/hurt")
checkpoint 3 repair --state "$work/hurt"
expect_line "$work/last.out" '^took 0 snapshots; [1-9][0-9]* stay damaged: '
checkpoint 0 repair --state "$work/hurt" --from "$work/whole" --dry-run
unchanged "$work/hurt" "a repair that took nothing"
cp -a "$work/hurt" "$work/hurt-2"
cp -a "$work/hurt" "$work/hurt-3"
checkpoint 0 repair --state "$work/hurt" --from "$work/whole"
expect_line "$work/last.out" "^  taken +north/shard-0/.*$work/whole/north/shard-0/"
checkpoint 0 verify --state "$work/hurt"
checkpoint 0 diff "$work/hurt" "$work/whole"
exact "$work/hurt"
# From an archive; and from what keepers hold here: kept-K of the same shard.
checkpoint 0 repair --state "$work/hurt-2" --archive "$work/whole.tar.gz"
checkpoint 0 verify --state "$work/hurt-2"
exact "$work/hurt-2"
for shard in north/shard-0 south/shard-0; do cp -a "$work/whole/$shard" "$work/hurt-3/${shard/shard/kept}"; done
checkpoint 0 repair --state "$work/hurt-3"
expect_line "$work/last.out" '^  taken +south/shard-0/.*/kept-0/'
exact "$work/hurt-3"
# A shard that is gone altogether.
rm -rf "$work/imported/south/shard-1"
checkpoint 3 verify --state "$work/imported"
expect_line "$work/last.out" '^  missing +south/shard-1: '
checkpoint 0 verify --state "$work/imported" --here
checkpoint 0 copy --state "$work/whole" --to "$work/gone"
rm -rf "$work/gone/south/shard-1"
checkpoint 0 repair --state "$work/gone" --from "$work/whole"
exact "$work/gone"
# An archive with one byte changed, and one cut short.
cp "$work/whole.tar.gz" "$work/bad.tar.gz"
printf 'x' | dd of="$work/bad.tar.gz" bs=1 seek=$(($(stat -c %s "$work/bad.tar.gz") / 2)) conv=notrunc status=none
head -c 2000 "$work/whole.tar.gz" >"$work/short.tar.gz"
for file in bad short; do
    checkpoint 3 verify --archive "$work/$file.tar.gz"
    checkpoint 1 import "$work/$file.tar.gz" --state "$work/from-bad"
    [ "$(ls -d "$work"/from-bad* 2>/dev/null)" = "" ] || fail "a damaged archive left something"
done
# Of another job nothing is taken.
sed 's/epochs: .*/epochs: 2/' "$work/job.yaml" >"$work/other.yaml"
expect 0 up "$work/other.yaml" --state "$work/other" --quiet
refused 2 "repair: $work/other is of job tools, or of other settings; nothing of it fits here" \
    repair --state "$work/whole" --from "$work/other"

# ---- the recovery as a user does it ----
checkpoint 0 copy --state "$state" --to "$work/moved"
rm -rf "$state"
read -r port < <("$LIVE_TOOL" ports 1)
expect 0 up "$work/moved/topology.yaml" --state "$work/moved" --resume --quiet --set "regions[0].broker.bind=tcp://127.0.0.1:$port"
expect_counters "$work/moved" $samples $epochs north south
leftovers=$(find "$work" -name '.new-*' -o -name '.old-*' -o -name '*.[A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9]' -type d)
[ -z "$leftovers" ] || fail "left over: $leftovers"
