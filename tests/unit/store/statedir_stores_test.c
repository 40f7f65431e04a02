/* The stores of a shard in a state directory, copies among them, and the newest. */
#include "store/statedir_stores.h"

#include "store/file.h"
#include "store/kv_lmdb.h"
#include "store/statedir_latest.h"
#include "tests/unit/store/fixture.h"
#include "tests/unit/store/state_fixture.h"

#include <dirent.h>
#include <sys/stat.h>

TestSuite(statedir_stores, .init = s_setup, .fini = s_teardown);

/* ---- The newest store of a shard ---- */

static void s_fill_store(uint64_t first, uint64_t last, const char *path)
{
    kv_t *kv = NULL;
    cr_assert_eq(kv_lmdb_open(path, NULL, &kv, &s_err), ERR_OK, "%s", s_err.text);
    snapshot_store_t *store = fixture_open(kv);
    for (uint64_t number = first; number <= last; number++)
        cr_assert_eq(fixture_commit(store, number, &s_err), ERR_OK);
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
}

static void s_make_store(uint64_t incarnation, uint64_t first, uint64_t last, char path[STATEDIR_PATH_MAX])
{
    cr_assert_eq(statedir_shard(s_dir, "eu", 0, incarnation, path, &s_err), ERR_OK);
    s_fill_store(first, last, path);
}

static void s_make_kept(uint64_t incarnation, uint64_t first, uint64_t last, char path[STATEDIR_PATH_MAX])
{
    cr_assert_eq(statedir_kept(s_dir, "eu", 0, incarnation, path, &s_err), ERR_OK);
    s_fill_store(first, last, path);
}

static void s_spoil(const char *path, const char *prefix)
{
    kv_t *kv = NULL;
    kv_keys_t keys = {0};
    cr_assert_eq(kv_lmdb_open(path, NULL, &kv, &s_err), ERR_OK);
    cr_assert_eq(kv_keys(kv, prefix, &keys, &s_err), ERR_OK);
    cr_assert_gt(keys.count, 0);
    cr_assert_eq(kv_store(kv, keys.items[keys.count - 1].key, "?", 1, &s_err), ERR_OK);
    kv_keys_fini(&keys);
    kv_destroy(&kv);
}

