#include "actors/model/data/idx_file.h"
#include "tests/unit/actors/model/files.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/file.h>
#include <fcntl.h>

#define NAME "train-images-idx3-ubyte"
#define STEM "train-images"
static const size_t DIMS[] = {50, 4, 3}; /* 16 + 600 bytes */

static const size_t PICTURES[] = {3, 4}, NUMBERS[] = {1, 1};

static err_code_t s_open(const files_t *files, idx_file_t *idx, err_t *err)
{
    return idx_file_open(files->dir, STEM, PICTURES, PACKED_KEEP, files->cache, idx, err);
}

static void s_check_contents(const files_t *files)
{
    idx_file_t idx;
    err_t err;
    cr_assert_eq(s_open(files, &idx, &err), ERR_OK, "%s", err.text);
    cr_assert(idx.rank == 3 && idx.dims[0] == 50 && idx.dims[1] == 4 && idx.dims[2] == 3);
    for (size_t i = 0; i < 600; i++)
        cr_assert_eq(idx.elements.bytes[i], i * 7 % 251, "%zu", i);
    idx_file_close(&idx);
    idx_file_close(&idx);
}

static size_t s_count_cached(const files_t *files, const char *part)
{
    size_t count = 0;
    DIR *dir = opendir(files->cache);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += strstr(entry->d_name, part) != NULL;
    if (dir)
        closedir(dir);
    return count;
}

/* Opening fails with this code, and the text has all of these words. */
static void s_check_refused(const files_t *files, err_code_t code, const char *a, const char *b,
                            const char *c)
{
    idx_file_t idx = {.rank = 99};
    err_t err;
    cr_assert_eq(s_open(files, &idx, &err), code);
    cr_assert(strstr(err.text, NAME) && strstr(err.text, a) && strstr(err.text, b) && strstr(err.text, c),
              "%s", err.text);
    cr_assert_eq(idx.rank, 99);
}

Test(idx_file, plain)
{
    files_t files = files_new();
    files_write_idx(&files, NAME, false, 3, DIMS, 7, 251);
    s_check_contents(&files);
    cr_assert_neq(access(files.cache, F_OK), 0, "nothing to unpack, so no cache is made");
    files_destroy(&files);
}

Test(idx_file, packed_is_unpacked_once)
{
    files_t files = files_new();
    files_write_idx(&files, NAME ".gz", true, 3, DIMS, 7, 251);
    s_check_contents(&files);
    cr_assert_eq(s_count_cached(&files, STEM), 2, "the file and its lock");
    /* The second time nothing is read from the packed file: its contents may go, its size and time stay. */
    struct stat status;
    cr_assert_eq(stat(files_path(&files, NAME ".gz"), &status), 0);
    int fd = open(files_path(&files, NAME ".gz"), O_WRONLY);
    cr_assert_eq(pwrite(fd, "xxxxxxxxxxxxxxxx", 16, 0), 16);
    cr_assert_eq(futimens(fd, (struct timespec[]){status.st_atim, status.st_mtim}), 0);
    close(fd);
    s_check_contents(&files);
    files_destroy(&files);
}

Test(idx_file, another_source_of_the_same_name_is_unpacked_anew)
{
    files_t first = files_new(), second = files_new();
    files_write_idx(&first, NAME ".gz", true, 3, DIMS, 3, 251);
    files_write_idx(&second, NAME ".gz", true, 3, DIMS, 7, 251);
    snprintf(second.cache, sizeof second.cache, "%s", first.cache);
    idx_file_t idx;
    cr_assert_eq(s_open(&first, &idx, NULL), ERR_OK);
    cr_assert_eq(idx.elements.bytes[1], 3);
    idx_file_close(&idx);
    s_check_contents(&second);
    files_destroy(&first);
    files_destroy(&second);
}

static void *s_open_in_thread(void *context)
{
    s_check_contents(context);
    return NULL;
}

Test(idx_file, several_at_once)
{
    files_t files = files_new();
    files_write_idx(&files, NAME ".gz", true, 3, DIMS, 7, 251);
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        cr_assert_eq(pthread_create(threads + i, NULL, s_open_in_thread, &files), 0);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(s_count_cached(&files, STEM), 2, "one file and one lock");
    files_destroy(&files);
}

Test(idx_file, missing)
{
    files_t files = files_new();
    s_check_refused(&files, ERR_NOT_FOUND, files.dir, "apt-get install dataset-fashion-mnist", "data.dir");
    snprintf(files.dir, sizeof files.dir, "/nowhere/at/all");
    s_check_refused(&files, ERR_NOT_FOUND, files.dir, "apt-get install dataset-fashion-mnist", "data.dir");
}

