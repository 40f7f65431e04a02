# The global scheduler is killed again and again, while the run starts, trains and ends, and is started again each time; nobody
# else ends because of it, the ledger is exact and the report whole. Then a region stays away for good: the run fails, and says
# what is missing.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

topology() {
    cat <<YAML
job:
  name: schedulers
  model: ledger
  data: {kind: counter, samples: 6000}
  epochs: $1
  batch: 10
  optimizer: {name: sgd, lr: 1, schedule: constant}
  sync: {strategy: asgd-ga, every: 4, staleness: 1000, window: 64MB, away_after: $2}
regions:
  - {name: eu, data_share: 2, workers: 2, shards: 2}
  - {name: us, data_share: 1, workers: 1, shards: 2}
links:
  - {between: [eu, us], rate: 100Mbit, rtt: 10ms, emulate: true}
YAML
}
topology 6 60s >"$work/job.yaml"
state="$work/state"

start_global() {
    begin "scheduler-$1" scheduler --topology "$work/job.yaml" --state "$state" --report "$work/report.json"
    scheduler=$pid
}

# shows PATTERN: in the status of the run.
steps() { look "$state" && json "$work/status.json" 'regions[0].steps'; }
shows() { look "$state" 2>/dev/null && grep -q "$1" "$work/status.json"; }

others=()
for region in eu us; do
    begin "broker-$region" broker --topology "$work/job.yaml" --region $region --state "$state"
    others+=("$pid:broker $region")
    begin "node-$region" node --topology "$work/job.yaml" --region $region --name a --state "$state"
    others+=("$pid:node $region")
done

kill_global() {
    kill -KILL "$scheduler" || fail "the scheduler had ended before kill $1"
    wait "$scheduler" 2>/dev/null
    kills=$((kills + 1))
}

pace_begin
kills=0
for moment in starting training training training; do
    start_global $kills
    case $moment in
    starting) until_true test -s "$state/status.json" ;;
    training)
        until_true shows '"state": *"training"'
        [ "${usual:-}" ] || { progress_usual 20 steps && progress_from steps; }
        ;;
    esac
    kill_global "$moment"
done

# The end: killed as soon as it is seen to stop the regions, until one of them gets through with it.
start_global end
progress_to 20 "the global scheduler is killed again and again"
while alive "$scheduler"; do
    if [ "$kills" -lt 7 ] && shows '"state": *"\(stopping\|done\)"' && kill -KILL "$scheduler" 2>/dev/null; then
        wait "$scheduler" 2>/dev/null
        kills=$((kills + 1))
        at_end=yes
        start_global "end-$kills"
    fi
    sleep 0.02
done
expect_end "$scheduler" 0 "the last global scheduler"
for other in "${others[@]}"; do expect_end "${other%%:*}" 0 "${other#*:}"; done
[ "$kills" -ge 4 ] || fail "only $kills kills"
expect_counters "$state" 6000 6 eu us
[ "$(json "$work/report.json" samples)" = 36000 ] || fail "samples in the report: $(json "$work/report.json" samples)"
[ "$(json "$work/report.json" restarts)" = 0 ] || fail "an actor was placed again"
[ "$(json "$work/report.json" state)" = done ] || fail "state in the report"
rows=$(grep -o '"t_s"' "$work/report.json" | wc -l)
last=$(grep -oE '"epoch": *6(\.0)?[ ,}]' "$work/report.json" | wc -l)
[ "$rows" -ge 6 ] && [ "$last" -eq 2 ] || fail "$rows rows of the curve, $last of the end"
echo "global scheduler killed $kills times, at the end: ${at_end:-no}"

# A region that has trained goes away and stays away: the other one goes on to its own end, and the run fails with what is missing.
topology 20 3s >"$work/job.yaml"
state="$work/alone"
start_global alone
declare -A of
for region in eu us; do
    begin "alone-broker-$region" broker --topology "$work/job.yaml" --region $region --state "$state"
    of[broker-$region]=$pid
    begin "alone-node-$region" node --topology "$work/job.yaml" --region $region --name a --state "$state"
    of[node-$region]=$pid
done
trained() {
    look "$state" 2>/dev/null &&
        [ "$(json "$work/status.json" 'regions[0].steps')" -gt 20 ] && [ "$(json "$work/status.json" 'regions[1].steps')" -gt 20 ]
}
until_true trained
kill -KILL "${of[broker-us]}" "${of[node-us]}" || fail "the region that was to go away had ended"
expect_end "${of[broker-us]}" 137 "the broker that was killed"
expect_end "${of[node-us]}" 137 "the node that was killed"
expect_end "$scheduler" 1 "a run without one region"
expect_line "$work/scheduler-alone.err" 'scheduler/us: .*--resume'
expect_end "${of[broker-eu]}" 0 "the broker of the other"
expect_end "${of[node-eu]}" 0 "the node of the other"
