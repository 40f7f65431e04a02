# Nodes are rented through a command of the user's: it starts real node processes, fails, hangs, loses a node and is called
# again; the scheduler's process is killed and started again, and takes over what runs; in the end everything is given back,
# what was paid is what ran, and the ledger is exact.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

samples=6000 epochs=${EPOCHS:-50}
machines="$work/machines" # what the command knows of each: the pid of its node
mkdir "$machines"

# As simple as one may be, with accidents that are armed by files named FAIL-NAME and HANG-NAME.
cat >"$work/rent" <<SH
#!/usr/bin/env bash
verb=\$1 region=\$2 offer=\$3 name=\$4
cd "$machines" || exit 1
echo "\$verb \$region \$offer \$name" >>"$work/calls"
echo "\$verb \$region \$EPOCHREALTIME" >>"$work/moments"
case \$verb in
start)
    [ ! -e "FAIL-\$name" ] || { rm "FAIL-\$name"; echo "no such machine"; exit 3; }
    [ ! -e "HANG-\$name" ] || { rm "HANG-\$name"; echo "\$\$" >"hung-\$name"; while :; do sleep 0.05; done; }
    setsid "$CLOUDLESS" node --topology "\$CLOUDLESS_TOPOLOGY" --region "\$region" --offer "\$offer" --name "\$name" \\
        --state "$work/on-\$region-\$name" >>"$work/node-\$name.err" 2>&1 &
    echo \$! >"\$region-\$name"
    ;;
stop)
    [ -e "\$region-\$name" ] || exit 0 # there is none, or no more
    read -r pid <"\$region-\$name"
    kill -TERM "\$pid"
    while kill -0 "\$pid"; do sleep 0.05; done 2>/dev/null
    rm -f "\$region-\$name"
    ;;
esac
SH
chmod +x "$work/rent"

read -r eu_port us_port < <("$LIVE_TOOL" ports 2)
cat >"$work/job.yaml" <<YAML
job:
  name: machines
  model: ledger
  data: {kind: counter, samples: $samples}
  epochs: $epochs
  batch: 20
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 8, staleness: 1000, away_after: 60s}
plan: {objective: everything, apply: true, samples_per_s: 2000, emulate: 1, rent: $work/rent, rent_patience: 15s}
regions:
  - name: eu
    data_share: 3
    shards: 2
    broker: {bind: "tcp://127.0.0.1:$eu_port", advertise: "tcp://127.0.0.1:$eu_port"}
    offers: [{name: small, count: 3, price_per_s: 2}]
  - name: us
    data_share: 1
    shards: 2
    broker: {bind: "tcp://127.0.0.1:$us_port", advertise: "tcp://127.0.0.1:$us_port"}
    offers: [{name: big, count: 2, price_per_s: 1}]
links:
  - {between: [eu, us], rate: 100Mbit, rtt: 10ms, price_per_gb: 0}
YAML

# What the command has started and has not ended goes with this script.
undo() {
    local file pid
    for file in "$machines"/eu-* "$machines"/us-* "$machines"/hung-*; do
        [ -e "$file" ] && read -r pid <"$file" && kill -KILL "$pid"
    done 2>/dev/null
}

status() { look "$work/on-scheduler"; }
figure() { status && json "$work/status.json" "regions[$1].$2"; }
beyond() { [ "$(figure "$1" "$2")" -gt "$3" ]; }
node_of() { cat "$machines/$1"; }
runs() { alive "$(node_of "$1")"; }
called() { grep -cx -- "$1" "$work/calls"; }
test_time() { [ $SECONDS -ge "$1" ]; }
# on NODE: its workers that run.
on() { status && jq -e --arg node "node/$1" '[.. | objects | select(.node? == $node and (.name | startswith("worker/")) and .state != "stopped" and .state != "lost")] | length > 0' "$work/status.json" >/dev/null; }

# A command that is not there is said before anything starts.
sed "s|rent: $work/rent,|rent: $work/lease,|" "$work/job.yaml" >"$work/wrong.yaml"
expect 2 broker --topology "$work/wrong.yaml" --region eu --state "$work/none"
expect_line "$work/last.err" "plan.rent: $work/lease cannot be run"

