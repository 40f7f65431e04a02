#include "store/statedir.h"

#include "codec/base/quote.h"
#include "codec/wire/message.h"
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
#include <time.h>
#include <unistd.h>

#define JOB_FILE "job"
#define LOCK_FILE "lock"
#define SEAL_FILE "seal"
#define JOB_TEXT_MAX 8192
#define FAMILY "cloudless state "
#define VERSION 1
#define HEADING FAMILY "1"
#define ADOPTED " adopted"
#define CHANGED "changed "
#define NOTED "# " CHANGED
#define RUN_TRIES 100 /* to have the directory for a moment, when others want the same */
#define RUN_PAUSE_NS 20000000

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

/* The content of a job file. */
typedef struct {
    char name[STATEDIR_NAME_MAX + 1];
    char digest[STATEDIR_NAME_MAX + 1];
    statedir_run_t run;
} job_t;

static void s_job_text(const job_t *job, char out[JOB_TEXT_MAX])
{
    char run[RUN_ID_TEXT_SIZE];
    int length = snprintf(out, JOB_TEXT_MAX, HEADING "\njob %s\ndigest %s\n", job->name, job->digest);
    if (job->run.id != RUN_ID_NONE)
        length += snprintf(out + length, JOB_TEXT_MAX - (size_t)length, "run %s%s\n",
                           run_id_text(job->run.id, run), job->run.adopted ? ADOPTED : "");
    for (const char *line = job->run.changes; *line; line += strcspn(line, "\n") + 1)
        length += snprintf(out + length, JOB_TEXT_MAX - (size_t)length, CHANGED "%.*s\n",
                           (int)strcspn(line, "\n"), line);
}

/* Written by a program of another version than this one's: the number it says, 0 when it is none. */
static uint64_t s_other_version(const char *text)
{
    char *end = NULL;
    uint64_t version = 0;
    if (strncmp(text, FAMILY, strlen(FAMILY)) == 0)
        version = strtoull(text + strlen(FAMILY), &end, 10);
    return end && *end == '\n' && version != VERSION ? version : 0;
}

/* The rest of the line "WORD REST", which *text_p then stands behind; false when it is another line. */
static bool s_take_line(char **text_p, const char *word, char out[STATEDIR_NAME_MAX + 1])
{
    size_t length = strlen(word), rest = strcspn(*text_p, "\n");
    if (strncmp(*text_p, word, length) != 0 || rest <= length || rest - length > STATEDIR_NAME_MAX ||
        (*text_p)[rest] != '\n')
        return false;
    memcpy(out, *text_p + length, rest - length);
    out[rest - length] = '\0';
    *text_p += rest + 1;
    return true;
}

static bool s_parse_run(char *line, statedir_run_t *ret_run)
{
    char *blank = strchr(line, ' ');
    ret_run->adopted = blank && strcmp(blank, ADOPTED) == 0;
    if (blank && !ret_run->adopted)
        return false;
    if (blank)
        *blank = '\0';
    return run_id_parse(line, &ret_run->id);
}

/* Whole lines; the oldest go where there is no room. */
static void s_add_changes(statedir_run_t *run, const char *lines)
{
    size_t more = strlen(lines) + 1, length = strlen(run->changes);
    const char *from = run->changes;
    while (*from && length - (size_t)(from - run->changes) + more >= sizeof run->changes)
        from += strcspn(from, "\n") + 1;
    length -= (size_t)(from - run->changes);
    memmove(run->changes, from, length + 1);
    bool ended = more > 1 && lines[more - 2] == '\n';
    snprintf(run->changes + length, sizeof run->changes - length, "%s%s", lines, ended ? "" : "\n");
}

static bool s_parse_job(char *text, job_t *ret_job)
{
    char line[STATEDIR_NAME_MAX + 1];
    *ret_job = (job_t){.run.id = RUN_ID_NONE};
    if (strncmp(text, HEADING "\n", strlen(HEADING "\n")) != 0)
        return false;
    text += strlen(HEADING "\n");
    if (!s_take_line(&text, "job ", ret_job->name) || !s_take_line(&text, "digest ", ret_job->digest))
        return false;
    if (s_take_line(&text, "run ", line) && !s_parse_run(line, &ret_job->run))
        return false;
    while (s_take_line(&text, CHANGED, line))
        s_add_changes(&ret_job->run, line);
    return !*text;
}

