#include "deploy/cli/commands.h"

#include "codec/base/json.h"
#include "codec/base/units.h"
#include "deploy/launch/control.h"
#include "deploy/launch/launch.h"
#include "deploy/launch/picture.h"
#include "deploy/launch/watch.h"
#include "deploy/state/holders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define STATUS_ASK_US (WATCH_PATIENCE_US + 2000000) /* who is asked asks the global scheduler in turn */
#define STATUS_OLD_S 5                              /* a picture that is older is no present */

typedef struct {
    const char *dir;
    json_value_t *document; /* NULL: none yet */
    double age_s;
    bool running, asked;    /* the run has answered */
    char why[ERR_TEXT_MAX]; /* it has not; empty: nobody was there to be asked */
} status_t;

/* ---- the run is asked ---- */

static bool s_ask_process(status_t *self, const char *name)
{
    char *answer = NULL;
    err_t err = {0};
    err_code_t rc = control_ask(self->dir, name, WATCH_WORD, STATUS_ASK_US, &answer, NULL, &err);
    if (!rc)
        rc = watch_parse(answer, &self->document, &self->age_s, &err);
    free(answer);
    if (rc && rc != ERR_VERSION && rc != ERR_NOT_FOUND && !self->why[0])
        snprintf(self->why, sizeof self->why, "%s: %s", name, err.text);
    return !rc;
}

/* The global scheduler knows it at once; all others ask it. `up` does not. */
static void s_ask_all(status_t *self)
{
    char(*names)[STATEDIR_NAME_MAX] = NULL;
    size_t count = 0;
    self->asked = s_ask_process(self, HOLDER_SCHEDULER);
    state_owners(self->dir, &names, &count);
    for (size_t i = 0; !self->asked && i < count; i++)
        if (strcmp(names[i], HOLDER_SCHEDULER) != 0 && strcmp(names[i], HOLDER_UP) != 0)
            self->asked = s_ask_process(self, names[i]);
    free(names);
}

/* ---- or what it left ---- */

static double s_file_age_s(const char *path)
{
    struct stat info;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double age_s = stat(path, &info) ? 0
                                     : (double)(now.tv_sec - info.st_mtim.tv_sec) +
                                           (double)(now.tv_nsec - info.st_mtim.tv_nsec) / 1e9;
    return age_s > 0 ? age_s : 0;
}

static int s_read_file(status_t *self)
{
    char path[STATEDIR_PATH_MAX + 32];
    err_t err = {0};
    snprintf(path, sizeof path, "%s/" LAUNCH_STATUS_FILE, self->dir);
    err_code_t rc = json_read_file(path, &self->document, &err);
    self->age_s = s_file_age_s(path);
    if (!rc)
        return EXIT_DONE;
    if (rc != ERR_NOT_FOUND)
        return command_fail(EXIT_FAILED, "status", "%s", err.text);
    if (!state_is_kept(self->dir))
        return command_fail(EXIT_WRONG, "status", "%s is no state directory; give --state as for up",
                            self->dir);
    json_value_t *none = json_new_array();
    self->document = json_new_object();
    json_set_string(self->document, "state", self->running ? "starting" : "stopped");
    json_set_moved(self->document, "actors", &none);
    return EXIT_DONE;
}

/* ---- shown ---- */

static void s_print_head(const status_t *self)
{
    char age[UNITS_TEXT_MAX];
    const char *job = json_get_string(self->document, "job", ""),
               *failure = json_get_string(self->document, "failure", "");
    printf("%s%s%s%s", *job ? "job " : "", job, *job ? ": " : "",
           json_get_string(self->document, "state", ""));
    if (*failure)
        printf(" (%s)", failure);
    units_print_duration((int64_t)(self->age_s * 1e6), age);
    if (!self->running)
        printf("; nothing runs here now, as of %s ago\n", age);
    else if (self->asked)
        printf(", as of %.1f s ago\n", self->age_s);
    else
        printf("\n");
    if (self->running && !self->asked && self->age_s >= STATUS_OLD_S)
        printf("  NOT THE PRESENT: this is %s old, and the run has not answered (%s)\n", age,
               self->why[0] ? self->why : "nobody could be asked");
    else if (self->running && !self->asked)
        printf("  as of %.1f s ago, from the state directory (%s)\n", self->age_s,
               self->why[0] ? self->why : "nobody could be asked");
}

static void s_print_status(const status_t *self)
{
    s_print_head(self);
    picture_print(self->document, self->running, stdout);
    const char *state = json_get_string(self->document, "state", "");
    if (!self->running || !strcmp(state, "done"))
        picture_print_model(self->document, self->dir, stdout);
}

/* Nothing runs: the last known state, without actors; links and waits went with them. */
static void s_forget_actors(json_value_t *document)
{
    json_value_t *actors = json_new_array(), *links = json_new_array();
    json_set_moved(document, "actors", &actors);
    json_set_moved(document, "links", &links);
}

static void s_print_json(status_t *self)
{
    json_set_bool(self->document, "running", self->running);
    json_set_bool(self->document, "asked", self->asked);
    json_set_number(self->document, "age_s", self->age_s);
    json_set_string(self->document, "not_answered", self->why);
    if (!self->running)
        s_forget_actors(self->document);
    char *text = json_print(self->document, false);
    fputs(text, stdout);
    free(text);
}

static int s_run_status(const cli_args_t *args)
{
    char dir[STATEDIR_PATH_MAX];
    status_t self = {.dir = dir};
    if (cli_has(args, "explain")) {
        picture_explain(stdout);
        return EXIT_DONE;
    }
    int status = commands_state(args, "status", dir);
    if (status)
        return status;
    self.running = state_holder(self.dir) != 0;
    if (self.running)
        s_ask_all(&self);
    status = self.document ? EXIT_DONE : s_read_file(&self);
    if (!status && cli_has(args, "json"))
        s_print_json(&self);
    else if (!status)
        s_print_status(&self);
    json_destroy(&self.document);
    return status;
}

const cli_command_t command_status = {
    .name = "status",
    .summary =
        "Shows how a run stands, on any of its machines: progress, links, every actor and whom it waits for.",
    .example = "cloudless status --state run1",
    .run = s_run_status,
    .options = {{"state", 's', "DIR", COMMANDS_STATE},
                {"json", 0, NULL, "print it as JSON"},
                {"explain", 0, NULL, "say what every figure is, and its unit"}}};
