#include "store/statedir_job.h"

#include "codec/base/quote.h"
#include "store/file.h"
#include "store/statedir_paths.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define JOB_TEXT_MAX 8192
#define FAMILY "cloudless state "
#define VERSION 1
#define HEADING FAMILY "1"
#define ADOPTED " adopted"
#define CHANGED "changed "
#define NOTED "# " CHANGED

/* ---- Content ---- */

static err_code_t s_check_line(const char *what, const char *text, err_t *err)
{
    size_t length = strlen(text);
    if (length == 0 || length > STATEDIR_NAME_MAX || strpbrk(text, "\r\n"))
        return err_set(err, ERR_LIMIT, "%s: must be one line of 1 to %d bytes", what, STATEDIR_NAME_MAX);
    return ERR_OK;
}

err_code_t statedir_job_set_digest(statedir_job_t *self, const char *digest, err_t *err)
{
    err_code_t code = s_check_line("the digest of the job", digest, err);
    if (!code)
        snprintf(self->digest, sizeof self->digest, "%s", digest);
    return code;
}

err_code_t statedir_job_fill(const char *job_name, const char *digest, const statedir_run_t *run,
                             statedir_job_t *ret_job, err_t *err)
{
    *ret_job = (statedir_job_t){.run = *run};
    err_code_t code = s_check_line("the name of the job", job_name, err);
    if (code)
        return code;
    snprintf(ret_job->name, sizeof ret_job->name, "%s", job_name);
    return statedir_job_set_digest(ret_job, digest, err);
}

/* ---- Text ---- */

static void s_job_text(const statedir_job_t *job, char out[JOB_TEXT_MAX])
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

void statedir_job_add_changes(statedir_run_t *run, const char *lines)
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

static bool s_parse_job(char *text, statedir_job_t *ret_job)
{
    char line[STATEDIR_NAME_MAX + 1];
    *ret_job = (statedir_job_t){.run.id = RUN_ID_NONE};
    if (strncmp(text, HEADING "\n", strlen(HEADING "\n")) != 0)
        return false;
    text += strlen(HEADING "\n");
    if (!s_take_line(&text, "job ", ret_job->name) || !s_take_line(&text, "digest ", ret_job->digest))
        return false;
    if (s_take_line(&text, "run ", line) && !s_parse_run(line, &ret_job->run))
        return false;
    while (s_take_line(&text, CHANGED, line))
        statedir_job_add_changes(&ret_job->run, line);
    return !*text;
}

/* ---- The file ---- */

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
                   "the file %s/" STATEDIR_JOB_FILE
                   " is damaged; cloudless checkpoint repair --state %s writes it anew, or name another "
                   "directory with --state",
                   path, quote_word(path, quoted));
}

err_code_t statedir_job_read(const char *path, statedir_job_t *ret_job, err_t *err)
{
    char file[STATEDIR_PATH_MAX];
    buf_t *bytes = NULL;
    err_code_t code = statedir_join(path, STATEDIR_JOB_FILE, file, err);
    if (!code)
        code = file_read(file, JOB_TEXT_MAX - 1, &bytes, err);
    if (!code && !s_parse_job(buf_data(bytes), ret_job))
        code = s_unreadable(path, buf_peek(bytes), err);
    buf_destroy(&bytes);
    return code;
}

err_code_t statedir_job_write(const char *path, const statedir_job_t *job, err_t *err)
{
    char file[STATEDIR_PATH_MAX], text[JOB_TEXT_MAX];
    err_code_t code = statedir_join(path, STATEDIR_JOB_FILE, file, err);
    if (code)
        return code;
    s_job_text(job, text);
    return file_write(file, text, strlen(text), err);
}

/* ---- Changes beside the file ---- */

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
        statedir_job_add_changes(run, change);
    }
}
