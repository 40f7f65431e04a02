/* progress - how far a run is, on standard error: on a terminal as a line that is drawn over, elsewhere as a
 * line every few seconds.
 *
 * How      a line is made of parts, each with a worth: however narrow the terminal, what is worth most is on
 *          it.
 * Threads  the global scheduler's thread.
 */
#ifndef DEPLOY_LAUNCH_PROGRESS_H
#define DEPLOY_LAUNCH_PROGRESS_H

#include "deploy/launch/headway.h"

#include <stdbool.h>

#define PROGRESS_LINE_MAX 512

typedef struct {
    bool shown;
    bool terminal;
    int64_t began_us, printed_us;
} progress_t;

void progress_init(progress_t *self, bool shown, int64_t now_us);

/* Draws or prints, when it is time; with `last` always, ending the line. */
void progress_show(progress_t *self, const global_core_t *core, const headway_t *headway, int64_t now_us,
                   bool last);

/* The line, shorter than `width` characters; `bar` only on a terminal. */
void progress_compose(const progress_t *self, const global_core_t *core, const headway_t *headway,
                      int64_t now_us, size_t width, char out[PROGRESS_LINE_MAX]);

#endif