static err_code_t s_unreadable(const char *path, const char *text, err_t *err)
{
    char quoted[QUOTE_MAX];
    uint64_t version = s_other_version(text);
    if (version)
        return err_set(
            err, ERR_VERSION,
            "state directory %s was written by another version of cloudless (its format is %" PRIu64
            ", this one's is %d); use that version, or name another directory with --state",
            path, version, VERSION);
    return err_set(err, ERR_JOB,
                   "the file %s/" JOB_FILE
                   " is damaged; cloudless checkpoint repair --state %s writes it anew, or name another "
                   "directory with --state",
                   path, quote_word(path, quoted));
}

static err_code_t s_read_job(const char *path, job_t *ret_job, err_t *err)
{
    char file[STATEDIR_PATH_MAX];
    buf_t *bytes = NULL;
    err_code_t code = s_join(path, JOB_FILE, file, err);
    if (!code)
        code = file_read(file, JOB_TEXT_MAX - 1, &bytes, err);
    if (!code && !s_parse_job(buf_data(bytes), ret_job))
        code = s_unreadable(path, buf_peek(bytes), err);
    buf_destroy(&bytes);
    return code;
}

static err_code_t s_write_job(const char *path, const job_t *job, err_t *err)
{
    char file[STATEDIR_PATH_MAX], text[JOB_TEXT_MAX];
    err_code_t code = s_join(path, JOB_FILE, file, err);
    if (code)
        return code;
    s_job_text(job, text);
    return file_write(file, text, strlen(text), err);
}

err_code_t statedir_check(const char *path, const char *job_name, const char *digest, err_t *err)
{
    job_t job;
    err_code_t code = s_read_job(path, &job, err);
    if (code)
        return code;
    if (strcmp(job.name, job_name) != 0)
        return err_set(err, ERR_JOB,
                       "state directory %s belongs to job %.100s, not %.100s; name another one with --state",
                       path, job.name, job_name);
    if (strcmp(job.digest, digest) != 0)
        return err_set(err, ERR_JOB,
                       "state directory %s belongs to job %.100s" STATEDIR_OTHER_SETTINGS
                       "; undo the change, or name another "
                       "directory with --state",
                       path, job.name);
    return ERR_OK;
}

/* Checks whether there is nothing but what an interrupted creation leaves. */
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

/* A topology that a run has put there says that this was a state directory, and what is missing. */
static err_code_t s_check_lost_job(const char *path, err_t *err)
{
    char topology[STATEDIR_PATH_MAX], run[STATEDIR_PATH_MAX], quoted[QUOTE_MAX];
    if (s_join(path, STATEDIR_TOPOLOGY_FILE, topology, NULL) || s_join(path, "run", run, NULL) ||
        access(topology, F_OK) != 0 || access(run, F_OK) != 0)
        return ERR_JOB;
    return err_set(err, ERR_JOB,
                   "state directory %s has lost its file " JOB_FILE
                   "; cloudless checkpoint repair --state %s writes it anew",
                   path, quote_word(path, quoted));
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
    if (code == ERR_JOB)
        code = s_check_lost_job(self->path, err);
    /* Another process may have made it one in between; it writes its job before anything else. */
    return code == ERR_JOB && stat(job, &status) == 0 ? ERR_OK : code;
}

static err_code_t s_lock(statedir_t *self, err_t *err)
{
    char lock[STATEDIR_PATH_MAX], quoted[QUOTE_MAX];
    err_code_t code = s_join(self->path, LOCK_FILE, lock, err);
    if (code)
        return code;
    code = lockfile_take(lock, &self->lock_fd, err);
    if (code != ERR_IN_USE)
        return code;
    return err_set(
        err, ERR_IN_USE,
        "state directory %s is in use by process %ld; stop it with cloudless stop --state %s, or name "
        "another one with --state",
        self->path, (long)lockfile_holder(lock), quote_word(self->path, quoted));
}

static void s_fill_job(job_t *job, const char *job_name, const char *digest, const statedir_run_t *run)
{
    *job = (job_t){.run = *run};
    snprintf(job->name, sizeof job->name, "%s", job_name);
    snprintf(job->digest, sizeof job->digest, "%s", digest);
}

