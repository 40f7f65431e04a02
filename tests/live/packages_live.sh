# Every program that a script calls comes with a package that deploy/packages.sh installs for it, or is in every Debian: a fresh
# machine has no other. What is called is read out of the scripts, what comes with a package out of dpkg's lists.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v dpkg-query >/dev/null || {
    skip "what packages bring" "there is no dpkg: this is not a Debian"
    exit
}
cd "$SOURCE" || fail "cannot enter $SOURCE"

# closure PACKAGE...: these, what every Debian has, and what they depend on, as far as it is installed.
closure() {
    dpkg-query -W -f='${Package}\t${Essential}\t${Priority}\t${Provides}\t${Pre-Depends}, ${Depends}\n' |
        awk -F'\t' -v wanted="$*" '
        function bare(name) { gsub(/\(.*\)|:any|:amd64|:arm64|[ ]/, "", name); return name }
        {
            depends[$1] = $5
            count = split($4, list, ",")
            for (i = 1; i <= count; i++) provider[bare(list[i])] = $1
            if ($2 == "yes" || $3 == "required") todo[++all] = $1
        }
        END {
            count = split(wanted, list, " ")
            for (i = 1; i <= count; i++) todo[++all] = list[i]
            for (at = 1; at <= all; at++) {
                name = todo[at]
                if (!(name in depends)) name = provider[name]
                if (name == "" || seen[name]++) continue
                print name
                count = split(depends[name], list, /[,|]/)
                for (i = 1; i <= count; i++) todo[++all] = bare(list[i])
            }
        }' | sort -u
}

# package_of PROGRAM: what brings it; nothing when it is not on this machine or not from a package.
package_of() {
    local path
    path=$(type -P "$1") || return 0
    { dpkg-query -S "$path" || dpkg-query -S "${path#/usr}" || dpkg-query -S "$(readlink -f "$path")"; } 2>/dev/null |
        grep -v '^diversion ' | head -n 1 | sed 's/[:,].*//'
}

# judge NAME GROUPS FILE...: what the files call is in the groups.
judge() {
    local name=$1 groups=$2 calls program package
    shift 2
    # shellcheck disable=SC2086 # words
    closure $(./deploy/packages.sh --list $groups) >"$work/$name.has"
    calls=$(perl tests/programs.pl "$@") || fail "cannot read the scripts"
    [ "$(wc -l <<<"$calls")" -gt 3 ] || fail "only these calls were found in $*: $calls"
    while read -r program; do
        package=$(package_of "$program")
        [ -z "$package" ] || grep -qx "$package" "$work/$name.has" ||
            fail "$(awk -v p="$program" '$2 == p { print $1 }' <<<"$calls" | head -n 1) calls $program of package $package, which no group of deploy/packages.sh among '$groups' brings"
        [ -z "$package" ] || echo "$program $package" >>"$work/$name.seen"
    done < <(awk '{ print $2 }' <<<"$calls" | sort -u)
}

mapfile -t scripts < <(git ls-files | grep -vE '^(tests/(bench|groups|fuzz|torch)|deploy/datasets)/' |
    while read -r file; do [[ $file == *.sh || $(head -n 1 "$file" 2>/dev/null | tr -d '\0') =~ ^'#!'.*sh$ ]] && echo "$file"; done)
mapfile -t documents < <(git ls-files '*.md')
mapfile -t benches < <(git ls-files 'tests/bench/*.sh' 'deploy/datasets/*.sh')
judge tests "build data test" "${scripts[@]}" "${documents[@]}"
mapfile -t fuzzers < <(git ls-files 'tests/fuzz/*.sh' tests/groups/fuzz.sh)
judge fuzzers "build data test fuzz" "${fuzzers[@]}"
mapfile -t torches < <(git ls-files 'tests/torch/*.sh' tests/groups/torch.sh)
judge torches "build data test torch" "${torches[@]}"
judge benches "build data test bench movielens" "${benches[@]}"
grep -q '^jq ' "$work/tests.seen" || fail "nobody was seen to call jq, which several scripts do"
echo "$(sort -u "$work"/*.seen | wc -l) programs, each of a package that is installed for it"
