# A model's options: what the topology does not say the data do, a run keeps what it was begun with, and what does not fit is said in
# one line before anything is begun.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# idx DIR PICTURES SIDE CLASSES: gray pictures of one shade for each class.
idx() {
    local i part header
    mkdir -p "$1"
    for part in train t10k; do
        printf -v header '\\0\\0\\x08\\x03\\0\\0\\0\\x%02x\\0\\0\\0\\x%02x\\0\\0\\0\\x%02x' "$2" "$3" "$3"
        printf "$header" >"$1/$part-images-idx3-ubyte"
        printf '\0\0\x08\x01\0\0\0'"\\x$(printf %02x "$2")" >"$1/$part-labels-idx1-ubyte"
        for ((i = 0; i < $2; i++)); do
            head -c $(($3 * $3)) /dev/zero | tr '\0' "\\$(printf %o $((9 + i % $4)))" >>"$1/$part-images-idx3-ubyte"
            printf "\\x$(printf %02x $((i % $4)))" >>"$1/$part-labels-idx1-ubyte"
        done
    done
}
idx "$work/three" 60 16 3
idx "$work/four" 60 16 4
cat >"$work/job.yaml" <<YAML
job: {name: options, model: lenet, batch: 10, data: {dir: $work/three}}
regions: [{name: a, data_share: 1, shards: 2}]
YAML

expect 0 check "$work/job.yaml"
expect_line "$work/last.out" '^job options: model lenet \(52573 parameters\), 60 samples'
expect 0 up "$work/job.yaml" --state "$work/state" --quiet
expect_line "$work/state/topology.yaml" '^    classes: 3$'
expect_line "$work/state/topology.yaml" '^    input: \[1, 16, 16\]$'
expect_line "$work/state/topology.yaml" '^  model: lenet$'
expect 0 checkpoint export --state "$work/state" --region a -o "$work/model.safetensors" --json # has no data at hand
expect_line "$work/last.out" '"parameters": 52573'
# More classes than it was begun with: it cannot go on with these data.
expect 2 up "$work/job.yaml" --state "$work/state" --resume --set job.epochs=2 --set "job.data.dir=$work/four" --quiet
expect_line "$work/last.err" 'the data are not those it was begun with: labels are 0 to 3, and model lenet tells 3 classes apart'
expect 0 up "$work/job.yaml" --state "$work/state" --resume --set job.epochs=2 --quiet

before=$(ls -A "$work")
wrong() { # LINE SETS...
    local line=$1 sets=()
    for set in "${@:2}"; do sets+=(--set "$set"); done
    for command in check "up --state $work/wrong"; do
        expect 2 $command "$work/job.yaml" "${sets[@]}"
        [ "$(wc -l <"$work/last.err")" = 1 ] || fail "${*:2}: not one line: $(cat "$work/last.err")"
        expect_line "$work/last.err" "$line"
    done
}
wrong 'job.model.hidden: model lenet has no such option; write another model, or leave it out' 'job.model={name: lenet, hidden: [5]}'
wrong '"lennet" is not known here; write softmax, ' job.model=lennet
wrong 'pictures are 1 x 16 x 16 .*, and model lenet takes 3 x 32 x 32; write job.model.input: \[1, 16, 16\]' 'job.model.input=[3, 32, 32]'
wrong 'labels are 0 to 2, and model lenet tells 2 classes apart, 0 to 1; .* job.model.classes: 3' job.model.classes=2
wrong 'fewer than one batch of 100; write a smaller job.batch' job.batch=100
wrong 'fewer than its 61 workers; write fewer workers' 'regions[0].workers=61' job.batch=1
[ "$(ls -A "$work" | grep -v '^last')" = "$(grep -v '^last' <<<"$before")" ] || fail "a refusal has made something"
