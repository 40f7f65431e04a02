/* breaks - guards that a test may turn off, one at a time, so that the judge can be seen to go red.
 *
 * Why      a judge that has never failed has shown nothing.      Not   for anything but tests: all are 0 in a
 *          product.
 * Threads  constants.
 */
#ifndef ACTORS_KIT_BREAKS_H
#define ACTORS_KIT_BREAKS_H

typedef enum {
    BREAK_DEDUP = 1u << 0,   /* a batch that is in the version is applied again */
    BREAK_FENCING = 1u << 1, /* older incarnations are listened to */
    /* a delta leaves the region before the snapshot that contains it is committed */
    /* payload bytes are not checked */
    BREAK_OUTPUT_COMMIT = 1u << 2,
    BREAK_CHECKSUM = 1u << 3,
    BREAK_MARK = 1u << 4,  /* deltas from behind a common point are taken before it */
    BREAK_HOLD = 1u << 5,  /* kept deltas are let go while a common point is made */
    BREAK_COVER = 1u << 6, /* a store does not say that something has left which it has not */
} breaks_t;

/* The guard of a name, "output-commit" for instance; 0: there is none. */
unsigned breaks_find(const char *name);

/* Those that are off in this process; never any in builds for users. */
unsigned breaks_off(void);

#endif
