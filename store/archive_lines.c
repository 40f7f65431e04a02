#include "store/archive_lines.h"

#include "codec/base/hash.h"
#include "store/archive.h"

#include <inttypes.h>
#include <stdlib.h>

#define HEADING "cloudless archive 1\n"

err_code_t archive_lines_init(archive_lines_t *self, err_t *err)
{
    self->out = open_memstream(&self->text, &self->size);
    if (!self->out)
        return err_set(err, ERR_MEMORY, "no memory for the list of an archive");
    fputs(HEADING, self->out);
    return ERR_OK;
}

void archive_lines_add(archive_lines_t *self, const char *name, uint64_t checksum, size_t size_bytes)
{
    fprintf(self->out, "%016" PRIx64 " %zu %s\n", checksum, size_bytes, name);
}

err_code_t archive_lines_end(archive_lines_t *self, err_t *err)
{
    bool failed = fflush(self->out) != 0;
    if (!failed)
        fprintf(self->out, "%016" PRIx64 " " ARCHIVE_END_NAME "\n", hash_checksum(self->text, self->size));
    failed = failed || fflush(self->out) != 0 || ferror(self->out);
    return failed ? err_set(err, ERR_MEMORY, "no memory for the list of an archive") : ERR_OK;
}

void archive_lines_fini(archive_lines_t *self)
{
    if (self->out)
        fclose(self->out);
    free(self->text);
    *self = (archive_lines_t){0};
}

void archive_folder(const char *region, uint32_t shard, char out[ARCHIVE_NAME_ROOM])
{
    snprintf(out, ARCHIVE_NAME_ROOM, "%.*s/shard-%" PRIu32, ARCHIVE_REGION_MAX, region, shard);
}
