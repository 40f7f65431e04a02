#include "brokers/data_kinds.h"

#include <criterion/criterion.h>
#include <string.h>

Test(data_kinds, are_found_by_name)
{
    const data_kind_row_t *idx = data_kind_find("idx"), *counter = data_kind_find("counter");
    cr_assert(idx && idx->files && idx->form == DATA_PICTURES);
    cr_assert(counter && !counter->files && counter->form == DATA_COUNTS);
    cr_assert(!data_kind_find("csv") && !data_kind_find("") && !data_kind_find(NULL));
    cr_assert(strncmp(data_kind_names(), "idx, ", 5) == 0);
}
