#include "store/kv_child.h"

#include "store/kv_lmdb.h"
#include "tests/unit/store/fixture.h"
#include "tests/unit/store/temp.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static temp_t s_temp;
static char s_dir[TEMP_PATH_MAX], s_file[TEMP_PATH_MAX + 16];
static err_t s_err;

static void s_setup(void)
{
    temp_init(&s_temp);
    temp_path(&s_temp, "store", s_dir);
    snprintf(s_file, sizeof s_file, "%s/data.mdb", s_dir);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

TestSuite(kv_child, .init = s_setup, .fini = s_teardown, .timeout = 60);

static kv_t *s_write(void)
{
    kv_t *kv = NULL;
    cr_assert_eq(kv_lmdb_open(s_dir, NULL, &kv, &s_err), ERR_OK, "%s", s_err.text);
    snapshot_store_t *store = fixture_open(kv);
    cr_assert_eq(fixture_commit(store, 1, &s_err), ERR_OK);
    cr_assert_eq(fixture_commit(store, 2, &s_err), ERR_OK);
    snapshot_store_destroy(&store);
    return kv;
}

static kv_t *s_open(void)
{
    kv_t *kv = NULL;
    cr_assert_eq(kv_child_open(s_dir, &kv, &s_err), ERR_OK, "%s", s_err.text);
    return kv;
}

static void s_expect_snapshot(kv_t *kv, uint64_t number)
{
    snapshot_store_t *store = NULL;
    snapshot_t *snapshot = NULL;
    cr_assert_eq(snapshot_store_open(kv, &fixture_options, &store, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(snapshot_load(store, SNAPSHOT_NEWEST, &snapshot, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(snapshot->id.number, number);
    cr_assert(fixture_same(snapshot, number));
    snapshot_destroy(&snapshot);
    snapshot_store_destroy(&store);
}

Test(kv_child, reads_what_the_store_holds)
{
    kv_t *kv = s_write();
    size_t pieces = fixture_count_keys(kv, "v/");
    kv_destroy(&kv);
    kv = s_open();
    s_expect_snapshot(kv, 2);
    cr_assert_eq(fixture_count_keys(kv, "v/"), pieces);
    buf_t *none = NULL;
    cr_assert_eq(kv_get(kv, "nothing", &none, &s_err), ERR_NOT_FOUND);
    cr_assert_null(none);
    kv_txn_t *txn = NULL;
    cr_assert_eq(kv_begin(kv, &txn, &s_err), ERR_DENIED);
    kv_destroy(&kv);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child is left");
}

Test(kv_child, sees_one_moment_beside_a_writer)
{
    kv_t *writer = s_write(), *held = s_open(), *late = s_open();
    cr_assert_eq(kv_child_hold(held, &s_err), ERR_OK, "%s", s_err.text);
    snapshot_store_t *store = fixture_open(writer);
    for (uint64_t number = 3; number < 40;
         number++) /* every page that the moment does not need is used again */
        cr_assert_eq(fixture_commit(store, number, &s_err), ERR_OK);
    s_expect_snapshot(held, 2);
    s_expect_snapshot(late, 39); /* not held before its first read */
    kv_destroy(&held);
    kv_destroy(&late);
    snapshot_store_destroy(&store);
    kv_destroy(&writer);
}

Test(kv_child, of_nothing_says_so)
{
    kv_t *kv = NULL;
    cr_assert_eq(kv_child_open(s_dir, &kv, &s_err), ERR_NOT_FOUND, "%s", s_err.text);
    cr_assert_null(kv);
}

Test(kv_child, a_file_that_kills_its_reader_does_not_kill_the_caller)
{
    kv_t *kv = s_write();
    kv_destroy(&kv);
    kv = s_open();
    cr_assert_eq(truncate(s_file, 0), 0); /* the pages behind are gone: SIGBUS in whoever maps it */
    kv_keys_t keys = {0};
    cr_assert_eq(kv_keys(kv, "m/", &keys, &s_err), ERR_MALFORMED, "%s", s_err.text);
    cr_assert(strstr(s_err.text, "killed the process") && strstr(s_err.text, s_dir), "%s", s_err.text);
    err_t again;
    cr_assert_eq(kv_keys(kv, "m/", &keys, &again), ERR_MALFORMED);
    cr_assert_str_eq(again.text, s_err.text);
    kv_destroy(&kv);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child is left");
}

/* Whoever leaves without a word, as on Ctrl-C, must not keep old pages of a running job's file for ever: the
 * child ends by itself, and in order. */
Test(kv_child, of_a_caller_that_is_gone_ends_in_order)
{
    kv_t *writer = s_write();
    int ends[2], status = -1;
    char byte;
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* the orphan becomes ours */
    pid_t pid = fork();
    if (pid == 0) {
        kv_t *kv = NULL;
        if (kv_child_open(s_dir, &kv, NULL) || kv_child_hold(kv, NULL) || write(ends[1], "x", 1) != 1)
            _exit(1);
        pause();
    }
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    kill(pid, SIGKILL);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_gt(waitpid(-1, &status, 0), 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
    close(ends[0]);
    close(ends[1]);
    kv_destroy(&writer);
}
