#include "actors/shard/replica/strategy/rows.h"

#define STRATEGY(ID, NAME, ...) &exchange_##NAME,
static const exchange_t *const s_rows[] = {
#include "brokers/strategies.def"
};
#undef STRATEGY

const exchange_t *exchange_find(strategy_name_t id)
{
    CHECK((size_t)id < sizeof s_rows / sizeof *s_rows && s_rows[id]->id == id);
    return s_rows[id];
}

void exchange_nothing(replica_t *self)
{
    (void)self;
}

bool exchange_ready(replica_t *self)
{
    (void)self;
    return true;
}

void exchange_made_nothing(replica_t *self, const encoded_t *cut)
{
    (void)self;
    (void)cut;
}

void exchange_made_for_round(replica_t *self, const encoded_t *cut)
{
    if (!cut->data)
        self->open_samples = 0;
}

void exchange_waits_nothing(replica_t *self, bool carries, bool open)
{
    (void)self;
    (void)carries;
    (void)open;
}

bool exchange_own_never(replica_t *self)
{
    (void)self;
    return false;
}

bool exchange_take_never(replica_t *self, const late_t *late, const blend_t *delta)
{
    (void)self;
    (void)late;
    (void)delta;
    err_abort(__FILE__, __LINE__, "deltas of strategies with rounds wait for their round");
}

bool exchange_round_never(replica_t *self, const blend_t *mean)
{
    (void)self;
    (void)mean;
    err_abort(__FILE__, __LINE__, "rounds of strategies that have some");
}

void exchange_again_later(replica_t *self, const delta_head_t *head, const buf_t *values)
{
    (void)self;
    (void)head;
    (void)values;
}

double exchange_weight_of_region(const replica_t *self, const pending_t *pending, bool first, double *divisor)
{
    double weight = (double)self->base->spec.job->regions[pending->region].samples;
    *divisor += first ? weight : 0;
    return weight;
}

bool exchange_always_counts(const delta_head_t *head, uint64_t round)
{
    (void)head;
    (void)round;
    return true;
}

bool exchange_never_late(const delta_head_t *head, uint64_t round)
{
    (void)head;
    (void)round;
    return false;
}

const float *exchange_scale_none(const replica_t *self, float *ret_threshold)
{
    (void)self;
    *ret_threshold = 0;
    return NULL;
}
