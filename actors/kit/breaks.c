#include "actors/kit/breaks.h"

#include "codec/base/failpoint.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    breaks_t guard;
} s_guards[] = {
    {"dedup", BREAK_DEDUP},       {"fencing", BREAK_FENCING}, {"output-commit", BREAK_OUTPUT_COMMIT},
    {"checksum", BREAK_CHECKSUM}, {"mark", BREAK_MARK},       {"hold", BREAK_HOLD},
    {"cover", BREAK_COVER}};

unsigned breaks_find(const char *name)
{
    for (size_t i = 0; i < sizeof s_guards / sizeof *s_guards; i++)
        if (!strcmp(s_guards[i].name, name))
            return s_guards[i].guard;
    return 0;
}

unsigned breaks_off(void)
{
    unsigned off = 0;
    for (size_t i = 0; i < sizeof s_guards / sizeof *s_guards; i++)
        if (failpoint_breaks(s_guards[i].name))
            off |= s_guards[i].guard;
    return off;
}
