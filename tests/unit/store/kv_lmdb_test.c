#include "store/kv_lmdb.h"

#include "store/file.h"
#include "tests/unit/store/small_disk.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static temp_t s_temp;
static char s_dir[TEMP_PATH_MAX];
static err_t s_err;

static void s_setup(void)
{
    temp_init(&s_temp);
    temp_path(&s_temp, "store", s_dir);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

TestSuite(kv_lmdb, .init = s_setup, .fini = s_teardown);

static kv_t *s_open(const kv_lmdb_options_t *options)
{
    kv_t *kv = NULL;
    cr_assert_eq(kv_lmdb_open(s_dir, options, &kv, &s_err), ERR_OK, "%s", s_err.text);
    return kv;
}

static err_code_t s_get(kv_t *kv, const char *key, size_t *ret_size)
{
    buf_t *value = NULL;
    err_code_t code = kv_get(kv, key, &value, &s_err);
    *ret_size = value ? buf_size(value) : 0;
    buf_destroy(&value);
    return code;
}

Test(kv_lmdb, is_private_and_survives_reopen)
{
    struct stat status;
    size_t size = 0;
    kv_t *kv = s_open(NULL);
    cr_assert_eq(stat(s_dir, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0700);
    cr_assert_eq(kv_store(kv, "a", "abc", 3, &s_err), ERR_OK);
    kv_destroy(&kv);
    kv = s_open(NULL);
    cr_assert_eq(s_get(kv, "a", &size), ERR_OK);
    cr_assert_eq(size, 3);
    kv_destroy(&kv);
}

Test(kv_lmdb, map_grows_inside_a_transaction)
{
    enum { VALUES = 40, SIZE = 50000 };
    kv_lmdb_options_t options = {.map_bytes = 1 << 16, .map_max_bytes = 64 << 20};
    static char data[SIZE];
    kv_txn_t *txn = NULL;
    char key[16];
    size_t size = 0;
    kv_t *kv = s_open(&options);
    size_t before = kv_lmdb_map_bytes(kv);
    cr_assert_eq(kv_begin(kv, &txn, &s_err), ERR_OK);
    for (int i = 0; i < VALUES; i++) {
        snprintf(key, sizeof key, "k%d", i);
        cr_assert_eq(kv_put(txn, key, data, (size_t)(SIZE - i), &s_err), ERR_OK, "%s", s_err.text);
    }
    cr_assert_eq(kv_commit(&txn, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_gt(kv_lmdb_map_bytes(kv), 8 * before);
    for (int i = 0; i < VALUES; i++) {
        snprintf(key, sizeof key, "k%d", i);
        cr_assert_eq(s_get(kv, key, &size), ERR_OK);
        cr_assert_eq(size, SIZE - i);
    }
    kv_destroy(&kv);
}

/* At the greatest size a transaction fails as a whole, and one that makes room can follow. */
Test(kv_lmdb, map_has_a_greatest_size)
{
    enum { SIZE = 100000 };
    kv_lmdb_options_t options = {.map_bytes = 1 << 16, .map_max_bytes = 1 << 20};
    static char data[SIZE];
    kv_txn_t *txn = NULL;
    char key[16];
    size_t size = 0;
    kv_t *kv = s_open(&options);
    cr_assert_eq(kv_store(kv, "old", data, SIZE, &s_err), ERR_OK);
    cr_assert_eq(kv_begin(kv, &txn, &s_err), ERR_OK);
    err_code_t code = ERR_OK;
    for (int i = 0; i < 20 && !code; i++) {
        snprintf(key, sizeof key, "k%d", i);
        code = kv_put(txn, key, data, SIZE, &s_err);
    }
    cr_assert_eq(code, ERR_FULL);
    cr_assert_eq(kv_commit(&txn, &s_err), ERR_FULL);
    cr_assert_not(kv_suspect(kv));
    cr_assert_eq(kv_lmdb_map_bytes(kv), 1 << 20);
    cr_assert_eq(s_get(kv, "k0", &size), ERR_NOT_FOUND);
    cr_assert_eq(s_get(kv, "old", &size), ERR_OK);
    cr_assert_eq(kv_store(kv, "small", data, 100, &s_err), ERR_OK, "%s", s_err.text);
    kv_destroy(&kv);
}

Test(kv_lmdb, is_opened_once_per_process)
{
    kv_t *kv = s_open(NULL), *other = NULL;
    kv_lmdb_options_t reader = {.read_only = true};
    char alias[TEMP_PATH_MAX + 16];
    cr_assert_eq(kv_lmdb_open(s_dir, NULL, &other, &s_err), ERR_IN_USE);
    cr_assert_eq(kv_lmdb_open(s_dir, &reader, &other, &s_err), ERR_IN_USE);
    snprintf(alias, sizeof alias, "%s/../store", s_dir);
    cr_assert_eq(kv_lmdb_open(alias, NULL, &other, &s_err), ERR_IN_USE);
    cr_assert_null(other);
    kv_destroy(&kv);
    kv = s_open(NULL);
    kv_destroy(&kv);
}

/* Runs a body in a child; its exit status. */
static int s_in_child(int (*body)(void *hint), void *hint)
{
    int status = 0;
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0)
        _exit(body(hint));
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int s_child_opens(void *hint)
{
    char pid[32];
    err_t err;
    kv_t *kv = NULL;
    snprintf(pid, sizeof pid, "process %ld", (long)*(pid_t *)hint);
    if (kv_lmdb_open(s_dir, NULL, &kv, &err) != ERR_IN_USE)
        return 1;
    return strstr(err.text, pid) ? 0 : 2;
}

Test(kv_lmdb, another_process_is_told_who_holds_it)
{
    pid_t self = getpid();
    kv_t *kv = s_open(NULL);
    cr_assert_eq(s_in_child(s_child_opens, &self), 0);
    kv_destroy(&kv);
    cr_assert_eq(s_in_child(s_child_opens, &self), 1, "released, it can be opened");
}

static int s_child_reads(void *hint)
{
    kv_lmdb_options_t reader = {.read_only = true};
    kv_t *kv = NULL;
    buf_t *value = NULL;
    if (kv_lmdb_open(s_dir, &reader, &kv, NULL))
        return 1;
    if (kv_store(kv, "a", "x", 1, NULL) != ERR_DENIED)
        return 2;
    if (kv_get(kv, "a", &value, NULL) || buf_size(value) != *(size_t *)hint)
        return 3;
    kv_destroy(&kv);
    return 0;
}

Test(kv_lmdb, a_reader_may_stand_beside_the_writer)
{
    size_t size = 3;
    kv_t *kv = s_open(NULL);
    cr_assert_eq(kv_store(kv, "a", "abc", size, &s_err), ERR_OK);
    cr_assert_eq(s_in_child(s_child_reads, &size), 0);
    kv_destroy(&kv);
}

/* The reader follows when the writer makes the map larger. */
typedef struct {
    int ready[2];
    int grown[2];
} pipes_t;

static int s_child_follows(void *hint)
{
    pipes_t *pipes = hint;
    kv_lmdb_options_t reader = {.read_only = true};
    kv_t *kv = NULL;
    buf_t *value = NULL;
    char byte = 0;
    if (kv_lmdb_open(s_dir, &reader, &kv, NULL) || kv_get(kv, "a", &value, NULL))
        return 1;
    if (write(pipes->ready[1], "r", 1) != 1 || read(pipes->grown[0], &byte, 1) != 1)
        return 2;
    size_t before = kv_lmdb_map_bytes(kv);
    buf_destroy(&value);
    if (kv_get(kv, "large", &value, NULL) || buf_size(value) != 1000000)
        return 3;
    return kv_lmdb_map_bytes(kv) > before ? 0 : 4;
}

Test(kv_lmdb, a_reader_follows_a_growing_map)
{
    static char data[1000000];
    kv_lmdb_options_t options = {.map_bytes = 1 << 16};
    pipes_t pipes;
    char byte = 0;
    int status = 0;
    cr_assert_eq(pipe(pipes.ready), 0);
    cr_assert_eq(pipe(pipes.grown), 0);
    kv_t *kv = s_open(&options);
    cr_assert_eq(kv_store(kv, "a", "abc", 3, &s_err), ERR_OK);
    pid_t child = fork();
    if (child == 0)
        _exit(s_child_follows(&pipes));
    close(pipes.ready[1]);
    cr_assert_eq(read(pipes.ready[0], &byte, 1), 1);
    cr_assert_eq(kv_store(kv, "large", data, sizeof data, &s_err), ERR_OK);
    cr_assert_eq(write(pipes.grown[1], "g", 1), 1);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0, "status %d", WEXITSTATUS(status));
    kv_destroy(&kv);
}

Test(kv_lmdb, a_reader_creates_nothing)
{
    kv_lmdb_options_t reader = {.read_only = true};
    kv_t *kv = NULL;
    char path[TEMP_PATH_MAX + 16];
    cr_assert_eq(kv_lmdb_open(s_dir, &reader, &kv, &s_err), ERR_NOT_FOUND);
    cr_assert_eq(access(s_dir, F_OK), -1);
    cr_assert_eq(mkdir(s_dir, 0700), 0);
    cr_assert_eq(kv_lmdb_open(s_dir, &reader, &kv, &s_err), ERR_NOT_FOUND);
    snprintf(path, sizeof path, "%s/lock.mdb", s_dir);
    cr_assert_eq(access(path, F_OK), -1);
}

/* As another user, or from a copy whose files may only be read. */
static int s_read_without_rights(void)
{
    size_t size = 0;
    kv_t *kv = NULL;
    kv_lmdb_options_t options = {.read_only = true};
    if (getuid() == 0 && setuid(65534) != 0)
        return 1;
    if (kv_lmdb_open(s_dir, &options, &kv, &s_err))
        return 2;
    return s_get(kv, "a", &size) == ERR_OK && size == 3 ? 0 : 3;
}

static void s_expect_readable(void)
{
    int status = 0;
    cr_assert_eq(chmod(s_dir, 0555), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(s_read_without_rights());
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
    cr_assert_eq(chmod(s_dir, 0755), 0);
}

Test(kv_lmdb, what_one_may_read_but_not_write_is_readable)
{
    char data[TEMP_PATH_MAX], lock[TEMP_PATH_MAX];
    kv_t *kv = s_open(NULL);
    cr_assert_eq(kv_store(kv, "a", "abc", 3, &s_err), ERR_OK);
    kv_destroy(&kv);
    temp_path(&s_temp, "store/data.mdb", data);
    temp_path(&s_temp, "store/lock.mdb", lock);
    cr_assert(chmod(s_temp.dir, 0755) == 0 && chmod(data, 0444) == 0 && chmod(lock, 0444) == 0);
    s_expect_readable();
    cr_assert_eq(unlink(lock), 0); /* a copy of the data alone */
    s_expect_readable();
}

Test(kv_lmdb, not_a_store)
{
    char path[TEMP_PATH_MAX + 16];
    kv_t *kv = NULL;
    cr_assert_eq(mkdir(s_dir, 0700), 0);
    snprintf(path, sizeof path, "%s/data.mdb", s_dir);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 10000; i++)
        fputc('x', file);
    fclose(file);
    err_code_t code = kv_lmdb_open(s_dir, NULL, &kv, &s_err);
    cr_assert(code == ERR_MALFORMED || code == ERR_VERSION, "%s", s_err.text);
    cr_assert_eq(kv_lmdb_open("/nowhere/at/all", NULL, &kv, &s_err), ERR_NOT_FOUND);
    cr_assert_null(kv);
}

/* A file that may not grow stands for a disk that cannot be written: short writes, then an error from commit.
 */
static int s_child_hits_the_wall(void *hint)
{
    static char data[400000];
    struct rlimit limit = {.rlim_cur = 300000, .rlim_max = 300000};
    (void)hint;
    kv_t *kv = NULL;
    buf_t *value = NULL;
    if (kv_lmdb_open(s_dir, NULL, &kv, NULL) || kv_store(kv, "old", "abc", 3, NULL))
        return 1;
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 2;
    err_code_t code = kv_store(kv, "new", data, sizeof data, NULL);
    if (code != ERR_IO && code != ERR_FULL)
        return 3;
    if (kv_suspect(kv) != (code == ERR_IO))
        return 4;
    if (kv_suspect(kv) && kv_store(kv, "more", "x", 1, NULL) != ERR_IO)
        return 5;
    if (kv_get(kv, "old", &value, NULL) || buf_size(value) != 3)
        return 6;
    if (kv_get(kv, "new", &value, NULL) != ERR_NOT_FOUND)
        return 7;
    return 0;
}

Test(kv_lmdb, a_failed_write_leaves_what_was_there)
{
    size_t size = 0;
    cr_assert_eq(s_in_child(s_child_hits_the_wall, NULL), 0);
    kv_t *kv = s_open(NULL);
    cr_assert_eq(s_get(kv, "old", &size), ERR_OK);
    cr_assert_eq(s_get(kv, "new", &size), ERR_NOT_FOUND);
    kv_destroy(&kv);
}

/* Killed anywhere, also inside a transaction: what was committed is there, and the next one is not kept
 * waiting. */
static int s_child_counts(void *hint)
{
    int *fd = hint;
    kv_t *kv = NULL;
    kv_txn_t *txn = NULL;
    if (kv_lmdb_open(s_dir, NULL, &kv, NULL))
        return 1;
    for (uint32_t i = 1;; i++) {
        if (kv_store(kv, "count", &i, sizeof i, NULL) || write(*fd, &i, sizeof i) != sizeof i)
            return 2;
        if (i == 50 && (kv_begin(kv, &txn, NULL) || kv_put(txn, "count", "open", 4, NULL)))
            return 3;
        if (i == 50)
            raise(SIGKILL);
    }
}

Test(kv_lmdb, kill_inside_a_transaction)
{
    int ends[2];
    uint32_t seen = 0, stored = 0;
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(s_in_child(s_child_counts, &ends[1]), 128 + SIGKILL);
    close(ends[1]);
    while (read(ends[0], &seen, sizeof seen) == sizeof seen)
        ;
    kv_t *kv = s_open(NULL);
    buf_t *value = NULL;
    cr_assert_eq(kv_get(kv, "count", &value, &s_err), ERR_OK);
    memcpy(&stored, buf_peek(value), sizeof stored);
    buf_destroy(&value);
    cr_assert_eq(seen, 50);
    cr_assert_eq(stored, 50);
    cr_assert_eq(kv_store(kv, "count", "x", 1, &s_err), ERR_OK);
    kv_destroy(&kv);
}

/* ---- a reader that died ---- */

static void s_die(void *hint, const void *data, size_t size)
{
    (void)hint, (void)data, (void)size;
    kill(getpid(), SIGKILL);
}

static int s_child_dies_reading(void *hint)
{
    (void)hint;
    kv_lmdb_options_t reader = {.read_only = true};
    kv_t *kv = NULL;
    if (kv_lmdb_open(s_dir, &reader, &kv, NULL))
        return 1;
    return (int)kv_read(kv, "value", s_die, NULL, NULL);
}

/* The writer stays open all the time: a check of the store by another process must not cost it the disk. */
Test(kv_lmdb, a_reader_that_died_does_not_hold_old_pages)
{
    static char data[1 << 18];
    char path[TEMP_PATH_MAX + 16];
    struct stat status;
    kv_t *kv = s_open(NULL);
    cr_assert_eq(kv_store(kv, "value", data, sizeof data, &s_err), ERR_OK);
    pid_t child = fork();
    if (child == 0)
        _exit(s_child_dies_reading(NULL));
    int how = 0;
    cr_assert_eq(waitpid(child, &how, 0), child);
    cr_assert(WIFSIGNALED(how), "it died while it read");
    for (int i = 0; i < 400; i++)
        cr_assert_eq(kv_store(kv, "value", data, sizeof data, &s_err), ERR_OK, "%s", s_err.text);
    snprintf(path, sizeof path, "%s/data.mdb", s_dir);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_lt(status.st_size, 40 * (off_t)sizeof data, "%lld bytes", (long long)status.st_size);
    kv_destroy(&kv);
}

/* ---- full disks ---- */

/* Opens, stores and reads with so many pages left; returns the first error. */
static err_code_t s_use(const kv_lmdb_options_t *options)
{
    kv_t *kv = NULL;
    size_t size = 0;
    err_code_t code = kv_lmdb_open(s_dir, options, &kv, &s_err);
    if (!code)
        code = kv_store(kv, "k", "value", 5, &s_err);
    if (!code)
        code = s_get(kv, "k", &size);
    kv_destroy(&kv);
    return code;
}

/* However little room there is, nothing kills the process, nothing is taken for damaged, and later it
 * works. */
Test(kv_lmdb, a_full_disk_refuses_and_never_kills)
{
    enum { PAGES = 64, MOST = 24 };
    for (size_t left = 0; left < MOST; left++) {
        if (left == 0)
            small_disk_mount(s_temp.dir, PAGES);
        small_disk_fill(s_temp.dir, left);
        err_code_t code = s_use(NULL);
        cr_assert(code == ERR_FULL || (code == ERR_OK && left > 4), "%zu pages left: %s: %s", left,
                  err_name(code), s_err.text);
        small_disk_empty(s_temp.dir);
        cr_assert_eq(s_use(NULL), ERR_OK, "after %zu pages: %s", left, s_err.text);
        cr_assert_eq(file_remove_tree(s_dir, &s_err), ERR_OK, "%s", s_err.text);
    }
    small_disk_unmount(s_temp.dir);
}

Test(kv_lmdb, what_is_stored_can_be_read_on_a_full_disk)
{
    kv_lmdb_options_t options = {.read_only = true};
    kv_t *kv = NULL;
    size_t size = 0;
    small_disk_mount(s_temp.dir, 64);
    cr_assert_eq(s_use(NULL), ERR_OK, "%s", s_err.text);
    small_disk_fill(s_temp.dir, 0);
    cr_assert_eq(kv_lmdb_open(s_dir, &options, &kv, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(s_get(kv, "k", &size), ERR_OK, "%s", s_err.text);
    kv_destroy(&kv);
    small_disk_unmount(s_temp.dir);
}
