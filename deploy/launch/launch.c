#include "deploy/launch/launch.h"

#include "brokers/broker.h"
#include "brokers/topology_all.h"
#include "codec/base/failpoint.h"
#include "codec/base/home.h"
#include "codec/base/log.h"
#include "codec/base/log_file.h"
#include "codec/base/quote.h"
#include "codec/base/units.h"
#include "deploy/launch/carry.h"
#include "deploy/launch/command.h"
#include "deploy/state/find.h"
#include "deploy/state/holders.h"
#include "store/file.h"
#include "store/lockfile.h"
#include "store/statedir_latest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LAUNCH_PATIENCE 40 /* times LAUNCH_PAUSE: while another process creates the state directory */
#define LAUNCH_PAUSE_NS 50000000

void launch_init(launch_t *self)
{
    *self = (launch_t){.role_lock = -1};
}

void launch_fini(launch_t *self)
{
    dataset_destroy(&self->dataset);
    lockfile_release(&self->role_lock);
    statedir_close(&self->state);
    topology_destroy(&self->topology);
    free(self->mistakes);
    self->mistakes = NULL;
}

/* A path as it was meant where the command was given: what goes on later may do so from elsewhere. What does
 * not fit stays as it is, and will be told as missing. */
static void s_make_absolute(char path[TOPOLOGY_TEXT_MAX])
{
    char base[PATH_MAX], whole[2 * PATH_MAX], written[TOPOLOGY_TEXT_MAX];
    memcpy(written, path, sizeof written);
    home_expand(written, path, TOPOLOGY_TEXT_MAX);
    if (!path[0] || path[0] == '/' || !getcwd(base, sizeof base))
        return;
    snprintf(whole, sizeof whole, "%s/%s", base, path);
    if (strlen(whole) < TOPOLOGY_TEXT_MAX)
        snprintf(path, TOPOLOGY_TEXT_MAX, "%s", whole);
}

static void s_make_paths_absolute(topology_t *topology)
{
    s_make_absolute(topology->job.data.dir);
    for (size_t r = 0; r < topology->region_count; r++)
        s_make_absolute(topology->regions[r].data.dir);
    if (strchr(topology->plan.rent, '/') || topology->plan.rent[0] == '~') /* else it is looked for in PATH */
        s_make_absolute(topology->plan.rent);
}

static err_code_t s_read_topology(const char *path, const char *const *sets, size_t set_count,
                                  const char *seed, mistakes_t *mistakes, topology_t **ret_topology,
                                  err_t *err)
{
    const char **all = calloc(set_count + 1, sizeof *all);
    CHECK(all);
    if (set_count)
        memcpy(all, sets, set_count * sizeof *all);
    char text[64];
    size_t count = set_count;
    if (seed) {
        snprintf(text, sizeof text, "job.seed=%s", seed);
        all[count++] = text;
    }
    err_code_t rc = topology_read_all(path, all, count, mistakes, ret_topology, err);
    free(all);
    if (*ret_topology)
        s_make_paths_absolute(*ret_topology);
    return rc;
}

err_code_t launch_read(launch_t *self, const char *path, const char *const *sets, size_t set_count,
                       const char *seed, err_t *err)
{
    free(self->mistakes);
    self->mistakes = mistakes_new();
    err_code_t rc = s_read_topology(path, sets, set_count, seed, self->mistakes, &self->topology, err);
    if (!rc)
        topology_digest(self->topology, self->digest);
    return rc;
}

err_code_t launch_reread(const launch_t *self, const char *path, const char *const *sets, size_t set_count,
                         const char *seed, topology_t **ret_changed, err_t *err)
{
    topology_t *changed = NULL;
    mistakes_t *mistakes = mistakes_new();
    err_code_t rc = s_read_topology(path, sets, set_count, seed, mistakes, &changed, err);
    free(mistakes);
    if (rc) {
        topology_destroy(&changed);
        return rc;
    }
    if (changed->plan.samples_per_s <= 0) /* was measured */
        changed->plan.samples_per_s = self->topology->plan.samples_per_s;
    topology_note_seen(changed, &self->topology->job.data.seen); /* too */
    err_t why = {0};
    rc = topology_may_become(self->topology, changed, &why);
    if (rc) {
        topology_destroy(&changed);
        return err_set(err, rc, "%s: %s", path, why.text);
    }
    *ret_changed = changed;
    return ERR_OK;
}

/* ---- state directory ---- */

