# Lines of two files by turns, recorded and again: the same words, and numbers that differ in their last digits at most.
BEGIN { FS = "[ ,{}]+" }
function is_number(word) { return word ~ /^[-+]?[0-9.]+(e[-+]?[0-9]+)?$/ }
function magnitude(a) { return a < 0 ? -a : a }
function near(a, b) { return magnitude(a - b) <= 1e-6 + 1e-5 * magnitude(b) }

NR % 2 { recorded = $0; next }
{
    count = split(recorded, words)
    same = count == NF
    for (i = 1; same && i <= NF; i++)
        same = words[i] == $i || (is_number(words[i]) && is_number($i) && near(words[i], $i))
    if (!same) {
        printf "%s:%d: recorded \"%s\", computed \"%s\"\n", name, NR / 2, recorded, $0
        wrong++
    }
}
END {
    printf "%s: %d of %d lines differ\n", name, wrong, NR / 2
    exit wrong > 0
}
