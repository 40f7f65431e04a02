#include "codec/base/run_id.h"

#include "codec/base/rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t run_id_new(void)
{
    uint64_t id = RUN_ID_NONE;
    while (id == RUN_ID_NONE)
        id = rng_entropy();
    return id;
}

const char *run_id_text(uint64_t id, char ret_text[RUN_ID_TEXT_SIZE])
{
    snprintf(ret_text, RUN_ID_TEXT_SIZE, "%016" PRIx64, id);
    return ret_text;
}

bool run_id_parse(const char *text, uint64_t *ret_id)
{
    if (strlen(text) != RUN_ID_TEXT_SIZE - 1 || strspn(text, "0123456789abcdef") != RUN_ID_TEXT_SIZE - 1)
        return false;
    *ret_id = strtoull(text, NULL, 16);
    return *ret_id != RUN_ID_NONE;
}

bool run_id_differs(uint64_t a, uint64_t b)
{
    return a != RUN_ID_NONE && b != RUN_ID_NONE && a != b;
}

err_code_t run_id_refuse(err_t *err, const char *what, uint64_t own, uint64_t run)
{
    char own_text[RUN_ID_TEXT_SIZE], run_text[RUN_ID_TEXT_SIZE];
    run_id_text(run, run_text);
    if (own == RUN_ID_NONE)
        return err_set(
            err, ERR_JOB,
            "%s has something of an earlier run without an identity, and this is run %s, which began anew; "
            "name an empty directory with --state",
            what, run_text);
    return err_set(
        err, ERR_JOB,
        "%s is of run %s, and this is run %s; name another directory with --state, or start everything of "
        "run %s with its own directories",
        what, run_id_text(own, own_text), run_text, own_text);
}
