#include "store/verify.h"

#include "store/kv_lmdb.h"
#include "store/snapshot_view.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that has not even read one more value in so long is stuck in a damaged file. Sanitizers' allocators
 * do not survive the fork of a process with threads as libc's does: there a child may hang for no fault of
 * the file, so it is given up sooner and another one tries. */
#ifdef CLOUDLESS_SANITIZED
enum { STALL_MS = 5000, TRIES = 10 };
#else
enum { STALL_MS = 120000, TRIES = 1 };
#endif

/* ---- The report ---- */

typedef void progress_fn(void *hint);

typedef struct {
    kv_t *kv;
    verify_report_t report;
    progress_fn *progress; /* called after each value; may be NULL */
    void *hint;
} verify_t;

void verify_report_fini(verify_report_t *report)
{
    free(report->problems);
    *report = (verify_report_t){0};
}

static err_code_t s_add_problem(verify_report_t *report, const verify_problem_t *problem, err_t *err)
{
    report->problem_total++;
    if (report->problem_count >= VERIFY_PROBLEMS_MAX)
        return ERR_OK;
    verify_problem_t *problems = realloc(report->problems, (report->problem_count + 1) * sizeof *problems);
    if (!problems)
        return err_set(err, ERR_MEMORY, "no memory for a list of problems");
    report->problems = problems;
    report->problems[report->problem_count++] = *problem;
    return ERR_OK;
}

static verify_problem_t s_problem(uint64_t number, const char *name, err_code_t code, const char *text)
{
    verify_problem_t problem = {.number = number, .code = code};
    snprintf(problem.name, sizeof problem.name, "%s", name);
    snprintf(problem.text, sizeof problem.text, "%.*s", VERIFY_TEXT_MAX - 1, text);
    return problem;
}

/* ---- Reading everything ---- */

/* Returns whether a snapshot is still there: beside a writing process it may have been removed while it
 * was read. */
static bool s_gone(kv_t *kv, uint64_t number)
{
    char key[KV_KEY_MAX + 1];
    buf_t *bytes = NULL;
    err_code_t code = kv_get(kv, manifest_key(number, key), &bytes, NULL);
    buf_destroy(&bytes);
    return code == ERR_NOT_FOUND;
}

static err_code_t s_value(verify_t *self, uint64_t number, const manifest_value_t *value, err_t *err)
{
    err_t why = {.code = ERR_OK};
    char text[ERR_TEXT_MAX + 64];
    buf_t *bytes = NULL;
    err_code_t code = manifest_load_value(self->kv, value, &bytes, &why);
    buf_destroy(&bytes);
    if (self->progress)
        self->progress(self->hint);
    if (code && !snapshot_view_is_damage(code))
        return err_set(err, code, "%s", why.text);
    self->report.values++;
    self->report.size_bytes += value->size_bytes;
    if (!code)
        return ERR_OK;
    snprintf(text, sizeof text, "snapshot %" PRIu64 ": %s", number, why.text);
    verify_problem_t problem = s_problem(number, value->name, code, text);
    return s_add_problem(&self->report, &problem, err);
}

static err_code_t s_snapshot(verify_t *self, const manifest_t *manifest, err_t *err)
{
    uint64_t number = manifest->id.number;
    verify_report_t before = self->report;
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < manifest->count && !code; i++)
        code = s_value(self, number, &manifest->values[i], err);
    if (code)
        return code;
    if (self->report.problem_total > before.problem_total && s_gone(self->kv, number)) {
        before.problems = self->report.problems; /* may have moved */
        self->report = before;
        return ERR_OK;
    }
    self->report.snapshots++;
    if (self->report.problem_total == before.problem_total)
        self->report.newest_good = number;
    return ERR_OK;
}

static err_code_t s_bad_manifest(verify_t *self, uint64_t number, err_t *err)
{
    err_t why = {.code = ERR_OK};
    manifest_t manifest = {0};
    err_code_t code = manifest_load(self->kv, number, &manifest, &why);
    manifest_fini(&manifest);
    if (code == ERR_NOT_FOUND)
        return ERR_OK;
    verify_problem_t problem =
        s_problem(number, "", code ? code : ERR_CHECKSUM, code ? why.text : "manifest: unstable");
    self->report.snapshots++;
    return s_add_problem(&self->report, &problem, err);
}

static err_code_t s_orphans(verify_t *self, const snapshot_view_t *view, err_t *err)
{
    kv_keys_t pieces = {0};
    number_set_t named = {0};
    err_code_t code = snapshot_view_keys(view, 0, NULL, &named, err);
    if (!code)
        code = kv_keys(self->kv, MANIFEST_VALUE_PREFIX, &pieces, err);
    for (size_t i = 0; i < pieces.count && !code; i++) {
        uint64_t key = 0, piece = 0;
        bool known =
            manifest_parse_piece_key(pieces.items[i].key, &key, &piece) && number_set_has(&named, key);
        self->report.orphans += !known;
    }
    kv_keys_fini(&pieces);
    number_set_fini(&named);
    return code;
}

