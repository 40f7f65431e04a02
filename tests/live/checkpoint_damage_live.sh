# Damaged state directories: what verify says of them, what nothing is made of, and what repair takes from elsewhere. The judge is
# the ledger.
. "$(dirname "${BASH_SOURCE[0]}")/checkpoint.sh"

begun() { # STATE OPTIONS...: trains, and is stopped in the middle
    local state=$1
    begin run up "$work/job.yaml" --state "$state" --quiet "${@:2}"
    until_true applied "$state" "$more"
    expect 0 stop --state "$state"
    expect_end "$pid" 0 "the stopped run"
}

state=$work/state
more=100
begun "$state"
checkpoint 0 copy --state "$state" --to "$work/early"
more=300
begun "$state" --resume
checkpoint 0 export --state "$state" --archive "$work/whole.tar.gz"
newest() { # STATE SHARD: the directory that a shard starts from
    ls -d "$1/$2"/[0-9a-f]* | tail -n 1
}

# ---- what is there is not what should be: each is said, and no model is made of it without a word ----
# wrong PATTERN: verify finds one thing wrong in $work/hurt, which is then whole again.
wrong() {
    checkpoint 3 verify --state "$work/hurt"
    expect_line "$work/last.out" "^  $1"
    rm -rf "$work/hurt" && cp -a "$work/whole" "$work/hurt"
}
checkpoint 0 copy --state "$state" --to "$work/whole"
cp -a "$work/whole" "$work/hurt"
: >"$(newest "$work/hurt" north/shard-1)/data.mdb"
checkpoint 1 export --state "$work/hurt" --region north -o "$work/none"
wrong 'damaged +north/shard-1/[0-9a-f]+: its data.mdb has no bytes'
cp "$(newest "$work/whole" north/shard-1)/data.mdb" "$(newest "$work/hurt" north/shard-0)/data.mdb"
checkpoint 1 export --state "$work/hurt" --region north -o "$work/none"
wrong 'damaged +north/shard-0/[0-9a-f]+ .*is of shard 1 of region north, not of this one$'
cp "$(newest "$work/whole" south/shard-0)/data.mdb" "$(newest "$work/hurt" north/shard-0)/data.mdb"
wrong 'damaged +north/shard-0/[0-9a-f]+ .*is of shard 0 of region south, not of this one$'
rm -rf "$work/hurt/south"
checkpoint 0 verify --state "$work/hurt" --here
wrong 'missing +south/shard-0: the topology has this region'
rm -rf "$work/hurt/south/shard-1"
wrong 'missing +south/shard-1: the topology has this shard'
mv "$work/hurt/south/shard-1" "$work/hurt/south/shard-2"
wrong 'foreign +south/shard-2/[0-9a-f]+: the topology has no such shard$'
rm -rf "$work/hurt/south" && cp -a "$work/early/south" "$work/hurt/south"
wrong 'apart +the newest of all shards: region '
rm -rf "$work/hurt/north/shard-1" && cp -a "$work/early/north/shard-1" "$work/hurt/north/shard-1"
checkpoint 1 export --state "$work/hurt" --region north -o "$work/none"
expect_line "$work/last.err" 'the shards of region north are not of one moment: shard 1 has applied [0-9]+ batches, shard 0 [0-9]+; .*--allow-mixed$'
checkpoint 0 export --state "$work/hurt" --region north -o "$work/mixed" --allow-mixed
head -c 1000 "$work/mixed" | grep -aq '"moment": "mixed: ' || fail "a mixed model does not say that it is one"
wrong 'apart +the newest of all shards: .*are not of one moment'
"$LIVE_TOOL" damage "$work/hurt" north 0 || fail "nothing was damaged"
checkpoint 1 export --state "$work/hurt" --region north -o "$work/none"
expect_line "$work/last.err" '^cloudless: checkpoint export: shard 0 of region north is damaged: .*--allow-mixed$'
[ ! -e "$work/none" ] || fail "a refused export left a file"
checkpoint 3 prune --state "$work/hurt" --keep 1
expect_line "$work/last.out" '^  left +north/shard-0/'
expect_line "$work/last.out" '^  removed +south/shard-1/'
rm -rf "$work/hurt"

# ---- its own files: taken from elsewhere, and written anew ----
cp -a "$work/whole" "$work/hurt"
cp "$work/hurt/job" "$work/job.was"
: >"$work/hurt/topology.yaml" && rm "$work/hurt/job"
checkpoint 3 verify --state "$work/hurt"
checkpoint 2 repair --state "$work/hurt"
cp "$work/job.was" "$work/hurt/job"
refused 2 "ls: the topology.yaml of $work/hurt is damaged; cloudless checkpoint repair --state $work/hurt --from DIR (or --archive FILE) takes it from elsewhere" \
    ls --state "$work/hurt"
rm "$work/hurt/job"
checkpoint 0 repair --state "$work/hurt" --archive "$work/whole.tar.gz" --dry-run
[ ! -s "$work/hurt/topology.yaml" ] || fail "a dry repair wrote a topology"
checkpoint 0 repair --state "$work/hurt" --archive "$work/whole.tar.gz"
expect_line "$work/last.out" "^  taken +topology.yaml .*$work/whole.tar.gz$"
expect_line "$work/last.out" '^  written +job: '
cmp "$work/hurt/job" "$work/job.was" || fail "the job file is another one"
checkpoint 0 verify --state "$work/hurt"
echo x >"$work/hurt/job"
expect 2 up "$work/job.yaml" --state "$work/hurt" --resume
expect_line "$work/last.err" "the file $work/hurt/job is damaged; cloudless checkpoint repair --state $work/hurt writes it anew"
checkpoint 0 repair --state "$work/hurt"
checkpoint 0 verify --state "$work/hurt"
rm -rf "$work/hurt"

# ---- what schedulers keep: set aside, said, and started without ----
checkpoint 0 copy --state "$state" --to "$work/hurt"
dd if=/dev/zero of="$work/hurt/north/scheduler/data.mdb" bs=4096 count=3 conv=notrunc status=none
checkpoint 3 verify --state "$work/hurt"
expect_line "$work/last.out" '^  damaged +north/scheduler: '
cp -a "$work/hurt" "$work/mended"
checkpoint 0 repair --state "$work/mended"
expect_line "$work/last.out" '^  set aside north/scheduler: '
checkpoint 0 verify --state "$work/mended"
exact "$work/hurt"
expect_line "$work/hurt/log/north.log" 'actor=scheduler/north ev=kept_damaged .*begin anew'
rm -rf "$work/hurt" "$work/mended"

# ---- damage and repair ----
checkpoint 0 copy --state "$state" --to "$work/hurt"
"$LIVE_TOOL" damage "$work/hurt" north 0 || fail "nothing was damaged"
dd if=/dev/zero of="$(newest "$work/hurt" south/shard-0)/data.mdb" bs=4096 count=3 conv=notrunc status=none
checkpoint 3 verify --state "$work/hurt"
expect_line "$work/last.out" '^  damaged +north/shard-0/.*snapshot [0-9]+'
expect_line "$work/last.out" '^  damaged +south/shard-0/'
checkpoint 3 verify --state "$work/hurt" --json
expect_line "$work/last.out" '"problems": [1-9]'
checkpoint 3 ls --state "$work/hurt"
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
checkpoint 0 copy --state "$work/whole" --to "$work/gone"
rm -rf "$work/gone/south/shard-1"
cp -a "$work/gone" "$work/without"
exact "$work/without" # nobody could have it: it is not waited for
expect_line "$work/without/log/south.log" 'actor=shard/south/1 ev=newest_lost .*going on at node/south/main from what there is'
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

