# Bad input gets one clear line, the right exit status, nothing left running and nothing overwritten.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ledger="$SOURCE/deploy/topologies/ledger.yaml"

# bad STATUS PATTERN ARGS...: the status, and exactly one line of error, which matches.
bad() {
    local status=$1 pattern=$2
    shift 2
    expect "$status" "$@"
    expect_line "$work/last.err" "$pattern"
    [ "$(grep -c '^cloudless: ' "$work/last.err")" = 1 ] || fail "not one line of error: $(cat "$work/last.err")"
}

bad 2 '^cloudless: there is no command uo; did you mean up' uo
bad 2 '^cloudless: up: there is no option --stade' up "$ledger" --stade
bad 2 '^cloudless: .*no-such.yaml.*' up "$work/no-such.yaml" --state "$work/none"
printf 'job: {name: x, model: ledger, epoch: 3}\n' >"$work/wrong.yaml"
expect 2 check "$work/wrong.yaml" # all that is wrong at once, a line each
for mistake in 'job.epoch: ' 'job.data: missing' 'regions: missing'; do
    expect_line "$work/last.err" "^cloudless: .*wrong.yaml:1:[0-9]+: $mistake"
done
bad 2 '^cloudless: .*job.epochs' up "$ledger" --state "$work/none" --set job.epochs=many
[ ! -e "$work/none" ] || fail "a wrong topology left a state directory"

idx() { # DIR: a topology with images
    cat >"$work/images.yaml" <<YAML
job:
  name: images
  model: {name: softmax, classes: 10, input: [1, 28, 28]}
  data: {dir: $1}
regions:
  - {name: here, data_share: 1}
YAML
}
idx "$work/nowhere"
bad 2 '^cloudless: up: .*nowhere' up "$work/images.yaml" --state "$work/missing"
bad 2 '^cloudless: check: .*nowhere' check "$work/images.yaml"
[ ! -e "$work/missing" ] || fail "a missing data set left a state directory, which would then be of another job"
bad 2 '^cloudless: up: .*nothere/r.json: cannot be written in .*nothere' up "$ledger" --state "$work/none" --report "$work/nothere/r.json"
bad 2 '^cloudless: up: .*regular file' up "$ledger" --state "$work/none" --report "$work"
bad 2 '^cloudless: scheduler: .*cannot be written' scheduler --topology "$ledger" --state "$work/none" --report "$work/nothere/r.json"
bad 2 '^cloudless: up: .*/proc/none.*--state' up "$ledger" --state /proc/none
[ ! -e "$work/none" ] || fail "a report that cannot be written left a state directory"
"$LIVE_TOOL" images "$work/short" 100 20 || fail "no data"
truncate -s 5000 "$work/short/train-images-idx3-ubyte"
idx "$work/short"
bad 1 '^cloudless: up: .*train-images-idx3-ubyte' up "$work/images.yaml" --state "$work/truncated"

# Data that do not fit the model: refused by every command, before anything computes, is listened on or is created.
bytes() { printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; } # FILE OFFSET BYTES
unfit() { # PATTERN
    bad 2 "^cloudless: check: .*$1" check "$work/images.yaml"
    bad 2 "^cloudless: simulate: .*$1" simulate "$work/images.yaml"
    bad 2 "^cloudless: up: .*$1" up "$work/images.yaml" --state "$work/unfit"
    bad 2 "^cloudless: node: .*$1" node --topology "$work/images.yaml" --region here --state "$work/unfit"
    bad 2 "^cloudless: scheduler: .*$1" scheduler --topology "$work/images.yaml" --state "$work/unfit"
    [ ! -e "$work/unfit" ] || fail "data that do not fit left a state directory"
}
"$LIVE_TOOL" images "$work/odd" 100 20 || fail "no data"
idx "$work/odd"
for part in train t10k; do bytes "$work/odd/$part-images-idx3-ubyte" 8 '\0\0\0\16\0\0\0\70'; done
unfit 'odd: pictures are 1 x 14 x 56 .*, and model softmax takes 1 x 28 x 28; write job.model.input: .1, 14, 56.'
for part in train t10k; do bytes "$work/odd/$part-images-idx3-ubyte" 8 '\0\0\0\34\0\0\0\34'; done
bytes "$work/odd/t10k-labels-idx1-ubyte" 10 '\56'
unfit 'odd: labels are 0 to 46, and model softmax tells 10 classes apart'
bytes "$work/odd/t10k-labels-idx1-ubyte" 10 '\1'
expect 0 check "$work/images.yaml"
for dir in odd "~/odd"; do
    (cd "$work" && HOME=$work expect 0 up images.yaml --state "from-$(basename "$dir")" --set "job.data.dir=$dir" --quiet) || exit 1
    rm -rf "$work/moved" && mv "$work/from-odd" "$work/moved"
    expect_line "$work/moved/topology.yaml" "^ *dir: \"?$work/odd\"?\$"
