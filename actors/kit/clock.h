/* clock - the one clock that shells read: monotonic microseconds, so that nothing here jumps when the date is
 * set.
 *
 * Not      for cores: they are told the time.
 * Threads  any.
 */
#ifndef ACTORS_KIT_CLOCK_H
#define ACTORS_KIT_CLOCK_H

#include <stdint.h>

int64_t clock_now_us(void);
/* Time of a core that the calling thread has had: time in which others ran there does not count. */
int64_t clock_thread_us(void);

/* Since this process was started, to about 10 ms. Source: proc(5), field 22 of /proc/self/stat. 0 when
 * that cannot be read. */
int64_t clock_process_age_us(void);

#endif
