#include "store/statedir.h"
#include "store/statedir_stores.h"

#include "store/file.h"
#include "store/kv_lmdb.h"
#include "tests/unit/store/fixture.h"
#include "tests/unit/store/state_fixture.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>

TestSuite(statedir, .init = s_setup, .fini = s_teardown);

static size_t s_entries(const char *path)
{
    size_t count = 0;
    DIR *dir = opendir(path);
    cr_assert_not_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

Test(statedir, is_created_once)
{
    struct stat status;
    statedir_t *state = s_open();
    cr_assert(statedir_is_new(state));
    cr_assert_str_eq(statedir_path(state), s_dir);
    cr_assert_eq(stat(s_dir, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0700);
    statedir_close(&state);
    cr_assert_null(state);
    statedir_close(&state);
    state = s_open();
    cr_assert_not(statedir_is_new(state));
    statedir_close(&state);
}

Test(statedir, of_another_job)
{
    statedir_t *state = s_open();
    statedir_close(&state);
    cr_assert_eq(statedir_open(s_dir, "other", "d1g3st", &state, &s_err), ERR_JOB);
    cr_assert_not_null(strstr(s_err.text, "belongs to job fashion, not other"), "%s", s_err.text);
    cr_assert_not_null(strstr(s_err.text, "--state"));
    cr_assert_eq(statedir_open(s_dir, "fashion", "changed", &state, &s_err), ERR_JOB);
    cr_assert_not_null(strstr(s_err.text, "other settings"), "%s", s_err.text);
    cr_assert_null(state);
    cr_assert_eq(statedir_check(s_dir, "fashion", "d1g3st", &s_err), ERR_OK);
    cr_assert_eq(statedir_check(s_dir, "fashion", "changed", &s_err), ERR_JOB);
    cr_assert_eq(statedir_check("/nowhere", "fashion", "d1g3st", &s_err), ERR_NOT_FOUND);
    state = s_open();
    statedir_close(&state);
}

/* ---- the run ---- */

static statedir_run_t s_run_of(const char *path)
{
    statedir_run_t run;
    cr_assert_eq(statedir_run(path, &run, &s_err), ERR_OK, "%s", s_err.text);
    return run;
}

Test(statedir, is_of_no_run_until_one_is_begun_and_then_of_that_one)
{
    statedir_t *state = s_open();
    cr_assert_eq(s_run_of(s_dir).id, RUN_ID_NONE);
    cr_assert_eq(statedir_begin_run(state, &(statedir_run_t){.id = 0xab}, &s_err), ERR_OK, "%s", s_err.text);
    statedir_close(&state);
    cr_assert_eq(s_run_of(s_dir).id, 0xab);
    cr_assert_not(s_run_of(s_dir).adopted);
    state = s_open();
    cr_assert_eq(s_run_of(s_dir).id, 0xab, "opening it again changes nothing");
    statedir_close(&state);
}

Test(statedir, of_another_run_says_both_identities_and_what_to_do)
{
    statedir_t *state = s_open();
    statedir_close(&state);
    cr_assert_eq(statedir_join_run(s_dir, &(statedir_run_t){.id = 0xab, .adopted = true}, &s_err), ERR_OK);
    cr_assert_eq(statedir_join_run(s_dir, &(statedir_run_t){.id = 0xab}, &s_err), ERR_OK, "the same again");
    cr_assert_eq(statedir_join_run(s_dir, &(statedir_run_t){.id = 0xcd}, &s_err), ERR_JOB);
    cr_assert_not_null(strstr(s_err.text, "00000000000000ab"), "%s", s_err.text);
    cr_assert_not_null(strstr(s_err.text, "00000000000000cd"), "%s", s_err.text);
    cr_assert_not_null(strstr(s_err.text, "--state"), "%s", s_err.text);
    cr_assert_eq(s_run_of(s_dir).id, 0xab);
    cr_assert(s_run_of(s_dir).adopted, "who came first decides");
}

Test(statedir, of_the_version_before_has_no_run_and_can_take_one)
{
    char file[TEMP_PATH_MAX + 16];
    static const char before[] = "cloudless state 1\njob fashion\ndigest d1g3st\n";
    cr_assert_eq(file_make_dirs(s_dir, &s_err), ERR_OK);
    snprintf(file, sizeof file, "%s/job", s_dir);
    cr_assert_eq(file_write(file, before, strlen(before), &s_err), ERR_OK);
    cr_assert_eq(s_run_of(s_dir).id, RUN_ID_NONE);
    cr_assert_eq(statedir_check(s_dir, "fashion", "d1g3st", &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(statedir_join_run(s_dir, &(statedir_run_t){.id = 1}, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(s_run_of(s_dir).id, 1);
}

Test(statedir, carried_on_it_is_of_the_same_run_with_other_settings_and_says_which)
{
    statedir_t *state = s_open();
    cr_assert_eq(statedir_begin_run(state, &(statedir_run_t){.id = 0xab, .adopted = true}, &s_err), ERR_OK);
    cr_assert_eq(statedir_carry(state, "d2", "job.epochs 2 4\n", &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(statedir_carry(state, "d3", "job.epochs 4 5\njob.optimizer.lr 0.1 0.2\n", &s_err), ERR_OK);
    statedir_close(&state);
    cr_assert_eq(statedir_check(s_dir, "fashion", "d1g3st", &s_err), ERR_JOB);
    cr_assert_eq(statedir_check(s_dir, "fashion", "d3", &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(s_run_of(s_dir).id, 0xab);
    cr_assert(s_run_of(s_dir).adopted);
    cr_assert_str_eq(s_run_of(s_dir).changes, "job.epochs 2 4\njob.epochs 4 5\njob.optimizer.lr 0.1 0.2\n");
}

Test(statedir, of_many_changes_the_newest_stay)
{
    statedir_t *state = s_open();
    char changes[64];
    for (int i = 0; i < 200; i++) {
        snprintf(changes, sizeof changes, "job.epochs %d %d\n", i, i + 1);
        cr_assert_eq(statedir_carry(state, "d2", changes, &s_err), ERR_OK, "%s", s_err.text);
    }
    statedir_close(&state);
    statedir_run_t run = s_run_of(s_dir);
    size_t length = strlen(run.changes);
    cr_assert_str_eq(run.changes + length - strlen(changes), changes);
    cr_assert_eq(strncmp(run.changes, "job.epochs ", 11), 0, "whole lines: %s", run.changes);
    cr_assert_gt(length, STATEDIR_CHANGES_MAX / 2);
}

Test(statedir, a_job_file_with_a_spoiled_run_is_of_nobody)
{
    char file[TEMP_PATH_MAX + 16], text[256];
    static const char *const spoiled[] = {"run 0123456789abcde\n",           "run 0123456789ABCDEF\n",
                                          "run 0000000000000000\n",          "run 0123456789abcdef\nmore\n",
                                          "run 0123456789abcdef adopte\n",   "run 0123456789abcdef",
                                          "run 0123456789abcdef adopted \n", "rum 0123456789abcdef\n"};
    statedir_run_t run;
    cr_assert_eq(file_make_dirs(s_dir, &s_err), ERR_OK);
    snprintf(file, sizeof file, "%s/job", s_dir);
    for (size_t i = 0; i < sizeof spoiled / sizeof *spoiled; i++) {
        snprintf(text, sizeof text, "cloudless state 1\njob fashion\ndigest d1g3st\n%s", spoiled[i]);
        cr_assert_eq(file_write(file, text, strlen(text), &s_err), ERR_OK);
        cr_assert_eq(statedir_run(s_dir, &run, &s_err), ERR_JOB, "%s", spoiled[i]);
        cr_assert_eq(statedir_check(s_dir, "fashion", "d1g3st", &s_err), ERR_JOB, "%s", spoiled[i]);
    }
}

Test(statedir, one_that_has_lost_its_job_file_is_told_from_a_folder_of_somebody_else)
{
    static const char *const made[] = {"run/disk", "topology.yaml"};
    char path[TEMP_PATH_MAX + 32];
    statedir_t *state = NULL;
    snprintf(path, sizeof path, "%s/run", s_dir);
    cr_assert_eq(file_make_dirs(path, &s_err), ERR_OK);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", s_dir, made[i]);
        cr_assert_eq(file_write(path, "x", 1, &s_err), ERR_OK);
        cr_assert_eq(statedir_open(s_dir, "fashion", "d1g3st", &state, &s_err), ERR_JOB);
        bool told = strstr(s_err.text, "has lost its file job; cloudless checkpoint repair --state ") != NULL;
        cr_assert_eq(told, i == 1, "%s", s_err.text);
    }
}

Test(statedir, a_folder_of_somebody_else_is_left_alone)
{
    char file[TEMP_PATH_MAX + 16];
    statedir_t *state = NULL;
    cr_assert_eq(file_make_dirs(s_dir, &s_err), ERR_OK);
    snprintf(file, sizeof file, "%s/thesis.tex", s_dir);
    cr_assert_eq(file_write(file, "x", 1, &s_err), ERR_OK);
    cr_assert_eq(statedir_open(s_dir, "fashion", "d1g3st", &state, &s_err), ERR_JOB);
    cr_assert_not_null(strstr(s_err.text, "thesis.tex"), "%s", s_err.text);
    cr_assert_eq(s_entries(s_dir), 1);
    cr_assert_eq(statedir_open(file, "fashion", "d1g3st", &state, &s_err), ERR_JOB);
    cr_assert_null(state);
}

Test(statedir, a_creation_that_was_interrupted_is_finished)
{
    char file[TEMP_PATH_MAX + 16];
    cr_assert_eq(file_make_dirs(s_dir, &s_err), ERR_OK);
    snprintf(file, sizeof file, "%s/lock", s_dir);
    cr_assert_eq(file_write(file, "", 0, &s_err), ERR_OK);
    snprintf(file, sizeof file, "%s/job.aBcDeF", s_dir);
    cr_assert_eq(file_write(file, "clou", 4, &s_err), ERR_OK);
    statedir_t *state = s_open();
    cr_assert(statedir_is_new(state));
    statedir_close(&state);
}

Test(statedir, a_damaged_job_file_is_not_overwritten)
{
    char file[TEMP_PATH_MAX + 16];
    statedir_t *state = s_open();
    buf_t *contents = NULL;
    statedir_close(&state);
    snprintf(file, sizeof file, "%s/job", s_dir);
    cr_assert_eq(file_write(file, "garbage", 7, &s_err), ERR_OK);
    cr_assert_eq(statedir_open(s_dir, "fashion", "d1g3st", &state, &s_err), ERR_JOB);
    cr_assert_eq(file_read(file, 100, &contents, &s_err), ERR_OK);
    cr_assert_str_eq(buf_peek(contents), "garbage");
    buf_destroy(&contents);
}

/* A job file that is read, and the words of the refusal. */
static void s_expect_said(const char *text, err_code_t code, const char *said)
{
    char file[TEMP_PATH_MAX + 16];
    snprintf(file, sizeof file, "%s/job", s_dir);
    cr_assert_eq(file_write(file, text, strlen(text), &s_err), ERR_OK);
    cr_assert_eq(statedir_check(s_dir, "fashion", "d1g3st", &s_err), code);
    cr_assert_not_null(strstr(s_err.text, said), "%s", s_err.text);
    cr_assert_null(strstr(s_err.text, "remove"), "a directory that holds a model is not to be removed: %s",
                   s_err.text);
}

Test(statedir, what_is_wrong_with_a_job_file_is_said_and_nobody_is_told_to_remove_a_model)
{
    statedir_t *state = s_open();
    statedir_close(&state);
    s_expect_said("cloudless state 99\njob fashion\n", ERR_VERSION,
                  "another version of cloudless (its format is 99");
    s_expect_said("cloudless state x\njob fashion\n", ERR_JOB,
                  "is damaged; cloudless checkpoint repair --state ");
    s_expect_said("", ERR_JOB, "is damaged; cloudless checkpoint repair --state ");
    s_expect_said("cloudless state 1\njob fashion\ndigest other\n", ERR_JOB,
                  "undo the change, or name another directory");
}

Test(statedir, names_that_cannot_be)
{
    statedir_t *state = NULL;
    char long_path[STATEDIR_PATH_MAX + 10];
    cr_assert_eq(statedir_open(s_dir, "", "d", &state, &s_err), ERR_LIMIT);
    cr_assert_eq(statedir_open(s_dir, "a\nb", "d", &state, &s_err), ERR_LIMIT);
    cr_assert_eq(statedir_open(s_dir, "a", "", &state, &s_err), ERR_LIMIT);
    cr_assert_eq(statedir_open("", "a", "d", &state, &s_err), ERR_LIMIT);
    memset(long_path, 'x', sizeof long_path);
    long_path[sizeof long_path - 1] = '\0';
    cr_assert_eq(statedir_open(long_path, "a", "d", &state, &s_err), ERR_LIMIT);
    cr_assert_eq(access(s_dir, F_OK), -1);
}

static int s_child_opens(pid_t holder)
{
    char pid[32];
    statedir_t *state = NULL;
    err_t err;
    snprintf(pid, sizeof pid, "process %ld", (long)holder);
    if (statedir_lock_holder(s_dir) != holder)
        return 1;
    if (statedir_open(s_dir, "fashion", "d1g3st", &state, &err) != ERR_IN_USE)
        return 2;
    return strstr(err.text, pid) && strstr(err.text, "cloudless stop") ? 0 : 3;
}

Test(statedir, in_use)
{
    int status = 0;
    cr_assert_eq(statedir_lock_holder(s_dir), 0);
    statedir_t *state = s_open(), *second = NULL;
    cr_assert_eq(statedir_lock_holder(s_dir), getpid());
    pid_t self = getpid(), child = fork();
    if (child == 0)
        _exit(s_child_opens(self));
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(WEXITSTATUS(status), 0);
    cr_assert_eq(statedir_open(s_dir, "fashion", "d1g3st", &second, &s_err), ERR_IN_USE);
    statedir_close(&state);
    cr_assert_eq(statedir_lock_holder(s_dir), 0);
}

Test(statedir, paths)
{
    char path[STATEDIR_PATH_MAX], expected[STATEDIR_PATH_MAX];
    struct stat status;
    statedir_t *state = s_open();
    cr_assert_eq(statedir_folder(s_dir, STATEDIR_LOG, path, &s_err), ERR_OK);
    snprintf(expected, sizeof expected, "%s/log", s_dir);
    cr_assert_str_eq(path, expected);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(statedir_scheduler(s_dir, "eu-1", path, &s_err), ERR_OK);
    snprintf(expected, sizeof expected, "%s/eu-1/scheduler", s_dir);
    cr_assert_str_eq(path, expected);
    cr_assert_eq(statedir_shard(s_dir, "eu-1", 3, 0x100000002, path, &s_err), ERR_OK);
    snprintf(expected, sizeof expected, "%s/eu-1/shard-3/0000000100000002", s_dir);
    cr_assert_str_eq(path, expected);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(statedir_shard(s_dir, "../eu", 3, 1, path, &s_err), ERR_MALFORMED);
    cr_assert_eq(statedir_scheduler(s_dir, "..", path, &s_err), ERR_MALFORMED);
    cr_assert_eq(statedir_scheduler(s_dir, "", path, &s_err), ERR_MALFORMED);
    cr_assert_eq(statedir_scheduler(s_dir, "log", path, &s_err), ERR_MALFORMED);
    statedir_close(&state);
}
