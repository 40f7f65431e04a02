/* mark_phase - how far the making of a common point is, as `mark` and `marked` say it
 * (codec/wire/schema.def).
 *
 * Threads  constant.
 */
#ifndef ACTORS_KIT_MARK_PHASE_H
#define ACTORS_KIT_MARK_PHASE_H

/* Values travel on the wire. */
typedef enum {
    PHASE_HOLD, /* nobody lets a kept delta go */
    PHASE_TAKE, /* a snapshot is taken before anything that others cut later */
    PHASE_END,  /* it is done or given up */
    PHASE_NONE, /* not on the wire: none is being made */
} mark_phase_t;

#endif
