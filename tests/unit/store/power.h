/* power - what a power cut would leave, as a model of the file system: of each directory the names that it
 * had when it was last synced, of each file what it held when it was last synced. All else is gone.
 *
 * Why      kill -9 leaves everything that was written, so no test that kills notices a sync that is missing.
 * How      a program that includes this has fsync and fdatasync observed, and what is written through
 *          O_DSYNC; libraries' calls too, for a program's own functions come before those of libc.
 * Not      data that a disk keeps though nobody asked for it, in any order: what must be there is there in
 *          this model, or it was not asked for.
 * Threads  any.
 */
#ifndef TESTS_UNIT_STORE_POWER_H
#define TESTS_UNIT_STORE_POWER_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define POWER_THINGS_MAX 1024
#define POWER_PATH_MAX 4096

/* Which file or directory: a number is given to another one when it is free again, so the time of birth
 * belongs to it. */
typedef struct {
    uint32_t major, minor;
    uint64_t inode;
    int64_t born_s;
    uint32_t born_ns;
} power_id_t;

typedef struct {
    char name[256];
    power_id_t id;
    bool is_directory;
} power_name_t;

/* A file or directory as of its last sync. */
typedef struct {
    power_id_t id;
    char *bytes; /* of a file */
    size_t size;
    power_name_t *names; /* of a directory */
    size_t name_count;
} power_thing_t;

static pthread_mutex_t power_lock = PTHREAD_MUTEX_INITIALIZER;
static power_thing_t power_things[POWER_THINGS_MAX];
static size_t power_thing_count, power_sync_count;

static bool power_stat(int at, const char *path, int flags, power_id_t *ret_id, struct statx *ret_status)
{
    if (statx(at, path, flags, STATX_BASIC_STATS | STATX_BTIME, ret_status))
        return false;
    *ret_id = (power_id_t){.major = ret_status->stx_dev_major,
                           .minor = ret_status->stx_dev_minor,
                           .inode = ret_status->stx_ino,
                           .born_s = ret_status->stx_btime.tv_sec,
                           .born_ns = ret_status->stx_btime.tv_nsec};
    return true;
}

static power_thing_t *power_find(const power_id_t *id, bool add)
{
    for (size_t i = 0; i < power_thing_count; i++) {
        const power_id_t *have = &power_things[i].id;
        if (have->major == id->major && have->minor == id->minor && have->inode == id->inode &&
            have->born_s == id->born_s && have->born_ns == id->born_ns)
            return &power_things[i];
    }
    if (!add)
        return NULL;
    cr_assert_lt(power_thing_count, POWER_THINGS_MAX);
    power_things[power_thing_count] = (power_thing_t){.id = *id};
    return &power_things[power_thing_count++];
}

static void power_note_names(power_thing_t *thing, const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    thing->name_count = 0;
    while (dir && (entry = readdir(dir))) {
        struct statx status;
        power_id_t id;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            !power_stat(dirfd(dir), entry->d_name, AT_SYMLINK_NOFOLLOW, &id, &status))
            continue;
        thing->names = realloc(thing->names, (thing->name_count + 1) * sizeof *thing->names);
        cr_assert_not_null(thing->names);
        power_name_t *name = &thing->names[thing->name_count++];
        *name = (power_name_t){.id = id, .is_directory = S_ISDIR(status.stx_mode)};
        snprintf(name->name, sizeof name->name, "%s", entry->d_name);
    }
    if (dir)
        closedir(dir);
}

static void power_note_bytes(power_thing_t *thing, const char *path, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    thing->bytes = realloc(thing->bytes, size + 1);
    cr_assert(fd >= 0 && thing->bytes);
    ssize_t got = pread(fd, thing->bytes, size, 0);
    thing->size = got < 0 ? 0 : (size_t)got;
    close(fd);
}

/* It is all on the disk now. */
static void power_note(int fd)
{
    struct statx status;
    power_id_t id;
    char path[64];
    int before = errno;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    pthread_mutex_lock(&power_lock);
    if (power_stat(fd, "", AT_EMPTY_PATH, &id, &status)) {
        power_thing_t *thing = power_find(&id, true);
        power_sync_count++;
        if (S_ISDIR(status.stx_mode))
            power_note_names(thing, path);
        else if (S_ISREG(status.stx_mode))
            power_note_bytes(thing, path, (size_t)status.stx_size);
    }
    pthread_mutex_unlock(&power_lock);
    errno = before;
}

/* A write through O_DSYNC is on the disk at once, and nothing else with it. */
static void power_note_write(int fd, const void *data, size_t size, off_t at)
{
    struct statx status;
    power_id_t id;
    pthread_mutex_lock(&power_lock);
    if (power_stat(fd, "", AT_EMPTY_PATH, &id, &status) && S_ISREG(status.stx_mode)) {
        power_thing_t *thing = power_find(&id, true);
        size_t end = (size_t)at + size;
        if (end > thing->size) {
            thing->bytes = realloc(thing->bytes, end);
            cr_assert_not_null(thing->bytes);
            memset(thing->bytes + thing->size, 0, end - thing->size);
            thing->size = end;
        }
        memcpy(thing->bytes + at, data, size);
    }
    pthread_mutex_unlock(&power_lock);
}

int fsync(int fd)
{
    int rc = (int)syscall(SYS_fsync, fd);
    if (rc == 0)
        power_note(fd);
    return rc;
}

int fdatasync(int fd)
{
    int rc = (int)syscall(SYS_fdatasync, fd);
    if (rc == 0)
        power_note(fd);
    return rc;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    ssize_t done = syscall(SYS_pwrite64, fd, data, size, at);
    int before = errno;
    if (done > 0 && (fcntl(fd, F_GETFL) & O_DSYNC))
        power_note_write(fd, data, (size_t)done, at);
    errno = before;
    return done;
}

/* How many syncs there have been. */
static inline size_t power_syncs(void)
{
    pthread_mutex_lock(&power_lock);
    size_t count = power_sync_count;
    pthread_mutex_unlock(&power_lock);
    return count;
}

static void power_leave(const power_thing_t *thing, const char *to)
{
    cr_assert_eq(mkdir(to, 0700), 0, "%s: %s", to, strerror(errno));
    for (size_t i = 0; thing && i < thing->name_count; i++) {
        const power_name_t *name = &thing->names[i];
        const power_thing_t *below = power_find(&name->id, false);
        char path[POWER_PATH_MAX];
        snprintf(path, sizeof path, "%.3800s/%s", to, name->name);
        if (name->is_directory) {
            power_leave(below, path);
            continue;
        }
        FILE *out = fopen(path, "we");
        cr_assert_not_null(out);
        if (below)
            cr_assert_eq(fwrite(below->bytes, 1, below->size, out), below->size);
        fclose(out);
    }
}

/* Makes `to`, a directory that is not there yet, what a power cut would leave of `from` now. */
static inline void power_cut(const char *from, const char *to)
{
    struct statx status;
    power_id_t id;
    cr_assert(power_stat(AT_FDCWD, from, 0, &id, &status), "%s: %s", from, strerror(errno));
    pthread_mutex_lock(&power_lock);
    power_leave(power_find(&id, false), to);
    pthread_mutex_unlock(&power_lock);
}

#endif
