# A judge that cannot go red proves nothing: without one of the guards the counters must come out wrong. The guards whose windows
# are short beside a real disk and a real clock (fencing, output-commit) are taken away in the simulator: sim.ledger_without_*.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
: "${CHAOS:?tests/chaos}"
export TMPDIR=$work

red() { "$CHAOS" plan --isolate actor --epochs 1 "$@" || fail "not red: $*"; }

red --break dedup --only 'kill worker' --network 20000
red --break checksum --only 'kill worker' --network 60000 # of the few hundred pushes of a run, some dozen

# A region that stands still after a fault is red, however busy the machine is: here one that is paused, for minutes.
pace_begin
seen=$("$CHAOS" plan --isolate region --only 'pause region' --network 0 --pause 600000 --pace "$work/pace" 2>&1) && fail "not red: a region that stands still"
[[ $seen == *"stands still while the job beside goes on"* ]] || fail "$seen"

# Nor may a run count as exact in which a sanitizer found something, whatever became of the process: here one writes its report,
# and the run goes on as if nothing had been. Real ones, where they are built in, write theirs where they are told to.
found='==1==ERROR: AddressSanitizer: as if'
cat >"$work/found" <<SH
#!/usr/bin/env bash
path=\${ASAN_OPTIONS##*log_path=}
echo "$found" >"\${path%%:*}.\$\$"
exec "$CLOUDLESS" "\$@"
SH
chmod +x "$work/found"
seen=$(CLOUDLESS=$work/found "$CHAOS" plan --isolate actor --epochs 1 --only 'kill worker' 2>&1) && fail "not red: a sanitizer's report"
[[ $seen == *"a sanitizer has found something"* ]] || fail "$seen"
status=0
"$(dirname "$LIVE_TOOL")/misuse" >"$work/last.out" 2>"$work/last.err" || status=$?
if [ "$status" -ne 77 ]; then
    grep -q 'ERROR: AddressSanitizer' "$reports".* || fail "a sanitizer did not write its report into $reports"
    rm "$reports".*
fi

expect 2 up "$SOURCE/deploy/topologies/ledger.yaml" --state "$work/none" --break everything
expect_line "$work/last.err" 'there is no such guard'
