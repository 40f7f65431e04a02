#include "brokers/optimizers.h"

#include "codec/base/err.h"

#include <string.h>

#define OPTIMIZER(ID, NAME, TEXT, ...) {.id = OPTIMIZER_##ID, .name = TEXT, __VA_ARGS__},
static const optimizer_row_t s_optimizers[] = {
#include "brokers/optimizers.def"
};
#undef OPTIMIZER

#define OPTIMIZERS (sizeof s_optimizers / sizeof *s_optimizers)

const optimizer_row_t *optimizer_find(optimizer_name_t id)
{
    CHECK((size_t)id < OPTIMIZERS);
    return &s_optimizers[id];
}

size_t optimizer_tensors(const optimizer_row_t *self)
{
    size_t count = 0;
    while (count < OPTIMIZER_TENSORS_MAX && self->tensors[count])
        count++;
    return count;
}

size_t optimizer_state(const optimizer_row_t *self, size_t lanes)
{
    CHECK(lanes >= 1 && lanes <= OPTIMIZER_LANES_MAX);
    return self->lanes[0] ? lanes : optimizer_tensors(self);
}

const char *optimizer_state_name(const optimizer_row_t *self, size_t index)
{
    CHECK(index < (self->lanes[0] ? OPTIMIZER_LANES_MAX : optimizer_tensors(self)));
    return self->lanes[0] ? self->lanes[index] : self->tensors[index];
}

static bool s_has(const optimizer_row_t *self, const char *tensor)
{
    size_t count = optimizer_state(self, OPTIMIZER_LANES_MAX);
    for (size_t i = 0; i < count; i++)
        if (strcmp(optimizer_state_name(self, i), tensor) == 0)
            return true;
    return false;
}

bool optimizer_foreign(const optimizer_row_t *self, const char *tensor)
{
    bool has = false;
    for (size_t i = 0; i < OPTIMIZERS; i++)
        has = has || s_has(&s_optimizers[i], tensor);
    return has && !s_has(self, tensor);
}
