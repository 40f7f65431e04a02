/* reach - why an address cannot be reached: dialled once, aside, as a person would.
 *
 * Why      libzmq tries again for ever and tells nobody the reason: a name that is unknown, a port at which
 *          nobody listens and a cable that is out look the same, while each has a remedy of its own.
 * How      looks the name up and connects, without a word over the connection, which is closed at once.
 * Threads  each trial has a thread, as looking up a name may take many seconds; begun, looked at and let go
 *          by one owner, who never waits.
 */
#ifndef BROKERS_REACH_H
#define BROKERS_REACH_H

#include <stdbool.h>

#define REACH_TEXT_MAX 192
#define REACH_PATIENCE_MS 3000 /* for one of the name's addresses to answer */

typedef struct reach reach_t;

/* Tries "tcp://HOST:PORT" or "ipc://PATH"; NULL when there is no thread for it. */
reach_t *reach_begin(const char *endpoint);

/* Returns whether it has ended; then ret_text is the reason, one line, or empty when the address answers. */
bool reach_done(const reach_t *self, char ret_text[REACH_TEXT_MAX]);

/* Lets it go, whether it has ended or not. */
void reach_destroy(reach_t **self_p);

#endif
