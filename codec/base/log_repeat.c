#include "codec/base/log_repeat.h"

#define FNV_OFFSET UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

/* FNV-1a, a run of digits counting as one character; never 0. */
static uint64_t s_key(const char *line, size_t size)
{
    uint64_t key = FNV_OFFSET;
    bool digits = false;
    for (size_t i = 0; i < size; i++) {
        bool digit = line[i] >= '0' && line[i] <= '9';
        if (!(digit && digits))
            key = (key ^ (unsigned char)(digit ? '0' : line[i])) * FNV_PRIME;
        digits = digit;
    }
    return key ? key : 1;
}

/* The line's entry, or one that may be taken for it. */
static log_repeat_line_t *s_find_line(log_repeat_t *self, uint64_t key)
{
    log_repeat_line_t *oldest = &self->lines[0];
    for (size_t i = 0; i < LOG_REPEAT_LINES; i++) {
        if (self->lines[i].key == key)
            return &self->lines[i];
        if (self->lines[i].seen_us < oldest->seen_us)
            oldest = &self->lines[i];
    }
    return oldest;
}

bool log_repeat_pass(log_repeat_t *self, const char *line, size_t size, int64_t now_us, uint64_t *ret_held)
{
    uint64_t key = s_key(line, size);
    log_repeat_line_t *known = s_find_line(self, key);
    if (known->key != key || now_us - known->seen_us >= LOG_REPEAT_FORGET_US)
        *known =
            (log_repeat_line_t){.key = key, .pause = backoff_of(LOG_REPEAT_FIRST_US, LOG_REPEAT_MOST_US)};
    known->seen_us = now_us;
    *ret_held = known->held;
    if (known->passed >= LOG_REPEAT_FREE && now_us - known->told_us < known->pause.now_us) {
        known->held++;
        return false;
    }
    known->passed++;
    known->held = 0;
    known->told_us = now_us;
    if (known->passed >= LOG_REPEAT_FREE)
        backoff_next(&known->pause);
    return true;
}
