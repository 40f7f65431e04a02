#include "deploy/launch/progress.h"

#include "codec/base/outlet.h"
#include "codec/base/units.h"
#include "deploy/launch/report.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PROGRESS_LINE_US 5000000  /* between two plain lines */
#define PROGRESS_RATE_US 1000000  /* over which the rate is measured */
#define PROGRESS_STILL_US 4000000 /* without progress for so long, the wait is named */
#define PROGRESS_LINE_MAX 512

typedef struct {
    char text[PROGRESS_LINE_MAX];
    size_t length;
} line_t;

static void s_add(line_t *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void s_add(line_t *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof line->text - line->length;
    int length = vsnprintf(line->text + line->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        line->length += (size_t)length < room ? (size_t)length : room - 1;
}

void progress_init(progress_t *self, bool shown, const topology_t *topology, const job_t *job, int64_t now_us)
{
    *self = (progress_t){.shown = shown,
                         .topology = topology,
                         .job = job,
                         .began_us = now_us,
                         .rate_us = now_us,
                         .still_us = now_us};
    self->terminal = shown && isatty(STDERR_FILENO);
}

/* ---- figures
 * ------------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t samples, wan_bytes;
    double loss, accuracy;
} figures_t;

static figures_t s_figures(const progress_t *self, const global_core_t *core)
{
    figures_t figures = {.loss = NAN, .accuracy = NAN};
    double loss = 0, losses = 0, accuracy = 0, accuracies = 0;
    for (size_t r = 0; r < self->topology->region_count; r++) {
        const message_t *report = global_core_region(core, r).report;
        if (!report)
            continue;
        figures.samples += report->region_report.samples;
        figures.wan_bytes += report->region_report.wan_sent_bytes;
        if (isfinite(report->region_report.loss)) {
            loss += report->region_report.loss;
            losses++;
        }
        if (isfinite(report->region_report.test_accuracy)) {
            accuracy += report->region_report.test_accuracy;
            accuracies++;
        }
    }
    if (losses > 0)
        figures.loss = loss / losses;
    if (accuracies > 0)
        figures.accuracy = accuracy / accuracies;
    return figures;
}

static void s_measure_rate(progress_t *self, uint64_t samples, int64_t now_us)
{
    int64_t elapsed_us = now_us - self->rate_us;
    if (elapsed_us < PROGRESS_RATE_US)
        return;
    uint64_t done = samples > self->rate_samples ? samples - self->rate_samples : 0;
    double rate = (double)done * 1e6 / (double)elapsed_us;
    self->rate = self->rate > 0 ? 0.6 * self->rate + 0.4 * rate : rate;
    self->rate_us = now_us;
    self->rate_samples = samples;
}

static double s_share(const progress_t *self, const global_core_t *core, size_t region)
{
    const message_t *report = global_core_region(core, region).report;
    double total = (double)self->job->regions[region].samples * (double)self->job->epochs;
    return report && total > 0 ? (double)report->region_report.samples / total : 0;
}

/* ---- waits
 * --------------------------------------------------------------------------------------------------- */

/* Who explains a standstill best: the schedulers, then the shards, then whoever waits for them. */
static int s_rank(const char *actor)
{
    static const char *const roles[] = {"scheduler/", "shard/", "synchronizer/"};
    int rank = 0;
    while (rank < 3 && strncmp(actor, roles[rank], strlen(roles[rank])))
        rank++;
    return rank;
}

static const message_t *s_longest_wait(const global_core_t *core)
{
    const message_t *best = NULL;
    for (size_t i = 0; i < global_core_actor_count(core); i++) {
        const message_t *status = global_core_actor(core, i).status;
        if (!status || !status->status.waits_for[0])
            continue;
        int rank = s_rank(status->status.actor), least = best ? s_rank(best->status.actor) : 4;
        if (rank < least || (rank == least && status->status.since_us > best->status.since_us))
            best = status;
    }
    return best;
}

/* Nothing when there is progress; else who waits for whom. */
static void s_add_wait(line_t *line, const progress_t *self, const global_core_t *core, int64_t now_us)
{
    if (now_us - self->still_us < PROGRESS_STILL_US)
        return;
    char time[UNITS_TEXT_MAX];
    units_print_duration(now_us - self->still_us, time);
    for (size_t r = 0; r < self->topology->region_count; r++)
        if (!global_core_region(core, r).seen) {
            s_add(line, "waits for the broker of %s since %s  ", self->topology->regions[r].name, time);
            return;
        }
    const message_t *wait = s_longest_wait(core);
    if (wait)
        s_add(line, "%s waits for %s since %s  ", wait->status.actor, wait->status.waits_for, time);
}

static void s_note_samples(progress_t *self, uint64_t samples, int64_t now_us)
{
    if (samples == self->still_samples)
        return;
    self->still_samples = samples;
    self->still_us = now_us;
}

/* ---- lines
 * --------------------------------------------------------------------------------------------------- */

/* What a line shows: from everything to the least that still says how it goes. A terminal gets what fits. */
typedef struct {
    int bar; /* characters */
    bool regions, figures;
} view_t;

static const view_t s_views[] = {{24, true, true},   {12, true, true},  {24, true, false}, {8, true, false},
                                 {24, false, false}, {8, false, false}, {0, false, false}};
#define PROGRESS_VIEWS (sizeof s_views / sizeof *s_views)

static void s_add_bar(line_t *line, const progress_t *self, uint64_t samples, int width)
{
    double total = (double)self->job->samples_total;
    double share = total > 0 ? (double)samples / total : 0;
    int full = (int)(share * width);
    s_add(line, "[");
    for (int i = 0; i < width; i++)
        s_add(line, "%c", i < full ? '#' : '.');
    s_add(line, "] ");
}

static void s_add_regions(line_t *line, const progress_t *self, const global_core_t *core)
{
    for (size_t r = 0; r < self->topology->region_count; r++) {
        const char *name = self->topology->regions[r].name;
        const message_t *report = global_core_region(core, r).report;
        if (self->job)
            s_add(line, "%s %.0f%%  ", name, 100 * s_share(self, core, r));
        else if (report)
            s_add(line, "%s %llu samples  ", name, (unsigned long long)report->region_report.samples);
        else
            s_add(line, "%s not seen yet  ", name);
    }
}

static void s_add_loss(line_t *line, const figures_t *figures)
{
    if (isfinite(figures->loss))
        s_add(line, fabs(figures->loss) < 1e6 ? "loss %.4f  " : "loss %.3e  ", figures->loss);
    if (isfinite(figures->accuracy))
        s_add(line, "accuracy %.4f  ", figures->accuracy);
}

static void s_compose(const progress_t *self, const global_core_t *core, int64_t now_us, const view_t *view,
                      line_t *line)
{
    char size[UNITS_TEXT_MAX], time[UNITS_TEXT_MAX];
    figures_t figures = s_figures(self, core);
    run_state_t state = global_core_state(core);
    if (self->terminal && self->job && view->bar)
        s_add_bar(line, self, figures.samples, view->bar);
    if (state != RUN_TRAINING)
        s_add(line, "%s  ", report_state_name(state));
    if (state == RUN_STARTING || state == RUN_TRAINING || state == RUN_STOPPING)
        s_add_wait(line, self, core, now_us);
    if (view->regions)
        s_add_regions(line, self, core);
    if (view->figures)
        s_add(line, "%.0f samples/s  ", self->rate);
    s_add_loss(line, &figures);
    if (view->figures)
        s_add(line, "WAN %s  ", units_print_size(figures.wan_bytes, size));
    s_add(line, "%s", units_print_duration(now_us - self->began_us, time));
}

/* Over the line before; no longer than the terminal is wide, or it would scroll. */
static void s_draw(progress_t *self, const global_core_t *core, int64_t now_us, bool last)
{
    struct winsize window = {0};
    line_t line;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) || window.ws_col < 2)
        window.ws_col = PROGRESS_LINE_MAX;
    for (size_t i = 0; i < PROGRESS_VIEWS; i++) {
        line = (line_t){.length = 0};
        s_compose(self, core, now_us, &s_views[i], &line);
        if (line.length < window.ws_col)
            break;
    }
    if (line.length >= window.ws_col)
        line.text[window.ws_col - 1] = '\0';
    outlet_say("\r%s\033[K%s", line.text, last ? "\n" : "");
}

void progress_show(progress_t *self, const global_core_t *core, int64_t now_us, bool last)
{
    if (!self->shown)
        return;
    uint64_t samples = s_figures(self, core).samples;
    s_measure_rate(self, samples, now_us);
    s_note_samples(self, samples, now_us);
    if (!self->terminal && !last && now_us - self->printed_us < PROGRESS_LINE_US)
        return;
    self->printed_us = now_us;
    if (self->terminal) {
        s_draw(self, core, now_us, last);
    } else {
        line_t line = {.length = 0};
        s_compose(self, core, now_us, &s_views[0], &line);
        outlet_say("%s\n", line.text);
    }
}