Test(statedir_stores, newest_store)
{
    char path[STATEDIR_PATH_MAX], older[STATEDIR_PATH_MAX], empty[STATEDIR_PATH_MAX];
    statedir_latest_t latest;
    statedir_t *state = s_open();
    cr_assert_eq(statedir_shard_latest(s_dir, "eu", 0, &latest, &s_err), ERR_NOT_FOUND);
    s_make_store(1, 1, 3, older);
    s_make_store(0x10, 4, 5, path);
    s_make_store(0x11, 1, 0, empty);
    cr_assert_eq(statedir_shard(s_dir, "eu", 0, 0x12, empty, &s_err),
                 ERR_OK); /* killed before it made a store */
    cr_assert_eq(statedir_shard_latest(s_dir, "eu", 0, &latest, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(latest.incarnation, 0x10);
    cr_assert_eq(latest.number, 5);
    cr_assert_eq(latest.skipped, 0);
    cr_assert_str_eq(latest.path, path);
    cr_assert_eq(statedir_shard_latest(s_dir, "eu", 1, &latest, &s_err), ERR_NOT_FOUND, "another shard");
    statedir_close(&state);
}

Test(statedir_stores, newest_store_passes_damage_over)
{
    char path[STATEDIR_PATH_MAX], older[STATEDIR_PATH_MAX], data[STATEDIR_PATH_MAX + 16];
    statedir_latest_t latest;
    statedir_t *state = s_open();
    s_make_store(1, 1, 3, older);
    s_make_store(2, 4, 5, path);
    s_spoil(path, "m/");
    cr_assert_eq(statedir_shard_latest(s_dir, "eu", 0, &latest, &s_err), ERR_OK);
    cr_assert_eq(latest.incarnation, 2);
    cr_assert_eq(latest.number, 4);
    cr_assert_eq(latest.skipped, 1, "snapshot 5 is lost, and that is said");
    cr_assert_not_null(strstr(latest.why, "snapshot 5"), "%s", latest.why);
    cr_assert_str_eq(latest.damaged_path, path);
    cr_assert_eq(latest.damaged_number, 5);
    snprintf(data, sizeof data, "%s/data.mdb", path);
    cr_assert_eq(truncate(data, 2 * 4096), 0);
    cr_assert_eq(statedir_shard_latest(s_dir, "eu", 0, &latest, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(latest.incarnation, 1);
    cr_assert_eq(latest.number, 3);
    cr_assert_eq(latest.skipped, 1);
    cr_assert_str_eq(latest.path, older);
    snprintf(data, sizeof data, "%s/data.mdb", older);
    cr_assert_eq(truncate(data, 2 * 4096), 0);
    cr_assert_eq(statedir_shard_latest(s_dir, "eu", 0, &latest, &s_err), ERR_CHECKSUM);
    statedir_close(&state);
}

Test(statedir_stores, names_of_stores)
{
    static const struct {
        const char *name;
        bool good;
        statedir_store_t store;
    } cases[] = {{"0000000100000002", true, {0x100000002, 0}},
                 {"0000000100000002.7", true, {0x100000002, 7}},
                 {"00000001000000020", false, {0, 0}},
                 {"000000010000000", false, {0, 0}},
                 {"0000000100000002.", false, {0, 0}},
                 {"0000000100000002.0", false, {0, 0}},
                 {"0000000100000002.1x", false, {0, 0}},
                 {"0000000100000002.07", false, {0, 0}},
                 {"000000010000000A", false, {0, 0}},
                 {"0000000100000002.1111111111111111111", false, {0, 0}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[STATEDIR_STORE_NAME_SIZE];
        statedir_store_t store = {0, 0};
        cr_assert_eq(statedir_store_parse(cases[i].name, &store), cases[i].good, "%s", cases[i].name);
        cr_assert_eq(statedir_store_compare(&store, &cases[i].store), 0);
        if (cases[i].good)
            cr_assert_str_eq(statedir_store_name(&store, name), cases[i].name);
    }
}

static void s_fill(const char *path, uint64_t first, uint64_t last)
{
    kv_t *kv = NULL;
    cr_assert_eq(kv_lmdb_open(path, NULL, &kv, &s_err), ERR_OK, "%s", s_err.text);
    snapshot_store_t *store = fixture_open(kv);
    for (uint64_t number = first; number <= last; number++)
        cr_assert_eq(fixture_commit(store, number, &s_err), ERR_OK);
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
}

Test(statedir_stores, a_replacement_is_newer_than_what_it_replaces)
{
    char path[STATEDIR_PATH_MAX], again[STATEDIR_PATH_MAX], third[STATEDIR_PATH_MAX];
    statedir_latest_t latest;
    statedir_t *state = s_open();
    s_make_store(0x10, 1, 3, path);
    cr_assert_eq(statedir_shard_again(s_dir, "eu", 0, 0x10, again, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(statedir_shard_latest(s_dir, "eu", 0, &latest, &s_err), ERR_OK);
    cr_assert_str_eq(latest.path, path, "as long as the new one is empty");
    s_fill(again, 5, 6);
    s_spoil(path, "m/");
    cr_assert_eq(statedir_shard_latest(s_dir, "eu", 0, &latest, &s_err), ERR_OK);
    cr_assert_str_eq(latest.path, again);
    cr_assert_eq(latest.incarnation, 0x10);
    cr_assert_eq(latest.number, 6);
    cr_assert_eq(latest.skipped, 0, "what was replaced is no loss");
    cr_assert_eq(statedir_shard_again(s_dir, "eu", 0, 0x10, third, &s_err), ERR_OK);
    cr_assert_neq(strcmp(third, again), 0);
    s_make_store(0x11, 7, 7, path);
    cr_assert_eq(statedir_shard_latest(s_dir, "eu", 0, &latest, &s_err), ERR_OK);
    cr_assert_str_eq(latest.path, path, "a later incarnation is newer than any replacement");
    statedir_close(&state);
}

/* ---- Copies of what ran elsewhere ---- */

static void s_expect_latest(bool kept, uint64_t incarnation, uint64_t number, uint32_t skipped)
{
    statedir_latest_t latest;
    cr_assert_eq(statedir_shard_latest(s_dir, "eu", 0, &latest, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(latest.kept, kept);
    cr_assert_eq(latest.incarnation, incarnation);
    cr_assert_eq(latest.number, number);
    cr_assert_eq(latest.skipped, skipped, "%s", latest.why);
}

Test(statedir_stores, copies_count_by_incarnation_and_number)
{
    char own[STATEDIR_PATH_MAX], kept[STATEDIR_PATH_MAX], data[STATEDIR_PATH_MAX + 16];
    statedir_t *state = s_open();
    s_make_kept(2, 4, 5, kept);
    s_expect_latest(true, 2, 5, 0);
    s_make_store(1, 7, 8, own);
    s_expect_latest(true, 2, 5, 0);
    s_make_store(2, 5, 6, own);
    s_expect_latest(false, 2, 6, 0);
    s_fill_store(6, 6, kept); /* the same in both: its own is as good */
    s_expect_latest(false, 2, 6, 0);
    s_spoil(own, "m/");
    s_expect_latest(true, 2, 6, 0); /* and a copy makes good what is damaged */
    s_spoil(kept, "m/");
    s_expect_latest(false, 2, 5, 2);
    snprintf(data, sizeof data, "%s/data.mdb", own);
    cr_assert_eq(truncate(data, 2 * 4096), 0);
    s_expect_latest(true, 2, 5, 2);
    s_make_kept(3, 9, 9, kept);
    s_expect_latest(true, 3, 9, 0);
    statedir_close(&state);
}

Test(statedir_stores, copies_are_listed_and_removed)
{
    char path[STATEDIR_PATH_MAX];
    uint64_t *items = NULL;
    size_t count = 9;
    statedir_t *state = s_open();
    cr_assert_eq(statedir_kept_list(s_dir, "eu", 0, &items, &count, &s_err), ERR_OK);
    cr_assert_eq(count, 0);
    free(items);
    s_make_kept(2, 1, 1, path);
    s_make_kept(0x100000001, 2, 2, path);
    cr_assert_eq(statedir_kept_list(s_dir, "eu", 0, &items, &count, &s_err), ERR_OK);
    cr_assert_eq(count, 2);
    cr_assert_eq(items[0], 0x100000001);
    cr_assert_eq(items[1], 2);
    free(items);
    cr_assert_eq(statedir_kept_remove(s_dir, "eu", 0, 0x100000001, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(statedir_kept_remove(s_dir, "eu", 0, 77, &s_err), ERR_OK);
    s_expect_latest(true, 2, 1, 0);
    statedir_close(&state);
}

Test(statedir_stores, a_seal_is_kept)
{
    uint64_t seal = 7;
    statedir_t *state = s_open();
    cr_assert_eq(statedir_sealed(s_dir, "eu", 0, &seal, &s_err), ERR_OK);
    cr_assert_eq(seal, 0);
    cr_assert_eq(statedir_seal(s_dir, "eu", 0, 0x200000003, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(statedir_sealed(s_dir, "eu", 0, &seal, &s_err), ERR_OK);
    cr_assert_eq(seal, 0x200000003);
    cr_assert_eq(statedir_sealed(s_dir, "eu", 1, &seal, &s_err), ERR_OK);
    cr_assert_eq(seal, 0);
    char path[STATEDIR_PATH_MAX];
    snprintf(path, sizeof path, "%s/eu/kept-0/seal", s_dir);
    cr_assert_eq(truncate(path, 5), 0);
    cr_assert_eq(statedir_sealed(s_dir, "eu", 0, &seal, &s_err), ERR_MALFORMED);
    statedir_close(&state);
}
