# The model that actors/model/README.md adds is one: it is known, trained, exported, and says of which operations it is made.
. "$(dirname "${BASH_SOURCE[0]}")/../live/lib.sh"

[ -e /usr/share/datasets/fashion-mnist ] || {
    skip all "no data set"
    exit
}
cat >"$work/tiny.yaml" <<'YAML'
job: {name: tiny, model: tiny, batch: 100, data: {dir: /usr/share/datasets/fashion-mnist, samples: 1000}}
regions: [{name: here, data_share: 1}]
YAML
expect 0 up "$work/tiny.yaml" --state "$work/tiny" --quiet --report "$work/report.json"
[ "$(json "$work/report.json" model)" = tiny ] || fail "another model was trained"
expect 0 checkpoint export --state "$work/tiny" --region here -o "$work/tiny.safetensors" --json
for op in conv2d batch_norm2d relu mean linear; do expect_line "$work/last.out" "\"op\\\\\": \\\\\"$op"; done
expect 2 up "$work/tiny.yaml" --state "$work/other" --set job.model.hidden=[3]
expect_line "$work/last.err" 'model tiny has no such option'