static err_code_t s_absolute(const char *path, char ret[STATEDIR_PATH_MAX], err_t *err)
{
    char here[PATH_MAX] = "";
    if (path[0] != '/' && !getcwd(here, sizeof here))
        return err_set(err, ERR_IO, "the current directory: %s", strerror(errno));
    int length = snprintf(ret, STATEDIR_PATH_MAX, "%s%s%s", here, here[0] ? "/" : "", path);
    if (length >= STATEDIR_PATH_MAX / 2)
        return err_set(err, ERR_LIMIT, "%s: the path is too long; choose a shorter --state", path);
    while (length > 1 && ret[length - 1] == '/')
        ret[--length] = '\0';
    return ERR_OK;
}

err_code_t launch_choose_state(launch_t *self, const char *given, err_t *err)
{
    char path[PATH_MAX], base[STATEDIR_PATH_MAX];
    err_code_t rc = given ? ERR_OK : state_default_base(base, err);
    if (rc)
        return rc;
    if (given)
        snprintf(path, sizeof path, "%s", given);
    else
        snprintf(path, sizeof path, "%s/%s", base, self->topology->job.name);
    if (!path[0])
        return err_set(err, ERR_USAGE, "--state is empty; name a directory");
    return s_absolute(path, self->state_dir, err);
}

/* Of which settings a directory is, where it says so itself: the first that differs. */
static void s_name_difference(const launch_t *self, err_code_t rc, err_t *err)
{
    char *end = err && rc == ERR_JOB ? strstr(err->text, STATEDIR_OTHER_SETTINGS) : NULL;
    if (!end)
        return;
    char text[480];
    carry_explain(self, text, sizeof text);
    end += strlen(STATEDIR_OTHER_SETTINGS);
    if (text[0])
        snprintf(end, sizeof err->text - (size_t)(end - err->text), "%s", text);
}

/* An error about a directory that the user has named gets its remedy. */
static err_code_t s_advise(err_code_t rc, err_t *err)
{
    if (rc == ERR_OK || !err || strchr(err->text, ';'))
        return rc;
    size_t length = strlen(err->text);
    snprintf(err->text + length, sizeof err->text - length, "; name another directory with --state");
    return rc;
}

static err_code_t s_make_parents(const char *path, err_t *err)
{
    char parent[STATEDIR_PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (!slash || slash == parent)
        return ERR_OK;
    *slash = '\0';
    return file_make_dirs(parent, err);
}

/* The topology as it is after --set and --seed: children and `checkpoint` read the same. */
err_code_t launch_replace_topology(const launch_t *self, const topology_t *changed, err_t *err)
{
    char *text = NULL, path[STATEDIR_PATH_MAX + 32];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out);
    topology_print(changed, out);
    statedir_run_t run;
    if (!statedir_run(self->state_dir, &run, NULL))
        statedir_put_changes(&run, out);
    fclose(out);
    snprintf(path, sizeof path, "%s/" LAUNCH_TOPOLOGY_FILE, self->state_dir);
    err_code_t rc = file_write(path, text, size, err);
    free(text);
    return rc;
}

static err_code_t s_keep_seen(const launch_t *self, err_t *err)
{
    char path[STATEDIR_PATH_MAX + 32];
    topology_t *former = NULL;
    snprintf(path, sizeof path, "%s/" LAUNCH_TOPOLOGY_FILE, self->state_dir);
    if (topology_read(path, NULL, 0, &former, NULL))
        return ERR_OK; /* it is new, or what lies there says nothing */
    err_code_t rc = launch_keep_seen(self, former, err);
    topology_destroy(&former);
    return rc;
}

static err_code_t s_open_run(launch_t *self, err_t *err)
{
    err_code_t rc = statedir_folder(self->state_dir, STATEDIR_RUN, self->run_dir, err);
    if (!rc)
        failpoint_open(self->run_dir);
    return rc;
}

static err_code_t s_take_state(launch_t *self, err_t *err)
{
    char role[NAME_MAX + 1], quoted[QUOTE_MAX];
    err_code_t rc = s_make_parents(self->state_dir, err);
    if (!rc)
        rc = statedir_open(self->state_dir, self->topology->job.name, self->digest, &self->state, err);
    if (rc)
        return rc;
    pid_t holder = state_role_holder(self->state_dir, role);
    if (holder)
        return err_set(err, ERR_IN_USE,
                       "%s: in use by %s, process %d; stop it with cloudless stop --state %s, or "
                       "choose another --state",
                       self->state_dir, role, (int)holder, quote_word(self->state_dir, quoted));
    rc = s_open_run(self, err);
    if (!rc)
        rc = launch_begin_run(self, err);
    if (!rc)
        rc = s_keep_seen(self, err);
    return rc ? rc : launch_replace_topology(self, self->topology, err);
}

