# Documents with one fault each: documents.pl says it. Without any it says nothing, and finds the commands of an entry.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

# tree: documents without a fault.
tree() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree/tests/documents" "$work/tree/codec/deep"
    cd "$work/tree" || exit 1
    : >codec/deep/here.c
    printf 'limit | * | words | 8\nlimit | * | mean | 7\nlimit | README.md | bytes | 400\ngenerated | tests/made-*.md\nrun | first | README.md | Do it\nrun | rest | README.md | *\n' \
        >tests/documents/table
    printf '# Top\n\nA [link](#do-it), and `codec/deep/here.c`.\n\n## Do it\n\n```sh\nfirst\n```\n\n## More: words, and `code`\n\n```sh\nsecond\n```\n' >README.md
    printf '# Codec\n\nSee `here.c` and `h*.c`.\nBack [up](../README.md#more-words-and-code).\n' >codec/README.md
    printf '# Made\n\nOne two three four five six seven eight nine ten, by a script.\n' >tests/made-it.md
}
check() { perl "$here/documents.pl" check . 2>&1; }
# faulty WHAT PATTERN: the tree as it is has a fault, and it is told so.
faulty() {
    local told
    told=$(check) && fail "$1: nothing was found"
    grep -Eq -- "$2" <<<"$told" || fail "$1: not told, but: $told"
    [ "$(wc -l <<<"$told")" -eq 2 ] || fail "$1: more than one fault: $told"
    tree
}

tree
told=$(check) || fail "no fault, and yet: $told"
[ "$(perl "$here/documents.pl" commands . first)" = first ] && [ "$(perl "$here/documents.pl" commands . rest)" = second ] ||
    fail "not the commands of the entries"

printf '\nOne two three four five six seven eight nine.\n' >>README.md
faulty 'a long sentence' '^README.md:17: 9 words in a sentence, 8 at most'
printf '\n| One two three four five six seven eight nine. |\n' >>README.md
faulty 'a long sentence of a table' '^README.md:17: 9 words'
printf '\nOne two three four five six seven eight. One two three four five six seven eight.\n' >codec/README.md
faulty 'long sentences' '^codec/README.md:1: 8.0 words a sentence, 7 at most'
printf '\n```text\n%0300d\n```\n' 0 >>README.md
faulty 'a large document' '^README.md:1: [0-9]+ bytes, 400 at most'
printf '\nA [link](nowhere.md).\n' >>README.md
faulty 'a link to no file' '^README.md:17: no such file: nowhere.md'
printf '\nA [link](codec/README.md#nowhere).\n' >>README.md
faulty 'a link to no heading' '^README.md:17: codec/README.md has no heading for #nowhere'
printf '\nA [link](#nowhere).\n' >>tests/made-it.md
faulty 'a link of a page that is made' '^tests/made-it.md:5: .*#nowhere'
printf '\nSee `codec/there.c`.\n' >>README.md
faulty 'a file that is not there' '^README.md:17: no such file: codec/there.c'
printf '\nSee `NAME_here.c`.\n' >>codec/README.md
faulty 'no file of a pattern' 'no such file: NAME_here.c'
printf '\nSee `live.there` and `live.documents_first`.\n' >>README.md
faulty 'a test that is not there' '^README.md:17: no such test: live.there'
printf '\n```sh\nthird\n```\n' >>codec/README.md
faulty 'commands that nothing runs' '^codec/README.md:7: nothing runs the commands of section '
printf '\n```\nthird\n```\n' >>codec/README.md
faulty 'code without a language' '^codec/README.md:7: code without a language'
sed -i 's/Do it/Do that/' tests/documents/table
faulty 'a row without a section' "has no section 'Do that' with commands"
echo "each fault was told"
