#include "store/statedir.h"

#include "codec/base/quote.h"
#include "store/file.h"
#include "store/lockfile.h"
#include "store/statedir_job.h"
#include "store/statedir_paths.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RUN_TRIES 100 /* to have the directory for a moment, when others want the same */
#define RUN_PAUSE_NS 20000000

struct statedir {
    char path[STATEDIR_PATH_MAX];
    int lock_fd;
    bool is_new;
};

/* ---- Whose it is ---- */

err_code_t statedir_check(const char *path, const char *job_name, const char *digest, err_t *err)
{
    statedir_job_t job;
    err_code_t code = statedir_job_read(path, &job, err);
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
        bool ours = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
                    strcmp(name, STATEDIR_LOCK_FILE) == 0 || strcmp(name, STATEDIR_JOB_FILE) == 0 ||
                    strncmp(name, STATEDIR_JOB_FILE ".", strlen(STATEDIR_JOB_FILE ".")) == 0;
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
    if (statedir_join(path, STATEDIR_TOPOLOGY_FILE, topology, NULL) ||
        statedir_join(path, "run", run, NULL) || access(topology, F_OK) != 0 || access(run, F_OK) != 0)
        return ERR_JOB;
    return err_set(err, ERR_JOB,
                   "state directory %s has lost its file " STATEDIR_JOB_FILE
                   "; cloudless checkpoint repair --state %s writes it anew",
                   path, quote_word(path, quoted));
}

/* ---- Opening ---- */

/* Before anything is created: is it there, and is it one? */
static err_code_t s_look_at_dir(statedir_t *self, err_t *err)
{
    char job[STATEDIR_PATH_MAX];
    struct stat status;
    err_code_t code = statedir_join(self->path, STATEDIR_JOB_FILE, job, err);
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
    err_code_t code = statedir_join(self->path, STATEDIR_LOCK_FILE, lock, err);
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

/* Under the lock: the job file is compared, or written by the first to come. */
static err_code_t s_claim(statedir_t *self, const statedir_job_t *job, err_t *err)
{
    err_code_t code = statedir_check(self->path, job->name, job->digest, err);
    if (code != ERR_NOT_FOUND)
        return code;
    self->is_new = true;
    return statedir_job_write(self->path, job, err);
}

static err_code_t s_open_dir(statedir_t *self, const char *job_name, const char *digest, err_t *err)
{
    statedir_job_t job;
    err_code_t code = statedir_job_fill(job_name, digest, &(statedir_run_t){.id = RUN_ID_NONE}, &job, err);
    if (!code)
        code = s_look_at_dir(self, err);
    if (!code)
        code = s_lock(self, err);
    return code ? code : s_claim(self, &job, err);
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
                          : s_open_dir(self, job_name, digest, err);
    if (code)
        statedir_close(&self);
    else
        *ret_self = self;
    return code;
}

err_code_t statedir_mark(const char *path, const char *job_name, const char *digest,
                         const statedir_run_t *run, err_t *err)
{
    statedir_job_t job;
    err_code_t code = statedir_job_fill(job_name, digest, run, &job, err);
    return code ? code : statedir_job_write(path, &job, err);
}

/* ---- The run ---- */

err_code_t statedir_run(const char *path, statedir_run_t *ret_run, err_t *err)
{
    statedir_job_t job;
    err_code_t code = statedir_job_read(path, &job, err);
    if (!code)
        *ret_run = job.run;
    return code;
}

/* Under the lock. */
static err_code_t s_set_run(const char *path, const statedir_run_t *run, err_t *err)
{
    statedir_job_t job;
    char what[STATEDIR_PATH_MAX + 24];
    CHECK(run->id != RUN_ID_NONE);
    err_code_t code = statedir_job_read(path, &job, err);
    if (code || job.run.id == run->id)
        return code;
    snprintf(what, sizeof what, "the state directory %.300s", path);
    if (job.run.id != RUN_ID_NONE)
        return run_id_refuse(err, what, job.run.id, run->id);
    job.run.id = run->id;
    job.run.adopted = run->adopted;
    return statedir_job_write(path, &job, err);
}

err_code_t statedir_begin_run(statedir_t *self, const statedir_run_t *run, err_t *err)
{
    return s_set_run(self->path, run, err);
}

err_code_t statedir_carry(statedir_t *self, const char *digest, const char *changes, err_t *err)
{
    statedir_job_t job;
    err_code_t code = statedir_job_read(self->path, &job, err);
    if (!code)
        code = statedir_job_set_digest(&job, digest, err);
    if (code)
        return code;
    statedir_job_add_changes(&job.run, changes);
    return statedir_job_write(self->path, &job, err);
}

err_code_t statedir_join_run(const char *path, const statedir_run_t *run, err_t *err)
{
    statedir_run_t known;
    char lock[STATEDIR_PATH_MAX];
    int fd = -1;
    err_code_t code = statedir_run(path, &known, err);
    if (code || known.id == run->id)
        return code;
    code = statedir_join(path, STATEDIR_LOCK_FILE, lock, err);
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
    return statedir_join(path, STATEDIR_LOCK_FILE, lock, NULL) ? 0 : lockfile_holder(lock);
}
