#include "store/file.h"

#include "tests/unit/store/temp.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static err_t s_err;
static temp_t s_temp;
static char s_path[TEMP_PATH_MAX];

static void s_setup(void)
{
    temp_init(&s_temp);
    temp_path(&s_temp, "file", s_path);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

TestSuite(file, .init = s_setup, .fini = s_teardown);

static void s_expect(const char *text)
{
    buf_t *contents = NULL;
    cr_assert_eq(file_read(s_path, FILE_MAX_BYTES, &contents, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(buf_size(contents), strlen(text));
    cr_assert_str_eq(buf_peek(contents), text);
    buf_destroy(&contents);
}

static size_t s_entries(void)
{
    size_t count = 0;
    DIR *dir = opendir(s_temp.dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

Test(file, is_replaced_whole)
{
    struct stat status;
    cr_assert_eq(file_write(s_path, "one", 3, &s_err), ERR_OK, "%s", s_err.text);
    s_expect("one");
    cr_assert_eq(file_write(s_path, "another", 7, &s_err), ERR_OK);
    s_expect("another");
    cr_assert_eq(file_write(s_path, "", 0, &s_err), ERR_OK);
    s_expect("");
    cr_assert_eq(stat(s_path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    cr_assert_eq(s_entries(), 1, "no temporary file is left");
}

static int s_child_fails(void)
{
    static char data[100000];
    struct rlimit limit = {.rlim_cur = 5000, .rlim_max = 5000};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    return file_write(s_path, data, sizeof data, NULL) == ERR_FULL ? 0 : 2;
}

Test(file, a_failed_write_leaves_the_old_one)
{
    int status = 0;
    cr_assert_eq(file_write(s_path, "old", 3, &s_err), ERR_OK);
    pid_t child = fork();
    if (child == 0)
        _exit(s_child_fails());
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    s_expect("old");
    cr_assert_eq(s_entries(), 1);
}

Test(file, errors)
{
    buf_t *contents = NULL;
    cr_assert_eq(file_read(s_path, 10, &contents, &s_err), ERR_NOT_FOUND);
    cr_assert_not_null(strstr(s_err.text, s_path));
    cr_assert_eq(file_write(s_path, "0123456789", 10, &s_err), ERR_OK);
    cr_assert_eq(file_read(s_path, 9, &contents, &s_err), ERR_LIMIT);
    cr_assert_eq(file_read(s_temp.dir, 100000, &contents, &s_err), ERR_IO);
    cr_assert_null(contents);
    cr_assert_eq(file_write("/nowhere/at/all", "x", 1, &s_err), ERR_NOT_FOUND);
    cr_assert_eq(file_sync_dir("/nowhere", &s_err), ERR_NOT_FOUND);
}

Test(file, make_dirs)
{
    char path[TEMP_PATH_MAX];
    struct stat status;
    cr_assert_eq(file_make_dirs(temp_path(&s_temp, "a//b/c/", path), &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(file_make_dirs(path, &s_err), ERR_OK);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0700);
    cr_assert_eq(file_write(s_path, "x", 1, &s_err), ERR_OK);
    cr_assert_eq(file_make_dirs(s_path, &s_err), ERR_EXISTS);
    cr_assert_neq(file_make_dirs(temp_path(&s_temp, "file/below", path), &s_err), ERR_OK);
    cr_assert_eq(file_make_dirs("", &s_err), ERR_LIMIT);
}

Test(file, codes)
{
    cr_assert_eq(file_code_of(ENOENT), ERR_NOT_FOUND);
    cr_assert_eq(file_code_of(ENOSPC), ERR_FULL);
    cr_assert_eq(file_code_of(EACCES), ERR_DENIED);
    cr_assert_eq(file_code_of(EIO), ERR_IO);
    cr_assert_eq(file_code_of(EXDEV), ERR_IO);
}
