/* exchange - what a strategy does to the version: what is cut, and what others' cuts do. One file a
 * strategy, one row each.
 *
 * Why      the rooms around (stream, rounds, transfer) are the same for all of them: they ask the row, and
 *          know no strategy by name.
 * Owns     nothing: a row is constant; what a strategy keeps lies in the replica, and
 *          is named by its tensors.
 * Called   through replica->exchange, which is chosen once, at the start. The rows are in strategy/.
 * Errors   what returns bool is all or nothing, and false without memory; nothing has changed then.
 * Formulas are in actors/synchronizer/strategy.h, with their sources.
 */
#ifndef ACTORS_SHARD_REPLICA_EXCHANGE_H
#define ACTORS_SHARD_REPLICA_EXCHANGE_H

#include "actors/shard/replica/replica.h"

/* Where the own parameters were, and where their open local steps began, before another
 * region's state was taken. */
typedef struct {
    const buf_t *parameters;
    const buf_t *start; /* NULL: the strategy has none */
    bool some;          /* own cuts are not in that state */
} former_t;

struct exchange {
    strategy_name_t id;

    /* Derives the strategy's numbers from the settings, before there are parameters. */
    void (*derive)(replica_t *self);
    /* A step may be made: there is room for the cut that may follow it. */
    bool (*ready)(replica_t *self);

    /* -- own cuts: `whole` is called first when all there is is to be cut, with what earlier cuts left out */
    bool (*whole)(replica_t *self);
    /* The values of what is open, moved or shared, never copied; NULL: nothing. */
    buf_t *(*cut)(replica_t *self, bool whole);
    /* The cut is made, and not counted yet. */
    void (*made)(replica_t *self, const encoded_t *cut);
    /* It waits for its round; `open`: that is not applied yet; `carries`: it has values. */
    void (*waits)(replica_t *self, bool carries, bool open);
    /* It was too late for its round. */
    void (*too_late)(replica_t *self);

    /* Without rounds: takes an own contribution that is to act here as others see it; whether it did. */
    bool (*own)(replica_t *self);

    /* -- others' */
    /* Without rounds: a delta of another region, in its turn. */
    bool (*take)(replica_t *self, const late_t *late, const blend_t *delta);
    /* With rounds: the mean of the contributions; NULL: nobody contributed anything. */
    bool (*round)(replica_t *self, const blend_t *mean);
    /* The weight of a contribution in that mean, whose divisor grows by what it counts for;
     * `first` of its region. */
    double (*weight)(const replica_t *self, const pending_t *pending, bool first, double *divisor);
    /* A contribution may be in that round. */
    bool (*counts)(const delta_head_t *head, uint64_t round);
    /* A contribution has come for nothing when that round is applied. */
    bool (*is_late)(const delta_head_t *head, uint64_t round);

    /* -- upon another region's state, what of the own work it lacks; in place, so that it cannot fail */
    void (*again)(replica_t *self, const delta_head_t *head, const buf_t *values);
    void (*open_again)(replica_t *self, const former_t *former);

    /* The measure of significance: a scale (elements), and the threshold relative to it; NULL: every
     * change is significant. */
    const float *(*scale)(const replica_t *self, float *ret_threshold);
};

#endif
