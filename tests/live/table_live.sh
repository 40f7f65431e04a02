# A table trains DeepFM: the test set's area under the ROC curve is in report, curve and progress, and what is wrong with a table is
# told before anything is created.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Users like movies of their own parity; a tenth of what they say is something else, and now and then a cell is missing.
table() {
    awk -v seed="$1" -v rows="$2" 'BEGIN {
        srand(seed)
        print "user,movie,year,label"
        for (i = 0; i < rows; i++) {
            user = int(rand() * 40); movie = int(rand() * 60); likes = (user + movie) % 2 == 0
            if (rand() < 0.1) likes = !likes
            printf "u%d,m%d,%s,%d\n", user, movie, rand() < 0.05 ? "" : 1950 + movie, likes
        }
    }'
}
mkdir "$work/data"
table 1 4000 >"$work/data/train.csv"
{ table 2 500 && echo "u99,m1,1990,1"; } | gzip >"$work/data/test.csv.gz"
cat >"$work/job.yaml" <<YAML
job:
  name: table
  model: {name: deepfm, embedding: 8, hidden: [16]}
  data: {kind: table, dir: $work/data, columns: {categorical: [user, movie], numeric: [year]}}
  epochs: 5
  batch: 50
  optimizer: {name: adam, lr: 0.02}
regions:
  - {name: east, data_share: 1, shards: 2}
  - {name: west, data_share: 1, shards: 2}
links:
  - {between: [east, west]}
YAML

expect 0 check "$work/job.yaml"
expect 0 up "$work/job.yaml" --state "$work/state" --report "$work/report.json"
jq -e '.test_auc > 0.85 and .test_auc <= 1 and all(.regions[]; .test_auc > 0.85) and
    ([.curve[].test_auc | numbers] | length) >= 2 and .test_accuracy > 0.8' "$work/report.json" >/dev/null ||
    fail "it learned nothing: $(jq -c '{test_auc, test_accuracy, curve}' "$work/report.json")"
expect_line "$work/last.out" 'test AUC 0\.[89]'

# One line for each mistake, with its place, and nothing is left of it.
wrong() {
    local status=$1 line=$2
    shift 2
    expect "$status" up "$work/job.yaml" --state "$work/refused" "$@"
    expect_line "$work/last.err" "$line"
    [ ! -e "$work/refused" ] || fail "something was created"
}
wrong 2 "$work/data/train.csv: no column is called 'genre' .*; it has user, movie, year, label" --set 'job.data.columns.numeric=[genre]'
wrong 2 'deepfm needs a categorical column' --set 'job.data.columns.categorical=[]'
wrong 2 'model deepfm takes tables' --set job.data.kind=idx --set job.data.dir=/usr/share/datasets/fashion-mnist
sed -i '7s/.*/u1,m1,19x0,1/' "$work/data/train.csv"
wrong 1 "$work/data/train.csv:7:7: '19x0' is no number"
sed -i '7s/.*/u1,m1,1990,2/' "$work/data/train.csv"
wrong 2 'labels are 0 to 2, and model deepfm tells 2 classes apart'
