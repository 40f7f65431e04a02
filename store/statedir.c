#include "store/statedir.h"

#include "store/file.h"
#include "store/lockfile.h"
#include "store/verify.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOB_FILE "job"
#define LOCK_FILE "lock"
#define JOB_TEXT_MAX 2048
#define HEADING "cloudless state 1"

struct statedir {
    char path[STATEDIR_PATH_MAX];
    int lock_fd;
    bool is_new;
};

/* ---- Whose it is ---- */

static err_code_t s_join(const char *path, const char *name, char ret[STATEDIR_PATH_MAX], err_t *err)
{
    int length = snprintf(ret, STATEDIR_PATH_MAX, "%s/%s", path, name);
    if (length < 0 || length >= STATEDIR_PATH_MAX)
        return err_set(err, ERR_LIMIT, "%s/%s: the path is too long; choose a shorter --state", path, name);
    return ERR_OK;
}

static err_code_t s_check_line(const char *what, const char *text, err_t *err)
{
    size_t length = strlen(text);
    if (length == 0 || length > STATEDIR_NAME_MAX || strpbrk(text, "\r\n"))
        return err_set(err, ERR_LIMIT, "%s: must be one line of 1 to %d bytes", what, STATEDIR_NAME_MAX);
    return ERR_OK;
}

static void s_job_text(const char *job_name, const char *digest, char out[JOB_TEXT_MAX])
{
    snprintf(out, JOB_TEXT_MAX, HEADING "\njob %s\ndigest %s\n", job_name, digest);
}

/* The name of the job in a job file, for the message alone. */
static void s_other_name(const char *text, char out[STATEDIR_NAME_MAX + 1])
{
    const char *line = strstr(text, "\njob ");
    size_t length = line ? strcspn(line + 5, "\n") : 0;
    if (length > STATEDIR_NAME_MAX)
        length = 0;
    snprintf(out, STATEDIR_NAME_MAX + 1, "%.*s", (int)length, length ? line + 5 : "");
}

static err_code_t s_compare(const char *path, const char *text, const char *job_name, const char *digest,
                            err_t *err)
{
    char expected[JOB_TEXT_MAX], other[STATEDIR_NAME_MAX + 1];
    s_job_text(job_name, digest, expected);
    if (strcmp(text, expected) == 0)
        return ERR_OK;
    s_other_name(text, other);
    if (strncmp(text, HEADING "\n", strlen(HEADING "\n")) != 0 || !other[0])
        return err_set(err, ERR_JOB,
                       "%s/" JOB_FILE " cannot be read; name another directory with --state, or remove it",
                       path);
    if (strcmp(other, job_name) == 0)
        return err_set(
            err, ERR_JOB,
            "state directory %s belongs to job %.100s with other settings; undo the change, name another "
            "directory with --state, or remove it",
            path, other);
    return err_set(
        err, ERR_JOB,
        "state directory %s belongs to job %.100s, not %.100s; name another one with --state, or remove it",
        path, other, job_name);
}

err_code_t statedir_check(const char *path, const char *job_name, const char *digest, err_t *err)
{
    char file[STATEDIR_PATH_MAX];
    buf_t *text = NULL;
    err_code_t code = s_join(path, JOB_FILE, file, err);
    if (!code)
        code = file_read(file, JOB_TEXT_MAX - 1, &text, err);
    if (!code)
        code = s_compare(path, buf_peek(text), job_name, digest, err);
    buf_destroy(&text);
    return code;
}

/* Whether there is nothing but what an interrupted creation leaves. */
static err_code_t s_check_empty(const char *path, err_t *err)
{
    DIR *dir = opendir(path);
    if (!dir)
        return err_set(err, file_code_of(errno), "state directory %s: %s", path, strerror(errno));
    err_code_t code = ERR_OK;
    for (const struct dirent *entry = readdir(dir); entry && !code; entry = readdir(dir)) {
        const char *name = entry->d_name;
        bool ours = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, LOCK_FILE) == 0 ||
                    strcmp(name, JOB_FILE) == 0 || strncmp(name, JOB_FILE ".", strlen(JOB_FILE ".")) == 0;
        if (!ours)
            code = err_set(
                err, ERR_JOB,
                "%s is not empty and no state directory (it has %.100s); name another one with --state", path,
                name);
    }
    closedir(dir);
    return code;
}

/* ---- Opening ---- */

/* Before anything is created: is it there, and is it one? */
static err_code_t s_look(statedir_t *self, err_t *err)
{
    char job[STATEDIR_PATH_MAX];
    struct stat status;
    err_code_t code = s_join(self->path, JOB_FILE, job, err);
    if (code)
        return code;
    if (stat(self->path, &status) == 0 && !S_ISDIR(status.st_mode))
        return err_set(err, ERR_JOB, "%s is not a directory; name another one with --state", self->path);
    if (stat(job, &status) == 0)
        return ERR_OK;
    code = file_make_dirs(self->path, err);
    if (!code)
        code = s_check_empty(self->path, err);
    /* Another process may have made it one in between; it writes its job before anything else. */
    return code == ERR_JOB && stat(job, &status) == 0 ? ERR_OK : code;
}

