#include "brokers/data_kinds.h"

#include <stddef.h>
#include <string.h>

#define DATA_KIND(ID, NAME, TEXT, ...) {.id = DATA_KIND_##ID, .name = TEXT, __VA_ARGS__},
static const data_kind_row_t s_kinds[] = {
#include "brokers/data_kinds.def"
};
#undef DATA_KIND

#define DATA_KIND(ID, NAME, TEXT, ...) ", " TEXT
static const char s_names[] =
#include "brokers/data_kinds.def"
    ;
#undef DATA_KIND

const data_kind_row_t *data_kind_find(const char *name)
{
    for (size_t i = 0; name && i < sizeof s_kinds / sizeof *s_kinds; i++)
        if (strcmp(s_kinds[i].name, name) == 0)
            return &s_kinds[i];
    return NULL;
}

const char *data_kind_names(void)
{
    return s_names + 2;
}
