#include "store/verify.h"

#include "store/kv_lmdb.h"
#include "store/kv_mem.h"
#include "tests/unit/store/fixture.h"
#include "tests/unit/store/small_disk.h"

#include <fcntl.h>
#include <sys/stat.h>

static err_t s_err;
static temp_t s_temp;
static char s_dir[TEMP_PATH_MAX];

static kv_t *s_two_snapshots(kv_t *kv)
{
    snapshot_store_t *store = fixture_open(kv);
    cr_assert_eq(fixture_commit(store, 1, &s_err), ERR_OK);
    cr_assert_eq(fixture_commit(store, 2, &s_err), ERR_OK);
    snapshot_store_destroy(&store);
    return kv;
}

static verify_report_t s_verify(kv_t *kv)
{
    verify_report_t report = {0};
    cr_assert_eq(verify_kv(kv, &report, &s_err), ERR_OK, "%s", s_err.text);
    return report;
}

Test(verify, all_is_well)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_PROCESS);
    verify_report_t report = s_verify(kv);
    cr_assert_eq(report.snapshots, 0);
    cr_assert_eq(report.problem_total, 0);
    verify_report_fini(&report);
    s_two_snapshots(kv);
    report = s_verify(kv);
    cr_assert_eq(report.snapshots, 2);
    cr_assert_eq(report.values, 2 * FIXTURE_VALUES);
    cr_assert_gt(report.size_bytes, 10000);
    cr_assert_eq(report.newest, 2);
    cr_assert_eq(report.newest_good, 2);
    cr_assert_eq(report.problem_total, 0);
    cr_assert_eq(report.orphans, 0);
    cr_assert_not(report.killed);
    verify_report_fini(&report);
    kv_destroy(&kv);
}

Test(verify, orphans_are_counted)
{
    kv_t *kv = s_two_snapshots(kv_mem_new(KV_DURABILITY_PROCESS));
    char key[KV_KEY_MAX + 1];
    cr_assert_eq(kv_store(kv, manifest_piece_key(999, 0, key), "x", 1, &s_err), ERR_OK);
    verify_report_t report = s_verify(kv);
    cr_assert_eq(report.orphans, 1);
    cr_assert_eq(report.problem_total, 0);
    verify_report_fini(&report);
    kv_destroy(&kv);
}

Test(verify, problems_have_names)
{
    kv_t *kv = s_two_snapshots(kv_mem_new(KV_DURABILITY_PROCESS));
    kv_keys_t keys = {0};
    cr_assert_eq(kv_keys(kv, "v/", &keys, &s_err), ERR_OK);
    cr_assert(kv_mem_flip(kv, keys.items[0].key, 9, 1));
    cr_assert(kv_mem_lose(kv, keys.items[keys.count - 1].key));
    verify_report_t report = s_verify(kv);
    cr_assert_eq(report.problem_total, 2);
    cr_assert_eq(report.problem_count, 2);
    cr_assert_eq(report.newest, 2);
    cr_assert_eq(report.newest_good, 0);
    cr_assert_eq(report.problems[0].number, 1);
    cr_assert_str_eq(report.problems[0].name, "value/0");
    cr_assert_eq(report.problems[0].code, ERR_CHECKSUM);
    cr_assert_eq(report.problems[1].number, 2);
    cr_assert_str_eq(report.problems[1].name, "value/4");
    cr_assert_not_null(strstr(report.problems[1].text, "snapshot 2: value value/4:"));
    verify_report_fini(&report);
    kv_keys_fini(&keys);
    kv_destroy(&kv);
}

Test(verify, damaged_manifest)
{
    kv_t *kv = s_two_snapshots(kv_mem_new(KV_DURABILITY_PROCESS));
    cr_assert(kv_mem_resize(kv, "m/0000000000000002", 30));
    verify_report_t report = s_verify(kv);
    cr_assert_eq(report.snapshots, 2);
    cr_assert_eq(report.problem_total, 1);
    cr_assert_eq(report.problems[0].number, 2);
    cr_assert_str_eq(report.problems[0].name, "");
    cr_assert_eq(report.newest, 2);
    cr_assert_eq(report.newest_good, 1);
    verify_report_fini(&report);
    kv_destroy(&kv);
}

/* ---- A directory, in a child process ---- */

static kv_t *s_open(void)
{
    kv_t *kv = NULL;
    kv_lmdb_options_t options = {.map_bytes = 1 << 20};
    cr_assert_eq(kv_lmdb_open(s_dir, &options, &kv, &s_err), ERR_OK, "%s", s_err.text);
    return kv;
}

