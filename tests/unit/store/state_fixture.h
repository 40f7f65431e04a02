/* state_fixture - a state directory in a place of its own, for the tests of statedir and its stores. */
#ifndef TESTS_UNIT_STORE_STATE_FIXTURE_H
#define TESTS_UNIT_STORE_STATE_FIXTURE_H

#include "store/statedir.h"
#include "tests/unit/store/temp.h"

#include <criterion/criterion.h>

static err_t s_err;
static temp_t s_temp;
static char s_dir[TEMP_PATH_MAX];

static void s_setup(void)
{
    temp_init(&s_temp);
    temp_path(&s_temp, "parent/state", s_dir);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

static statedir_t *s_open(void)
{
    statedir_t *state = NULL;
    cr_assert_eq(statedir_open(s_dir, "fashion", "d1g3st", &state, &s_err), ERR_OK, "%s", s_err.text);
    return state;
}

#endif
