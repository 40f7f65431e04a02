#!/usr/bin/env bash
# Whether the tests would notice: changes one place of the source at a time (the file `list` beside this one), builds that, and runs
# the tests that should go red. Prints a table of what noticed what; fails when fewer than 95 of 100 mutants were killed.
#   tests/mutants/run.sh [--only REGEX] [--from N] [--to N] [--build DIR]   those whose name or file fits, the N-th to the N-th
#   tests/mutants/run.sh --check   only that the list fits the source: each text is there exactly once, each test exists
# The source is copied to DIR (default: build/mutants) and changed there. Takes about five seconds a mutant on a quiet machine.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
top=$PWD list=$PWD/tests/mutants/list
least=95 # of 100

# read_list: the arrays names, files, tests, finds, puts.
names=() files=() tests=() finds=() puts=()
read_list() {
    local line at=-1
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        '#'* | '') ;;
        '= '*)
            at=$((at + 1))
            read -r names[at] files[at] tests[at] <<<"${line#= }"
            finds[at]='' puts[at]=''
            ;;
        '- '*) finds[at]+=${finds[at]:+$'\n'}${line#- } ;;
        '-') finds[at]+=$'\n' ;;
        '+') ;;
        '+ '*) puts[at]+=${puts[at]:+$'\n'}${line#+ } ;;
        *)
            echo "mutants: $list: what is this line? $line" >&2
            return 1
            ;;
        esac
    done <"$list"
}

# test_file NAME: the source of a test program; live tests have none here, for they take too long.
test_file() {
    case $1 in
    unit.*) echo "tests/${1//.//}.c" ;;
    sim.*) echo tests/sim/CMakeLists.txt ;;
    fuzz.*) echo "tests/fuzz/${1#fuzz.}.c" ;;
    esac
}

# times FILE TEXT: how often it is there, as it stands.
times() {
    FIND=$2 awk 'BEGIN { RS = "\001"; find = ENVIRON["FIND"] }
        { text = $0; while ((at = index(text, find))) { n++; text = substr(text, at + length(find)) } }
        END { print n + 0 }' "$1"
}

# change FILE TEXT OTHER: the file with the other text instead, on standard output.
change() {
    FIND=$2 PUT=$3 awk 'BEGIN { RS = "\001"; find = ENVIRON["FIND"] }
        { at = index($0, find); printf "%s%s%s", substr($0, 1, at - 1), ENVIRON["PUT"], substr($0, at + length(find)) }' "$1"
}

# fits N: whether that mutant can be made of the source as it is.
fits() {
    local file=$top/${files[$1]} name
    if [ -z "${finds[$1]}" ] || [ ! -f "$file" ]; then
        echo "${names[$1]}: no text, or no file ${files[$1]}"
    elif [ "$(times "$file" "${finds[$1]}")" != 1 ]; then
        echo "${names[$1]}: there $(times "$file" "${finds[$1]}") times in ${files[$1]}, not once: ${finds[$1]}"
    fi
    for name in ${tests[$1]}; do
        [ -f "$top/$(test_file "$name")" ] || echo "${names[$1]}: there is no test $name"
        [[ $name != sim.* ]] || grep -q "NAME $name COMMAND" "$top/$(test_file "$name")" ||
            echo "${names[$1]}: there is no test $name"
    done
    [ -n "${tests[$1]}" ] || echo "${names[$1]}: no test is named"
}

check() {
    local i wrong
    wrong=$(for i in "${!names[@]}"; do fits "$i"; done; printf '%s\n' "${names[@]}" | sort | uniq -d | sed 's/$/: two have this name/')
    [ -z "$wrong" ] || {
        echo "$wrong" >&2
        echo "mutants: follow the source in tests/mutants/list, or take out what has no place there any more" >&2
        return 1
    }
}

# ---- the run ----

# program TEST: the program, and what it is called with.
program() {
    case $1 in
    sim.*) sed -nE "s/^add_test\(NAME $1 COMMAND (.*)\)$/\1/p" "$top/tests/sim/CMakeLists.txt" ;;
    *) echo "$1" ;;
    esac
}

build_tests() {
    local name targets=()
    for name in "$@"; do targets+=("$(program "$name" | cut -d' ' -f1)"); done
    ninja -C "$build/out" "${targets[@]}" >"$build/build.log" 2>&1
}