/* A global scheduler that ran here before there were identities has left its number. */
static bool s_was_begun(const launch_t *self)
{
    char path[STATEDIR_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/scheduler-global", self->run_dir);
    return access(path, F_OK) == 0;
}

err_code_t launch_begin_run(launch_t *self, err_t *err)
{
    statedir_run_t run;
    err_code_t rc = statedir_run(self->state_dir, &run, err);
    if (rc || run.id != RUN_ID_NONE)
        return rc;
    run = (statedir_run_t){.id = run_id_new(), .adopted = s_was_begun(self)};
    return self->state ? statedir_begin_run(self->state, &run, err)
                       : statedir_join_run(self->state_dir, &run, err);
}

const char *launch_resume_command(const char *state_dir, char out[LAUNCH_COMMAND_MAX])
{
    char topology[STATEDIR_PATH_MAX + 32], file[QUOTE_MAX], dir[QUOTE_MAX];
    snprintf(topology, sizeof topology, "%s/" LAUNCH_TOPOLOGY_FILE, state_dir);
    snprintf(out, LAUNCH_COMMAND_MAX, "cloudless up %s --state %s --resume", quote_word(topology, file),
             quote_word(state_dir, dir));
    return out;
}

err_code_t launch_take_state(launch_t *self, err_t *err)
{
    err_code_t rc = s_take_state(self, err);
    if (rc == ERR_JOB && self->carries && !self->state) {
        rc = carry_on(self, true, self->carried, err);
        rc = rc ? rc : s_take_state(self, err);
    } else if (!rc && self->carries) {
        rc = carry_check(self, err);
    }
    s_name_difference(self, rc, err);
    return s_advise(rc, err);
}

err_code_t launch_share_state(launch_t *self, err_t *err)
{
    err_code_t rc = statedir_check(self->state_dir, self->topology->job.name, self->digest, err);
    return rc ? rc : s_open_run(self, err);
}

static void s_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = LAUNCH_PAUSE_NS}, NULL);
}

/* Creates the directory when it is not there, without keeping its lock; others may do the same at this
 * moment. */
static err_code_t s_create_state(launch_t *self, err_t *err)
{
    err_code_t rc = s_make_parents(self->state_dir, err);
    for (int i = 0; !rc; i++) {
        rc = statedir_open(self->state_dir, self->topology->job.name, self->digest, &self->state, err);
        if (!rc)
            rc = launch_replace_topology(self, self->topology, err);
        statedir_close(&self->state);
        if (rc != ERR_IN_USE || i == LAUNCH_PATIENCE)
            return rc;
        s_pause();
        if (!statedir_check(self->state_dir, self->topology->job.name, self->digest, NULL))
            return ERR_OK;
        rc = ERR_OK;
    }
    return rc;
}

/* `up` holds the lock for good, the creation by another process only for a moment. */
static err_code_t s_check_not_held(const launch_t *self, err_t *err)
{
    char quoted[QUOTE_MAX];
    pid_t holder = 0;
    for (int i = 0; i < LAUNCH_PATIENCE; i++) {
        holder = statedir_lock_holder(self->state_dir);
        if (!holder)
            return ERR_OK;
        s_pause();
    }
    return err_set(err, ERR_IN_USE,
                   "%s: in use by process %d; stop it with cloudless stop --state %s, or choose "
                   "another --state",
                   self->state_dir, (int)holder, quote_word(self->state_dir, quoted));
}

static err_code_t s_join_state(launch_t *self, const char *role, err_t *err)
{
    lockfile_release(&self->role_lock); /* of an attempt that went on and found no room */
    err_code_t rc = statedir_check(self->state_dir, self->topology->job.name, self->digest, err);
    if (rc == ERR_NOT_FOUND)
        rc = s_create_state(self, err);
    else if (!rc)
        rc = s_keep_seen(self, err);
    if (!rc)
        rc = s_check_not_held(self, err);
    if (!rc)
        rc = s_open_run(self, err);
    if (rc)
        return rc;
    char path[STATEDIR_PATH_MAX + NAME_MAX];
    snprintf(path, sizeof path, "%s/%s" HOLDER_LOCK_SUFFIX, self->run_dir, role);
    return lockfile_take(path, &self->role_lock, err);
}