/* Cut anywhere: inside the header, inside the data, by one byte. */
Test(idx_file, truncated)
{
    files_t files = files_new();
    const long sizes[] = {0, 3, 4, 15, 16, 17, 400, 615};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char found[32];
        snprintf(found, sizeof found, "found %ld;", sizes[i]);
        files_write_idx(&files, NAME, false, 3, DIMS, 7, 251);
        files_cut(&files, NAME, sizes[i]);
        s_check_refused(&files, ERR_MALFORMED, "truncated", found,
                        sizes[i] < 16 ? "expected at least 16 bytes" : "expected 616 bytes");
    }
    files_destroy(&files);
}

Test(idx_file, too_long)
{
    files_t files = files_new();
    size_t size;
    uint8_t *bytes = files_idx(3, DIMS, 7, 251, &size);
    bytes[7] = 49;
    files_write(&files, NAME, bytes, size);
    s_check_refused(&files, ERR_MALFORMED, "too long", "expected 604 bytes", "found 616");
    remove(files_path(&files, NAME));
    files_write_gz(&files, NAME ".gz", bytes, size);
    s_check_refused(&files, ERR_MALFORMED, "too long", "expected 604 bytes", "found 616");
    free(bytes);
    files_destroy(&files);
}

/* The stream itself is whole, what was packed was not. */
Test(idx_file, packed_of_a_truncated_file)
{
    files_t files = files_new();
    size_t size;
    uint8_t *bytes = files_idx(3, DIMS, 7, 251, &size);
    const size_t sizes[] = {1, 15, 16, 615};
    for (size_t i = 0; i < 4; i++) {
        char found[32];
        snprintf(found, sizeof found, "found %zu;", sizes[i]);
        files_write_gz(&files, NAME ".gz", bytes, sizes[i]);
        s_check_refused(&files, ERR_MALFORMED, "truncated", found, "expected");
        cr_assert_eq(s_count_cached(&files, ""), s_count_cached(&files, ".lock") + 2, "only locks, . and ..");
    }
    free(bytes);
    files_destroy(&files);
}

/* The packed file was cut at every possible place, down to the checksum at its end. */
Test(idx_file, packed_and_truncated)
{
    files_t files = files_new();
    files_write_idx(&files, NAME ".gz", true, 3, DIMS, 7, 251);
    struct stat status;
    cr_assert_eq(stat(files_path(&files, NAME ".gz"), &status), 0);
    for (long size = 0; size < status.st_size; size++) {
        files_write_idx(&files, NAME ".gz", true, 3, DIMS, 7, 251);
        files_cut(&files, NAME ".gz", size);
        s_check_refused(&files, ERR_MALFORMED, ".gz", "bytes", "--reinstall");
    }
    s_check_refused(&files, ERR_MALFORMED, ".gz", "bytes", "--reinstall");
    cr_assert_eq(s_count_cached(&files, ""), s_count_cached(&files, ".lock") + 2, "only locks, . and ..");
    files_write_idx(&files, NAME ".gz", true, 3, DIMS, 7, 251);
    s_check_contents(&files);
    files_destroy(&files);
}

Test(idx_file, packed_and_damaged)
{
    files_t files = files_new();
    files_write_idx(&files, NAME ".gz", true, 3, DIMS, 7, 251);
    struct stat status;
    cr_assert_eq(stat(files_path(&files, NAME ".gz"), &status), 0);
    int fd = open(files_path(&files, NAME ".gz"), O_RDWR);
    uint8_t byte;
    cr_assert_eq(pread(fd, &byte, 1, status.st_size - 8), 1); /* of the checksum */
    byte ^= 1;
    cr_assert_eq(pwrite(fd, &byte, 1, status.st_size - 8), 1);
    close(fd);
    s_check_refused(&files, ERR_MALFORMED, "damaged", "bytes", "--reinstall");
    files_destroy(&files);
}

Test(idx_file, wrong_magic_and_dimensions)
{
    files_t files = files_new();
    size_t size;
    uint8_t *bytes = files_idx(3, DIMS, 7, 251, &size);
    bytes[3] = 1;
    files_write(&files, NAME, bytes, size);
    s_check_refused(&files, ERR_MALFORMED, "expected the first bytes 0x00000803", "found 0x00000801",
                    "data.dir");
    bytes[3] = 3;
    memset(bytes + 4, 0xff, 12);
    files_write(&files, NAME, bytes, size);
    s_check_refused(&files, ERR_MALFORMED, "declares more than", "bytes", "header");
    memset(bytes + 4, 0, 4);
    files_write(&files, NAME, bytes, size);
    s_check_refused(&files, ERR_MALFORMED, "declares no data", "", "");
    free(bytes);
    files_destroy(&files);
}

#define DOTTED "train-images.idx3-ubyte"

