# Every command of `cloudless checkpoint`, on a running job and on files alone (damaged ones: checkpoint_damage_live.sh); and the
# recovery as a user does it: copied, the first deleted, another address, --resume. The judge is the ledger.
. "$(dirname "${BASH_SOURCE[0]}")/checkpoint.sh"

# ---- beside a running job ----
state=$work/state
begin run up "$work/job.yaml" --state "$state" --quiet "${slow[@]}"
run=$pid
pace_begin
until_true applied "$state" 100
progress_usual 100 steps_of "$state" 0
progress_from steps_of "$state" 0

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
checkpoint 0 repair --state "$state" --dry-run
[ "$(cat "$work/last.out")" = "would take 0 snapshots; nothing is damaged" ] || fail "repair --dry-run of a healthy job says: $(cat "$work/last.out")"
checkpoint 0 prune --state "$state" --keep 1
refused 2 "restore: $state is in use by process $run; stop it with cloudless stop --state $state" restore --state "$state" --to noon
refused 2 "repair: $state is in use by process $run; stop it with cloudless stop --state $state" repair --state "$state"
refused 2 "import: $state is in use by process $run; stop it with cloudless stop --state $state" \
    import "$work/live.tar.zst" --state "$state" --force
progress_kept "checkpoints are looked at, copied and pruned beside it"
expect 0 stop --state "$state"
expect_end "$run" 0 "the stopped run"

# Both go on from the moment they were taken at, as if nothing else had been.
checkpoint 0 verify --state "$work/live-copy"
exact "$work/live-copy"
checkpoint 0 verify --archive "$work/live.tar.zst"
before=$(ls -A "$work")
checkpoint 0 ls --archive "$work/live.tar.zst"
[ "$(grep -c '^  \*' "$work/last.out")" = 4 ] || fail "an archive lists something else than one snapshot of each of four shards"
checkpoint 0 show --archive "$work/live.tar.zst" --region south --shard 1 --json
expect_line "$work/last.out" '"layout": "[0-9a-f]{16}"'
grep -Eq '^ *("[a-z_]+": )?-?[0-9.]+(e|[0-9]{16})' "$work/last.out" && fail "show prints a number that readers of JSON round"
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
refused 1 "show: shard 0 of region north has no snapshot with the tag noon; there is no common point here" show --state "$state" --region north --shard 0 --tag noon
refused 2 "export: $work/live.tar.zst is there already; add --force to replace it, or name another one" \
    export --state "$state" --archive "$work/live.tar.zst"
refused 2 "export: there is no region east in this job; name one of its regions" export --state "$state" --region east -o "$work/x"
refused 2 "prune: --keep 0: write a number of at least 1" prune --state "$state" --keep 0
refused 1 "restore: shard 0 of region north has no snapshot with the tag mark/noon; there is no common point here" restore --state "$state" --to noon
export XDG_STATE_HOME=$work/home
refused 2 "verify: give either --state or --archive" verify --state "$state" --archive "$work/live.tar.zst"
refused 2 "verify: no run is kept in $work/home/cloudless; name its directory with --state" verify
mkdir -p "$work/home/cloudless" && cp -a "$state" "$work/home/cloudless/tools"
checkpoint 0 verify
expect_line "$work/last.err" "^state directory $work/home/cloudless/tools$"
expect 0 status
expect_line "$work/last.out" '^job tools: '
rm -rf "$work/home"
refused 2 "diff: missing: B; see cloudless checkpoint diff --help" diff "$state"
refused 2 "ls: there is no option --stade; see cloudless checkpoint ls --help" ls --stade x
expect 2 checkpoint lss
expect_line "$work/last.err" '^cloudless: checkpoint: there is no command lss; did you mean ls\?$'
unchanged "$state" "a refusal"

# ---- what is exported: to standard output, with the umask, over what is there, and nothing that is not finite ----
checkpoint 0 export --state "$state" --region north -o "$work/north"
"$CLOUDLESS" checkpoint export --state "$state" --region north -o - 2>/dev/null >"$work/piped" || fail "export to standard output"
cmp -s "$work/north" "$work/piped" || fail "standard output is another file"
"$CLOUDLESS" checkpoint export --state "$state" --archive - 2>/dev/null >"$work/piped" || fail "an archive to standard output"
checkpoint 0 verify --archive "$work/piped"
(umask 027 && "$CLOUDLESS" checkpoint export --state "$state" --region north -o "$work/private" >/dev/null)
[ "$(stat -c %a "$work/private")" = 640 ] || fail "an exported file does not follow the umask"
ln -s private "$work/link" && chmod 604 "$work/private"
checkpoint 0 export --state "$state" --region south -o "$work/link" --force
[ -L "$work/link" ] && [ "$(stat -c %a "$work/private")" = 604 ] && ! cmp -s "$work/north" "$work/private" || fail "a link was replaced, or a mode"
refused 2 "export: $work/north is there already; add --force to replace it, or name another one" \
    export --state "$state" --region north -o "$work/north"

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
checkpoint 0 export --state "$work/pruned" --region south --to late -o "$work/tagged.safetensors"
refused 2 "diff: --against needs --region; see cloudless checkpoint diff --help" diff "$state" "$state" --against south

# ---- restore: on to the end, then back to the common point, and exact again ----
"$LIVE_TOOL" mark "$work/copy" noon || fail "no common point"
checkpoint 0 copy --state "$work/copy" --to "$work/point"
begin more up "$work/job.yaml" --state "$work/copy" --resume --quiet "${quick[@]}"
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
refused 1 "restore: shard 1 of region south has no snapshot with the tag mark/noon; common points here are noon" restore --state "$work/point" --to noon
checkpoint 3 ls --state "$work/point" --points
expect_line "$work/last.out" '^  ! noon +3 of +4 '

# ---- the recovery as a user does it ----
checkpoint 0 copy --state "$state" --to "$work/moved"
rm -rf "$state"
read -r port < <("$LIVE_TOOL" ports 1)
expect 0 up "$work/moved/topology.yaml" --state "$work/moved" --resume --quiet --set "regions[0].broker.bind=tcp://127.0.0.1:$port" "${quick[@]}"
expect_counters "$work/moved" $samples $epochs north south
leftovers=$(find "$work" -name '.new-*' -o -name '.old-*' -o -name '*.[A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9]' -type d)
[ -z "$leftovers" ] || fail "left over: $leftovers"
expect 0 up "$work/moved/topology.yaml" --state "$work/moved" --resume
expect_line "$work/last.err" '^this job is finished: all 20 epochs are trained'
