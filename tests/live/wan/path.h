/* path - one direction of a link of the laboratory: what becomes of a packet that is sent at a given time.
 *
 * Why      the laboratory's arithmetic without its devices: it is tested in virtual time.
 * How      a packet waits for those before it (rate), of its own flow too (per-flow rate), is dropped when
 *          more than `queue_us` of waiting lie before it, then travels for half a round trip and its jitter.
 *          Order is kept within a flow, except for the packets that are chosen to overtake: they skip the
 *          travelling of those before them.
 * Threads  one.
 */
#ifndef TESTS_LIVE_WAN_PATH_H
#define TESTS_LIVE_WAN_PATH_H

#include "codec/base/err.h"
#include "codec/base/rng.h"

#include <stdbool.h>

#define PATH_FLOWS 1024u

typedef struct {
    uint64_t rate_bytes_per_s; /* 0: not limited */
    uint64_t flow_bytes_per_s; /* of each TCP connection or UDP pair; 0: not limited */
    int64_t rtt_us;            /* half of it is this direction's delay */
    int64_t jitter_us;         /* added, evenly spread from 0 */
    double loss;               /* share of packets */
    double reorder;            /* share of packets that overtake */
    int64_t queue_us;          /* of waiting, beyond which a packet is dropped; 0: 100 ms */
    bool down;                 /* everything is lost */
} path_knobs_t;

typedef struct {
    uint64_t packets, bytes; /* that came */
    uint64_t lost, dropped, reordered, cut;
} path_stats_t;

typedef struct {
    path_knobs_t knobs;
    path_stats_t stats;
    rng_t rng;
    int64_t free_us, flow_free_us[PATH_FLOWS], arrived_us[PATH_FLOWS];
} path_t;

void path_init(path_t *self, uint64_t seed, uint64_t from, uint64_t to);

/* One knob by text: "rate=100Mbit", "flow=20Mbit", "rtt=30ms", "jitter=3ms", "loss=1%", "reorder=1%",
 * "queue=200ms", "down", "up". Errors: ERR_USAGE (the text says what may be written). */
MUST_USE err_code_t path_set(path_t *self, const char *text, err_t *err);

/* When a packet of `size_bytes` of a flow, sent now, arrives; -1: never. */
int64_t path_send(path_t *self, size_t size_bytes, uint32_t flow, int64_t now_us);

#endif