# One start fails, and is tried again; one hangs.
touch "$machines/FAIL-small-1" "$machines/HANG-big-1"
for name in broker-eu broker-us scheduler; do role "$name"; done
for unit in eu-small-0 eu-small-1 eu-small-2 us-big-0; do until_true runs $unit; done
until_true test -s "$machines/hung-big-1"
hung=$(cat "$machines/hung-big-1")
[ "$(grep 'eu small small-1$' "$work/calls" | tr '\n' ' ')" = "start eu small small-1 stop eu small small-1 start eu small small-1 " ] ||
    fail "the unit whose start failed was not cleared away and rented anew"
grep -q 'no such machine' "$work/on-broker-eu/log/node-eu-small-1.log" || fail "the command's words are not in the log"
for k in 0 1 2; do until_true on eu/small-$k; done
pace_begin
until_true beyond 0 steps 0
progress_usual 40 figure 0 steps

# One dies: it is cleared away and rented anew, and trains again.
before=$(called "start eu small small-1")
victim=$(node_of eu-small-1)
progress_from figure 0 steps
kill -KILL "$victim"
again() { [ "$(called "start eu small small-1")" -gt "$before" ] && runs eu-small-1; }
until_true again
[ "$(node_of eu-small-1)" != "$victim" ] || fail "the node that was killed is still there"
until_true on eu/small-1
progress_to 40 "a rented machine dies, and another one is rented"

# The process of the region's scheduler dies: what it had rented runs on, and its successor takes it over.
calls() { grep ' eu ' "$work/calls"; }
calls_before=$(calls)
all="eu-small-0 eu-small-1 eu-small-2"
before_pids=$(for k in $all; do node_of $k; done)
kill -KILL "${pids[broker-eu]}"
expect_end "${pids[broker-eu]}" 137 "the broker that was killed"
down=4 # seconds, which three machines are paid for all the same
back=$((SECONDS + down + 1))
until_true test_time "$back"
for k in $all; do runs $k || fail "$k ended with the process of its scheduler"; done
role broker-eu
progress_from figure 0 steps
progress_to 40 "a region's scheduler was killed, and has a successor"
for k in 0 1 2; do until_true on eu/small-$k; done
[ "$(calls)" = "$calls_before" ] || fail "something was rented or returned by the successor: $(calls)"
[ "$(for k in $all; do node_of $k; done)" = "$before_pids" ] || fail "the nodes are not those that were there"

# The one that hung was ended, and cleared away.
until_true gone "$hung"
until_true grep -qx 'stop us big big-1' "$work/calls"
rm "$machines/hung-big-1"

# The end: everything has been given back, and nothing is left.
for name in broker-us broker-eu scheduler; do expect_end "${pids[$name]}" 0 "$name"; done
left=$(find "$machines" -type f)
[ -z "$left" ] || fail "left behind: $left"
for unit in "eu small small-0" "eu small small-1" "eu small small-2" "us big big-0" "us big big-1"; do
    [ "$(called "start $unit")" -le "$(called "stop $unit")" ] || fail "$unit was not given back"
    tail -n 100 "$work/calls" | grep -x "\(start\|stop\) $unit" | tail -n 1 | grep -q '^stop' || fail "$unit was given back too early"
done
[ -z "$(pgrep -f -- "--state $work/on-" || true)" ] || fail "something outlives the run"

# What was paid: price times seconds, and those are as many as there were machines.
report="$work/report.json"
jq -e '.regions[0] | ((.offers[0].rented_s * 2 - .rent_cost) | fabs) < 1e-6 * .rent_cost' "$report" >/dev/null || fail "the cost of eu"
jq -e '.regions[1] | ((.offers[0].rented_s * 1 - .rent_cost) | fabs) < 1e-6 * .rent_cost' "$report" >/dev/null || fail "the cost of us"
[ "$(json "$report" samples)" = $((samples * epochs)) ] || fail "samples in the report"
for region in 0:eu 1:us; do
    paid=$(json "$report" "regions[${region%%:*}].rented_s")
    awk -v region="${region#*:}" -v paid="$paid" -v most=$((down * 2)) '
        $2 == region { sum += $1 == "stop" ? $3 : -$3 }
        END { printf "region %s: paid for %.1f s, the command says %.1f s\n", region, paid, sum; exit paid < sum - most || paid > sum + most }' \
        "$work/moments" || fail "the seconds that were paid"
done

# A node's shards are on its own disk.
for region in eu us; do
    mkdir "$work/whole-$region"
    for dir in "$work/on-$region-"*; do cp -an "$dir/." "$work/whole-$region/"; done
    expect_counters "$work/whole-$region" $samples $epochs $region
done