# run_test TEST SECONDS: its status; 124 and more when it hung or was ended by a signal. The first assertion that fails is enough.
run_test() {
    local command
    read -ra command <<<"$(program "$1")"
    [[ $1 != unit.* ]] || command+=(--fail-fast)
    (cd "$build/out" && CLOUDLESS_SEED=1 timeout -k 5 "$2" "tests/${command[0]}" "${command[@]:1}") >"$build/test.log" 2>&1
}

# The copy has the times of the source, so that only what is new is built; but what a run had changed is built again.
prepare() {
    mkdir -p "$build/source"
    git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --preserve=timestamps -t "$build/source" || return 1
    [ ! -f "$build/changed" ] || (cd "$build/source" && xargs touch -c <"$build/changed") && rm -f "$build/changed"
    local linker=()
    [ -z "$(type -P ld.lld)" ] || linker=(-DCMAKE_EXE_LINKER_FLAGS="-fuse-ld=lld -Wl,--strip-debug")
    cmake -S "$build/source" -B "$build/out" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-O0 -w" "${linker[@]}" \
        >"$build/build.log"
}

# limit TEST: how long it may take with a mutant: much longer than it takes without, which must pass.
declare -A limits
limit() {
    local began
    [ -z "${limits[$1]:-}" ] || return 0
    build_tests "$1" && began=$SECONDS && run_test "$1" 600 || {
        tail -n 20 "$build/build.log" "$build/test.log" >&2
        echo "mutants: $1 fails without a mutant" >&2
        return 1
    }
    limits[$1]=$((5 * (SECONDS - began) + 20))
}

# try N TEST: changes the source, builds and runs the test, and puts the source back; sets `verdict`.
try() {
    local file=$build/source/${files[$1]} status=0
    echo "${files[$1]}" >>"$build/changed"
    cp "$file" "$build/kept"
    change "$build/kept" "${finds[$1]}" "${puts[$1]}" >"$file"
    if build_tests "$2"; then
        run_test "$2" "${limits[$2]}" || status=$?
        case $status in
        0) verdict='survived -' ;;
        124 | 137) verdict="hangs $2" ;;
        *) verdict="killed $2" ;;
        esac
    else
        verdict='unbuilt -'
    fi
    cp "$build/kept" "$file"
}

# judge N: the first test that goes red ends it.
judge() {
    local name
    for name in ${tests[$1]}; do
        limit "$name" || return 1
        try "$1" "$name"
        [[ $verdict == survived* ]] || break
    done
}

run() {
    local i count=0 killed=0 wrong=0 verdict
    prepare || {
        cat "$build/build.log" >&2
        return 1
    }
    for i in "${!names[@]}"; do
        [ $((i + 1)) -ge "$from" ] && [ $((i + 1)) -le "$to" ] && [[ "${names[i]} ${files[i]}" =~ $only ]] || continue
        judge "$i" || return 1
        count=$((count + 1))
        case $verdict in
        killed* | hangs*) killed=$((killed + 1)) ;;
        unbuilt*) wrong=$((wrong + 1)) ;;
        esac
        printf '%4d  %-44s %-38s %s\n' $((i + 1)) "${names[i]}" "${files[i]}" "$verdict"
    done
    echo "mutants $count: killed $killed, survived $((count - killed - wrong)), did not build $wrong"
    [ "$count" -gt 0 ] && [ "$wrong" -eq 0 ] && [ $((100 * killed)) -ge $((least * count)) ]
}

only='' from=1 to=1000000 build=$top/build/mutants just_check=
while [ $# -gt 0 ]; do
    case $1 in
    --check) just_check=1 ;;
    --only) only=$2 && shift ;;
    --from) from=$2 && shift ;;
    --to) to=$2 && shift ;;
    --build) build=$(realpath -m "$2") && shift ;;
    *)
        sed -n '2,6s/^# //p' "${BASH_SOURCE[0]}"
        [ "$1" = --help ]
        exit
        ;;
    esac
    shift
done
read_list && check || exit 1
[ -n "$just_check" ] && echo "mutants: ${#names[@]}, each with its place and its tests" && exit
run