static err_code_t s_lock(statedir_t *self, err_t *err)
{
    char lock[STATEDIR_PATH_MAX];
    err_code_t code = s_join(self->path, LOCK_FILE, lock, err);
    if (code)
        return code;
    code = lockfile_take(lock, &self->lock_fd, err);
    if (code != ERR_IN_USE)
        return code;
    return err_set(
        err, ERR_IN_USE,
        "state directory %s is in use by process %ld; stop it with `cloudless stop --state %s`, or name "
        "another one with --state",
        self->path, (long)lockfile_holder(lock), self->path);
}

/* Under the lock: the job file is compared, or written by the first to come. */
static err_code_t s_claim(statedir_t *self, const char *job_name, const char *digest, err_t *err)
{
    char job[STATEDIR_PATH_MAX], text[JOB_TEXT_MAX];
    err_code_t code = statedir_check(self->path, job_name, digest, err);
    if (code != ERR_NOT_FOUND)
        return code;
    code = s_join(self->path, JOB_FILE, job, err);
    if (code)
        return code;
    self->is_new = true;
    s_job_text(job_name, digest, text);
    return file_write(job, text, strlen(text), err);
}

static err_code_t s_open(statedir_t *self, const char *job_name, const char *digest, err_t *err)
{
    err_code_t code = s_check_line("the name of the job", job_name, err);
    if (!code)
        code = s_check_line("the digest of the job", digest, err);
    if (!code)
        code = s_look(self, err);
    if (!code)
        code = s_lock(self, err);
    return code ? code : s_claim(self, job_name, digest, err);
}

err_code_t statedir_open(const char *path, const char *job_name, const char *digest, statedir_t **ret_self,
                         err_t *err)
{
    statedir_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "state directory %s: no memory", path);
    self->lock_fd = -1;
    int length = snprintf(self->path, sizeof self->path, "%s", path);
    err_code_t code = length <= 0 || length >= STATEDIR_PATH_MAX
                          ? err_set(err, ERR_LIMIT, "state directory: the path is empty or too long")
                          : s_open(self, job_name, digest, err);
    if (code)
        statedir_close(&self);
    else
        *ret_self = self;
    return code;
}

err_code_t statedir_mark(const char *path, const char *job_name, const char *digest, err_t *err)
{
    char job[STATEDIR_PATH_MAX], text[JOB_TEXT_MAX];
    err_code_t code = s_check_line("the name of the job", job_name, err);
    if (!code)
        code = s_join(path, JOB_FILE, job, err);
    if (code)
        return code;
    s_job_text(job_name, digest, text);
    return file_write(job, text, strlen(text), err);
}

void statedir_close(statedir_t **self_p)
{
    statedir_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    lockfile_release(&self->lock_fd);
    free(self);
}

bool statedir_is_new(const statedir_t *self)
{
    return self->is_new;
}

const char *statedir_path(const statedir_t *self)
{
    return self->path;
}

pid_t statedir_lock_holder(const char *path)
{
    char lock[STATEDIR_PATH_MAX];
    return s_join(path, LOCK_FILE, lock, NULL) ? 0 : lockfile_holder(lock);
}

/* ---- Paths below ---- */

static err_code_t s_check_region(const char *region, err_t *err)
{
    static const char *reserved[] = {"log", "run", "data", JOB_FILE, LOCK_FILE};
    size_t length = strlen(region);
    size_t good = strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    bool bad = length == 0 || length > STATEDIR_NAME_MAX || good != length || region[0] == '.';
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        bad = bad || strcmp(region, reserved[i]) == 0;
    if (bad)
        return err_set(err, ERR_MALFORMED,
                       "region '%.80s' cannot be the name of a folder; use letters, digits and '-'", region);
    return ERR_OK;
}

static err_code_t s_shard_parent(const char *path, const char *region, uint32_t shard,
                                 char ret[STATEDIR_PATH_MAX], err_t *err)
{
    char below[STATEDIR_PATH_MAX];
    err_code_t code = s_check_region(region, err);
    if (code)
        return code;
    snprintf(below, sizeof below, "%s/shard-%" PRIu32, region, shard);
    return s_join(path, below, ret, err);
}

err_code_t statedir_folder(const char *path, statedir_folder_t folder, char ret[STATEDIR_PATH_MAX],
                           err_t *err)
{
    static const char *names[] = {[STATEDIR_LOG] = "log", [STATEDIR_RUN] = "run", [STATEDIR_DATA] = "data"};
    err_code_t code = s_join(path, names[folder], ret, err);
    return code ? code : file_make_dirs(ret, err);
}