err_code_t launch_join_state(launch_t *self, const char *role, err_t *err)
{
    self->carries = true; /* --resume is what starting it again by hand always means */
    if (!self->job.samples && launch_try_dataset(self, NULL))
        self->job.samples = 0; /* not known here: carry_on looks at no shard */
    err_code_t rc = s_join_state(self, role, err);
    for (int i = 0; rc == ERR_JOB && i < LAUNCH_PATIENCE; i++) { /* others may do the same at this moment */
        rc = carry_on(self, false, self->carried, err);
        if (rc == ERR_JOB)
            break;
        if (rc == ERR_IN_USE && statedir_lock_holder(self->state_dir))
            s_pause();
        else if (rc)
            break;
        rc = s_join_state(self, role, err);
    }
    s_name_difference(self, rc, err);
    return s_advise(rc, err);
}

static void s_empty_folder(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(path);
}

/* Removes what a start that came to nothing has put there; the directory itself stays when anything else
 * is in it. */
void launch_abandon_state(launch_t *self)
{
    static const char *const folders[] = {"run", "log", "data"};
    static const char *const files[] = {LAUNCH_TOPOLOGY_FILE, "job", "lock"};
    char path[STATEDIR_PATH_MAX + 32];
    if (!self->state || !statedir_is_new(self->state))
        return;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s", self->state_dir, folders[i]);
        s_empty_folder(path);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", self->state_dir, files[i]);
        unlink(path);
    }
    statedir_close(&self->state);
    rmdir(self->state_dir);
}

err_code_t launch_count_snapshots(const launch_t *self, size_t *ret_count, err_t *err)
{
    *ret_count = 0;
    for (size_t r = 0; r < self->topology->region_count; r++)
        for (uint64_t k = 0; k < self->topology->regions[r].shards; k++) {
            statedir_latest_t latest;
            err_code_t rc = statedir_shard_latest(self->state_dir, self->topology->regions[r].name,
                                                  (uint32_t)k, &latest, err);
            if (rc && rc != ERR_NOT_FOUND && rc != ERR_CHECKSUM)
                return rc;
            *ret_count += rc != ERR_NOT_FOUND;
        }
    return ERR_OK;
}

/* ---- files of a process ---- */

err_code_t launch_open_log(const launch_t *self, const char *name, bool echo, err_t *err)
{
    char folder[STATEDIR_PATH_MAX], path[STATEDIR_PATH_MAX + NAME_MAX];
    err_code_t rc = statedir_folder(self->state_dir, STATEDIR_LOG, folder, err);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "%s/%s.log", folder, name);
    if (log_open_file(path, LOG_FILE_MOST_BYTES, LEVEL_INFO, err))
        return err_set(err, file_code_of(errno), "%s: %s", path, strerror(errno));
    if (echo)
        log_echo(STDERR_FILENO, LEVEL_WARN);
    return ERR_OK;
}

err_code_t launch_check_output(const char *path, err_t *err)
{
    char folder[PATH_MAX];
    struct stat info;
    int length = snprintf(folder, sizeof folder, "%s", path);
    if (length <= 0)
        return err_set(err, ERR_USAGE, "the path of the report is empty; write the path of a file");
    if ((size_t)length >= sizeof folder - 32 || path[length - 1] == '/')
        return err_set(err, ERR_USAGE, "%s: no file can have this name; write the path of a file", path);
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return err_set(err, ERR_USAGE, "%s: is not a regular file; write the path of a file", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    if (access(slash ? folder : ".", W_OK | X_OK))
        return err_set(err, ERR_USAGE,
                       "%s: cannot be written in %s (%s); create that directory or choose another one", path,
                       slash ? folder : "the current directory", strerror(errno));
    return ERR_OK;
}

/* ---- broker ---- */

err_code_t launch_find_broker(void *hint, char ret_endpoint[TOPOLOGY_TEXT_MAX], err_t *err)
{
    const launch_where_t *self = hint;
    if (!self->inproc)
        return broker_find(self->launch->topology, self->region_index, self->launch->run_dir, ret_endpoint,
                           err);
    snprintf(ret_endpoint, TOPOLOGY_TEXT_MAX, "%s", self->inproc);
    return ERR_OK;
}
