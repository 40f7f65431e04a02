#include "store/archive.h"

#include "store/file.h"
#include "tests/unit/store/fixture.h"
#include "tests/unit/store/temp.h"

#include <criterion/criterion.h>

#include <sys/stat.h>

static temp_t s_temp;
static char s_path[TEMP_PATH_MAX];
static err_t s_err;

static void s_setup(void)
{
    temp_init(&s_temp);
    temp_path(&s_temp, "a.tar.zst", s_path);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

TestSuite(archive, .init = s_setup, .fini = s_teardown);

static archive_writer_t *s_create(const char *path, bool overwrite)
{
    archive_writer_t *archive = NULL;
    cr_assert_eq(archive_create(path, overwrite, &archive, &s_err), ERR_OK, "%s", s_err.text);
    return archive;
}

static void s_put(archive_writer_t *archive, const char *region, uint32_t shard, uint64_t number)
{
    snapshot_t *snapshot = fixture_snapshot(number);
    cr_assert_eq(archive_put_snapshot(archive, region, shard, snapshot, &s_err), ERR_OK, "%s", s_err.text);
    snapshot_destroy(&snapshot);
}

static void s_write(const char *path, bool overwrite)
{
    archive_writer_t *archive = s_create(path, overwrite);
    cr_assert_eq(archive_put_file(archive, "topology.yaml", "job: 1\n", 7, &s_err), ERR_OK);
    s_put(archive, "north", 0, 1);
    s_put(archive, "north", 1, 2);
    s_put(archive, "south", 0, 3);
    cr_assert_eq(archive_finish(&archive, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_null(archive);
}

typedef struct {
    char seen[256];
    size_t same;
    const char *only; /* region wanted, NULL: all */
} seen_t;

static bool s_wants(void *hint, const char *region, uint32_t shard, const manifest_t *manifest)
{
    const seen_t *self = hint;
    cr_expect_eq(manifest->count, FIXTURE_VALUES, "shard %u", (unsigned)shard);
    return !self->only || !strcmp(self->only, region);
}

static err_code_t s_see(void *hint, const char *region, uint32_t shard, const snapshot_t *snapshot,
                        err_t *err)
{
    (void)err;
    seen_t *self = hint;
    size_t length = strlen(self->seen);
    snprintf(self->seen + length, sizeof self->seen - length, "%s/%u ", region, (unsigned)shard);
    self->same += fixture_same(snapshot, snapshot->id.number);
    return ERR_OK;
}

static err_code_t s_see_file(void *hint, const char *name, const void *data, size_t size, err_t *err)
{
    (void)err;
    seen_t *self = hint;
    size_t length = strlen(self->seen);
    snprintf(self->seen + length, sizeof self->seen - length, "%s=%.*s", name, (int)size, (const char *)data);
    return ERR_OK;
}

static err_code_t s_read(const char *path, seen_t *seen)
{
    archive_visitor_t visitor = {.hint = seen, .wants = s_wants, .snapshot = s_see, .file = s_see_file};
    return archive_read(path, &visitor, &s_err);
}

Test(archive, what_is_put_comes_back)
{
    static const char *const names[] = {"a.tar.zst", "a.tar.gz", "a.tgz", "a.tar", "a"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        seen_t seen = {.only = NULL};
        s_write(temp_path(&s_temp, names[i], s_path), false);
        cr_assert_eq(s_read(s_path, &seen), ERR_OK, "%s: %s", names[i], s_err.text);
        cr_assert_str_eq(seen.seen, "north/0 north/1 south/0 topology.yaml=job: 1\n");
        cr_assert_eq(seen.same, 3);
    }
}

Test(archive, only_what_is_wanted_is_given)
{
    seen_t seen = {.only = "south"};
    s_write(s_path, false);
    cr_assert_eq(s_read(s_path, &seen), ERR_OK);
    cr_assert_str_eq(seen.seen, "south/0 topology.yaml=job: 1\n");
}

Test(archive, the_same_contents_are_the_same_bytes)
{
    char other[TEMP_PATH_MAX];
    buf_t *a = NULL, *b = NULL;
    s_write(s_path, false);
    s_write(temp_path(&s_temp, "b.tar.zst", other), false);
    cr_assert_eq(file_read(s_path, FILE_MAX_BYTES, &a, NULL), ERR_OK);
    cr_assert_eq(file_read(other, FILE_MAX_BYTES, &b, NULL), ERR_OK);
    cr_assert(buf_size(a) == buf_size(b) && !memcmp(buf_peek(a), buf_peek(b), buf_size(a)));
    buf_destroy(&a);
    buf_destroy(&b);
}

Test(archive, is_replaced_only_when_told)
{
    archive_writer_t *archive = NULL;
    s_write(s_path, false);
    cr_assert_eq(archive_create(s_path, false, &archive, &s_err), ERR_EXISTS);
    cr_assert(strstr(s_err.text, "--force"), "%s", s_err.text);
    s_write(s_path, true);
    /* Somebody else is faster. */
    char other[TEMP_PATH_MAX];
    archive = s_create(temp_path(&s_temp, "late.tar", other), false);
    s_write(other, false);
    cr_assert_eq(archive_finish(&archive, &s_err), ERR_EXISTS);
    seen_t seen = {.only = NULL};
    cr_assert_eq(s_read(other, &seen), ERR_OK);
    cr_assert_eq(seen.same, 3);
}

static size_t s_count_files(void)
{
    size_t count = 0;
    char command[TEMP_PATH_MAX];
    snprintf(command, sizeof command, "ls -A %s", s_temp.dir);
    FILE *list = popen(command, "r");
    for (int c; (c = fgetc(list)) != EOF;)
        count += c == '\n';
    pclose(list);
    return count;
}

Test(archive, an_abandoned_one_leaves_nothing)
{
    archive_writer_t *archive = s_create(s_path, false);
    s_put(archive, "north", 0, 1);
    cr_assert_eq(s_count_files(), 1, "it is written under another name");
    cr_assert(access(s_path, F_OK) != 0);
    archive_abandon(&archive);
    cr_assert_eq(s_count_files(), 0);
}

Test(archive, refuses_what_is_none)
{
    seen_t seen = {.only = NULL};
    cr_assert_eq(s_read(s_path, &seen), ERR_NOT_FOUND);
    cr_assert_eq(file_write(s_path, "not an archive", 14, &s_err), ERR_OK);
    cr_assert_eq(s_read(s_path, &seen), ERR_MALFORMED, "%s", s_err.text);
    cr_assert(strstr(s_err.text, s_path), "%s", s_err.text);
    cr_assert_eq(file_write(s_path, "", 0, &s_err), ERR_OK);
    cr_assert_eq(s_read(s_path, &seen), ERR_MALFORMED, "%s", s_err.text);
    cr_assert_eq(s_read(s_temp.dir, &seen), ERR_MALFORMED, "%s", s_err.text);
}

Test(archive, of_names_that_lead_elsewhere_is_refused)
{
    archive_writer_t *archive = s_create(s_path, false);
    cr_assert_eq(archive_put_file(archive, "../x", "", 0, &s_err), ERR_LIMIT);
    cr_assert_eq(archive_put_file(archive, "end", "", 0, &s_err), ERR_LIMIT);
    s_put(archive, "..", 0, 1);
    cr_assert_eq(archive_finish(&archive, &s_err), ERR_OK);
    seen_t seen = {.only = NULL};
    cr_assert_eq(s_read(s_path, &seen), ERR_MALFORMED, "%s", s_err.text);
    cr_assert_eq(seen.same, 0);
}

/* Made by tar from the parts of a true one: its entries are right, what they make up is not. */
static void s_repack(const char *script)
{
    char command[4 * TEMP_PATH_MAX];
    s_write(temp_path(&s_temp, "a.tar", s_path), true);
    snprintf(command, sizeof command,
             "cd %s && rm -rf x && mkdir x && cd x && tar xf ../a.tar && %s && tar cf ../a.tar $names",
             s_temp.dir, script);
    cr_assert_eq(system(command), 0, "%s", script);
}

Test(archive, of_right_parts_in_a_wrong_whole_is_refused)
{
    static const char *const scripts[] = {
        "names='topology.yaml north/shard-0 end'",        /* parts are missing */
        "names=$(tar tf ../a.tar | grep -v ^end)",        /* no end */
        "echo >>topology.yaml; names=$(tar tf ../a.tar)", /* a file is another */
        "cp south/shard-0/value-1 north/shard-0/value-1; names=$(tar tf ../a.tar)",
        "names=$(tar tf ../a.tar | sort -r)",
        "names=\"$(tar tf ../a.tar) end\"",
        "mv south west; names=$(tar tf ../a.tar | sed s/south/west/)", /* another region */
        "ln -sf /etc/passwd topology.yaml; names=$(tar tf ../a.tar)",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        seen_t seen = {.only = NULL};
        s_repack(scripts[i]);
        err_code_t code = s_read(s_path, &seen);
        cr_expect(code == ERR_MALFORMED || code == ERR_CHECKSUM, "%s: %s", scripts[i], s_err.text);
        size_t given = 0;
        for (const char *at = seen.seen; (at = strchr(at, '/')); at++)
            given++;
        cr_expect_eq(given, seen.same, "%s: something damaged was given", scripts[i]);
    }
    seen_t seen = {.only = NULL};
    s_repack("names=$(tar tf ../a.tar)");
    cr_assert_eq(s_read(s_path, &seen), ERR_OK, "%s", s_err.text);
}
