# lib.sh - for the scripts beside it: a directory of their own, processes that do not outlive them, and checks that say what
# they saw. Waiting is always for something to become true, never for time to pass.
set -uo pipefail
: "${CLOUDLESS:?the binary}" "${LIVE_TOOL:?tests/live_tool}" "${LOOK:?tests/look}" "${SOURCE:?the source tree}"

work=$(mktemp -d)
started=()
# What a sanitizer finds is written here, not where the process writes: one that is then started again, or whose output nobody
# keeps, must fail the test all the same.
reports=$work/sanitizer
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=$reports UBSAN_OPTIONS=${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}log_path=$reports

# undo: what a script has to take back beyond its processes and files; it defines it anew. A trap of its own would hide its failure.
undo() { :; }

cleanup() {
    local status=$? pid
    undo
    for pid in "${started[@]}"; do kill -KILL "$pid" 2>/dev/null; done
    wait 2>/dev/null
    # A file alone says nothing: LeakSanitizer writes that a thread was gone before it could look at it.
    if grep -qsE 'ERROR: |WARNING: |runtime error: ' "$reports".*; then
        head -n 60 "$reports".* >&2
        echo "FAIL: a sanitizer has found something" >&2
        status=1
    fi
    if [ "$status" -ne 0 ]; then
        echo "--- logs ---" >&2
        for file in "$work"/*.err "$work"/*/log/*.log "$work"/*/state/log/*.log; do
            [ -s "$file" ] && { echo "== $file" >&2; tail -n 40 "$file" >&2; }
        done
    fi
    rm -rf "$work"
    [ "$status" -ne 0 ] || [ ${#skipped[@]} -eq 0 ] || status=77
    exit "$status"
}
trap cleanup EXIT

# skip PART WHY: this part cannot run here. The others do, and then the test counts as skipped, not as passed.
skipped=()
skip() {
    skipped+=("$1")
    echo "SKIPPED: $(basename "$0" .sh): $1: $2" >&2
}

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

# begin NAME ARGS...: cloudless in the background, its output in $work/NAME.out and .err, its pid in $pid.
begin() {
    local name=$1
    shift
    "$CLOUDLESS" "$@" >"$work/$name.out" 2>"$work/$name.err" &
    pid=$!
    started+=("$pid")
}

declare -A pids
# role NAME ARGS...: a process of the job in $work/job.yaml as on a machine of its own, with its state in $work/on-NAME: `scheduler`,
# broker-REGION, or node-REGION-NODE; its pid in ${pids[NAME]}. The log of an earlier start stays.
role() {
    local name=$1 region=${1#*-}
    local options=(--topology "$work/job.yaml" --state "$work/on-$name" "${@:2}")
    case $name in
    scheduler) begin "$name" scheduler "${options[@]}" --report "$work/report.json" ;;
    broker-*) begin "$name" broker "${options[@]}" --region "$region" ;;
    node-*) begin "$name" node "${options[@]}" --region "${region%%-*}" --name "${region#*-}" ;;
    esac
    pids[$name]=$pid
}

# expect_end PID STATUS WHAT: waits for a process that was begun here.
expect_end() {
    local status=0
    wait "$1" || status=$?
    [ "$status" -eq "$2" ] || fail "$3 ended with $status, not $2"
}

# expect STATUS ARGS...: runs cloudless to its end; output in $work/last.out and .err.
expect() {
    local wanted=$1 status=0
    shift
    "$CLOUDLESS" "$@" >"$work/last.out" 2>"$work/last.err" || status=$?
    [ "$status" -eq "$wanted" ] || {
        cat "$work/last.err" >&2
        fail "cloudless $* ended with $status, not $wanted"
    }
}

# expect_line FILE PATTERN: one line of a file matches.
expect_line() {
    grep -Eq -- "$2" "$1" || {
        cat "$1" >&2
        fail "no line of $1 matches: $2"
    }
}

# until_true COMMAND...: looks until it holds, for as long as anything here may take; at first often, and then not so often that
# looking is what the machine does. A look for leaks at the end of each look would be most of its time.
until_true() {
    local end=$((SECONDS + 480)) looks=0
    until ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 "$@" 2>/dev/null; do
        [ $SECONDS -lt $end ] || fail "it did not come to be in 480 s: $*"
        looks=$((looks + 1))
        if [ $looks -lt 10 ]; then sleep 0.05; else sleep 0.25; fi
    done
}

# ---- progress, counted in steps beside those of a job to which nothing is done ----
# Seconds say nothing on a busy machine. The job beside makes about ten steps a second where nothing else runs, and hardly computes.
pace_begin() {
    cat >"$work/pace.yaml" <<'YAML'
job:
  name: pace
  model: ledger
  data: {kind: counter, samples: 1000}
  epochs: 100000
  batch: 10
  optimizer: {name: sgd, lr: 1, schedule: constant}
checkpoint: {durability: process, every: 1000, mark_every: 0}
plan: {emulate: 0.01, samples_per_s: 10000}
regions: [{name: pace, data_share: 1}]
YAML
    begin pace up "$work/pace.yaml" --state "$work/pace" --quiet
    until_true pace
}
pace() { "$LOOK" status --state "$work/pace" --json >"$work/pace.json" && json "$work/pace.json" 'regions[0].steps'; }
number() { "$@" 2>/dev/null | grep -x '[0-9]*' || echo 0; }

# progress_from FIGURE...: from here on something happens to the job, whose steps FIGURE prints.
progress_from() {
    progress_figure=("$@")
    progress_steps=$(number "$@")
    progress_pace=$(number pace)
}
# progress_usual STEPS FIGURE...: nothing happens to it, and this is how many steps the job beside makes for STEPS.
progress_usual() {
    usual_steps=$1
    shift
    progress_from "$@"
    until_true progress_made "$usual_steps"
    usual=$(($(number pace) - progress_pace))
}
# A figure that prints `done` cannot be held up any more.
progress_made() {
    local now
    now=$("${progress_figure[@]}" 2>/dev/null)
    [ "$now" = done ] || [ $(($(number echo "$now") - progress_steps)) -ge "$1" ]
}
# progress_to STEPS WHAT: since then it has made as many steps, thrice as slowly as usual at most, and after as long as it takes to
# notice that somebody is gone and to begin again. That is a third of what a region waits for one that may come back.
progress_to() {
    local end=$((SECONDS + 480)) most=$((3 * usual + 200)) passed
    until progress_made "$1"; do
        passed=$(($(number pace) - progress_pace))
        [ "$passed" -le "$most" ] && [ $SECONDS -lt $end ] ||
            fail "$2: $(($(number "${progress_figure[@]}") - progress_steps)) of $1 steps were made while the job beside made $passed; without, $usual are usual"
        sleep 0.25
    done
    echo "progress: $2: $(($(number pace) - progress_pace)) of $most (usual $usual)"
}

# progress_kept WHAT: since then, while this script did something else, it made a third of what is usual at least, as above.
progress_kept() {
    local passed=$(($(number pace) - progress_pace)) made most
    made=$("${progress_figure[@]}") || fail "$1: no status"
    [ "$made" != done ] || return 0
    made=$((made - progress_steps))
    most=$((3 * usual * made / usual_steps + 200))
    [ "$passed" -le "$most" ] || fail "$1: only $made steps were made while the job beside made $passed; without, $usual are usual for $usual_steps"
    echo "progress: $1: $made steps, $passed of $most"
}

alive() { kill -0 "$1" 2>/dev/null; }
gone() { ! kill -0 "$1" 2>/dev/null; }

json() { "$LIVE_TOOL" json "$1" "$2"; }

# look STATE: how the run there stands, as JSON in $work/status.json. Scripts look several times a second, so by a program without
# sanitizers, beside which theirs would be most of what a test computes.
look() { "$LOOK" status --state "$1" --json >"$work/status.json"; }
# steps_of STATE REGION: how many the region by that index has made, or `done` when it has done its part.
steps_of() {
    look "$1" || return
    [ "$(json "$work/status.json" "regions[$2].complete")" = true ] && echo done && return
    json "$work/status.json" "regions[$2].steps"
}

# expect_counters STATE SAMPLES EPOCHS REGION...: every region's ledger is exact.
expect_counters() {
    local state=$1 samples=$2 epochs=$3 region
    shift 3
    for region in "$@"; do
        expect 0 checkpoint export --state "$state" --region "$region" -o "$work/$region.safetensors" --force
        "$LIVE_TOOL" counters "$work/$region.safetensors" "$samples" "$epochs" || fail "the ledger of $region is wrong"
    done
}
