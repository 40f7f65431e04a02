# On every machine `status` tells the same, and how old it is: progress, cost, every link with its reason for not being up, every
# actor with its machine. A picture that nobody answers for is not told as the present. A run that somebody else has ended early is
# not done: another text, another exit status, another report; and one that is done says where its model is.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

read -r east_port west_port < <("$LIVE_TOOL" ports 2)
cat >"$work/job.yaml" <<YAML
job:
  name: shown
  model: ledger
  data: {kind: counter, samples: 9000}
  epochs: 2000
  batch: 30
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 4}
regions:
  - {name: east, data_share: 1, workers: 1, shards: 1, broker: {bind: "tcp://127.0.0.1:$east_port", advertise: "tcp://127.0.0.1:$east_port"}}
  - {name: west, data_share: 1, workers: 1, shards: 1, broker: {bind: "tcp://127.0.0.1:$west_port", advertise: "tcp://127.0.0.1:$west_port"}}
links:
  - {between: [west, east], rate: 100Mbit, rtt: 10ms, emulate: true}
YAML

status() { "$CLOUDLESS" status --state "$work/on-$1" "${@:2}"; }
shows() { status "$1" >"$work/shown.txt" && grep -Eq -- "$2" "$work/shown.txt"; }

# A link that never came up, on the machine of a node, with its address and the reason; and in the broker's log.
for name in scheduler broker-east node-east-a; do role "$name"; done
until_true shows node-east-a "^  east +west +never up .*tcp://127.0.0.1:$west_port +connection refused"
until_true grep -Eq "ev=link_missing region=west address=tcp://127.0.0.1:$west_port .*refused" "$work/on-broker-east/log/broker-east.log"
until_true shows node-east-a 'waits for the (broker of|link to) west since'

# Everybody is there: the same answer everywhere, from the run and not from a file.
for name in broker-west node-west-a; do role "$name"; done
until_true shows scheduler '^job shown: training, as of '
until_true shows node-west-a '^  west +east +up '
for name in scheduler broker-east broker-west node-east-a node-west-a; do
    status "$name" --json >"$work/status.json"
    [ "$(json "$work/status.json" asked)" = true ] || fail "status of $name did not ask the run"
    [ "$(json "$work/status.json" state)" = training ] || fail "the state in status of $name"
    [ "$(json "$work/status.json" pid)" = "${pids[scheduler]}" ] || fail "$name was told of another scheduler"
    [ "$(json "$work/status.json" 'links[1].up')" = true ] || fail "the links in status of $name"
    [ "$(json "$work/status.json" 'actors[0].machine')" = "$(uname -n)" ] || fail "the machine in status of $name"
done
[ ! -e "$work/on-node-east-a/status.json" ] || fail "a node has a file of its own, which may be old"

# Who cannot be asked is not believed: the scheduler stands still, and its file grows old.
kill -STOP "${pids[scheduler]}"
touch -d '25 seconds ago' "$work/on-scheduler/status.json"
shows scheduler 'NOT THE PRESENT: this is [23][0-9.]+ s old' || fail "an old picture is shown as the present"
kill -CONT "${pids[scheduler]}"
until_true shows node-east-a '^job shown: training, as of '

# On a disk that has become read-only the file stays as it was: the run is asked, and when it does not answer the age is told.
read_only() { mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"; }
undo() { umount -l "$work/on-scheduler" 2>/dev/null || true; } # where it is
samples() { json "$1" samples; }
goes_on() { status scheduler --json >"$work/status.json" && [ "$(samples "$work/status.json")" -gt "$1" ]; }
if read_only "$work/on-scheduler" 2>"$work/mount.err"; then
    ! touch "$work/on-scheduler/x" 2>"$work/mount.err" || fail "the state directory is not read-only"
    left=$(samples "$work/on-scheduler/status.json")
    until_true goes_on "$((left + 1000))"
    [ "$(json "$work/status.json" asked)" = true ] || fail "the run was not asked on a read-only disk"
    kill -STOP "${pids[scheduler]}"
    until_true shows scheduler 'NOT THE PRESENT: this is [0-9.]+ s old'
    kill -CONT "${pids[scheduler]}"
    undo
else
    skip "a read-only disk" "nothing can be mounted here"
fi
until_true shows node-east-a '^job shown: training, as of '

# Ended from elsewhere, before the end.
expect 0 stop --state "$work/on-broker-west"
expect_end "${pids[scheduler]}" 4 "a scheduler whose run was ended by somebody else"
expect_line "$work/scheduler.out" '^stopped before the end, at [0-9.]+ % of the samples, as asked for by scheduler/west'
[ "$(json "$work/report.json" state)" = drained ] || fail "the state in the report"
[ "$(json "$work/report.json" stopper)" = scheduler/west ] || fail "who ended it, in the report"
expect_line "$work/scheduler.out" "the model is on machine $(uname -n), in the state directory of node/(east|west)/a|east's model is on machine"
for name in broker-east broker-west node-east-a node-west-a; do expect_end "${pids[$name]}" 0 "$name"; done

# Done is done, and the model can be had by what is printed.
expect 0 up "$SOURCE/deploy/topologies/ledger.yaml" --state "$work/done" --set job.data.samples=3000 --set job.epochs=1
! grep -q 'before the end' "$work/last.out" || fail "a run that is done says that it was stopped"
command=$(grep -Eo 'checkpoint export .*' "$work/last.out")
# shellcheck disable=SC2086 # the words of a command
(cd "$work" && expect 0 $command)
[ -s "$work/model.safetensors" ] || fail "what the end of a run says does not export the model"
expect 0 status --state "$work/done"
expect_line "$work/last.out" '^job ledger: done; nothing runs here now, as of .* ago$'
expect_line "$work/last.out" 'checkpoint export --state'
