#include "actors/shard/base/life.h"

#include "codec/base/err.h"

/* From the row to the column. Whoever asks may find that its own state is the one to go on with: at once,
 * or, when something may be lost, once that is stored anew. A donor that falls silent or gives what is no
 * good is asked for no more. */
static const bool moves[LIFE_PHASES][LIFE_PHASES] = {
    [LIFE_RUNS] = {[LIFE_ASKS] = true},
    [LIFE_ASKS] = {[LIFE_ASKS] = true, [LIFE_RUNS] = true, [LIFE_WANTS] = true, [LIFE_STORES] = true},
    [LIFE_WANTS] = {[LIFE_ASKS] = true, [LIFE_TAKES] = true},
    [LIFE_TAKES] = {[LIFE_ASKS] = true, [LIFE_STORES] = true},
    [LIFE_STORES] = {[LIFE_RUNS] = true},
};

static const bool ends[END_PHASES][END_PHASES] = {
    [END_NONE] = {[END_HANDS] = true, [END_STOPS] = true},
    [END_HANDS] = {[END_STOPS] = true},
    [END_STOPS] = {[END_STOPS] = true, [END_DONE] = true},
    [END_DONE] = {[END_STOPS] = false},
};

void life_move(life_t *self, life_phase_t phase)
{
    CHECK(phase < LIFE_PHASES && moves[self->phase][phase]);
    self->phase = phase;
}

void life_end(life_t *self, life_end_t end)
{
    CHECK(end < END_PHASES && ends[self->end][end]);
    self->end = end;
}

bool life_runs(const life_t *self)
{
    return self->phase == LIFE_RUNS;
}

bool life_stops(const life_t *self)
{
    return self->end != END_NONE;
}

bool life_is_unsettled(const life_t *self)
{
    return self->lossy && self->phase != LIFE_RUNS && self->phase != LIFE_STORES;
}
