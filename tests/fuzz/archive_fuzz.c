/* Archives from nowhere: snapshots that are whole, or one line of error.
 *
 * An input is: one byte; when its lowest bit is set the rest is a file as it is. Else it is entries - length
 * of the name, name, two bytes of length, contents - of which a tar is made, with the list of them and its
 * checksums at the end as they should be: so what is behind the checksums is reached, too. */
#include "store/archive.h"

#define FUZZ_RUNS 1500

#include "codec/base/hash.h"
#include "store/archive_lines.h"
#include "tests/fuzz/fuzz.h"

#include <archive.h>
#include <archive_entry.h>

enum { RAW = 1, NO_END = 2 };

/* ---- a tar of entries ---- */

static void s_add(struct archive *tar, const char *name, const void *bytes, size_t size)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    if (archive_write_header(tar, entry) == ARCHIVE_OK && size)
        CHECK(archive_write_data(tar, bytes, size) == (la_ssize_t)size);
    archive_entry_free(entry);
}

static void s_make(const uint8_t *bytes, size_t size, bool ends)
{
    struct archive *tar = archive_write_new();
    archive_lines_t lines = {0};
    CHECK(archive_write_set_format_pax_restricted(tar) == ARCHIVE_OK);
    CHECK(archive_write_open_filename(tar, fuzz_path("a.tar")) == ARCHIVE_OK);
    CHECK(archive_lines_init(&lines, NULL) == ERR_OK);
    while (size > 3 && bytes[0] && (size_t)bytes[0] + 3 <= size) {
        char name[256] = "";
        size_t name_size = bytes[0], length = bytes[1 + name_size] | (size_t)bytes[2 + name_size] << 8;
        memcpy(name, bytes + 1, name_size);
        bytes += 3 + name_size;
        size -= 3 + name_size;
        length = length < size ? length : size;
        if (!strchr(name, '\n')) {
            s_add(tar, name, bytes, length);
            archive_lines_add(&lines, name, hash_checksum(bytes, length), length);
        }
        bytes += length;
        size -= length;
    }
    CHECK(archive_lines_end(&lines, NULL) == ERR_OK);
    if (ends)
        s_add(tar, ARCHIVE_END_NAME, lines.text, lines.size);
    archive_lines_fini(&lines);
    CHECK(archive_write_free(tar) == ARCHIVE_OK);
}

/* ---- reading ---- */

static err_code_t s_see(void *hint, const char *region, uint32_t shard, const snapshot_t *snapshot,
                        err_t *err)
{
    (void)err, (void)shard;
    size_t *sum = hint;
    CHECK(region[0] && region[0] != '.' && !strchr(region, '/'));
    for (size_t i = 0; i < snapshot->count; i++) {
        const buf_t *buf = snapshot->values[i].buf;
        const uint8_t *bytes = buf_peek(buf);
        for (size_t k = 0; k < buf_size(buf); k++)
            *sum += bytes[k];
    }
    return ERR_OK;
}

static err_code_t s_see_file(void *hint, const char *name, const void *data, size_t size, err_t *err)
{
    (void)hint, (void)data, (void)size, (void)err;
    CHECK(name[0] && !strchr(name, '/'));
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!size)
        return 0;
    size_t sum = 0;
    err_t err = {0};
    archive_visitor_t visitor = {.hint = &sum, .snapshot = s_see, .file = s_see_file};
    if (bytes[0] & RAW)
        fuzz_write("a.tar", bytes + 1, size - 1);
    else
        s_make(bytes + 1, size - 1, !(bytes[0] & NO_END));
    err_code_t code = archive_read(fuzz_path("a.tar"), &visitor, &err);
    CHECK(!code || code == ERR_CHECKSUM || code == ERR_MALFORMED || code == ERR_VERSION || code == ERR_LIMIT);
    fuzz_took(code, &err);
    return 0;
}

/* ---- inputs ---- */

static snapshot_t *s_snapshot(rng_t *rng)
{
    snapshot_id_t id = {.history = rng_u64(rng), .number = 1 + rng_below(rng, 9), .incarnation = 1};
    snapshot_t *snapshot = snapshot_new(&id);
    CHECK(snapshot);
    for (size_t i = 0, count = rng_below(rng, 4); i < count; i++) {
        char name[16];
        buf_t *buf = buf_new_zero(rng_below(rng, 3) * rng_below(rng, 300));
        CHECK(buf);
        snprintf(name, sizeof name, "value/%zu", i);
        CHECK(snapshot_add(snapshot, name, &buf, NULL) == ERR_OK);
    }
    return snapshot;
}

static void s_write(rng_t *rng, const char *path)
{
    archive_writer_t *writer = NULL;
    CHECK(archive_create(path, true, &writer, NULL) == ERR_OK);
    for (uint32_t shard = 0; shard < 1 + rng_below(rng, 2); shard++) {
        snapshot_t *snapshot = s_snapshot(rng);
        CHECK(archive_put_snapshot(writer, "north", shard, snapshot, NULL) == ERR_OK);
        snapshot_destroy(&snapshot);
    }
    CHECK(archive_put_file(writer, "topology.yaml", "job: 1\n", 7, NULL) == ERR_OK);
    CHECK(archive_finish(&writer, NULL) == ERR_OK);
}

/* The entries of an archive, without its end, in the form of an input. */
static uint8_t *s_entries(const char *path, size_t *ret_size)
{
    struct archive *tar = archive_read_new();
    struct archive_entry *entry;
    uint8_t *bytes = calloc(1, 65536);
    size_t size = 1;
    CHECK(bytes && archive_read_support_format_tar(tar) == ARCHIVE_OK);
    CHECK(archive_read_open_filename(tar, path, 65536) == ARCHIVE_OK);
    while (archive_read_next_header(tar, &entry) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(entry);
        size_t name_size = strlen(name), length = (size_t)archive_entry_size(entry);
        if (!strcmp(name, ARCHIVE_END_NAME))
            break;
        CHECK(size + 3 + name_size + length <= 65536);
        bytes[size++] = (uint8_t)name_size;
        memcpy(bytes + size, name, name_size);
        size += name_size;
        bytes[size++] = (uint8_t)length;
        bytes[size++] = (uint8_t)(length >> 8);
        CHECK(archive_read_data(tar, bytes + size, length) == (la_ssize_t)length);
        size += length;
    }
    archive_read_free(tar);
    *ret_size = size;
    return bytes;
}

static uint8_t *fuzz_seed(rng_t *rng, size_t *ret_size)
{
    static const char *const names[] = {"seed.tar", "seed.tar.gz", "seed.tar.zst"};
    char path[128];
    size_t which = rng_below(rng, 2) ? 0 : rng_below(rng, 3);
    snprintf(path, sizeof path, "%s", fuzz_path(names[which]));
    s_write(rng, path);
    bool raw = which || rng_below(rng, 4) == 0;
    uint8_t *bytes = raw ? fuzz_read(path, 1, ret_size) : s_entries(path, ret_size);
    bytes[0] = raw ? RAW : 0;
    return bytes;
}
