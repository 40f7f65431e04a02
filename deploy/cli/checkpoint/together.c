#include "deploy/cli/checkpoint/together.h"

#include "deploy/launch/launch.h"
#include "deploy/state/holders.h"

#include <stdlib.h>

#define TRIES 200 /* each looks at another moment */

static err_code_t s_try(together_t *self, const together_spec_t *spec, err_t *err)
{
    err_t why = {.code = ERR_OK};
    err_code_t code = catalog_open(spec->dir, true, &self->catalog, err);
    if (!code && spec->choice.older)
        catalog_read_values(self->catalog);
    if (!code)
        code = catalog_pick_all(self->catalog, spec->region, spec->here, &spec->choice, &self->picks,
                                &self->count, err);
    if (code)
        return code;
    bool newest = !spec->choice.tag && !spec->choice.number;
    const topology_t *topology = self->catalog->topology;
    self->fits = picks_fit(topology, self->picks, self->count, newest, &why);
    snprintf(self->why, sizeof self->why, "%.250s", self->fits ? "" : why.text);
    self->abreast = !newest || picks_abreast(topology, self->picks, self->count, &why);
    snprintf(self->why_apart, sizeof self->why_apart, "%.250s", self->abreast ? "" : why.text);
    return ERR_OK;
}

err_code_t together_open(together_t *self, const together_spec_t *spec, err_t *err)
{
    for (int i = 0; i < TRIES; i++) {
        *self = (together_t){0};
        err_code_t code = s_try(self, spec, err);
        bool moving = state_holder(spec->dir) != 0, right = self->fits && (self->abreast || !spec->abreast);
        if (!code && (right || !moving || spec->choice.tag))
            return ERR_OK;
        bool again = moving && (!code || code == ERR_NOT_FOUND || code == ERR_CHECKSUM) && i + 1 < TRIES;
        if (!code)
            code =
                err_set(err, ERR_STATE, "%s; the job moves too fast: stop it first, or name a common point",
                        self->fits ? self->why_apart : self->why);
        together_fini(self);
        if (!again)
            return code;
    }
    return ERR_STATE;
}

void together_fini(together_t *self)
{
    free(self->picks);
    catalog_destroy(&self->catalog);
    *self = (together_t){0};
}
