# A process that dies at the same place each time is an outcome: it is told of what it dies, on the terminal and in status, and then
# the run ends with 1. One that is killed while others, or its successor, get on is no such case.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ledger="$SOURCE/deploy/topologies/ledger.yaml"

# Its region shares a process, which dies with its worker.
CLOUDLESS_FAILPOINT=worker.computed:20+ begin shared up "$ledger" --state "$work/shared" --set job.epochs=100
until_true grep -q 'process of region .* was ended by signal 9 .*, [0-9]* times in a row with nothing done in between; see .*log; starting it again' \
    "$work/shared.err"
until_true sh -c "'$CLOUDLESS' status --state '$work/shared' | grep -q 'the process of region .* times in a row'"
expect_end "$pid" 1 "a run whose process dies again and again"
expect_line "$work/shared.err" '^cloudless: the process of region .* was ended by signal 9 .*, 8 times in a row with nothing done in between; see .*/log/'

# Each actor has a process of its own.
CLOUDLESS_FAILPOINT=shard.push.applied:5+ expect 1 up "$ledger" --state "$work/alone" --set job.epochs=100 --isolate actor --quiet
expect_line "$work/last.err" '^cloudless: up: scheduler/.*: shard/.* died 8 times in a row, and nothing was done in between: .*signal 9'
