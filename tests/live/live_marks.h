/* live_marks - common points of all shards in a state directory: which there are, and going back to one.
 *
 * Threads  one; nobody runs the job meanwhile.
 */
#ifndef TESTS_LIVE_LIVE_MARKS_H
#define TESTS_LIVE_LIVE_MARKS_H

#include <stddef.h>

/* Prints the tags that every shard of every region has a snapshot of. Returns 0, or 1 after a line on
 * stderr. */
int live_marks_print(const char *state, unsigned shards, char **regions, size_t region_count);

/* Gives every shard a newer store that holds its snapshot with this tag, and nothing else. The same. */
int live_marks_restore(const char *state, const char *tag, unsigned shards, char **regions,
                       size_t region_count);

#endif
