/* small_disk - a file system of a few pages, seen by this test alone, and what fills it to the last one.
 *
 * Needs a mount namespace: as root, or where users may have one of their own; elsewhere the test is skipped.
 */
#ifndef TESTS_UNIT_STORE_SMALL_DISK_H
#define TESTS_UNIT_STORE_SMALL_DISK_H

#include "tests/unit/store/temp.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#define SMALL_DISK_PAGE 4096

static inline bool small_disk_write_map(uid_t uid)
{
    char map[64];
    int length = snprintf(map, sizeof map, "%u %u 1\n", uid, uid);
    int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, map, (size_t)length) == length;
    if (fd >= 0)
        close(fd);
    return written;
}

static inline bool small_disk_enter(void)
{
    uid_t uid = getuid();
    if (uid == 0)
        return unshare(CLONE_NEWNS) == 0;
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && small_disk_write_map(uid);
}

/* Mounts it at an empty directory; skips the test where that cannot be. */
static inline void small_disk_mount(const char *dir, size_t pages)
{
    char options[64];
    snprintf(options, sizeof options, "size=%zu,mode=0700", pages * SMALL_DISK_PAGE);
    if (!small_disk_enter() || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", dir, "tmpfs", 0, options))
        cr_skip_test("no mount namespace here: a full disk cannot be made");
}

static inline void small_disk_unmount(const char *dir)
{
    cr_assert_eq(umount2(dir, MNT_DETACH), 0);
}

/* Fills it, but for so many pages. */
static inline void small_disk_fill(const char *dir, size_t but_pages)
{
    static const char page[SMALL_DISK_PAGE];
    char path[TEMP_PATH_MAX];
    snprintf(path, sizeof path, "%s/filler", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    off_t size = 0;
    while (write(fd, page, sizeof page) == sizeof page)
        size += SMALL_DISK_PAGE;
    cr_assert_geq(size, (off_t)(but_pages * SMALL_DISK_PAGE));
    cr_assert_eq(ftruncate(fd, size - (off_t)(but_pages * SMALL_DISK_PAGE)), 0);
    close(fd);
}

static inline void small_disk_empty(const char *dir)
{
    char path[TEMP_PATH_MAX];
    snprintf(path, sizeof path, "%s/filler", dir);
    cr_assert_eq(unlink(path), 0);
}

#endif
