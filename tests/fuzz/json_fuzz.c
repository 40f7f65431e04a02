/* JSON from nowhere: a document that prints and reads back as the same, or one line of error. */
#include "codec/base/json.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    json_value_t *value = NULL, *back = NULL;
    err_t err = {0};
    err_code_t code = json_parse((const char *)bytes, size, &value, &err);
    CHECK(!code || code == ERR_MALFORMED);
    if (!fuzz_took(code, &err))
        return 0;
    for (bool compact = false;; compact = true) {
        char *text = json_print(value, compact), *again;
        CHECK(json_parse(text, strlen(text), &back, &err) == ERR_OK);
        again = json_print(back, compact);
        CHECK(strcmp(text, again) == 0);
        json_destroy(&back);
        free(again);
        free(text);
        if (compact)
            break;
    }
    json_destroy(&value);
    return 0;
}

static void s_fill(rng_t *rng, json_value_t *object, unsigned depth)
{
    static const char *const keys[] = {"regions", "samples", "a \"quoted\"\n one", "", "\xc3\xa9"};
    for (uint64_t some = 1 + rng_below(rng, 5); some; some--) {
        const char *key = keys[rng_below(rng, 5)];
        json_value_t *below = rng_below(rng, 2) ? json_new_object() : json_new_array();
        switch (rng_below(rng, 6)) {
        case 0:
            json_set_u64(object, key, rng_u64(rng) >> 1);
            break;
        case 1:
            json_set_number(object, key, rng_normal(rng) * 1e30);
            break;
        case 2:
            json_set_string(object, key, rng_below(rng, 2) ? NULL : keys[rng_below(rng, 5)]);
            break;
        case 3:
            json_set_bool(object, key, rng_below(rng, 2));
            break;
        case 4:
            json_set_i64(object, key, -(int64_t)rng_below(rng, 1000));
            break;
        default:
            if (depth < 4) {
                json_value_t *inner = json_new_object();
                s_fill(rng, inner, depth + 1);
                json_set_moved(object, key, &inner);
            }
        }
        if (rng_below(rng, 3) == 0)
            json_set_moved(object, "below", &below);
        json_destroy(&below);
    }
}

static uint8_t *fuzz_seed(rng_t *rng, size_t *ret_size)
{
    json_value_t *value = json_new_object();
    s_fill(rng, value, 0);
    char *text = json_print(value, rng_below(rng, 2));
    json_destroy(&value);
    *ret_size = strlen(text);
    return (uint8_t *)text;
}