static err_code_t s_verify(verify_t *self, err_t *err)
{
    snapshot_view_t view = {0};
    err_code_t code = snapshot_view_read(self->kv, &view, err);
    if (code)
        return code;
    self->report.newest = snapshot_view_last(&view);
    for (size_t i = 0; i < view.good_count && !code; i++)
        code = s_snapshot(self, &view.good[i], err);
    for (size_t i = 0; i < view.bad_count && !code; i++)
        code = s_bad_manifest(self, view.bad[i], err);
    if (!code && view.bad_count == 0) /* what an unreadable manifest names is not known */
        code = s_orphans(self, &view, err);
    snapshot_view_fini(&view);
    return code;
}

static err_code_t s_verify_keys(verify_t *self, err_t *err)
{
    kv_keys_t keys = {0};
    err_code_t code = kv_keys(self->kv, "", &keys, err);
    for (size_t i = 0; i < keys.count && !code; i++) {
        buf_t *value = NULL;
        code = kv_get(self->kv, keys.items[i].key, &value, err);
        if (self->progress)
            self->progress(self->hint);
        self->report.values += !code;
        self->report.size_bytes += code ? 0 : buf_size(value);
        buf_destroy(&value);
        if (code == ERR_NOT_FOUND) /* removed by the process that writes */
            code = ERR_OK;
    }
    kv_keys_fini(&keys);
    return code;
}

/* The reading of a store: its snapshots, or every key. */
typedef err_code_t verify_fn(verify_t *self, err_t *err);

static err_code_t s_verify_with(verify_t self, verify_fn *verify, verify_report_t *ret_report, err_t *err)
{
    err_code_t code = verify(&self, err);
    if (code == ERR_MALFORMED || code == ERR_CHECKSUM) { /* the file below the snapshots */
        verify_problem_t problem = s_problem(0, "", code, err ? err->text : err_meaning(code));
        code = s_add_problem(&self.report, &problem, err);
    }
    if (code)
        verify_report_fini(&self.report);
    else
        *ret_report = self.report;
    return code;
}

err_code_t verify_kv(kv_t *kv, verify_report_t *ret_report, err_t *err)
{
    err_t local = {.code = ERR_OK};
    return s_verify_with((verify_t){.kv = kv}, s_verify, ret_report, err ? err : &local);
}

/* ---- The child ---- */

/* Records that the child writes into the pipe; both ends are the same program. */
typedef enum { RECORD_PROGRESS = 1, RECORD_PROBLEM, RECORD_FAILED, RECORD_END } record_kind_t;

typedef struct {
    uint32_t kind;
    union {
        verify_problem_t problem;
        verify_report_t report; /* without its list */
        err_t error;
    } is;
} record_t;

static void s_send_record(int fd, const record_t *record)
{
    const char *at = (const char *)record;
    size_t left = sizeof *record;
    while (left > 0) {
        ssize_t done = write(fd, at, left);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            _exit(1);
        at += done;
        left -= (size_t)done;
    }
}

static void s_send_progress(void *hint)
{
    record_t record = {.kind = RECORD_PROGRESS};
    s_send_record(*(int *)hint, &record);
}

static void s_send_report(int fd, verify_report_t *report)
{
    record_t record = {.kind = RECORD_PROBLEM};
    for (size_t i = 0; i < report->problem_count; i++) {
        record.is.problem = report->problems[i];
        s_send_record(fd, &record);
    }
    record = (record_t){.kind = RECORD_END, .is.report = *report};
    record.is.report.problems = NULL;
    s_send_record(fd, &record);
}

static void s_send_failed(int fd, const err_t *error)
{
    record_t record = {.kind = RECORD_FAILED, .is.error = *error};
    s_send_record(fd, &record);
}

/* LMDB reports damage to standard error before it gives up; the parent says it in one line instead. */
static void s_child_prepare(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTERM, SIGINT, SIGPIPE};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0)
        dup2(null, STDERR_FILENO);
}

static _Noreturn void s_child(const char *dir, verify_fn *verify, int fd)
{
    kv_lmdb_options_t options = {.read_only = true};
    err_t error = {.code = ERR_OK};
    verify_report_t report = {0};
    kv_t *kv = NULL;
    err_code_t code = kv_lmdb_open(dir, &options, &kv, &error);
    if (!code)
        code = s_verify_with((verify_t){.kv = kv, .progress = s_send_progress, .hint = &fd}, verify, &report,
                             &error);
    if (code)
        s_send_failed(fd, &error);
    else
        s_send_report(fd, &report);
    _exit(0);
}

