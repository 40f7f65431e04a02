# A run has an identity: a directory that an earlier run has left on one machine is refused with both identities and nothing
# is mixed; a second global scheduler, started elsewhere with a new directory, is refused at once and told by whom, and the
# first never notices.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cat >"$work/job.yaml" <<YAML
job:
  name: identity
  model: ledger
  data: {kind: counter, samples: 9000}
  epochs: 2
  batch: 30
  optimizer: {name: sgd, lr: 1, schedule: constant}
regions:
  - {name: eu, data_share: 1, workers: 1, shards: 1}
YAML

run_of() { sed -n 's/^run //p' "$1/job"; }

