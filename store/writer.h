/* writer - writes snapshots of one store in the background, one at a time.
 *
 * Why      training never stops for a snapshot.
 * Not      a queue, nor retries: the owner learns how the last one ended and decides what is next.
 * Threads  one owner; it has one thread of its own, which takes no signals.
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include "codec/base/err.h"
#include "store/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct writer writer_t;

typedef struct {
    snapshot_id_t id;
    err_t error;            /* code ERR_OK: committed, and what `durable` may say is id.number */
    bool suspect;           /* the kv accepts nothing more (kv_suspect) */
    uint64_t written_bytes; /* by this snapshot: less than it holds when values were there already */
    int64_t duration_us;
} writer_result_t;

/* Starts the thread.
 *
 *   in   store  borrowed until writer_destroy
 *
 * Errors   ERR_LIMIT (no thread or descriptor), ERR_MEMORY
 */
MUST_USE err_code_t writer_new(snapshot_store_t *store, writer_t **ret_self, err_t *err);

/* Gives it a snapshot to write and returns at once. Its buffers are shared, not copied.
 *
 *   in   snapshot_p  moved on success alone
 *
 * Errors   ERR_STATE (one is being written, its result was not taken, or it was stopped)
 */
MUST_USE err_code_t writer_submit(writer_t *self, snapshot_t **snapshot_p, err_t *err);

/* Returns whether it can take a snapshot now. */
bool writer_idle(writer_t *self);

/* A descriptor to poll for reading: readable while a result waits. Borrowed until writer_destroy; do not read
 * it. */
int writer_fd(const writer_t *self);

/* The result of the snapshot given last, once; false while there is none. Never waits. */
bool writer_take_result(writer_t *self, writer_result_t *ret_result);

/* Waits for the snapshot being written and ends the thread; its result can still be taken. May be called
 * again. */
void writer_stop(writer_t *self);

/* Stops, and gives everything back; NULL is fine. */
void writer_destroy(writer_t **self_p);

#endif
