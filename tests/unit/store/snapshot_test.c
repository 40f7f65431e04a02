#include "store/snapshot.h"

#include "store/kv_lmdb.h"
#include "store/kv_mem.h"
#include "tests/unit/store/fixture.h"
#include "tests/unit/store/temp.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

static err_t s_err;

/* ---- The snapshot itself ---- */

Test(snapshot, values_by_name)
{
    char long_name[MANIFEST_NAME_MAX + 2];
    snapshot_t *snapshot = fixture_snapshot(1);
    buf_t *buf = buf_new_copy("x", 1);
    cr_assert_eq(buf_size(snapshot_peek(snapshot, "value/0")), 5000);
    cr_assert_null(snapshot_peek(snapshot, "value/9"));
    cr_assert_eq(snapshot_add(snapshot, "", &buf, &s_err), ERR_LIMIT);
    cr_assert_null(buf, "moved also on failure");
    memset(long_name, 'n', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    buf = buf_new_copy("x", 1);
    cr_assert_eq(snapshot_add(snapshot, long_name, &buf, &s_err), ERR_LIMIT);
    buf = buf_new_copy("x", 1);
    cr_assert_eq(snapshot_add(snapshot, long_name + 1, &buf, &s_err), ERR_OK);
    snapshot_destroy(&snapshot);
    cr_assert_null(snapshot);
    snapshot_destroy(&snapshot);
}

static bool s_is_first(const void *hint, const char *name)
{
    return strcmp(name, hint) == 0;
}

Test(snapshot, shared_has_the_same_buffers_and_outlives_the_other)
{
    snapshot_t *snapshot = fixture_snapshot(1);
    snapshot_t *all = snapshot_share(snapshot, NULL, NULL);
    snapshot_t *one = snapshot_share(snapshot, s_is_first, "value/0");
    buf_t *buf = snapshot_peek(snapshot, "value/0");
    cr_assert_eq(all->count, snapshot->count);
    cr_assert_eq(all->id.number, snapshot->id.number);
    cr_assert_eq(snapshot_peek(all, "value/0"), buf, "not copied");
    cr_assert_eq(one->count, 1);
    cr_assert_eq(snapshot_peek(one, "value/0"), buf);
    snapshot_destroy(&snapshot);
    snapshot_destroy(&all);
    cr_assert(buf_is_unique(buf));
    snapshot_destroy(&one);
}

/* ---- On each kv ---- */

static temp_t s_temp;

static kv_t *s_open_lmdb(void)
{
    char path[TEMP_PATH_MAX];
    kv_t *kv = NULL;
    kv_lmdb_options_t options = {.map_bytes = 1 << 16};
    cr_assert_eq(kv_lmdb_open(temp_path(&s_temp, "kv", path), &options, &kv, &s_err), ERR_OK, "%s",
                 s_err.text);
    return kv;
}

static void s_each(void (*body)(kv_t *kv))
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_PROCESS);
    body(kv);
    kv_destroy(&kv);
    temp_init(&s_temp);
    kv = s_open_lmdb();
    body(kv);
    kv_destroy(&kv);
    temp_fini(&s_temp);
}