/* ---- The parent ---- */

/* Fills a record; false at the end of the pipe or when nothing comes for too long, which is then
 * *ret_hung. */
static bool s_receive(int fd, record_t *record, bool *ret_hung)
{
    size_t done = 0;
    while (done < sizeof *record) {
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        int ready = poll(&poller, 1, STALL_MS);
        if (ready < 0 && errno == EINTR)
            continue;
        *ret_hung = ready == 0;
        if (ready <= 0)
            return false;
        ssize_t got = read(fd, (char *)record + done, sizeof *record - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static err_code_t s_take_end(verify_report_t *report, const record_t *record)
{
    verify_problem_t *problems = report->problems;
    size_t count = report->problem_count;
    *report = record->is.report;
    report->problems = problems;
    report->problem_count = count;
    return ERR_OK;
}

/* A value that the child could not read because it is damaged is a problem of the store; anything else is an
 * error here. */
static err_code_t s_take_failed(verify_report_t *report, const err_t *why, err_t *err)
{
    if (why->code == ERR_NOT_FOUND || why->code == ERR_MEMORY || why->code == ERR_DENIED ||
        why->code == ERR_IN_USE || why->code == ERR_FULL)
        return err_set(err, why->code, "%s", why->text);
    verify_problem_t problem = s_problem(0, "", why->code, why->text);
    return s_add_problem(report, &problem, err);
}

/* Reads what the child says; *ret_ended: it said all. */
static err_code_t s_listen(int fd, verify_report_t *report, bool *ret_ended, bool *ret_hung, err_t *err)
{
    record_t record;
    while (s_receive(fd, &record, ret_hung)) {
        err_code_t code = ERR_OK;
        if (record.kind == RECORD_PROBLEM)
            code = s_add_problem(report, &record.is.problem, err);
        *ret_ended = record.kind == RECORD_END || record.kind == RECORD_FAILED;
        if (record.kind == RECORD_END)
            return s_take_end(report, &record);
        if (record.kind == RECORD_FAILED)
            return s_take_failed(report, &record.is.error, err);
        if (code)
            return code;
    }
    return ERR_OK;
}

static err_code_t s_add_killed(const char *dir, int status, verify_report_t *report, err_t *err)
{
    char text[VERIFY_TEXT_MAX];
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        snprintf(text, sizeof text, "%.120s: damaged, reading it killed the process (%s)", dir,
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, sizeof text, "%.120s: damaged, the process that read it ended before it was through",
                 dir);
    verify_problem_t problem = s_problem(0, "", ERR_MALFORMED, text);
    report->killed = true;
    report->newest_good = 0;
    return s_add_problem(report, &problem, err);
}

static err_code_t s_parent(const char *dir, pid_t child, int fd, verify_report_t *ret_report, bool *ret_hung,
                           err_t *err)
{
    verify_report_t report = {0};
    bool ended = false;
    int status = 0;
    err_code_t code = s_listen(fd, &report, &ended, ret_hung, err);
    if (!ended)
        kill(child, SIGKILL); /* one that is dead already keeps its own reason */
    close(fd);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!code && !ended)
        code = s_add_killed(dir, status, &report, err);
    if (code)
        verify_report_fini(&report);
    else
        *ret_report = report;
    return code;
}

static err_code_t s_verify_once(const char *dir, verify_fn *verify, verify_report_t *ret_report,
                                bool *ret_hung, err_t *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(err, ERR_IO, "verify %s: pipe: %s", dir, strerror(errno));
    pid_t parent = getpid();
    pid_t child = fork();
    if (child < 0) {
        int number = errno;
        close(ends[0]);
        close(ends[1]);
        return err_set(err, ERR_IO, "verify %s: fork: %s", dir, strerror(number));
    }
    if (child == 0) {
        close(ends[0]);
        s_child_prepare(parent);
        s_child(dir, verify, ends[1]);
    }
    close(ends[1]);
    err_code_t code = s_parent(dir, child, ends[0], ret_report, ret_hung, err);
    return code ? err_prefix(err, code, "verify %s", dir) : ERR_OK;
}

static err_code_t s_verify_dir(const char *dir, verify_fn *verify, verify_report_t *ret_report, err_t *err)
{
    for (int i = 1;; i++) {
        bool hung = false;
        err_code_t code = s_verify_once(dir, verify, ret_report, &hung, err);
        if (!hung || i == TRIES)
            return code;
        if (!code)
            verify_report_fini(ret_report);
    }
}

err_code_t verify_dir(const char *dir, verify_report_t *ret_report, err_t *err)
{
    return s_verify_dir(dir, s_verify, ret_report, err);
}

err_code_t verify_keys_dir(const char *dir, verify_report_t *ret_report, err_t *err)
{
    return s_verify_dir(dir, s_verify_keys, ret_report, err);
}
