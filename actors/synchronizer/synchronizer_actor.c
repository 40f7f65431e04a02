#include "actors/synchronizer/synchronizer_actor.h"

#include "actors/synchronizer/synchronizer_core.h"

#include <stdlib.h>

static err_code_t s_open_synchronizer(void *hint, uint64_t *incarnation, void **ret_core, err_t *err)
{
    (void)err;
    const synchronizer_actor_t *self = hint;
    synchronizer_spec_t spec = {.topology = self->topology,
                                .region_index = self->region_index,
                                .shard_index = self->shard_index,
                                .incarnation = *incarnation,
                                .breaks = breaks_off()};
    *ret_core = synchronizer_core_new(&spec);
    return ERR_OK;
}

static void s_close_synchronizer(void *hint)
{
    free(hint);
}

void synchronizer_actor_fill(const synchronizer_actor_t *self, shell_spec_t *spec)
{
    static const shell_ops_t ops = {.open = s_open_synchronizer, .close = s_close_synchronizer};
    synchronizer_actor_t *hint = malloc(sizeof *hint);
    CHECK(hint);
    *hint = *self;
    spec->role = &synchronizer_role;
    spec->ops = &ops;
    spec->hint = hint;
}
