# Two regions with data of their own, each on the machines of that region alone; schedulers and brokers run where there are none.
# Tests are made where the samples for them are. A node whose files are not what its region says is refused with both numbers.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

read -r eu_port us_port < <("$LIVE_TOOL" ports 2)
cat >"$work/job.yaml" <<YAML
job:
  name: own
  model: softmax
  data: {split: own, test: eu}
  batch: 32
  sync: {strategy: ama, every: 4}
regions:
  - {name: eu, data: {dir: eu-data, samples: 400}, broker: {bind: "tcp://127.0.0.1:$eu_port", advertise: "tcp://127.0.0.1:$eu_port"}}
  - {name: us, data: {dir: us-data, samples: 300}, broker: {bind: "tcp://127.0.0.1:$us_port", advertise: "tcp://127.0.0.1:$us_port"}}
links:
  - {between: [eu, us]}
YAML
mkdir "$work/eu" "$work/us" "$work/neither"
"$LIVE_TOOL" images "$work/eu/eu-data" 400 50 && "$LIVE_TOOL" images "$work/us/us-data" 300 50 || fail "no data"
rm "$work"/us/us-data/t10k-*

# on MACHINE COMMAND...: as if given there. What is written of data in the topology means that machine's files.
on() {
    cd "$work/$1" || fail "no machine $1"
    shift
    "$@"
    cd "$work" || fail "no $work"
}

# ---- what is said before anything runs ----

on us expect 0 data "$work/job.yaml" --region us --json
[ "$(json "$work/last.out" 'regions[0].samples')" = 300 ] || fail "samples of us"
[ "$(json "$work/last.out" 'regions[0].tests')" = 0 ] || fail "tests of us"
on us expect 2 data "$work/job.yaml" --region eu
expect_line "$work/last.err" '^cloudless: data: region eu: .*us/eu-data/.*no such file'
on eu expect 3 data "$work/job.yaml" --region eu --set 'regions[eu].data.samples=399'
expect_line "$work/last.out" 'problem: regions\[0\]\.data\.samples says 399; write 400'
on neither expect 0 check "$work/job.yaml"
expect_line "$work/last.out" 'data are not on this machine: cloudless data TOPOLOGY --region us there'
on eu expect 2 up "$work/job.yaml" --state "$work/refused"
expect_line "$work/last.err" '^cloudless: up: data of region us: .*eu/us-data/.*no such file'

cp -a "$work/us" "$work/zeros" && truncate -s 8 "$work/zeros/us-data/train-labels-idx1-ubyte"
truncate -s 308 "$work/zeros/us-data/train-labels-idx1-ubyte" && cp -a "$work/eu/eu-data" "$work/zeros"
on zeros expect 3 check "$work/job.yaml"
expect_line "$work/last.out" 'problem: region us has no training sample of class 1'
on zeros expect 3 data "$work/job.yaml"
expect_line "$work/last.out" 'problem: region us has no sample of class 1, 2, 3, 4, 5, 6, 7, 8, 9$'

sed 's/samples: 300/samples: 301/' "$work/job.yaml" >"$work/wrong.yaml"
on us expect 2 node --topology "$work/wrong.yaml" --region us --state "$work/refused"
[ "$(grep -c . "$work/last.err")" = 1 ] || fail "not one line: $(cat "$work/last.err")"
expect_line "$work/last.err" 'us-data has 300 training samples, and regions\[1\]\.data\.samples says 301'
[ ! -e "$work/refused" ] || fail "what was refused left a state directory"

# ---- the run ----

on neither role broker-eu
on neither role broker-us
on eu role node-eu-a
on us role node-us-a
on neither role scheduler
for name in scheduler node-eu-a node-us-a broker-eu broker-us; do expect_end "${pids[$name]}" 0 "$name"; done
[ "$(json "$work/report.json" samples)" = 700 ] || fail "samples in the report"
grep -A40 '"name": "eu"' "$work/report.json" | grep -m1 -q '"test_accuracy": 0\.' || fail "eu has tests, and no accuracy"
grep -A40 '"name": "us"' "$work/report.json" | grep -m1 -q '"test_accuracy": null' || fail "us has no tests, and an accuracy"
[ "$(json "$work/report.json" test_accuracy)" = "$(json "$work/report.json" 'regions[0].test_accuracy')" ] || fail "the job's accuracy is that of eu"
for node in eu us; do
    grep -q 'ev=samples_gathered .* ahead=[1-9]' "$work/on-node-$node-a/log/node-$node-a.log" || fail "$node: nothing was gathered ahead"
done
