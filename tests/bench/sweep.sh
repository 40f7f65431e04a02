#!/usr/bin/env bash
# Tunes what is compared with, for each model and for the accuracy that its table uses: asgd over the link of 100 Mbit/s and 30 ms,
# and training in one room. Every combination is run by wan.sh until the accuracy is reached; all rows are kept.
#
#   tests/bench/sweep.sh [--models LIST] [--what LIST] [--rates LIST] [--staleness LIST] [--momentum LIST] [--inside LIST]
#                        [--seeds N] [--samples N] [--epochs N] [--accuracy A] [--limit SECONDS] [--out NAME] [--add] [--from]
#
# LISTs are comma-separated; --what: asgd, alone. Staleness is of asgd, --inside (async, sync) of one room; momentum 0 is sgd without any.
# --limit: what is not there after so many seconds of wall time is told as late. --add: the rows are added to those that results/NAME
# has; --from: nothing is run, the page is made of them. The best of each model and way whose seeds have all got there is marked: in
# one room by time; over the link by epochs, as time follows from them where the link is what is waited for, whatever else runs here.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/kit/rows.sh"

usage() { sed -n '5,7s/^# *//p' "$0"; }
arguments=$*
models=lenet,mlp-large what=asgd,alone rates=0.03,0.06,0.12,0.2 staleness=2,4 momentum=0 inside=async,sync
seeds=1 samples= epochs= accuracy= limit=300 out=sweep add= from=
while (($#)); do
    case $1 in
    --models | --what | --rates | --staleness | --momentum | --inside | --seeds | --samples | --epochs | --accuracy | --limit | --out)
        declare "${1#--}=${2:?$1 needs a value}"
        shift
        ;;
    --add | --from) declare "${1#--}=yes" ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
    shift
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
kept=$here/results/$out.jsonl rows=$scratch/rows
: >"$rows"
[ -z "$add$from" ] || cat "$kept" >>"$rows" || exit 1

# Each way with what it is tried with: name | scene | keys of job.sync, one a line.
ways() {
    local value
    for value in ${staleness//,/ }; do echo "asgd|wan|strategy: asgd, staleness: $value, window: 64MiB"; done
    for value in ${inside//,/ }; do echo "alone|room|inside: $value"; done
}

optimizer() { # RATE MOMENTUM
    if [ "$2" = 0 ]; then echo "name: sgd, lr: $1, warmup: 10%"; else echo "lr: $1, momentum: $2, warmup: 5%"; fi
}

run_all() {
    local model way scene sync rate more
    for model in ${models//,/ }; do
        while IFS='|' read -r way scene sync; do
            [[ ",$what," == *",$way,"* ]] || continue
            for rate in ${rates//,/ }; do
                for more in ${momentum//,/ }; do
                    "$here/wan.sh" --models "$model" --scenes "$scene" --strategies asgd --optimizer "$(optimizer "$rate" "$more")" --sync "$sync" \
                        --seeds "$seeds" ${samples:+--samples "$samples"} ${epochs:+--epochs "$epochs"} ${accuracy:+--accuracy "$accuracy"} \
                        --limit "$limit" --late-is-never --until-reached --out '' --rows "$rows" </dev/null >/dev/null || exit 1
                done
            done
        done < <(ways)
    done
}

table() {
    echo "| model | way | optimizer | exchange | epochs to accuracy | time to accuracy | accuracy asked for | runs that got there | samples of the job | seeds | load | made by | |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    rows_numbered "$rows" | jq -r "$rows_jq"'
        def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor] else (.[length / 2] + .[length / 2 - 1]) / 2 end;
        def way: [.model, .strategy, .optimizer, .sync];
        group_by(way) | map({way: (.[0] | [.model, .strategy]), rows: ., t: (map(.t_s // 1e9) | median), epochs: (map(.epochs_to // 1e9) | median), all: all(.[]; .t_s != null)} | .score = (if .way[1] == "asgd" then .epochs else .t end)) |
        (map(select(.all)) | group_by(.way) | map(min_by(.score) | .rows[0] | way)) as $best |
        sort_by(.way, .score)[] | .rows as $r | $r[0] as $one |
        "| \($one.model) | \($one.strategy) | \($one.optimizer) | \($one.sync) | \(if .epochs < 1e9 then .epochs else "-" end) | \(if .t < 1e9 then "\(.t * 10 | round / 10) s" else "never" end) | \([$r[].target] | max | or_none) | " +
        "\([$r[] | select(.t_s != null)] | length) of \($r | length) | \([$r[].samples // empty] | max | or_none) | \($r | rows_seeds) | \($r | rows_load) | \([$r[].made_by] | unique | join(" ")) | " +
        "\(if $best | index([$one | way]) then "best" else "" end) |"'
}

[ -n "$from" ] || run_all
{
    echo "# What is compared with, tuned"
    echo
    echo "Made by \`tests/bench/sweep.sh${arguments:+ $arguments}\`. A run ends when all regions have the accuracy; a time that was not there before the limit is \"never\"." \
        "Over the link the fewest epochs are best, as the link is what is waited for; in one room the least time."
    echo
    table
    echo
    rows_origins "$rows"
} >"$scratch/page"
cat "$scratch/page"
[ "$out" = none ] || { cp "$scratch/page" "$here/results/$out.md" && { [ -n "$from" ] || cp "$rows" "$kept"; }; }
