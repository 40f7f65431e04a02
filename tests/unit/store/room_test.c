#include "store/room.h"

#include "tests/unit/store/small_disk.h"

#include <sys/mman.h>
#include <sys/stat.h>

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

TestSuite(room, .init = s_setup, .fini = s_teardown);

static off_t s_size(off_t *ret_blocks)
{
    struct stat status;
    cr_assert_eq(stat(s_path, &status), 0);
    *ret_blocks = status.st_blocks;
    return status.st_size;
}

Test(room, makes_a_file_and_keeps_what_is_in_it)
{
    off_t blocks;
    char text[4] = "";
    cr_assert_eq(room_take(s_path, 8192, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(s_size(&blocks), 8192);
    int fd = open(s_path, O_RDWR | O_CLOEXEC);
    cr_assert_eq(pwrite(fd, "abc", 3, 4000), 3);
    cr_assert_eq(room_take(s_path, 4096, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(s_size(&blocks), 8192, "it never shrinks");
    cr_assert_eq(pread(fd, text, 3, 4000), 3);
    cr_assert_str_eq(text, "abc");
    close(fd);
}

Test(room, ahead_leaves_the_size_as_it_is)
{
    off_t blocks;
    cr_assert_eq(room_take_ahead(s_path, 8192, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(s_size(&blocks), 0);
}

Test(room, a_directory_that_is_not_there_is_told)
{
    char path[TEMP_PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/x", s_path);
    cr_assert_eq(room_take(path, 1, &s_err), ERR_NOT_FOUND);
}

/* A file with a hole, mapped: what would kill the process is refused before. */
Test(room, a_full_disk_refuses_what_a_map_would_die_of)
{
    small_disk_mount(s_temp.dir, 8);
    int fd = open(s_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_eq(ftruncate(fd, 8192), 0);
    small_disk_fill(s_temp.dir, 1);
    cr_assert_eq(room_take(s_path, 8192, &s_err), ERR_FULL, "%s", s_err.text);
    cr_assert_eq(room_take_ahead(s_path, 16384, &s_err), ERR_FULL, "%s", s_err.text);
    small_disk_empty(s_temp.dir);
    cr_assert_eq(room_take(s_path, 8192, &s_err), ERR_OK, "%s", s_err.text);
    small_disk_fill(s_temp.dir, 0);
    char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    cr_assert_neq(map, MAP_FAILED);
    map[0] = map[8191] = 1;
    munmap(map, 8192);
    close(fd);
    small_disk_unmount(s_temp.dir);
}
