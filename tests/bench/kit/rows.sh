# rows - what every row of a result carries, written in this one place; scripts source it.
#
#   rows_open CLOUDLESS COMMAND...   first: the program that is measured, and the command that makes the rows
#   rows_begin                       before each run: what the load is now
#   rows_add FILE                    adds the rows on standard input (JSON objects) to FILE, one a line, each with
#                                      commit   of the program    command   that makes the row again
#                                      machine  cores, processor, system    kernel   of OpenBLAS; a row's own counts
#                                      load     of the last minute, when its run began and when it ended
#                                    and fails where one does not say itself: samples, durability, seeds (null: means nothing here)
#   rows_numbered FILE...            all rows as one JSON array, each with the number of its origin (made_by)
#   rows_origins FILE...             the origins by number, as a table
#   rows_load, rows_seeds            jq (in $rows_jq): of several rows, for a cell of a table
#   rows_build TARGETS...            builds what is measured; CLOUDLESS: that program instead
rows_open() {
    local cloudless=$1
    shift
    rows_binary=$cloudless rows_command=$(rows_quoted "$@")
    rows_commit=$("$cloudless" --version | sed -n '1s/.*(commit \(.*\)).*/\1/p')
    rows_machine="$(nproc) cores of $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), Linux $(uname -r)"
    rows_kernel=
    rows_begin
}

# A command as one would write it.
rows_quoted() {
    local word words=
    for word; do
        [[ $word =~ ^[A-Za-z0-9_./,:=%+-]+$ ]] || word="\"$word\""
        words+="${words:+ }$word"
    done
    echo "$words"
}

# Which kernel computes here, as the program itself chooses it; asked once, and only for rows that do not know.
rows_own_kernel() {
    [ -n "$rows_kernel" ] ||
        rows_kernel=$("$rows_binary" check "$rows_root/deploy/topologies/one-room.yaml" 2>/dev/null | sed -n 's/^ *kernel *\([^:]*\):.*/\1/p')
    echo "$rows_kernel"
}

rows_load_now() { cut -d' ' -f1 /proc/loadavg; }
rows_begin() { rows_load_begin=$(rows_load_now); }

rows_add() { # FILE
    jq -c --arg commit "$rows_commit" --arg command "$rows_command" --arg machine "$rows_machine" --arg kernel "$(rows_own_kernel)" \
        --argjson before "$rows_load_begin" --argjson after "$(rows_load_now)" '
        (["samples", "durability", "seeds"] - keys) as $missing |
        if $missing != [] then error("a row does not say its \($missing | join(", "))") else
            {kernel: $kernel} + . + {commit: $commit, command: $command, machine: $machine, load: [$before, $after]} end' >>"$1"
}

# For jq: the part of a row that says where it is from, and numbers of all that are there.
rows_jq='
    def origin: {commit, command, machine, kernel, durability};
    def origins: reduce (.[] | origin) as $o ([]; if index([$o]) then . else . + [$o] end);
    def or_none: if . == null or . == "" then "-" else tostring end;
    def rows_load: [.[].load[]] | if min == max then "\(min)" else "\(min) to \(max)" end;
    def rows_seeds: [.[].seeds | arrays | .[]] | unique | map(tostring) | join(" ") | or_none;'

rows_numbered() { jq -s "$rows_jq"' origins as $all | map(.made_by = (. as $row | $all | index([$row | origin]) + 1))' "$@"; }

rows_origins() {
    echo "| made by | command | commit | machine | kernel of OpenBLAS | durability |"
    echo "|---|---|---|---|---|---|"
    jq -rs "$rows_jq"' origins | to_entries[] | "| \(.key + 1) | `\(.value.command)` | \(.value.commit) | \(.value.machine) | \(.value.kernel | or_none) | \(.value.durability | or_none) |"' "$@"
}

# Builds what a script measures with, unless CLOUDLESS names a program; then $rows_built is where they are.
rows_build() { # TARGETS...
    rows_built=$rows_root/build/release
    [ -z "${CLOUDLESS:-}" ] || return 0
    "$rows_root/deploy/packages.sh" build data test bench || return
    [ -f "$rows_built/build.ninja" ] || (cd "$rows_root" && cmake --preset release >/dev/null) || return
    (cd "$rows_root" && cmake --build --preset release --target "$@" >/dev/null)
}

rows_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