/* Other tools unpack them under this name, or leave them packed without an ending that says so. */
Test(idx_file, other_names_of_the_same_file)
{
    static const struct {
        const char *name;
        bool packed;
    } rows[] = {{DOTTED, false}, {DOTTED ".gz", true}, {NAME, true}, {DOTTED, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        files_t files = files_new();
        files_write_idx(&files, rows[i].name, rows[i].packed, 3, DIMS, 7, 251);
        s_check_contents(&files);
        cr_assert_eq(s_count_cached(&files, STEM), rows[i].packed ? 2 : 0);
        files_destroy(&files);
    }
}

Test(idx_file, a_look_keeps_nothing)
{
    for (int packed = 0; packed < 2; packed++) {
        files_t files = files_new();
        const char *name = packed ? "l-idx1-ubyte.gz" : "l-idx1-ubyte";
        files_write_idx(&files, name, packed, 1, (size_t[]){300000}, 3, 40);
        idx_file_t idx;
        err_t err;
        cr_assert_eq(idx_file_open(files.dir, "l", NUMBERS, PACKED_MEMORY, NULL, &idx, &err), ERR_OK, "%s",
                     err.text);
        cr_assert(idx.rank == 1 && idx.dims[0] == 300000 && elements_whole(&idx.elements, 299999) == 37);
        cr_assert_neq(access(files.cache, F_OK), 0);
        idx_file_close(&idx);
        files_cut(&files, name, -1);
        cr_assert_eq(idx_file_open(files.dir, "l", NUMBERS, PACKED_MEMORY, NULL, &idx, &err), ERR_MALFORMED);
        cr_assert(strstr(err.text, name) && strstr(err.text, "bytes"), "%s", err.text);
        files_destroy(&files);
    }
}

Test(idx_file, a_look_reads_pictures_through_when_told_to)
{
    files_t files = files_new();
    files_write_idx(&files, NAME ".gz", true, 3, DIMS, 7, 251);
    files_cut(&files, NAME ".gz", -9);
    idx_file_t idx;
    cr_assert_eq(idx_file_open(files.dir, STEM, PICTURES, PACKED_BEGIN, NULL, &idx, NULL), ERR_OK);
    cr_assert(idx.dims[0] == 50 && idx.dims[1] == 4 && idx.dims[2] == 3 && !idx.elements.bytes);
    cr_assert_eq(idx_file_open(files.dir, STEM, PICTURES, PACKED_THROUGH, NULL, &idx, NULL), ERR_MALFORMED);
    files_destroy(&files);
}

/* Each type of element, big-endian, and the names that are given to such files. */
Test(idx_file, all_types_of_elements)
{
    static const struct {
        uint8_t code;
        const char *name;
        uint8_t bytes[16];
        float values[2];
    } rows[] = {
        {0x08, "x-idx3-ubyte", {255, 51}, {1, 0.2f}},
        {0x09, "x-idx3-byte", {0xff, 0x7f}, {-1, 127}},
        {0x0B, "x-idx3-short", {0x80, 0, 1, 2}, {-32768, 258}},
        {0x0C, "x.idx3-int", {0xff, 0xff, 0xff, 0xfe, 0, 1, 0, 0}, {-2, 65536}},
        {0x0D, "x-idx3-float", {0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0}, {1, -2}},
        {0x0E, "x.idx3-double", {0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0}, {1, -2}},
    };
    static const size_t sizes[] = {1, 1, 2, 4, 4, 8};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        files_t files = files_new();
        uint8_t bytes[32] = {0, 0, rows[i].code, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2};
        memcpy(bytes + 16, rows[i].bytes, 2 * sizes[i]);
        files_write(&files, rows[i].name, bytes, 16 + 2 * sizes[i]);
        idx_file_t idx;
        err_t err;
        cr_assert_eq(idx_file_open(files.dir, "x", PICTURES, PACKED_KEEP, NULL, &idx, &err), ERR_OK, "%s",
                     err.text);
        float values[2];
        elements_read(&idx.elements, 0, 2, values);
        cr_assert(values[0] == rows[i].values[0] && values[1] == rows[i].values[1], "%s: %g %g", rows[i].name,
                  (double)values[0], (double)values[1]);
        idx_file_close(&idx);
        files_cut(&files, rows[i].name, -1);
        cr_assert_eq(idx_file_open(files.dir, "x", PICTURES, PACKED_KEEP, NULL, &idx, &err), ERR_MALFORMED);
        files_destroy(&files);
    }
}

Test(idx_file, what_is_no_file)
{
    files_t files = files_new();
    cr_assert_eq(mkdir(files_path(&files, NAME), 0755), 0);
    s_check_refused(&files, ERR_IO, "not a regular file", "", "");
    files_destroy(&files);
}

Test(idx_file, no_room_for_the_cache)
{
    files_t files = files_new();
    files_write_idx(&files, NAME ".gz", true, 3, DIMS, 7, 251);
    snprintf(files.cache, sizeof files.cache, "%s/%s.gz/cache", files.dir, NAME);
    s_check_refused(&files, ERR_EXISTS, "create directory", "", "");
    idx_file_t idx;
    cr_assert_eq(idx_file_open(files.dir, STEM, PICTURES, PACKED_KEEP, NULL, &idx, NULL), ERR_CONFIG);
    files_destroy(&files);
}
