# A model from elsewhere as a run's first parameters: `checkpoint import --model`. The ledger's counters go on from those that were
# imported, in every shard of both regions; what does not fit is said, all of it, and nothing is made.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ledger=$SOURCE/deploy/topologies/ledger.yaml
few=(--set job.data.samples=3000)
expect 0 up "$ledger" --state "$work/first" --quiet "${few[@]}" --set job.epochs=1
expect 0 checkpoint export --state "$work/first" --region south -o "$work/model.safetensors"
expect 0 checkpoint import --model "$work/model.safetensors" "$ledger" --state "$work/second" --dry-run "${few[@]}" --set job.epochs=1
[ ! -e "$work/second" ] || fail "a dry run has made something"
expect 0 checkpoint import --model "$work/model.safetensors" "$ledger" --state "$work/second" "${few[@]}" --set job.epochs=1
expect 0 up "$work/second/topology.yaml" --state "$work/second" --quiet
expect_counters "$work/second" 3000 2 north south

# Other first parameters are another job; where they are not, a shard says so.
expect 1 up "$work/second/topology.yaml" --state "$work/third" --quiet
expect_line "$work/last.err" 'the first parameters \(job.init\), to be put here by cloudless checkpoint import --model: .*/initial.safetensors: no such file'
expect 2 up "$ledger" --state "$work/second" --quiet --resume "${few[@]}" --set job.epochs=1
expect_line "$work/last.err" 'with other settings: job.init is'

# A file of another program: every mistake in a line of its own.
header='{"fc.bias":{"dtype":"F32","shape":[10],"data_offsets":[0,40]},"fc.weight":{"dtype":"F16","shape":[784,10],"data_offsets":[40,60]},"fc.wait":{"dtype":"F32","shape":[1],"data_offsets":[60,64]}}'
length=$(printf '%08x' ${#header})
{
    printf "\\x${length:6:2}\\x${length:4:2}\\x${length:2:2}\\x${length:0:2}\\0\\0\\0\\0%s" "$header"
    head -c 64 /dev/zero
} >"$work/foreign.safetensors"
cat >"$work/softmax.yaml" <<'YAML'
job: {name: s, model: softmax, data: {dir: /nowhere, samples: 1000}}
regions: [{name: a, data_share: 1}]
YAML
expect 2 checkpoint import --model "$work/foreign.safetensors" "$work/softmax.yaml" --state "$work/fourth"
for line in 'tensor fc.weight is of type F16; write F32' 'tensor fc.weight has shape \[784, ?10\]; the model.s has \[10, 784\]' \
    'tensor fc.wait is none of the model.s; leave it out, or give it the right name' 'does not fit the model: 3 mistakes'; do
    expect_line "$work/last.err" "^cloudless: checkpoint import: $work/foreign.safetensors: $line$"
done
[ "$(wc -l <"$work/last.err")" = 4 ] || fail "more lines than mistakes: $(cat "$work/last.err")"
[ ! -e "$work/fourth" ] || fail "a refused model has made something"
