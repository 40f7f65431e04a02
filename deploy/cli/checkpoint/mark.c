#include "deploy/state/catalog.h"
#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/checkpoint/result.h"

#include "actors/scheduler/global/global_mark.h"
#include "deploy/launch/control.h"
#include "deploy/launch/launch.h"
#include "deploy/state/holders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MARK_ASK_US 5000000 /* for an answer */
#define MARK_LOOK_NS 200000000

typedef struct {
    result_t result;
    char dir[STATEDIR_PATH_MAX];
    const char *name;
    char tag[MANIFEST_NAME_MAX + 1]; /* made under it */
} mark_t;

/* Checks whether nothing here is called so. On a machine without shards nobody can tell: then the name gets a
 * number behind it. */
static err_code_t s_check_name(const mark_t *self, bool *ret_fresh, err_t *err)
{
    catalog_t *catalog = NULL;
    point_t *points = NULL;
    size_t count = 0;
    if (!global_mark_name_fits(self->name))
        return err_set(err, ERR_USAGE,
                       "'%.80s' cannot name a common point; write up to %d letters, digits, '-', '_' or '.', "
                       "not beginning with "
                       "'epoch-'",
                       self->name, GLOBAL_MARK_NAME_MAX);
    err_code_t code = catalog_open(self->dir, false, &catalog, err);
    if (code)
        return code;
    points_find(catalog, &points, &count);
    for (size_t i = 0; i < count && !code; i++)
        if (!strcmp(points[i].tag + strlen(SNAPSHOT_MARK_PREFIX), self->name))
            code = err_set(err, ERR_EXISTS, "there is a common point %s already; choose another name",
                           self->name);
    *ret_fresh = true;
    for (size_t r = 0; r < catalog->topology->region_count; r++)
        *ret_fresh = *ret_fresh && catalog_is_here(catalog, catalog->topology->regions[r].name);
    free(points);
    catalog_destroy(&catalog);
    return code;
}

static err_code_t s_say_word(const mark_t *self, const char *what, bool fresh, char **ret_answer, err_t *err)
{
    char request[GLOBAL_MARK_NAME_MAX + 32];
    err_t why = {.code = ERR_OK};
    snprintf(request, sizeof request, "%s %s%s", what, self->name, fresh ? " new" : "");
    err_code_t code = control_ask(self->dir, HOLDER_SCHEDULER, request, MARK_ASK_US, ret_answer, NULL, &why);
    if (code == ERR_NOT_FOUND || code == ERR_UNREACHABLE)
        return err_set(
            err, ERR_STATE,
            "no global scheduler runs in %s; a common point is made of a running job, where its scheduler is",
            self->dir);
    return code ? err_set(err, code, "%s", why.text) : ERR_OK;
}

static err_code_t s_ask_point(const mark_t *self, bool fresh, err_t *err)
{
    char *answer = NULL;
    err_code_t code = s_say_word(self, "mark", fresh, &answer, err);
    if (!code && !strcmp(answer, "busy"))
        code = err_set(err, ERR_IN_USE, "another common point is being made; try again");
    else if (!code && !strcmp(answer, "known"))
        code =
            err_set(err, ERR_EXISTS, "there is a common point %s already; choose another name", self->name);
    else if (!code && strcmp(answer, "asked") != 0)
        code = err_set(err, ERR_STATE, "the scheduler does not take it: %.100s", answer);
    free(answer);
    return code;
}

/* Until it is made or given up; the scheduler says which, by lack of progress. */
static err_code_t s_await(mark_t *self, err_t *err)
{
    for (;;) {
        char *answer = NULL, state[16] = "", tag[MANIFEST_NAME_MAX + 1] = "";
        err_code_t code = s_say_word(self, "marked", false, &answer, err);
        if (!code)
            sscanf(answer, "%15s %63s", state, tag);
        free(answer);
        if (code)
            return code;
        if (!strcmp(state, "failed"))
            return err_set(
                err, ERR_TIMEOUT,
                "it could not be made: the job ends, or a shard does not answer; see cloudless status");
        if (!strcmp(state, "made")) {
            snprintf(self->tag, sizeof self->tag, "%s",
                     tag + (snapshot_is_mark(tag) ? strlen(SNAPSHOT_MARK_PREFIX) : 0));
            return ERR_OK;
        }
        nanosleep(&(struct timespec){.tv_nsec = MARK_LOOK_NS}, NULL);
    }
}

static int s_run_mark(const cli_args_t *args)
{
    mark_t self = {.name = cli_positional(args)};
    bool fresh = false;
    err_t err = {0};
    int status = commands_state(args, "checkpoint mark", self.dir);
    if (status)
        return status;
    result_init(&self.result, args, "checkpoint mark");
    err_code_t code = s_check_name(&self, &fresh, &err);
    if (!code)
        code = s_ask_point(&self, fresh, &err);
    if (!code)
        code = s_await(&self, &err);
    if (!code)
        json_set_string(self.result.document, "point", self.tag);
    status = code ? result_fail(&self.result, code, &err)
                  : result_end(&self.result, EXIT_DONE,
                               "made common point %s; checkpoint restore --to %s goes back to it", self.tag,
                               self.tag);
    result_fini(&self.result);
    return status;
}

const cli_command_t checkpoint_mark = {
    .name = "checkpoint mark",
    .summary = "Has a running job make a common point of all its shards now, by a name.",
    .positional = "NAME",
    .example = "cloudless checkpoint mark before-lunch --state run1",
    .notes = "Training goes on meanwhile. It is asked for where the global scheduler runs. Of common points "
             "the newest\n"
             "checkpoint.marks are kept, whoever made them. A number follows the name, and is told, when an "
             "attempt failed or\n"
             "when it is not known here whether the name was used before.",
    .run = s_run_mark,
    .options = {RESULT_STATE_OPTION, RESULT_JSON_OPTION}};
