/* Tables from nowhere, CSV and libsvm: rows and numbers within their bounds, or one line of error.
 *
 * An input is: one byte that says which form (lowest bit) and which columns (2, 4: `rest`; 8: hashed); the
 * text. */
#include "actors/model/data/table_text.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

enum { LIBSVM = 1, REST_CATEGORICAL = 2, REST_NUMERIC = 4, HASH = 8 };

static err_code_t s_take(void *hint, uint32_t label, const float *x, err_t *err)
{
    const table_text_t *text = hint;
    size_t C = text->columns.categorical, M = text->columns.numeric;
    (void)err;
    CHECK(label < TABLE_LABEL_MOST);
    for (size_t f = 0; f < C; f++)
        CHECK(x[f] >= 1 && x[f] < (float)text->rows); /* training has all its categories */
    for (size_t m = 0; m < M; m++)
        CHECK(isfinite(x[C + m]));
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!size)
        return 0;
    bool libsvm = bytes[0] & LIBSVM;
    const char *categorical = bytes[0] & REST_CATEGORICAL ? "rest" : libsvm ? "2,3" : "user,movie";
    const char *numeric = bytes[0] & REST_CATEGORICAL ? ""
                          : bytes[0] & REST_NUMERIC   ? "rest"
                          : libsvm                    ? "1"
                                                      : "year";
    table_file_t file = {
        .path = "f", .bytes = bytes + 1, .size = size - 1, .form = libsvm ? ROWS_LIBSVM : ROWS_CSV};
    dataset_columns_t said = {"label", categorical, numeric, bytes[0] & HASH ? 100 : 0};
    table_text_t text;
    err_t err = {0};
    err_code_t code = table_text_learn(&text, &file, &said, &err);
    if (!code)
        code = table_text_read(&text, &file, s_take, &text, &err);
    CHECK(!code || code == ERR_MALFORMED || code == ERR_CONFIG || code == ERR_LIMIT);
    fuzz_took(code, &err);
    table_text_fini(&text);
    return 0;
}

static size_t s_csv_row(rng_t *rng, char *out, size_t room)
{
    static const char *const cells[] = {"7", "-0.5", "", "NA", "\"a \"\"b\"\", c\"", "1e3", "?", " 2 "};
    static const char *const users[] = {"ann", "\"bob\nor so\"", "", "42"};
    return (size_t)snprintf(out, room, "%s,%zu,%s,%s%s", users[rng_below(rng, 4)], (size_t)rng_below(rng, 2),
                            users[rng_below(rng, 4)], cells[rng_below(rng, 4)],
                            rng_below(rng, 2) ? "\n" : "\r\n");
}

static size_t s_libsvm_row(rng_t *rng, char *out, size_t room)
{
    static const char *const labels[] = {"+1", "-1", "0", "1"}, *const ends[] = {"\n", " # why\n", "  \n"};
    return (size_t)snprintf(out, room, "%s 1:%g 3:%zu 900:1%s", labels[rng_below(rng, 4)], rng_unit(rng),
                            (size_t)rng_below(rng, 50), ends[rng_below(rng, 3)]);
}

static uint8_t *fuzz_seed(rng_t *rng, size_t *ret_size)
{
    enum { ROOM = 4096 };
    char text[ROOM] = "";
    uint8_t how = (uint8_t)rng_below(rng, 16);
    size_t at = how & LIBSVM ? 0 : (size_t)snprintf(text, ROOM, "user,label,movie,year\n");
    for (uint64_t rows = 1 + rng_below(rng, 20); rows; rows--)
        at += (how & LIBSVM ? s_libsvm_row : s_csv_row)(rng, text + at, ROOM - at);
    uint8_t *bytes = malloc(1 + at);
    CHECK(bytes);
    bytes[0] = how;
    memcpy(bytes + 1, text, at);
    *ret_size = 1 + at;
    return bytes;
}
