#include "codec/base/output.h"

#include <criterion/criterion.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char s_dir[64], s_file[PATH_MAX];

static void s_setup(void)
{
    strcpy(s_dir, "/tmp/cloudless-output-XXXXXX");
    cr_assert(mkdtemp(s_dir));
    snprintf(s_file, sizeof s_file, "%s/model", s_dir);
    umask(027);
}

static void s_teardown(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", s_dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(output, .init = s_setup, .fini = s_teardown);

static const char *s_in(const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s", s_dir, name);
    return out;
}

static err_code_t s_write(const char *path, bool overwrite, const char *text, err_t *err)
{
    output_t output;
    err_code_t code = output_begin(&output, path, overwrite, err);
    if (!code)
        code = output_write(&output, text, strlen(text), err);
    return code ? code : output_finish(&output, err);
}

static void s_expect(const char *path, const char *text, mode_t mode)
{
    char got[64] = "";
    struct stat status;
    int fd = open(path, O_RDONLY);
    cr_assert(fd >= 0 && read(fd, got, sizeof got - 1) >= 0 && fstat(fd, &status) == 0);
    close(fd);
    cr_assert_str_eq(got, text);
    cr_assert_eq(status.st_mode & 07777, mode, "%s has mode %o, not %o", path, status.st_mode & 07777, mode);
}

static size_t s_entries(void)
{
    size_t count = 0;
    DIR *dir = opendir(s_dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

Test(output, a_new_file_follows_the_umask)
{
    cr_assert_eq(s_write(s_file, false, "one", NULL), ERR_OK);
    s_expect(s_file, "one", 0640);
    cr_assert_eq(s_entries(), 1);
}

Test(output, what_is_replaced_keeps_its_permissions)
{
    cr_assert_eq(s_write(s_file, false, "one", NULL), ERR_OK);
    cr_assert_eq(chmod(s_file, 0606), 0);
    cr_assert_eq(s_write(s_file, true, "two", NULL), ERR_OK);
    s_expect(s_file, "two", 0606);
    cr_assert_eq(s_entries(), 1);
}

Test(output, a_link_is_followed_and_stays_a_link)
{
    char link[PATH_MAX], below[PATH_MAX], target[PATH_MAX];
    cr_assert_eq(mkdir(s_in("below", below), 0700), 0);
    cr_assert_eq(s_write(s_in("below/real", target), false, "one", NULL), ERR_OK);
    cr_assert_eq(symlink("below/real", s_in("link", link)), 0);
    err_t err = {0};
    cr_assert_eq(s_write(link, false, "two", &err), ERR_EXISTS, "%s", err.text);
    cr_assert_eq(s_write(link, true, "two", &err), ERR_OK, "%s", err.text);
    struct stat status;
    cr_assert(lstat(link, &status) == 0 && S_ISLNK(status.st_mode));
    s_expect(target, "two", 0640);

    cr_assert_eq(unlink(target), 0);
    cr_assert_eq(s_write(link, true, "three", &err), ERR_USAGE);
    cr_assert(strstr(err.text, link), "%s", err.text);
    cr_assert_eq(s_entries(), 2);
}

Test(output, nothing_is_replaced_without_force_and_it_says_how)
{
    err_t err = {0};
    cr_assert_eq(s_write(s_file, false, "one", NULL), ERR_OK);
    cr_assert_eq(output_check(s_file, false, &err), ERR_EXISTS);
    cr_assert_eq(output_check(s_file, true, NULL), ERR_OK);
    cr_assert_eq(s_write(s_file, false, "two", &err), ERR_EXISTS);
    cr_assert(strstr(err.text, "add --force"), "%s", err.text);
    s_expect(s_file, "one", 0640);
}

/* Both begin while nothing is there: the second to finish is refused, and leaves nothing. */
Test(output, of_two_writers_one_is_refused)
{
    output_t first, second;
    err_t err = {0};
    cr_assert_eq(output_begin(&first, s_file, false, NULL), ERR_OK);
    cr_assert_eq(output_begin(&second, s_file, false, NULL), ERR_OK);
    cr_assert_eq(output_write(&first, "one", 3, NULL), ERR_OK);
    cr_assert_eq(output_finish(&first, NULL), ERR_OK);
    cr_assert_eq(output_finish(&second, &err), ERR_EXISTS);
    s_expect(s_file, "one", 0640);
    cr_assert_eq(s_entries(), 1);
}

Test(output, what_is_abandoned_leaves_nothing)
{
    output_t output;
    cr_assert_eq(output_begin(&output, s_file, false, NULL), ERR_OK);
    cr_assert_eq(output_write(&output, "one", 3, NULL), ERR_OK);
    output_abandon(&output);
    output_abandon(&output);
    cr_assert_eq(s_entries(), 0);
}

Test(output, a_device_and_a_pipe_are_written_straight)
{
    err_t err = {0};
    cr_assert_eq(s_write("/dev/null", false, "one", &err), ERR_OK, "%s", err.text);
    cr_assert_eq(s_write("/dev/full", false, "one", &err), ERR_FULL);
    cr_assert_eq(mkfifo(s_file, 0600), 0);
    int reader = open(s_file, O_RDONLY | O_NONBLOCK);
    cr_assert_eq(s_write(s_file, false, "one", &err), ERR_OK, "%s", err.text);
    char got[8] = "";
    cr_assert_eq(read(reader, got, sizeof got), 3);
    cr_assert_str_eq(got, "one");
    close(reader);
    cr_assert_eq(s_entries(), 1);
}

Test(output, dash_is_standard_output)
{
    cr_assert(output_is_stdout("-") && !output_is_stdout("-x"));
    int kept = dup(STDOUT_FILENO), file = open(s_file, O_WRONLY | O_CREAT, 0600);
    dup2(file, STDOUT_FILENO);
    err_code_t code = s_write("-", false, "one", NULL);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    close(file);
    cr_assert_eq(code, ERR_OK);
    s_expect(s_file, "one", 0600);
}

Test(output, a_place_that_cannot_be_is_refused_by_name)
{
    err_t err = {0};
    char below[PATH_MAX];
    cr_assert_eq(s_write(s_dir, true, "one", &err), ERR_USAGE);
    cr_assert_eq(s_write(s_in("none/model", below), false, "one", &err), ERR_NOT_FOUND);
    cr_assert(strstr(err.text, below), "%s", err.text);
}
