/* log_repeat - a warning that comes again and again is told at growing distances, with how often it came
 * meanwhile.
 *
 * How      lines are the same when they differ in digits only. The first LOG_REPEAT_FREE of them pass; then
 *          one does after a pause that doubles, up to LOG_REPEAT_MOST_US. A line that has been quiet for
 *          LOG_REPEAT_FORGET_US is new again.
 * Threads  one at a time.       Limits  LOG_REPEAT_LINES different ones are known; the one quiet for longest
 *          makes room.
 */
#ifndef CODEC_BASE_LOG_REPEAT_H
#define CODEC_BASE_LOG_REPEAT_H

#include "codec/base/backoff.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_REPEAT_LINES 64
#define LOG_REPEAT_FREE 3
#define LOG_REPEAT_FIRST_US ((int64_t)2000000)
#define LOG_REPEAT_MOST_US ((int64_t)300000000)
#define LOG_REPEAT_FORGET_US (2 * LOG_REPEAT_MOST_US)

typedef struct {
    uint64_t key;
    uint64_t passed, held;
    int64_t seen_us, told_us;
    backoff_t pause;
} log_repeat_line_t;

typedef struct {
    log_repeat_line_t lines[LOG_REPEAT_LINES];
} log_repeat_t;

/* Returns whether a line is written now; *ret_held is then how many like it were not since the one before. */
bool log_repeat_pass(log_repeat_t *self, const char *line, size_t size, int64_t now_us, uint64_t *ret_held);

#endif
