/* failpoint - named places in the code where a test has the process killed, or an operation fail.
 *
 * Why      "whatever dies" is believed only when every place between a push and a delta was died at. Test
 *          builds define CLOUDLESS_FAILPOINTS; in all others a failpoint is nothing.
 * How      every point counts its hits, of all processes of a run together, in one shared file of the run's
 *          directory. CLOUDLESS_FAILPOINT="shard.push.applied:3,..." kills (SIGKILL) whoever hits that point
 *          for the third time: the count goes on over restarts, so it happens once; "worker.computed:3+"
 *          kills there from then on, ":3+8" eight times more. A point of the kind `fails` makes its operation
 *          fail then.
 * Threads  any.
 * Not      a log: nothing is written when a process is killed; the shared file says which points were hit and
 *          struck.
 */
#ifndef CODEC_BASE_FAILPOINT_H
#define CODEC_BASE_FAILPOINT_H

#include <stdbool.h>
#include <stdint.h>

/* X(identifier, name, what is done by then). Tests walk through this list: one that is never hit is a
 * failure. */
#define FAILPOINTS_THAT_KILL(X)                                                                              \
    X(shard_opened, "shard.opened", "its state is loaded and its own store open")                            \
    X(shard_push_received, "shard.push.received", "a chunk of a push has come")                              \
    X(shard_push_whole, "shard.push.whole", "the last chunk of a push is staged")                            \
    X(shard_push_applied, "shard.push.applied", "a step has changed the version")                            \
    X(shard_push_acked, "shard.push.acked", "the acknowledgement waits to be sent")                          \
    X(shard_push_ack_sent, "shard.push.ack_sent", "the acknowledgement is handed to the socket")             \
    X(shard_pull_answered, "shard.pull.answered", "parameters wait to be sent")                              \
    X(shard_snapshot_taken, "shard.snapshot.taken", "a version is offered to the writer")                    \
    X(store_value_written, "store.value.written", "a value is in a transaction, the manifest not")           \
    X(store_before_commit, "store.before_commit", "everything is in the transaction")                        \
    X(store_after_commit, "store.after_commit", "committed, and nobody knows")                               \
    X(shard_snapshot_committed, "shard.snapshot.committed", "the shard knows, and nobody is told")           \
    X(shard_snapshot_told, "shard.snapshot.told", "acknowledgements and deltas wait to be sent")             \
    X(shard_delta_encoded, "shard.delta.encoded", "the accumulator is emptied into a delta")                 \
    X(shard_delta_cut, "shard.delta.cut", "the delta is in the version, which is not stored")                \
    X(shard_delta_before_send, "shard.delta.before_send", "the delta is stored and not sent")                \
    X(shard_delta_sent, "shard.delta.sent", "a chunk is handed to the socket")                               \
    X(shard_delta_received, "shard.delta.received", "a chunk of another region's delta has come")            \
    X(shard_delta_taken, "shard.delta.taken", "another region's delta has changed the version")              \
    X(shard_delta_ack_sent, "shard.delta.ack_sent", "the acknowledgement is handed to the socket")           \
    X(shard_closed, "shard.closed", "the final delta is cut")                                                \
    X(synchronizer_received, "synchronizer.received", "the own shard's delta has come")                      \
    X(synchronizer_forwarded, "synchronizer.forwarded", "a chunk for another region waits to be sent")       \
    X(synchronizer_sent, "synchronizer.sent", "that chunk is handed to the socket")                          \
    X(synchronizer_acked, "synchronizer.acked", "another region has acknowledged, the shard is not told")    \
    X(worker_pulled, "worker.pulled", "parameters are here")                                                 \
    X(worker_computed, "worker.computed", "a gradient is here")                                              \
    X(worker_pushed, "worker.pushed", "a push waits to be sent")                                             \
    X(worker_push_sent, "worker.push_sent", "a chunk of a push is handed to the socket")                     \
    X(worker_acked, "worker.acked", "a shard has acknowledged")                                              \
    X(scheduler_stored, "scheduler.stored", "something is in the scheduler's store")                         \
    X(scheduler_kept, "scheduler.kept", "the state of the run is committed")                                 \
    X(scheduler_placed, "scheduler.placed", "an incarnation is issued, and its node not told")               \
    X(scheduler_granted, "scheduler.granted", "a lease waits to be sent")                                    \
    X(scheduler_progress, "scheduler.progress", "a shard's progress has come")                               \
    X(broker_forwarded, "broker.forwarded", "a message is handed to an actor of the region")                 \
    X(broker_delivered, "broker.delivered", "a message from another region is whole")

#define FAILPOINTS_THAT_FAIL(X)                                                                              \
    X(store_commit_eio, "store.commit.eio", "LMDB commits: the disk says EIO")                               \
    X(store_commit_full, "store.commit.full", "LMDB commits: the disk says that it is full")

#define FAILPOINTS(X) FAILPOINTS_THAT_KILL(X) FAILPOINTS_THAT_FAIL(X)

typedef enum {
#define FAILPOINT_ID(id, name, meaning) FAILPOINT_##id,
    FAILPOINTS(FAILPOINT_ID)
#undef FAILPOINT_ID
        FAILPOINT_COUNT
} failpoint_t;

#ifdef CLOUDLESS_FAILPOINTS
#define FAILPOINT(id) failpoint_hit(FAILPOINT_##id)
#define FAILPOINT_FAILS(id) failpoint_strikes(FAILPOINT_##id)
#else
#define FAILPOINT(id) ((void)0)
#define FAILPOINT_FAILS(id) false
#endif

#define FAILPOINT_FILE "failpoints" /* in the run's directory */

/* Counts a hit of this process, in RUN_DIR/failpoints from now on, and arms what CLOUDLESS_FAILPOINT says.
 * Does nothing in builds without failpoints; a text that arms no known point ends the process with a
 * message. */
void failpoint_open(const char *run_dir);

/* Arms points as the environment does, for tests within one process; counts begin at 0. */
void failpoint_arm(const char *points);

/* The macros call it: the hit is counted, and strikes when it is one that was armed. */
void failpoint_hit(failpoint_t point);
bool failpoint_strikes(failpoint_t point);

/* The guards that a test build can be run without, so that its judge is seen to go red: CLOUDLESS_BREAK
 * names one. */
#define FAILPOINT_BREAK_VARIABLE "CLOUDLESS_BREAK"
#define FAILPOINT_BREAKS "dedup, fencing, output-commit or checksum"

bool failpoint_is_break(const char *guard);
bool failpoint_breaks(const char *guard); /* whether it is switched off; never in other builds */

/* For tests: what a run's directory says. False when there is no such file. */
typedef struct {
    uint64_t hits, strikes;
} failpoint_count_t;
bool failpoint_read(const char *run_dir, failpoint_count_t ret_counts[FAILPOINT_COUNT]);
const char *failpoint_name(failpoint_t point);
bool failpoint_kills(failpoint_t point);

#endif
