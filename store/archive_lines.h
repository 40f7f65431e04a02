/* archive_lines - the list at the end of an archive, made in the same way by who writes and who reads one.
 *
 * Threads  one owner.
 */
#ifndef STORE_ARCHIVE_LINES_H
#define STORE_ARCHIVE_LINES_H

#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARCHIVE_END_NAME "end"
#define ARCHIVE_MANIFEST_NAME "manifest"
#define ARCHIVE_NAME_ROOM 320 /* of REGION/shard-K */

/* Stays where it was initialized. */
typedef struct {
    char *text;
    size_t size;
    FILE *out; /* writes into text */
} archive_lines_t;

MUST_USE err_code_t archive_lines_init(archive_lines_t *self, err_t *err);
void archive_lines_add(archive_lines_t *self, const char *name, uint64_t checksum, size_t size_bytes);
/* Adds the line about the lines; text and size are what the archive ends with. Errors: ERR_MEMORY. */
MUST_USE err_code_t archive_lines_end(archive_lines_t *self, err_t *err);
void archive_lines_fini(archive_lines_t *self);

/* How the entries of a shard begin: REGION/shard-K. */
void archive_folder(const char *region, uint32_t shard, char out[ARCHIVE_NAME_ROOM]);

#endif
