/* dial_way - how long the way to a broker is, and what it carries: measured by what goes there and comes
 * back.
 *
 * Why      a plan is made of what a topology says of its links, and nobody else compares that with the
 *          network.
 * How      somebody who is registered with a broker sends messages to itself: they cross the way twice. One
 *          at a time for the round trip, of which the least counts; as many as fill the way for the rate,
 *          which is that of its slower direction.
 * Threads  the caller's, which waits: DIAL_WAY_PATIENCE_MS at most for each of both.
 */
#ifndef DEPLOY_LAUNCH_DIAL_WAY_H
#define DEPLOY_LAUNCH_DIAL_WAY_H

#include "codec/wire/message.h"

#include <stdbool.h>
#include <stdint.h>

#define DIAL_WAY_PATIENCE_MS 3000
#define DIAL_WAY_LEAST_BYTES ((uint64_t)128 << 10) /* with less nothing is measured */
#define DIAL_WAY_MOST_BYTES ((uint64_t)256 << 20)

typedef struct {
    bool answered;
    int64_t rtt_us;            /* when answered */
    uint64_t rate_bytes_per_s; /* 0: not measured */
    uint64_t sent_bytes;       /* for the rate; as much came back at most */
} dial_way_t;

/* `socket` is connected, and registered with its broker as `name`. Sends at most `transfer_bytes` for the
 * rate; 0: none. */
dial_way_t dial_way_measure(void *socket, const char *name, uint64_t transfer_bytes);

#endif