static void s_setup(void)
{
    temp_init(&s_temp);
    temp_path(&s_temp, "store", s_dir);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

TestSuite(verify_dir, .init = s_setup, .fini = s_teardown);

Test(verify_dir, beside_the_writer_and_after)
{
    verify_report_t report = {0};
    kv_t *kv = s_two_snapshots(s_open());
    cr_assert_eq(verify_dir(s_dir, &report, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(report.problem_total, 0);
    cr_assert_eq(report.newest_good, 2);
    verify_report_fini(&report);
    kv_destroy(&kv);
    cr_assert_eq(verify_dir(s_dir, &report, &s_err), ERR_OK);
    cr_assert_eq(report.snapshots, 2);
    cr_assert_eq(report.values, 2 * FIXTURE_VALUES);
    verify_report_fini(&report);
}

Test(verify_dir, nothing_there)
{
    verify_report_t report = {0};
    cr_assert_eq(verify_dir(s_dir, &report, &s_err), ERR_NOT_FOUND);
    cr_assert_not_null(strstr(s_err.text, s_dir));
    cr_assert_eq(access(s_dir, F_OK), -1);
}

Test(verify_dir, passes_problems_on)
{
    kv_t *kv = s_two_snapshots(s_open());
    kv_keys_t keys = {0};
    verify_report_t report = {0};
    cr_assert_eq(kv_keys(kv, "v/", &keys, &s_err), ERR_OK);
    cr_assert_eq(kv_store(kv, keys.items[keys.count - 1].key, "other", 5, &s_err), ERR_OK);
    kv_keys_fini(&keys);
    kv_destroy(&kv);
    cr_assert_eq(verify_dir(s_dir, &report, &s_err), ERR_OK);
    cr_assert_eq(report.problem_total, 1);
    cr_assert_eq(report.problem_count, 1);
    cr_assert_str_eq(report.problems[0].name, "value/4");
    cr_assert_eq(report.newest_good, 1);
    verify_report_fini(&report);
}

static void s_copy_file(const char *from, const char *to)
{
    static char bytes[1 << 16];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert(in >= 0 && out >= 0);
    for (ssize_t got = read(in, bytes, sizeof bytes); got > 0; got = read(in, bytes, sizeof bytes))
        cr_assert_eq(write(out, bytes, (size_t)got), got);
    close(in);
    close(out);
}

/* A file cut short kills whoever maps it (SIGBUS): the child dies, the caller gets a report. */
Test(verify_dir, a_truncated_file_kills_the_child_alone)
{
    char data[TEMP_PATH_MAX + 16];
    struct stat status;
    verify_report_t report = {0};
    kv_t *kv = s_two_snapshots(s_open());
    kv_destroy(&kv);
    snprintf(data, sizeof data, "%s/data.mdb", s_dir);
    cr_assert_eq(stat(data, &status), 0);
    cr_assert_eq(truncate(data, 2 * 4096), 0);
    cr_assert_eq(verify_dir(s_dir, &report, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert(report.killed);
    cr_assert_eq(report.problem_total, 1);
    cr_assert_eq(report.newest_good, 0);
    cr_assert_not_null(strstr(report.problems[0].text, "damaged"));
    verify_report_fini(&report);
}

/* Random damage of the file itself, below everything that has a checksum: the caller survives it, and a store
 * that is called good holds exactly what was committed. */
Test(verify_dir, random_damage_of_the_file)
{
    enum { ROUNDS = 40 };
    char data[TEMP_PATH_MAX + 16], saved[TEMP_PATH_MAX];
    rng_t rng;
    struct stat status;
    int wrong = 0, killed = 0;
    rng_init(&rng, temp_seed());
    kv_t *kv = s_two_snapshots(s_open());
    kv_destroy(&kv);
    snprintf(data, sizeof data, "%s/data.mdb", s_dir);
    temp_path(&s_temp, "saved", saved);
    s_copy_file(data, saved);
    cr_assert_eq(stat(data, &status), 0);
    for (int round = 0; round < ROUNDS; round++) {
        verify_report_t report = {0};
        uint8_t noise[64];
        s_copy_file(saved, data);
        int fd = open(data, O_WRONLY);
        for (int i = 0; i < 6; i++) {
            for (size_t k = 0; k < sizeof noise; k++)
                noise[k] = (uint8_t)rng_u64(&rng);
            off_t at = (off_t)rng_below(&rng, (uint64_t)status.st_size - sizeof noise);
            cr_assert_eq(pwrite(fd, noise, sizeof noise, at), sizeof noise);
        }
        close(fd);
        err_code_t code = verify_dir(s_dir, &report, &s_err);
        cr_assert(code == ERR_OK || code == ERR_MEMORY, "round %d: %s", round, s_err.text);
        wrong += report.problem_total > 0;
        killed += report.killed;
        if (code == ERR_OK && !report.killed && report.newest_good > 0) {
            snapshot_t *snapshot = NULL;
            kv_lmdb_options_t options = {.read_only = true};
            cr_assert_eq(kv_lmdb_open(s_dir, &options, &kv, &s_err), ERR_OK);
            snapshot_store_t *store = fixture_open(kv);
            cr_assert_eq(snapshot_load(store, report.newest_good, &snapshot, &s_err), ERR_OK);
            cr_assert(fixture_same(snapshot, report.newest_good));
            snapshot_destroy(&snapshot);
            snapshot_store_destroy(&store);
            kv_destroy(&kv);
        }
        verify_report_fini(&report);
    }
    cr_log_info("%d of %d with problems, %d killed the child", wrong, ROUNDS, killed);
    cr_assert_gt(wrong, 0);
}

/* A store whose lock file must be made again, on a full disk: it cannot be read now, which is no damage. */
Test(verify, no_room_is_no_damage)
{
    temp_t temp;
    char dir[TEMP_PATH_MAX], lock[TEMP_PATH_MAX + 16];
    verify_report_t report = {0};
    kv_t *kv = NULL;
    temp_init(&temp);
    temp_path(&temp, "store", dir);
    snprintf(lock, sizeof lock, "%s/lock.mdb", dir);
    small_disk_mount(temp.dir, 256);
    cr_assert_eq(kv_lmdb_open(dir, NULL, &kv, &s_err), ERR_OK, "%s", s_err.text);
    s_two_snapshots(kv);
    kv_destroy(&kv);
    cr_assert_eq(unlink(lock), 0);
    small_disk_fill(temp.dir, 0);
    cr_assert_eq(verify_dir(dir, &report, &s_err), ERR_FULL, "%s", s_err.text);
    small_disk_empty(temp.dir);
    cr_assert_eq(verify_dir(dir, &report, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(report.newest_good, 2);
    cr_assert_eq(report.problem_total, 0);
    verify_report_fini(&report);
    small_disk_unmount(temp.dir);
    temp_fini(&temp);
}