done
bad 2 '^cloudless: check: .*region here has 100 samples, fewer than one batch of 101; write a smaller job.batch' check "$work/images.yaml" --set job.batch=101
bad 2 '^cloudless: up: .*region here has 100 samples, fewer than its 101 workers' up "$work/images.yaml" --state "$work/unfit" --set 'regions[here].workers=101'
bad 2 '^cloudless: up: .*job.data.augment.shift is 14, and pictures are 28 x 28' up "$work/images.yaml" --state "$work/unfit" --set job.data.augment.shift=14
[ ! -e "$work/unfit" ] || fail "too few samples left a state directory"
sed -i 's/softmax/sofmax/' "$work/images.yaml"
for command in check plan simulate 'up --state unfit'; do
    bad 2 '^cloudless: .*images.yaml:3:17: job.model.name: "sofmax" is not known here; write softmax, ' $command "$work/images.yaml"
done
[ ! -e unfit ] || fail "a misspelt model left a state directory"

bad 2 'regions.0..shards: 1024 are more than the 1000 parameters of model ledger' check "$ledger" \
    --set regions[0].shards=1024 --set regions[1].shards=1024

# A name, or an address of IPv6, to listen on.
for bind in localhost $(grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null && echo '[::1]'); do
    expect 0 up "$ledger" --state "$work/on-$bind" --quiet --set job.data.samples=1000 --set job.epochs=1 \
        --set "regions[0].broker.bind=tcp://$bind:*" --set "regions[1].broker.bind=tcp://$bind:*"
done
bad 1 '^cloudless: .*no-such-name.invalid is no address, no interface of this machine and no known name' up "$ledger" \
    --state "$work/nameless" --quiet --set "regions[0].broker.bind=tcp://no-such-name.invalid:*" --set security=none

# A port in use: two regions that want the same one.
cat >"$work/port.yaml" <<YAML
job: {name: port, model: ledger, data: {kind: counter, samples: 1000}, optimizer: {name: sgd, lr: 1, schedule: constant}}
regions:
  - {name: a, data_share: 1, broker: {bind: "tcp://127.0.0.1:*"}}
YAML
begin holder broker --topology "$work/port.yaml" --region a --state "$work/holder"
holder=$pid
until_true test -s "$work/holder/run/broker-a"
port=$(grep -o 'tcp://.*' "$work/holder/run/broker-a" | head -n 1)
sed "s|tcp://127.0.0.1:\*|$port|" "$work/port.yaml" >"$work/taken.yaml"
bad 1 "^cloudless: .*${port##*:}" up "$work/taken.yaml" --state "$work/taken" --quiet
pace_begin
began=$(number pace)
bad 1 "^cloudless: .*${port##*:}" up "$work/taken.yaml" --state "$work/taken-again" --quiet --isolate actor
took=$(($(number pace) - began))
[ "$took" -lt 40 ] || fail "a start that failed ended after $took steps of the job beside" # about ten a second; a stop in order takes longer
kill -KILL "$pid" # the job beside
bad 1 "^cloudless: broker: .*${port##*:}" broker --topology "$work/taken.yaml" --region a --state "$work/taken2"
kill -TERM "$holder"
expect_end "$holder" 0 "a drained broker"

# State directories: of another job, no state directory at all, nothing to resume.
expect 0 up "$ledger" --state "$work/mine" --set job.data.samples=3000 --set job.epochs=1 --quiet
cp -a "$work/mine" "$work/before"
bad 2 '^cloudless: up: .*belongs to job .* with other settings: job.data.samples is 3000, not 4000; undo' up "$ledger" --state "$work/mine" --set job.data.samples=4000
bad 2 '^cloudless: up: .*--resume' up "$ledger" --state "$work/mine" --set job.data.samples=3000 --set job.epochs=1
diff -r --exclude lock.mdb "$work/before/north" "$work/mine/north" >/dev/null || fail "a refused up changed the state directory"
bad 2 '^cloudless: up: .*nothing to go on' up "$ledger" --state "$work/new" --resume
[ ! -e "$work/new" ] || fail "a refused --resume left a state directory"
mkdir "$work/photos" && touch "$work/photos/cat.jpg"
bad 2 '^cloudless: up: .*photos' up "$ledger" --state "$work/photos"
[ "$(ls "$work/photos")" = cat.jpg ] || fail "a foreign directory was written to"
bad 2 '^cloudless: checkpoint export: ' checkpoint export --state "$work/mine" --region nowhere -o "$work/x"
touch "$work/there"
bad 2 '^cloudless: checkpoint export: .*there' checkpoint export --state "$work/mine" --region north -o "$work/there"
bad 2 '^cloudless: status: ' status --state "$work/photos"
bad 2 '^cloudless: stop: ' stop --state "$work/photos"
expect 0 stop --state "$work/mine"

# A check that finds problems: more workers than an epoch has batches.
expect 3 check "$ledger" --set job.data.samples=1000 --set regions[0].workers=100
expect_line "$work/last.out" 'problem: region north: '

# What differs from what has the same name elsewhere is said, and nothing of what does not.
expect 0 check "$ledger" --set job.sync.strategy=asp
expect_line "$work/last.out" "^  asp +Gaia's significance filter without its selective barrier and mirror clock"
expect 0 check "$ledger"
! grep -q Gaia "$work/last.out" || fail "another strategy is said to differ from Gaia's"

# Every command explains itself.
for command in up check status stop checkpoint scheduler broker node; do
    expect 0 $command --help
    expect_line "$work/last.out" "^Example: cloudless $command"
done