err_code_t statedir_scheduler(const char *path, const char *region, char ret[STATEDIR_PATH_MAX], err_t *err)
{
    char below[STATEDIR_PATH_MAX];
    err_code_t code = s_check_region(region, err);
    if (code)
        return code;
    snprintf(below, sizeof below, "%s/scheduler", region);
    code = s_join(path, below, ret, err);
    return code ? code : file_make_dirs(ret, err);
}

err_code_t statedir_shard(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                          char ret[STATEDIR_PATH_MAX], err_t *err)
{
    char parent[STATEDIR_PATH_MAX], name[32];
    err_code_t code = s_shard_parent(path, region, shard, parent, err);
    if (code)
        return code;
    snprintf(name, sizeof name, "%016" PRIx64, incarnation);
    code = s_join(parent, name, ret, err);
    return code ? code : file_make_dirs(ret, err);
}

/* ---- The newest store of a shard ---- */

typedef struct {
    uint64_t *items;
    size_t count;
} incarnations_t;

static bool s_parse_incarnation(const char *name, uint64_t *ret_incarnation)
{
    if (strlen(name) != 16 || strspn(name, "0123456789abcdef") != 16)
        return false;
    *ret_incarnation = strtoull(name, NULL, 16);
    return true;
}

static int s_newest_first(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left < *right) - (*left > *right);
}

static err_code_t s_add_incarnation(incarnations_t *list, uint64_t incarnation, err_t *err)
{
    uint64_t *items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items)
        return err_set(err, ERR_MEMORY, "no memory for %zu incarnations", list->count + 1);
    list->items = items;
    list->items[list->count++] = incarnation;
    return ERR_OK;
}

static err_code_t s_incarnations(const char *parent, incarnations_t *list, err_t *err)
{
    DIR *dir = opendir(parent);
    if (!dir && errno == ENOENT)
        return ERR_OK;
    if (!dir)
        return err_set(err, file_code_of(errno), "read directory %s: %s", parent, strerror(errno));
    err_code_t code = ERR_OK;
    for (const struct dirent *entry = readdir(dir); entry && !code; entry = readdir(dir)) {
        uint64_t incarnation = 0;
        if (s_parse_incarnation(entry->d_name, &incarnation))
            code = s_add_incarnation(list, incarnation, err);
    }
    closedir(dir);
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, s_newest_first);
    return code;
}

static void s_note_skipped(statedir_latest_t *latest, const verify_report_t *report)
{
    if (latest->skipped++ > 0)
        return;
    snprintf(latest->why, sizeof latest->why, "%s",
             report->problem_count ? report->problems[report->problem_count - 1].text : "damaged");
    if (report->killed || !report->newest)
        return;
    memcpy(latest->damaged_path, latest->path, sizeof latest->damaged_path);
    latest->damaged_number = report->newest;
}

/* Looks at one store: *ret_found when it has a good snapshot. */
static err_code_t s_try(const char *parent, uint64_t incarnation, statedir_latest_t *latest, bool *ret_found,
                        err_t *err)
{
    verify_report_t report = {0};
    char name[32];
    snprintf(name, sizeof name, "%016" PRIx64, incarnation);
    err_code_t code = s_join(parent, name, latest->path, err);
    if (!code)
        code = verify_dir(latest->path, &report, err);
    if (code == ERR_NOT_FOUND)
        return ERR_OK;
    if (code)
        return code;
    *ret_found = report.newest_good > 0;
    if (report.newest_good < report.newest || (report.problem_total > 0 && !*ret_found))
        s_note_skipped(latest, &report);
    latest->incarnation = incarnation;
    latest->number = report.newest_good;
    verify_report_fini(&report);
    return ERR_OK;
}

err_code_t statedir_shard_latest(const char *path, const char *region, uint32_t shard,
                                 statedir_latest_t *ret_latest, err_t *err)
{
    char parent[STATEDIR_PATH_MAX];
    incarnations_t list = {0};
    statedir_latest_t latest = {0};
    bool found = false;
    err_code_t code = s_shard_parent(path, region, shard, parent, err);
    if (!code)
        code = s_incarnations(parent, &list, err);
    for (size_t i = 0; i < list.count && !code && !found; i++)
        code = s_try(parent, list.items[i], &latest, &found, err);
    free(list.items);
    if (code)
        return code;
    if (!found && latest.skipped > 0)
        return err_set(err, ERR_CHECKSUM, "no snapshot in %s is whole; %.300s", parent, latest.why);
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "there is no snapshot in %s", parent);
    *ret_latest = latest;
    return ERR_OK;
}