static void s_expect(snapshot_store_t *store, uint64_t number)
{
    snapshot_t *snapshot = NULL;
    cr_assert_eq(snapshot_load(store, number, &snapshot, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert(fixture_same(snapshot, number));
    snapshot_destroy(&snapshot);
}

static void s_comes_back(kv_t *kv)
{
    snapshot_store_t *store = fixture_open(kv);
    snapshot_t *snapshot = NULL;
    cr_assert_eq(snapshot_store_newest(store), 0);
    cr_assert_eq(snapshot_load(store, SNAPSHOT_NEWEST, &snapshot, &s_err), ERR_NOT_FOUND);
    cr_assert_eq(snapshot_load_newest_good(store, NULL, NULL, &snapshot, &s_err), ERR_NOT_FOUND);
    cr_assert_eq(fixture_commit(store, 5, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(snapshot_store_newest(store), 5);
    s_expect(store, 5);
    cr_assert_eq(fixture_commit(store, 6, &s_err), ERR_OK);
    snapshot_store_destroy(&store);
    store = fixture_open(kv);
    cr_assert_eq(snapshot_store_newest(store), 6);
    s_expect(store, 5);
    s_expect(store, 6);
    cr_assert_eq(snapshot_load(store, SNAPSHOT_NEWEST, &snapshot, &s_err), ERR_OK);
    cr_assert(fixture_same(snapshot, 6));
    snapshot_destroy(&snapshot);
    cr_assert_eq(snapshot_load(store, 4, &snapshot, &s_err), ERR_NOT_FOUND);
    snapshot_store_destroy(&store);
}

Test(snapshot, comes_back)
{
    s_each(s_comes_back);
}

static void s_keeps_the_newest(kv_t *kv)
{
    snapshot_store_t *store = fixture_open(kv);
    snapshot_info_t *infos = NULL;
    size_t count = 0, pieces = 0;
    for (uint64_t number = 1; number <= 6; number++) {
        cr_assert_eq(fixture_commit(store, number, &s_err), ERR_OK, "%s", s_err.text);
        if (number == 2)
            pieces = fixture_count_keys(kv, "v/");
    }
    cr_assert_eq(snapshot_list(store, &infos, &count, &s_err), ERR_OK);
    cr_assert_eq(count, 2);
    cr_assert_eq(infos[0].id.number, 5);
    cr_assert_eq(infos[1].id.number, 6);
    cr_assert_str_eq(infos[1].id.tag, "tag 6");
    cr_assert_eq(infos[1].values, FIXTURE_VALUES);
    cr_assert_gt(infos[1].size_bytes, 5000);
    free(infos);
    cr_assert_eq(fixture_count_keys(kv, "m/"), 2);
    cr_assert_leq(fixture_count_keys(kv, "v/"), pieces + 4, "values of old snapshots stay behind");
    s_expect(store, 5);
    s_expect(store, 6);
    snapshot_store_destroy(&store);
}

Test(snapshot, keeps_the_newest)
{
    s_each(s_keeps_the_newest);
}

/* Snapshots of common points stay beyond `keep`: of each point the newest attempt, of the points the
 * newest. */
static void s_commit_tagged(snapshot_store_t *store, uint64_t number, const char *tag)
{
    snapshot_t *snapshot = fixture_snapshot(number);
    if (tag)
        snprintf(snapshot->id.tag, sizeof snapshot->id.tag, "%s", tag);
    cr_assert_eq(snapshot_commit(store, snapshot, &s_err), ERR_OK, "%s", s_err.text);
    snapshot_destroy(&snapshot);
}

static void s_expect_list(snapshot_store_t *store, const uint64_t *numbers, size_t count)
{
    snapshot_info_t *infos = NULL;
    size_t have = 0;
    cr_assert_eq(snapshot_list(store, &infos, &have, &s_err), ERR_OK);
    cr_assert_eq(have, count, "%zu snapshots instead of %zu", have, count);
    for (size_t i = 0; i < count; i++) {
        snapshot_t *snapshot = NULL;
        cr_assert_eq(infos[i].id.number, numbers[i]);
        cr_assert_eq(snapshot_load(store, numbers[i], &snapshot, &s_err), ERR_OK, "%s", s_err.text);
        snapshot_destroy(&snapshot);
    }
    free(infos);
}

static void s_keeps_points(kv_t *kv)
{
    static const char *const tags[] = {[1] = "mark/epoch-1",
                                       [4] = "mark/epoch-2",
                                       [6] = "mark/epoch-2:1.3",
                                       [9] = "mark/epoch-3",
                                       [11] = NULL};
    snapshot_store_options_t options = fixture_options;
    snapshot_store_t *store = NULL;
    options.marks = 2;
    cr_assert_eq(snapshot_store_open(kv, &options, &store, &s_err), ERR_OK);
    for (uint64_t number = 1; number <= 8; number++)
        s_commit_tagged(store, number, tags[number]);
    s_expect_list(store, (const uint64_t[]){1, 6, 7, 8}, 4);
    snapshot_store_destroy(&store);
    cr_assert_eq(snapshot_store_open(kv, &options, &store, &s_err), ERR_OK);
    for (uint64_t number = 9; number <= 11; number++)
        s_commit_tagged(store, number, tags[number]);
    s_expect_list(store, (const uint64_t[]){6, 9, 10, 11}, 4);
    cr_assert_leq(fixture_count_keys(kv, "v/"), 4 * 20, "values of old snapshots stay behind");
    snapshot_store_destroy(&store);
    store = fixture_open(kv); /* which keeps none of them */
    s_commit_tagged(store, 12, NULL);
    s_expect_list(store, (const uint64_t[]){11, 12}, 2);
    snapshot_store_destroy(&store);
}

Test(snapshot, keeps_common_points)
{
    s_each(s_keeps_points);
}

static void s_numbers_grow(kv_t *kv)
{
    snapshot_store_t *store = fixture_open(kv);
    cr_assert_eq(fixture_commit(store, 0, &s_err), ERR_STALE);
    cr_assert_eq(fixture_commit(store, 7, &s_err), ERR_OK);
    cr_assert_eq(fixture_commit(store, 7, &s_err), ERR_STALE);
    cr_assert_eq(fixture_commit(store, 6, &s_err), ERR_STALE);
    cr_assert_eq(fixture_commit(store, SNAPSHOT_NEWEST, &s_err), ERR_STALE);
    snapshot_t *twice = fixture_empty(8);
    fixture_add(twice, "a", buf_new_copy("1", 1));
    fixture_add(twice, "a", buf_new_copy("2", 1));
    cr_assert_eq(snapshot_commit(store, twice, &s_err), ERR_MALFORMED);
    cr_assert_not_null(strstr(s_err.text, "name a"), "%s", s_err.text);
    snapshot_destroy(&twice);
    cr_assert_eq(snapshot_store_newest(store), 7);
    snapshot_store_destroy(&store);
}

Test(snapshot, numbers_grow_and_names_differ)
{
    s_each(s_numbers_grow);
}

static snapshot_t *s_share(uint64_t number, buf_t *large, buf_t *small)
{
    snapshot_t *snapshot = fixture_empty(number);
    fixture_add(snapshot, "large", buf_ref(large));
    fixture_add(snapshot, "small", buf_ref(small));
    fixture_add(snapshot, "large again", buf_ref(large));
    return snapshot;
}

static uint64_t s_commit_shared(snapshot_store_t *store, uint64_t number, buf_t *large, buf_t *small)
{
    uint64_t before = snapshot_store_bytes_written(store);
    snapshot_t *snapshot = s_share(number, large, small);
    cr_assert_eq(snapshot_commit(store, snapshot, &s_err), ERR_OK, "%s", s_err.text);
    snapshot_destroy(&snapshot);
    return snapshot_store_bytes_written(store) - before;
}

static void s_expect_shared(snapshot_store_t *store, uint64_t number, uint8_t large, uint8_t small)
{
    snapshot_t *snapshot = NULL;
    static const char *names[] = {"large", "small", "large again"};
    cr_assert_eq(snapshot_load(store, number, &snapshot, &s_err), ERR_OK, "%s", s_err.text);
    for (size_t i = 0; i < 3; i++) {
        buf_t *buf = snapshot_peek(snapshot, names[i]);
        uint8_t expected = i == 1 ? small : large;
        cr_assert_eq(buf_size(buf), i == 1 ? 100 : 100000);
        for (size_t k = 0; k < buf_size(buf); k++)
            cr_assert(((const uint8_t *)buf_peek(buf))[k] == expected);
    }
    snapshot_destroy(&snapshot);
}

/* A stored value is named again, not written again; one that was changed (buf_touch) is written. */
static void s_dedupe(kv_t *kv)
{
    snapshot_store_t *store = fixture_open(kv);
    buf_t *large = buf_new(100000), *small = buf_new(100);
    memset(buf_data(large), 1, 100000);
    memset(buf_data(small), 2, 100);
    uint64_t first = s_commit_shared(store, 1, large, small);
    cr_assert(first >= 100100 && first < 101000, "%llu", (unsigned long long)first);
    for (uint64_t number = 2; number <= 5; number++)
        cr_assert_lt(s_commit_shared(store, number, large, small), 400);
    memset(buf_data(small), 3, 100);
    buf_touch(small);
    uint64_t changed = s_commit_shared(store, 6, large, small);
    cr_assert(changed >= 100 && changed < 500, "%llu", (unsigned long long)changed);
    s_expect_shared(store, 5, 1, 2);
    s_expect_shared(store, 6, 1, 3);
    memset(buf_data(large), 9, 100000);
    buf_touch(large);
    cr_assert_geq(s_commit_shared(store, 7, large, small), 100000);
    s_expect_shared(store, 6, 1, 3);
    s_expect_shared(store, 7, 9, 3);
    buf_destroy(&large);
    buf_destroy(&small);
    snapshot_store_destroy(&store);
}

Test(snapshot, what_is_stored_is_not_written_again)
{
    s_each(s_dedupe);
}

/* A restarted process that loaded a snapshot writes only what it changes. */
static void s_dedupe_loaded(kv_t *kv)
{
    snapshot_store_t *store = fixture_open(kv);
    snapshot_t *loaded = NULL;
    cr_assert_eq(fixture_commit(store, 1, &s_err), ERR_OK);
    snapshot_store_destroy(&store);
    store = fixture_open(kv);
    cr_assert_eq(snapshot_load(store, 1, &loaded, &s_err), ERR_OK);
    loaded->id.number = 2;
    cr_assert_eq(snapshot_commit(store, loaded, &s_err), ERR_OK);
    cr_assert_lt(snapshot_store_bytes_written(store), 500);
    snapshot_destroy(&loaded);
    snapshot_store_destroy(&store);
}

Test(snapshot, what_was_loaded_is_not_written_again)
{
    s_each(s_dedupe_loaded);
}

/* ---- Faults ---- */

static void s_expect_newest_good(kv_t *kv, uint64_t number)
{
    snapshot_store_t *store = fixture_open(kv);
    snapshot_t *snapshot = NULL;
    cr_assert_eq(snapshot_load_newest_good(store, NULL, NULL, &snapshot, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(snapshot->id.number, number);
    cr_assert(fixture_same(snapshot, number));
    snapshot_destroy(&snapshot);
    snapshot_store_destroy(&store);
}

/* The n-th call of an operation fails, for every n until none does: the snapshots before are intact each
 * time. */
static int s_fail_at_each(kv_mem_operation_t operation, err_code_t fault, kv_durability_t durability)
{
    for (uint64_t n = 0;; n++) {
        kv_t *kv = kv_mem_new(durability);
        snapshot_store_t *store = fixture_open(kv);
        cr_assert_eq(fixture_commit(store, 1, &s_err), ERR_OK);
        cr_assert_eq(fixture_commit(store, 2, &s_err), ERR_OK);
        size_t pieces = fixture_count_keys(kv, "v/");
        kv_mem_set_fault(kv, operation, (kv_mem_fault_t){.countdown = n, .repeat = 1, .code = fault});
        err_code_t code = fixture_commit(store, 3, &s_err);
        bool fired = kv_mem_failed(kv, operation) == 1;
        cr_assert_eq(code, fired ? fault : ERR_OK, "n=%d: %s", (int)n, s_err.text);
        bool visible = fixture_count_keys(kv, "m/0000000000000003") == 1;
        cr_assert(fired || visible);
        cr_assert_eq(snapshot_store_newest(store), fired ? 2 : 3);
        if (fired && !kv_suspect(kv)) {
            cr_assert_not(visible);
            cr_assert_eq(fixture_commit(store, 4, &s_err), ERR_OK, "n=%d: %s", (int)n, s_err.text);
            cr_assert_leq(fixture_count_keys(kv, "v/"), pieces + 4,
                          "what the failed commit wrote stays behind");
            s_expect_newest_good(kv, 4);
        } else if (fired) {
            cr_assert_eq(fixture_commit(store, 4, &s_err), ERR_IO);
        }
        snapshot_store_destroy(&store);
        if (fired && kv_suspect(kv)) {
            kv_mem_restart(kv);
            s_expect_newest_good(kv, visible ? 3 : 2);
            cr_assert_leq(fixture_count_keys(kv, "v/"), pieces + 4, "orphans stay after an open");
        }
        kv_destroy(&kv);
        if (!fired)
            return (int)n;
    }
}

Test(snapshot, nth_failure_leaves_the_ones_before)
{
    cr_assert_gt(s_fail_at_each(KV_MEM_PUT, ERR_IO, KV_DURABILITY_PROCESS), 8);
    cr_assert_gt(s_fail_at_each(KV_MEM_PUT, ERR_FULL, KV_DURABILITY_PROCESS), 8);
    cr_assert_gt(s_fail_at_each(KV_MEM_COMMIT, ERR_IO, KV_DURABILITY_PROCESS), 2);
    cr_assert_gt(s_fail_at_each(KV_MEM_COMMIT, ERR_FULL, KV_DURABILITY_PROCESS), 2);
    cr_assert_gt(s_fail_at_each(KV_MEM_SYNC, ERR_IO, KV_DURABILITY_DISK), 2);
}

/* ---- A full disk ---- */

#define SKIPPED 77

static err_code_t s_commit_sized(snapshot_store_t *store, uint64_t number, size_t size)
{
    snapshot_t *snapshot = fixture_empty(number);
    fixture_add(snapshot, "value", buf_new_zero(size));
    err_code_t code = snapshot_commit(store, snapshot, &s_err);
    snapshot_destroy(&snapshot);
    return code;
}

static int s_fill_the_disk(kv_t *kv, const char *ballast)
{
    snapshot_store_t *store = NULL;
    if (snapshot_store_open(kv, NULL, &store, NULL) || s_commit_sized(store, 1, 3 << 20))
        return 1;
    if (s_commit_sized(store, 2, 40 << 20) != ERR_FULL || kv_suspect(kv) || snapshot_store_newest(store) != 1)
        return 2;
    if (unlink(ballast) != 0 || s_commit_sized(store, 3, 3 << 20))
        return 3;
    if (s_commit_sized(store, 4, 3 << 20) || snapshot_store_newest(store) != 4)
        return 4;
    return 0;
}

/* In a mount of its own, a disk of 24 MiB of which half a MiB can be freed. */
static int s_child_on_small_disk(void)
{
    char path[TEMP_PATH_MAX], ballast[TEMP_PATH_MAX];
    kv_t *kv = NULL;
    int flags = geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
    if (unshare(flags) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", s_temp.dir, "tmpfs", 0, "size=24m") != 0)
        return SKIPPED;
    FILE *file = fopen(temp_path(&s_temp, "ballast", ballast), "w");
    for (int i = 0; i < 512 << 10; i++)
        fputc('x', file);
    if (fclose(file) != 0 || kv_lmdb_open(temp_path(&s_temp, "kv", path), NULL, &kv, NULL))
        return 5;
    return s_fill_the_disk(kv, ballast);
}

/* A snapshot that does not fit takes all the room there is and gives it back: with a little room to work in,
 * the next one that fits is stored. */
Test(snapshot, a_full_disk_goes_on)
{
    int status = 0;
    temp_init(&s_temp);
    pid_t child = fork();
    if (child == 0)
        _exit(s_child_on_small_disk());
    cr_assert_eq(waitpid(child, &status, 0), child);
    temp_fini(&s_temp);
    cr_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED)
        cr_skip_test("no right to mount a small disk");
    cr_assert_eq(WEXITSTATUS(status), 0, "step %d", WEXITSTATUS(status));
}

/* ---- Damage ---- */

typedef struct {
    int count;
    uint64_t number;
    err_t why;
} skipped_t;

static void s_skipped(void *hint, uint64_t number, const err_t *why)
{
    skipped_t *skipped = hint;
    skipped->count++;
    skipped->number = number;
    skipped->why = *why;
}

Test(snapshot, damaged_value_is_named_and_passed_over)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_PROCESS);
    snapshot_store_t *store = fixture_open(kv);
    snapshot_t *snapshot = NULL;
    skipped_t skipped = {0};
    kv_keys_t keys = {0};
    cr_assert_eq(fixture_commit(store, 1, &s_err), ERR_OK);
    cr_assert_eq(fixture_commit(store, 2, &s_err), ERR_OK);
    cr_assert_eq(kv_keys(kv, "v/", &keys, &s_err), ERR_OK);
    cr_assert(kv_mem_flip(kv, keys.items[keys.count - 1].key, 3, 0x10));
    cr_assert_eq(snapshot_load(store, 2, &snapshot, &s_err), ERR_CHECKSUM);
    cr_assert_not_null(strstr(s_err.text, "value value/4"), "%s", s_err.text);
    cr_assert_eq(snapshot_load(store, SNAPSHOT_NEWEST, &snapshot, &s_err), ERR_CHECKSUM);
    cr_assert_null(snapshot);
    buf_t *value = NULL, *expected = fixture_value(2, 3);
    cr_assert_eq(snapshot_load_value(store, 2, "value/4", &value, &s_err), ERR_CHECKSUM);
    cr_assert_eq(snapshot_load_value(store, 2, "value/9", &value, &s_err), ERR_NOT_FOUND);
    cr_assert_eq(snapshot_load_value(store, 9, "value/3", &value, &s_err), ERR_NOT_FOUND);
    cr_assert_eq(snapshot_load_value(store, 2, "value/3", &value, &s_err), ERR_OK,
                 "its other values can be read");
    cr_assert_eq(buf_size(value), buf_size(expected));
    cr_assert_arr_eq(buf_peek(value), buf_peek(expected), buf_size(expected));
    buf_destroy(&value);
    buf_destroy(&expected);
    cr_assert_eq(snapshot_load_newest_good(store, s_skipped, &skipped, &snapshot, &s_err), ERR_OK);
    cr_assert_eq(skipped.count, 1);
    cr_assert_eq(skipped.number, 2);
    cr_assert_eq(skipped.why.code, ERR_CHECKSUM);
    cr_assert(fixture_same(snapshot, 1));
    snapshot_destroy(&snapshot);
    cr_assert(kv_mem_lose(kv, keys.items[0].key));
    cr_assert_eq(snapshot_load_newest_good(store, s_skipped, &skipped, &snapshot, &s_err), ERR_CHECKSUM);
    cr_assert_eq(skipped.count, 3);
    kv_keys_fini(&keys);
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
}

static void s_forgets(kv_t *kv)
{
    snapshot_store_t *store = fixture_open(kv);
    for (uint64_t number = 1; number <= 3; number++)
        cr_assert_eq(fixture_commit(store, number, &s_err), ERR_OK);
    cr_assert_eq(snapshot_forget_after(store, 2, &s_err), ERR_OK);
    cr_assert_eq(snapshot_store_newest(store), 2);
    s_expect(store, 2);
    cr_assert_eq(fixture_commit(store, 2, &s_err), ERR_STALE);
    cr_assert_eq(fixture_commit(store, 3, &s_err), ERR_OK);
    snapshot_store_destroy(&store);
    store = fixture_open(kv);
    s_expect(store, 2);
    s_expect(store, 3);
    cr_assert_eq(snapshot_forget_after(store, 0, &s_err), ERR_OK);
    cr_assert_eq(snapshot_store_newest(store), 0);
    cr_assert_eq(fixture_count_keys(kv, "m/"), 0);
    cr_assert_eq(fixture_count_keys(kv, "v/"), 0);
    cr_assert_eq(fixture_commit(store, 1, &s_err), ERR_OK);
    snapshot_store_destroy(&store);
}

Test(snapshot, forgets_newer_ones_and_takes_their_numbers_again)
{
    s_each(s_forgets);
}

/* A damaged manifest: its number is not used again, its values are not taken for orphans, and it goes in its
 * turn. */
Test(snapshot, damaged_manifest)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_PROCESS);
    snapshot_store_t *store = fixture_open(kv);
    snapshot_t *snapshot = NULL;
    cr_assert_eq(fixture_commit(store, 1, &s_err), ERR_OK);
    cr_assert_eq(fixture_commit(store, 2, &s_err), ERR_OK);
    snapshot_store_destroy(&store);
    size_t pieces = fixture_count_keys(kv, "v/");
    cr_assert(kv_mem_flip(kv, "m/0000000000000002", 20, 1));
    store = fixture_open(kv);
    cr_assert_eq(fixture_count_keys(kv, "v/"), pieces);
    cr_assert_eq(snapshot_store_newest(store), 1);
    cr_assert_eq(snapshot_load(store, SNAPSHOT_NEWEST, &snapshot, &s_err), ERR_CHECKSUM);
    cr_assert_eq(fixture_commit(store, 2, &s_err), ERR_STALE);
    cr_assert_eq(snapshot_forget_after(store, 1, &s_err), ERR_OK);
    cr_assert_eq(fixture_commit(store, 2, &s_err), ERR_OK);
    snapshot_store_destroy(&store);
    cr_assert(kv_mem_flip(kv, "m/0000000000000002", 20, 1));
    store = fixture_open(kv);
    pieces = fixture_count_keys(kv, "v/");
    for (uint64_t number = 3; number <= 5; number++)
        cr_assert_eq(fixture_commit(store, number, &s_err), ERR_OK);
    cr_assert_eq(fixture_count_keys(kv, "m/"), 2);
    snapshot_store_destroy(&store);
    store = fixture_open(kv);
    cr_assert_leq(fixture_count_keys(kv, "v/"), pieces + 4);
    s_expect(store, 4);
    s_expect(store, 5);
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
}

static void s_damage(kv_t *kv, rng_t *rng)
{
    kv_keys_t keys = {0};
    bool done = false;
    cr_assert_eq(kv_keys(kv, "", &keys, &s_err), ERR_OK);
    while (!done) {
        const kv_key_t *key = &keys.items[rng_below(rng, keys.count)];
        const kv_key_t *other = &keys.items[rng_below(rng, keys.count)];
        switch (rng_below(rng, 5)) {
        case 0:
        case 1:
            done = key->size_bytes > 0 && kv_mem_flip(kv, key->key, (size_t)rng_below(rng, key->size_bytes),
                                                      (uint8_t)(1 + rng_below(rng, 255)));
            break;
        case 2:
            done = kv_mem_resize(kv, key->key, (size_t)rng_below(rng, 2 * key->size_bytes + 2));
            break;
        case 3:
            done = key != other && kv_mem_swap(kv, key->key, other->key);
            break;
        default:
            done = kv_mem_lose(kv, key->key);
        }
    }
    kv_keys_fini(&keys);
}

/* Whatever rots: a snapshot comes back bit for bit or is refused. */
Test(snapshot, random_damage_never_passes)
{
    enum { ROUNDS = 600 };
    rng_t rng;
    int refused = 0, whole = 0;
    rng_init(&rng, temp_seed());
    for (int round = 0; round < ROUNDS; round++) {
        kv_t *kv = kv_mem_new(KV_DURABILITY_PROCESS);
        snapshot_store_t *store = fixture_open(kv);
        cr_assert_eq(fixture_commit(store, 1, &s_err), ERR_OK);
        cr_assert_eq(fixture_commit(store, 2, &s_err), ERR_OK);
        bool reopen = rng_below(&rng, 2);
        if (reopen)
            snapshot_store_destroy(&store);
        for (uint64_t damages = 1 + rng_below(&rng, 3); damages > 0; damages--)
            s_damage(kv, &rng);
        if (reopen)
            store = fixture_open(kv);
        for (uint64_t number = 1; number <= 2; number++) {
            snapshot_t *snapshot = NULL;
            if (snapshot_load(store, number, &snapshot, &s_err) == ERR_OK) {
                cr_assert(fixture_same(snapshot, number), "round %d: wrong bytes came back", round);
                whole++;
            } else {
                refused++;
            }
            snapshot_destroy(&snapshot);
        }
        cr_assert_neq(fixture_commit(store, 3, &s_err), ERR_IO);
        s_expect(store, 3);
        snapshot_store_destroy(&store);
        kv_destroy(&kv);
    }
    cr_log_info("%d refused, %d came back", refused, whole);
    cr_assert_gt(refused, ROUNDS / 2);
    cr_assert_gt(whole, ROUNDS / 10);
}

/* ---- kill -9 ---- */

/* A kv that kills its process instead of committing for the n-th time. */
typedef struct {
    kv_ops_t ops;
    const kv_ops_t *real;
    int commits_left;
} deadly_t;

static deadly_t s_deadly;

static err_code_t s_deadly_commit(kv_txn_t *txn, err_t *err)
{
    if (s_deadly.commits_left-- == 0)
        raise(SIGKILL);
    return s_deadly.real->commit(txn, err);
}

static int s_child(int commits)
{
    kv_t *kv = s_open_lmdb();
    s_deadly = (deadly_t){.ops = *kv->ops, .real = kv->ops, .commits_left = commits};
    s_deadly.ops.commit = s_deadly_commit;
    kv->ops = &s_deadly.ops;
    snapshot_store_t *store = fixture_open(kv);
    return fixture_commit(store, 2, NULL) == ERR_OK ? 0 : 1;
}

Test(snapshot, kill_before_the_manifest)
{
    int killed = 0;
    for (int commits = 0;; commits++) {
        int status = 0;
        temp_init(&s_temp);
        kv_t *kv = s_open_lmdb();
        snapshot_store_t *store = fixture_open(kv);
        cr_assert_eq(fixture_commit(store, 1, &s_err), ERR_OK);
        size_t pieces = fixture_count_keys(kv, "v/");
        snapshot_store_destroy(&store);
        kv_destroy(&kv);
        pid_t child = fork();
        if (child == 0)
            _exit(s_child(commits));
        cr_assert_eq(waitpid(child, &status, 0), child);
        bool finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        cr_assert(finished || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
        kv = s_open_lmdb();
        size_t left = fixture_count_keys(kv, "v/");
        cr_assert(finished || commits == 0 || left > pieces, "the child wrote values before it was killed");
        s_expect_newest_good(kv, finished ? 2 : 1);
        cr_assert(finished || fixture_count_keys(kv, "v/") == pieces, "the open removed what it left");
        kv_destroy(&kv);
        temp_fini(&s_temp);
        killed += !finished;
        if (finished)
            break;
    }
    cr_assert_geq(killed, 3);
}