/* Under the lock: the job file is compared, or written by the first to come. */
static err_code_t s_claim(statedir_t *self, const char *job_name, const char *digest, err_t *err)
{
    job_t job;
    err_code_t code = statedir_check(self->path, job_name, digest, err);
    if (code != ERR_NOT_FOUND)
        return code;
    self->is_new = true;
    s_fill_job(&job, job_name, digest, &(statedir_run_t){.id = RUN_ID_NONE});
    return s_write_job(self->path, &job, err);
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

err_code_t statedir_mark(const char *path, const char *job_name, const char *digest,
                         const statedir_run_t *run, err_t *err)
{
    job_t job;
    err_code_t code = s_check_line("the name of the job", job_name, err);
    if (!code)
        code = s_check_line("the digest of the job", digest, err);
    if (code)
        return code;
    s_fill_job(&job, job_name, digest, run);
    return s_write_job(path, &job, err);
}

/* ---- The run ---- */

err_code_t statedir_run(const char *path, statedir_run_t *ret_run, err_t *err)
{
    job_t job;
    err_code_t code = s_read_job(path, &job, err);
    if (!code)
        *ret_run = job.run;
    return code;
}

/* Under the lock. */
static err_code_t s_set_run(const char *path, const statedir_run_t *run, err_t *err)
{
    job_t job;
    char what[STATEDIR_PATH_MAX + 24];
    CHECK(run->id != RUN_ID_NONE);
    err_code_t code = s_read_job(path, &job, err);
    if (code || job.run.id == run->id)
        return code;
    snprintf(what, sizeof what, "the state directory %.300s", path);
    if (job.run.id != RUN_ID_NONE)
        return run_id_refuse(err, what, job.run.id, run->id);
    job.run.id = run->id;
    job.run.adopted = run->adopted;
    return s_write_job(path, &job, err);
}

err_code_t statedir_begin_run(statedir_t *self, const statedir_run_t *run, err_t *err)
{
    return s_set_run(self->path, run, err);
}

err_code_t statedir_carry(statedir_t *self, const char *digest, const char *changes, err_t *err)
{
    job_t job;
    err_code_t code = s_check_line("the digest of the job", digest, err);
    if (!code)
        code = s_read_job(self->path, &job, err);
    if (code)
        return code;
    snprintf(job.digest, sizeof job.digest, "%s", digest);
    s_add_changes(&job.run, changes);
    return s_write_job(self->path, &job, err);
}

void statedir_put_changes(const statedir_run_t *run, FILE *out)
{
    for (const char *line = run->changes; *line; line += strcspn(line, "\n") + 1)
        fprintf(out, NOTED "%.*s\n", (int)strcspn(line, "\n"), line);
}

void statedir_find_changes(const char *text, size_t size, statedir_run_t *run)
{
    const char *end;
    size_t skip = strlen(NOTED);
    for (size_t at = 0; at < size && (end = memchr(text + at, '\n', size - at));) {
        const char *line = text + at;
        size_t length = (size_t)(end - line);
        char change[STATEDIR_NAME_MAX + 2];
        at += length + 1;
        if (length <= skip || length - skip > STATEDIR_NAME_MAX || strncmp(line, NOTED, skip) != 0)
            continue;
        snprintf(change, sizeof change, "%.*s\n", (int)(length - skip), line + skip);
        s_add_changes(run, change);
    }
}

err_code_t statedir_join_run(const char *path, const statedir_run_t *run, err_t *err)
{
    statedir_run_t known;
    char lock[STATEDIR_PATH_MAX];
    int fd = -1;
    err_code_t code = statedir_run(path, &known, err);
    if (code || known.id == run->id)
        return code;
    code = s_join(path, LOCK_FILE, lock, err);
    for (int i = 0; !code && fd < 0; i++) {
        code = lockfile_take(lock, &fd, err);
        if (code != ERR_IN_USE || i == RUN_TRIES)
            continue;
        nanosleep(&(struct timespec){.tv_nsec = RUN_PAUSE_NS}, NULL);
        code = ERR_OK;
    }
    if (!code)
        code = s_set_run(path, run, err);
    lockfile_release(&fd);
    return code;
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

/* Folders that stores lie in: those of the shard itself, and copies of them. */
typedef enum { STORES_OWN, STORES_KEPT, STORES_KINDS } stores_t;

static err_code_t s_parent(const char *path, const char *region, uint32_t shard, stores_t stores,
                           char ret[STATEDIR_PATH_MAX], err_t *err)
{
    static const char *names[STORES_KINDS] = {[STORES_OWN] = "shard", [STORES_KEPT] = "kept"};
    char below[STATEDIR_PATH_MAX];
    err_code_t code = s_check_region(region, err);
    if (code)
        return code;
    snprintf(below, sizeof below, "%s/%s-%" PRIu32, region, names[stores], shard);
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

static err_code_t s_store_dir(const char *parent, const statedir_store_t *store, char ret[STATEDIR_PATH_MAX],
                              err_t *err)
{
    char name[STATEDIR_STORE_NAME_SIZE];
    return s_join(parent, statedir_store_name(store, name), ret, err);
}

err_code_t statedir_shard(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                          char ret[STATEDIR_PATH_MAX], err_t *err)
{
    char parent[STATEDIR_PATH_MAX];
    err_code_t code = s_parent(path, region, shard, STORES_OWN, parent, err);
    if (!code)
        code = s_store_dir(parent, &(statedir_store_t){incarnation, 0}, ret, err);
    return code ? code : file_make_dirs(ret, err);
}

err_code_t statedir_shard_again(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                                char ret[STATEDIR_PATH_MAX], err_t *err)
{
    char parent[STATEDIR_PATH_MAX];
    statedir_store_t next = {incarnation, 0}, *stores = NULL;
    size_t count = 0;
    err_code_t code = s_parent(path, region, shard, STORES_OWN, parent, err);
    if (!code)
        code = statedir_stores(parent, &stores, &count, err);
    for (size_t i = 0; i < count && !code; i++)
        if (stores[i].incarnation == incarnation && stores[i].replacement >= next.replacement)
            next.replacement = stores[i].replacement;
    free(stores);
    next.replacement++;
    if (!code)
        code = s_store_dir(parent, &next, ret, err);
    return code ? code : file_make_dirs(ret, err);
}

/* ---- The stores of a shard ---- */

bool statedir_store_parse(const char *name, statedir_store_t *ret_store)
{
    size_t digits = strspn(name, "0123456789abcdef");
    if (digits != 16 || (name[16] && name[16] != '.'))
        return false;
    const char *replacement = name[16] ? name + 17 : "0";
    size_t length = strspn(replacement, "0123456789");
    if (length == 0 || length > 18 || replacement[length] || (name[16] && replacement[0] == '0'))
        return false;
    *ret_store = (statedir_store_t){strtoull(name, NULL, 16), strtoull(replacement, NULL, 10)};
    return incarnation_is_possible(ret_store->incarnation);
}

const char *statedir_store_name(const statedir_store_t *store, char out[STATEDIR_STORE_NAME_SIZE])
{
    int length = snprintf(out, STATEDIR_STORE_NAME_SIZE, "%016" PRIx64, store->incarnation);
    if (store->replacement)
        snprintf(out + length, STATEDIR_STORE_NAME_SIZE - (size_t)length, ".%" PRIu64, store->replacement);
    return out;
}

int statedir_store_compare(const statedir_store_t *a, const statedir_store_t *b)
{
    return incarnation_compare(a->incarnation, a->replacement, b->incarnation, b->replacement);
}

static int s_newest_first(const void *a, const void *b)
{
    return statedir_store_compare(b, a);
}

static err_code_t s_add_store(statedir_store_t **stores, size_t *count, const statedir_store_t *store,
                              err_t *err)
{
    statedir_store_t *items = realloc(*stores, (*count + 1) * sizeof *items);
    if (!items)
        return err_set(err, ERR_MEMORY, "no memory for %zu stores", *count + 1);
    *stores = items;
    items[(*count)++] = *store;
    return ERR_OK;
}

err_code_t statedir_stores(const char *parent, statedir_store_t **ret_stores, size_t *ret_count, err_t *err)
{
    statedir_store_t store, *stores = NULL;
    size_t count = 0;
    DIR *dir = opendir(parent);
    if (!dir && errno != ENOENT)
        return err_set(err, file_code_of(errno), "read directory %s: %s", parent, strerror(errno));
    err_code_t code = ERR_OK;
    for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry && !code; entry = readdir(dir))
        if (statedir_store_parse(entry->d_name, &store))
            code = s_add_store(&stores, &count, &store, err);
    if (dir)
        closedir(dir);
    if (code) {
        free(stores);
        return code;
    }
    if (count > 1)
        qsort(stores, count, sizeof *stores, s_newest_first);
    *ret_stores = stores;
    *ret_count = count;
    return ERR_OK;
}

/* ---- Copies, and their seal ---- */

static err_code_t s_kept_dir(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                             char ret[STATEDIR_PATH_MAX], err_t *err)
{
    char parent[STATEDIR_PATH_MAX];
    err_code_t code = s_parent(path, region, shard, STORES_KEPT, parent, err);
    return code ? code : s_store_dir(parent, &(statedir_store_t){incarnation, 0}, ret, err);
}

err_code_t statedir_kept(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                         char ret[STATEDIR_PATH_MAX], err_t *err)
{
    err_code_t code = s_kept_dir(path, region, shard, incarnation, ret, err);
    return code ? code : file_make_dirs(ret, err);
}

static err_code_t s_seal_path(const char *path, const char *region, uint32_t shard,
                              char ret[STATEDIR_PATH_MAX], err_t *err)
{
    char parent[STATEDIR_PATH_MAX];
    err_code_t code = s_parent(path, region, shard, STORES_KEPT, parent, err);
    return code ? code : s_join(parent, SEAL_FILE, ret, err);
}

err_code_t statedir_seal(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                         err_t *err)
{
    char parent[STATEDIR_PATH_MAX], file[STATEDIR_PATH_MAX], text[32];
    err_code_t code = s_parent(path, region, shard, STORES_KEPT, parent, err);
    if (!code)
        code = file_make_dirs(parent, err);
    if (!code)
        code = s_seal_path(path, region, shard, file, err);
    snprintf(text, sizeof text, "%016" PRIx64 "\n", incarnation);
    return code ? code : file_write(file, text, strlen(text), err);
}

err_code_t statedir_sealed(const char *path, const char *region, uint32_t shard, uint64_t *ret_incarnation,
                           err_t *err)
{
    char file[STATEDIR_PATH_MAX], text[17] = "";
    buf_t *bytes = NULL;
    err_code_t code = s_seal_path(path, region, shard, file, err);
    if (!code)
        code = file_read(file, sizeof text, &bytes, err);
    if (code) {
        *ret_incarnation = 0;
        return code == ERR_NOT_FOUND ? ERR_OK : code;
    }
    if (buf_size(bytes) == sizeof text)
        memcpy(text, buf_peek(bytes), sizeof text - 1);
    buf_destroy(&bytes);
    statedir_store_t store;
    if (statedir_store_parse(text, &store) && !store.replacement) {
        *ret_incarnation = store.incarnation;
        return ERR_OK;
    }
    return err_set(err, ERR_MALFORMED,
                   "the file %s is not what was written there; remove that file and the copies beside it",
                   file);
}

err_code_t statedir_kept_list(const char *path, const char *region, uint32_t shard, uint64_t **ret_items,
                              size_t *ret_count, err_t *err)
{
    char parent[STATEDIR_PATH_MAX];
    statedir_store_t *stores = NULL;
    size_t count = 0;
    err_code_t code = s_parent(path, region, shard, STORES_KEPT, parent, err);
    if (!code)
        code = statedir_stores(parent, &stores, &count, err);
    if (code)
        return code;
    uint64_t *items = count ? malloc(count * sizeof *items) : NULL;
    if (count && !items)
        code = err_set(err, ERR_MEMORY, "no memory for %zu incarnations", count);
    for (size_t i = 0; i < count && !code; i++)
        items[i] = stores[i].incarnation;
    free(stores);
    if (code)
        return code;
    *ret_items = items;
    *ret_count = count;
    return ERR_OK;
}

err_code_t statedir_kept_remove(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                                err_t *err)
{
    char store[STATEDIR_PATH_MAX];
    err_code_t code = s_kept_dir(path, region, shard, incarnation, store, err);
    DIR *dir = code ? NULL : opendir(store);
    if (!dir)
        return code;
    const struct dirent *entry;
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    if (rmdir(store) && errno != ENOENT)
        return err_set(err, file_code_of(errno), "remove %s: %s", store, strerror(errno));
    return ERR_OK;
}

/* ---- The newest of all ---- */

/* A store that was looked at. */
typedef struct {
    char path[STATEDIR_PATH_MAX];
    uint64_t good, newest; /* snapshots; 0: none */
    bool damaged, killed;
    char why[ERR_TEXT_MAX];
} looked_t;

static err_code_t s_look_into(const char *parent, const statedir_store_t *store, looked_t *ret, err_t *err)
{
    verify_report_t report = {0};
    *ret = (looked_t){0};
    err_code_t code = s_store_dir(parent, store, ret->path, err);
    if (!code)
        code = verify_dir(ret->path, &report, err);
    if (code)
        return code == ERR_NOT_FOUND ? ERR_OK : code;
    ret->good = report.newest_good;
    ret->newest = report.newest;
    ret->damaged = report.newest_good < report.newest || (report.problem_total > 0 && !report.newest_good);
    ret->killed = report.killed;
    snprintf(ret->why, sizeof ret->why, "%s",
             report.problem_count ? report.problems[report.problem_count - 1].text : "damaged");
    verify_report_fini(&report);
    return ERR_OK;
}

static void s_note_skipped(statedir_latest_t *latest, const looked_t *looked)
{
    if (latest->skipped++ > 0)
        return;
    memcpy(latest->why, looked->why, sizeof latest->why);
    if (looked->killed || !looked->newest)
        return;
    memcpy(latest->damaged_path, looked->path, sizeof latest->damaged_path);
    latest->damaged_number = looked->newest;
}

/* Looks at what there is of one incarnation, its own store and copies: *ret_found when one of them has a good
 * snapshot. What is damaged in one of them and whole in the other is not lost; what nobody can tell may
 * be. */
static err_code_t s_try(char parents[STORES_KINDS][STATEDIR_PATH_MAX], const statedir_store_t *store,
                        statedir_latest_t *latest, bool *ret_found, err_t *err)
{
    const statedir_store_t stores[STORES_KINDS] = {
        [STORES_OWN] = *store, [STORES_KEPT] = {store->incarnation, 0}};
    looked_t looked[STORES_KINDS];
    const looked_t *best = &looked[STORES_OWN];
    for (size_t i = 0; i < STORES_KINDS; i++) {
        err_code_t code = s_look_into(parents[i], &stores[i], &looked[i], err);
        if (code)
            return code;
        if (looked[i].good > best->good)
            best = &looked[i];
    }
    for (size_t i = 0; i < STORES_KINDS; i++)
        if (looked[i].damaged && (!best->good || !looked[i].newest || looked[i].newest > best->good))
            s_note_skipped(latest, &looked[i]);
    memcpy(latest->path, best->path, sizeof latest->path);
    latest->kept = best == &looked[STORES_KEPT];
    latest->incarnation = store->incarnation;
    latest->number = best->good;
    *ret_found = best->good > 0;
    return ERR_OK;
}

/* The stores of all kinds, newest first, each name once. */
static err_code_t s_all_stores(char parents[STORES_KINDS][STATEDIR_PATH_MAX], statedir_store_t **ret_stores,
                               size_t *ret_count, err_t *err)
{
    statedir_store_t *all = NULL;
    size_t count = 0, unique = 0;
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < STORES_KINDS && !code; i++) {
        statedir_store_t *stores = NULL;
        size_t found = 0;
        code = statedir_stores(parents[i], &stores, &found, err);
        for (size_t k = 0; k < found && !code; k++)
            code = s_add_store(&all, &count, &stores[k], err);
        free(stores);
    }
    if (count > 1)
        qsort(all, count, sizeof *all, s_newest_first);
    for (size_t i = 0; i < count; i++)
        if (unique == 0 || statedir_store_compare(&all[unique - 1], &all[i]) != 0)
            all[unique++] = all[i];
    *ret_stores = all;
    *ret_count = unique;
    return code;
}

err_code_t statedir_shard_latest(const char *path, const char *region, uint32_t shard,
                                 statedir_latest_t *ret_latest, err_t *err)
{
    char parents[STORES_KINDS][STATEDIR_PATH_MAX];
    statedir_store_t *stores = NULL;
    size_t count = 0;
    statedir_latest_t latest = {0};
    bool found = false;
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < STORES_KINDS && !code; i++)
        code = s_parent(path, region, shard, (stores_t)i, parents[i], err);
    if (!code)
        code = s_all_stores(parents, &stores, &count, err);
    for (size_t i = 0; i < count && !code && !found; i++)
        code = s_try(parents, &stores[i], &latest, &found, err);
    free(stores);
    if (code)
        return code;
    if (!found && latest.skipped > 0)
        return err_set(err, ERR_CHECKSUM, "no snapshot in %s is whole; %.300s", parents[STORES_OWN],
                       latest.why);
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "there is no snapshot in %s", parents[STORES_OWN]);
    *ret_latest = latest;
    return ERR_OK;
}
