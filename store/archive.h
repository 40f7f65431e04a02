/* archive - snapshots of shards and a few small files in one file: a tar that is compressed; with
 * archive_read.c the one doorway to libarchive.
 *
 * Why      one file to carry away, to put on a shelf and to begin from again; it is readable with tar alone.
 * Not      which snapshots belong together (the caller's), nor meaning.
 * Threads  one owner per writer; reading keeps nothing.
 * Limits   ARCHIVE_FILE_MAX_BYTES per file; memory for one snapshot.
 *
 *   NAME                          a small file: "topology.yaml"
 *   REGION/shard-K/manifest       as store/manifest.h says, with the keys 1, 2, ...
 *   REGION/shard-K/value-KEY      the values in the order of the manifest, each whole
 *   end                           text: "cloudless archive 1", a line "CHECKSUM SIZE NAME" for each entry,
 *                                 and "CHECKSUM end" of all the lines before it
 *
 * Checksums are XXH3 in 16 hexadecimal digits. An archive without its end is not one. Everything in it has
 * the time 0, so that the same contents give the same bytes.
 */
#ifndef STORE_ARCHIVE_H
#define STORE_ARCHIVE_H

#include "store/snapshot.h"

#define ARCHIVE_FILE_MAX_BYTES ((size_t)4 << 20)
#define ARCHIVE_REGION_MAX 255

typedef struct archive_writer archive_writer_t;

/* Begins an archive at a path, which codec/base/output.h writes ("-": standard output). How it is compressed
 * follows from the end of the name: .gz or .tgz gzip, .tar not at all, otherwise zstd.
 *
 * Errors   ERR_EXISTS (path is there, and not to be overwritten), ERR_NOT_FOUND (directory), ERR_DENIED,
 *          ERR_IO,
 * ERR_FULL, ERR_MEMORY
 */
MUST_USE err_code_t archive_create(const char *path, bool overwrite, archive_writer_t **ret_self, err_t *err);

/* Errors: ERR_LIMIT (too large, or a name with '/'), ERR_IO, ERR_FULL, ERR_MEMORY. */
MUST_USE err_code_t archive_put_file(archive_writer_t *self, const char *name, const void *data, size_t size,
                                     err_t *err);
MUST_USE err_code_t archive_put_snapshot(archive_writer_t *self, const char *region, uint32_t shard,
                                         const snapshot_t *snapshot, err_t *err);

/* Writes the end, syncs, and gives the archive its name; ends the writer either way. Errors: as above. */
MUST_USE err_code_t archive_finish(archive_writer_t **self_p, err_t *err);
void archive_abandon(archive_writer_t **self_p);

/* Functions that are told what an archive holds, in its order; a function may be NULL. What is told was
 * checked against its own checksum, but only archive_read's return says that the archive is whole. An error
 * returned ends the reading. */
typedef struct {
    void *hint;
    /* After everything else: files are known to be whole only at the end. */
    err_code_t (*file)(void *hint, const char *name, const void *data, size_t size, err_t *err);
    /* Asks whether the values of a snapshot are wanted; NULL: all are. What is not wanted is checked all the
     * same. */
    bool (*wants)(void *hint, const char *region, uint32_t shard, const manifest_t *manifest);
    err_code_t (*snapshot)(void *hint, const char *region, uint32_t shard, const snapshot_t *snapshot,
                           err_t *err);
} archive_visitor_t;

/* Reads a whole archive, believing nothing.
 *
 * Errors   ERR_NOT_FOUND, ERR_DENIED, ERR_IO, ERR_CHECKSUM or ERR_MALFORMED (damaged; the text names the
 *          entry),
 * ERR_VERSION, ERR_LIMIT, ERR_MEMORY, and what the visitor returns
 */
MUST_USE err_code_t archive_read(const char *path, const archive_visitor_t *visitor, err_t *err);

#endif
