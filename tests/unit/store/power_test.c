/* Everything called durable survives a power cut: file, kv, snapshot and statedir over
 * the model of power.h. */
#include "tests/unit/store/power.h"

#include "store/archive.h"
#include "store/file.h"
#include "store/kv_lmdb.h"
#include "store/statedir.h"
#include "store/statedir_stores.h"
#include "tests/unit/store/fixture.h"
#include "tests/unit/store/temp.h"

static err_t s_err;
static temp_t s_temp;
static char s_here[TEMP_PATH_MAX], s_left[TEMP_PATH_MAX];
static unsigned s_cuts;

static void s_setup(void)
{
    temp_init(&s_temp);
    temp_path(&s_temp, "here", s_here);
    cr_assert_eq(mkdir(s_here, 0700), 0);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

TestSuite(power, .init = s_setup, .fini = s_teardown);

static const char *s_path(const char *top, const char *name)
{
    static char path[2 * TEMP_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", top, name);
    return path;
}

/* Of s_here, into a new s_left. */
static void s_cut(void)
{
    char name[32];
    snprintf(name, sizeof name, "left-%u", ++s_cuts);
    temp_path(&s_temp, name, s_left);
    power_cut(s_here, s_left);
}

static bool s_has(const char *name, const char *text)
{
    buf_t *contents = NULL;
    if (file_read(s_path(s_left, name), FILE_MAX_BYTES, &contents, &s_err))
        return false;
    bool same = buf_size(contents) == strlen(text) && !strcmp(buf_peek(contents), text);
    buf_destroy(&contents);
    return same;
}

/* The model must be able to lose something, or it would prove nothing. */
Test(power, what_nobody_asked_for_is_gone)
{
    FILE *out = fopen(s_path(s_here, "file"), "we");
    cr_assert_not_null(out);
    fputs("text", out);
    fclose(out);
    s_cut();
    cr_assert_neq(access(s_path(s_left, "file"), F_OK), 0);
    cr_assert_eq(file_sync_dir(s_here, &s_err), ERR_OK);
    s_cut();
    cr_assert(s_has("file", ""), "the name alone");
}

Test(power, a_file_that_was_written_is_there_whole)
{
    cr_assert_eq(file_write(s_path(s_here, "file"), "one", 3, &s_err), ERR_OK, "%s", s_err.text);
    s_cut();
    cr_assert(s_has("file", "one"));
    cr_assert_eq(file_write(s_path(s_here, "file"), "another", 7, &s_err), ERR_OK);
    s_cut();
    cr_assert(s_has("file", "another"));
}

Test(power, names_that_were_swapped_stay_so)
{
    cr_assert_eq(file_write(s_path(s_here, "a"), "a", 1, &s_err), ERR_OK);
    cr_assert_eq(file_write(s_path(s_here, "b"), "b", 1, &s_err), ERR_OK);
    char from[2 * TEMP_PATH_MAX];
    strcpy(from, s_path(s_here, "a"));
    cr_assert_eq(file_swap(from, s_path(s_here, "b"), &s_err), ERR_OK);
    s_cut();
    cr_assert(s_has("a", "b"));
    cr_assert(s_has("b", "a"));
}

Test(power, directories_that_were_made_are_there)
{
    cr_assert_eq(file_make_dirs(s_path(s_here, "one/two/three"), &s_err), ERR_OK);
    s_cut();
    cr_assert_eq(access(s_path(s_left, "one/two/three"), F_OK), 0);
}

/* ---- stores ---- */

static kv_t *s_open(const char *top, kv_durability_t durability)
{
    kv_t *kv = NULL;
    kv_lmdb_options_t options = {.durability = durability, .map_bytes = 1 << 16};
    cr_assert_eq(kv_lmdb_open(s_path(top, "kv"), &options, &kv, &s_err), ERR_OK, "%s", s_err.text);
    return kv;
}

/* How many of the keys 0 .. count-1 are there, of those that are left in the store. */
static size_t s_left_keys(size_t count)
{
    kv_t *kv = NULL;
    kv_lmdb_options_t options = {.read_only = true};
    size_t found = 0;
    if (kv_lmdb_open(s_path(s_left, "kv"), &options, &kv, &s_err))
        return 0;
    for (size_t i = 0; i < count; i++) {
        char key[16];
        buf_t *value = NULL;
        snprintf(key, sizeof key, "key-%zu", i);
        if (kv_get(kv, key, &value, &s_err))
            continue;
        const char *bytes = buf_peek(value);
        bool whole = buf_size(value) == 1000 * i;
        for (size_t b = 0; whole && b < buf_size(value); b++)
            whole = bytes[b] == (char)(i + b);
        found += whole;
        buf_destroy(&value);
    }
    kv_destroy(&kv);
    return found;
}

static void s_store(kv_t *kv, size_t i)
{
    static char bytes[64000];
    char key[16];
    snprintf(key, sizeof key, "key-%zu", i);
    for (size_t b = 0; b < 1000 * i; b++)
        bytes[b] = (char)(i + b);
    cr_assert_eq(kv_store(kv, key, bytes, 1000 * i, &s_err), ERR_OK, "%s", s_err.text);
}

Test(power, what_was_committed_with_durability_disk_is_there)
{
    kv_t *kv = s_open(s_here, KV_DURABILITY_DISK);
    for (size_t i = 0; i < 32; i++) { /* the map grows on the way */
        s_store(kv, i);
        s_cut();
        cr_assert_eq(s_left_keys(i + 1), i + 1, "after %zu commits", i + 1);
    }
    kv_destroy(&kv);
}

Test(power, with_durability_process_nothing_is_synced_until_it_is_asked_for)
{
    kv_t *kv = s_open(s_here, KV_DURABILITY_PROCESS);
    size_t before = power_syncs();
    s_store(kv, 1);
    s_store(kv, 2);
    cr_assert_eq(power_syncs(), before);
    cr_assert_eq(kv_sync(kv, &s_err), ERR_OK);
    cr_assert_eq(file_sync_dir(s_path(s_here, "kv"), &s_err), ERR_OK);
    cr_assert_eq(file_sync_dir(s_here, &s_err), ERR_OK);
    s_cut();
    cr_assert_eq(s_left_keys(3), 2);
    kv_destroy(&kv);
}

Test(power, a_snapshot_that_was_committed_can_be_loaded)
{
    kv_t *kv = s_open(s_here, KV_DURABILITY_DISK), *left = NULL;
    snapshot_store_t *store = fixture_open(kv);
    kv_lmdb_options_t options = {.read_only = true};
    for (uint64_t number = 1; number <= 4; number++) {
        cr_assert_eq(fixture_commit(store, number, &s_err), ERR_OK, "%s", s_err.text);
        s_cut();
        cr_assert_eq(kv_lmdb_open(s_path(s_left, "kv"), &options, &left, &s_err), ERR_OK, "%s", s_err.text);
        snapshot_store_t *again = fixture_open(left);
        snapshot_t *snapshot = NULL;
        cr_assert_eq(snapshot_load(again, number, &snapshot, &s_err), ERR_OK, "%s", s_err.text);
        cr_assert(fixture_same(snapshot, number));
        snapshot_destroy(&snapshot);
        snapshot_store_destroy(&again);
        kv_destroy(&left);
    }
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
}

/* ---- the state directory ---- */

Test(power, a_state_directory_a_seal_and_a_store_in_it_are_there)
{
    char state[TEMP_PATH_MAX], dir[STATEDIR_PATH_MAX];
    statedir_t *self = NULL;
    kv_t *kv = NULL;
    uint64_t sealed = 0;
    kv_lmdb_options_t options = {.durability = KV_DURABILITY_DISK};
    strcpy(state, s_path(s_here, "state"));
    cr_assert_eq(statedir_open(state, "fashion", "d1g3st", &self, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(statedir_seal(state, "eu", 3, 7, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(statedir_shard(state, "us", 1, 9, dir, &s_err), ERR_OK);
    cr_assert_eq(kv_lmdb_open(dir, &options, &kv, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(kv_store(kv, "key", "value", 5, &s_err), ERR_OK);
    s_cut();
    strcpy(state, s_path(s_left, "state"));
    cr_assert_eq(statedir_check(state, "fashion", "d1g3st", &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(statedir_sealed(state, "eu", 3, &sealed, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(sealed, 7);
    kv_destroy(&kv);
    statedir_close(&self);
    cr_assert_eq(statedir_shard(state, "us", 1, 9, dir, &s_err), ERR_OK);
    options.read_only = true;
    cr_assert_eq(kv_lmdb_open(dir, &options, &kv, &s_err), ERR_OK, "%s", s_err.text);
    buf_t *value = NULL;
    cr_assert_eq(kv_get(kv, "key", &value, &s_err), ERR_OK, "%s", s_err.text);
    buf_destroy(&value);
    kv_destroy(&kv);
}
