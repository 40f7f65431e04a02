#include "deploy/launch/progress.h"

#include "codec/base/outlet.h"
#include "codec/base/units.h"
#include "deploy/launch/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PROGRESS_LINE_US 5000000 /* between two plain lines */
#define PROGRESS_BAR 12          /* characters */
#define PROGRESS_CUT_LEAST 16    /* of a text that is cut */

void progress_init(progress_t *self, bool shown, int64_t now_us)
{
    *self = (progress_t){.shown = shown, .began_us = now_us};
    self->terminal = shown && isatty(STDERR_FILENO);
}

/* ---- figures ---- */

typedef struct {
    const progress_t *self;
    const global_core_t *core;
    const headway_t *headway;
    int64_t now_us;
    uint64_t wan_bytes;
    double share, loss, accuracy, auc;
} scene_t;

static void s_mean(double value, double *sum, double *count)
{
    if (isfinite(value)) {
        *sum += value;
        *count += 1;
    }
}

static scene_t s_scene(const progress_t *self, const global_core_t *core, const headway_t *headway,
                       int64_t now_us)
{
    scene_t scene = {.self = self,
                     .core = core,
                     .headway = headway,
                     .now_us = now_us,
                     .share = headway_share(core, SIZE_MAX)};
    double loss = 0, losses = 0, accuracy = 0, accuracies = 0, auc = 0, aucs = 0;
    for (size_t r = 0; r < global_core_topology(core)->region_count; r++) {
        const message_t *report = global_core_region(core, r).report;
        if (!report)
            continue;
        scene.wan_bytes += report->region_report.wan_sent_bytes;
        s_mean(report->region_report.loss, &loss, &losses);
        s_mean(report->region_report.test_accuracy, &accuracy, &accuracies);
        s_mean(report_auc(report->region_report.test_auc), &auc, &aucs);
    }
    scene.loss = losses > 0 ? loss / losses : NAN;
    scene.accuracy = accuracies > 0 ? accuracy / accuracies : NAN;
    scene.auc = aucs > 0 ? auc / aucs : NAN;
    return scene;
}

/* ---- parts ---- */

typedef struct {
    char text[PROGRESS_LINE_MAX];
    size_t length;
} part_t;

static void s_add_text(part_t *part, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void s_add_text(part_t *part, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof part->text - part->length;
    int length = vsnprintf(part->text + part->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        part->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void s_bar(const scene_t *scene, part_t *part)
{
    if (!scene->self->terminal || !isfinite(scene->share))
        return;
    int full = (int)(scene->share * PROGRESS_BAR);
    s_add_text(part, "[");
    for (int i = 0; i < PROGRESS_BAR; i++)
        s_add_text(part, "%c", i < full ? '#' : '.');
    s_add_text(part, "]");
}

static void s_state(const scene_t *scene, part_t *part)
{
    run_state_t state = global_core_state(scene->core);
    if (state != RUN_TRAINING)
        s_add_text(part, "%s", report_state_name(state));
}

static void s_done(const scene_t *scene, part_t *part)
{
    uint64_t samples = headway_samples(scene->core, SIZE_MAX);
    if (isfinite(scene->share))
        s_add_text(part, "%.0f%%", floor(100 * scene->share));
    else if (samples)
        s_add_text(part, "%llu samples", (unsigned long long)samples);
}

static void s_wait(const scene_t *scene, part_t *part)
{
    char wait[HEADWAY_WAIT_MAX];
    s_add_text(part, "%s", headway_wait(scene->headway, scene->core, scene->now_us, wait));
}

static void s_regions(const scene_t *scene, part_t *part)
{
    const topology_t *topology = global_core_topology(scene->core);
    for (size_t r = 0; r < topology->region_count; r++) {
        double share = headway_share(scene->core, r);
        const char *name = topology->regions[r].name, *gap = part->length ? "  " : "";
        if (isfinite(share))
            s_add_text(part, "%s%s %.0f%%", gap, name, floor(100 * share));
        else
            s_add_text(part, "%s%s not seen yet", gap, name);
    }
}

static void s_rate(const scene_t *scene, part_t *part)
{
    s_add_text(part, "%.0f samples/s", headway_rate(scene->headway, scene->core, SIZE_MAX));
}

static void s_left(const scene_t *scene, part_t *part)
{
    char time[UNITS_TEXT_MAX];
    double left_s = headway_left_s(scene->headway, scene->core, SIZE_MAX);
    if (global_core_state(scene->core) == RUN_TRAINING && isfinite(left_s) && left_s > 0 && left_s < 1e9)
        s_add_text(part, "left %s", units_print_duration((int64_t)(left_s * 1e6), time));
}

static void s_loss(const scene_t *scene, part_t *part)
{
    if (isfinite(scene->loss))
        s_add_text(part, fabs(scene->loss) < 1e6 ? "loss %.4f" : "loss %.3e", scene->loss);
}

static void s_accuracy(const scene_t *scene, part_t *part)
{
    if (isfinite(scene->accuracy))
        s_add_text(part, "accuracy %.4f", scene->accuracy);
    if (isfinite(scene->auc))
        s_add_text(part, "%sAUC %.4f", part->length ? "  " : "", scene->auc);
}

static void s_wan(const scene_t *scene, part_t *part)
{
    char size[UNITS_TEXT_MAX];
    s_add_text(part, "WAN %s", units_print_size(scene->wan_bytes, size));
}

static void s_elapsed(const scene_t *scene, part_t *part)
{
    char time[UNITS_TEXT_MAX];
    s_add_text(part, "%s", units_print_duration(scene->now_us - scene->self->began_us, time));
}

/* In the order in which they are read; the greatest worth is kept longest. */
static const struct {
    void (*add)(const scene_t *scene, part_t *part);
    int worth;
    bool cut; /* may be cut short */
} s_parts[] = {{s_bar, 3, false},      {s_state, 12, false}, {s_done, 11, false},  {s_wait, 10, true},
               {s_regions, 4, false},  {s_left, 9, false},   {s_rate, 8, false},   {s_loss, 5, false},
               {s_accuracy, 6, false}, {s_wan, 2, false},    {s_elapsed, 7, false}};
#define PARTS (sizeof s_parts / sizeof *s_parts)

/* ---- lines ---- */

static size_t s_best(const part_t *parts, const bool *looked)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < PARTS; i++)
        if (parts[i].length && !looked[i] && (best == SIZE_MAX || s_parts[i].worth > s_parts[best].worth))
            best = i;
    return best;
}

void progress_compose(const progress_t *self, const global_core_t *core, const headway_t *headway,
                      int64_t now_us, size_t width, char out[PROGRESS_LINE_MAX])
{
    part_t parts[PARTS] = {0};
    bool looked[PARTS] = {false}, shown[PARTS] = {false};
    scene_t scene = s_scene(self, core, headway, now_us);
    size_t used = 0, room = (width < PROGRESS_LINE_MAX ? width : PROGRESS_LINE_MAX) - 1, best;
    for (size_t i = 0; i < PARTS; i++)
        s_parts[i].add(&scene, &parts[i]);
    while ((best = s_best(parts, looked)) != SIZE_MAX) {
        part_t *part = &parts[best];
        size_t gap = used ? 2 : 0, left = room > used + gap ? room - used - gap : 0;
        looked[best] = true;
        if (part->length > left && s_parts[best].cut && left >= PROGRESS_CUT_LEAST) {
            part->length = left;
            memcpy(part->text + left - 3, "...", 4);
        }
        shown[best] = part->length <= left;
        used += shown[best] ? part->length + gap : 0;
    }
    part_t line = {0};
    for (size_t i = 0; i < PARTS; i++)
        if (shown[i])
            s_add_text(&line, "%s%s", line.length ? "  " : "", parts[i].text);
    memcpy(out, line.text, PROGRESS_LINE_MAX);
}

/* Over the line before; no longer than the terminal is wide, or it would scroll. */
static size_t s_width(const progress_t *self)
{
    struct winsize window = {0};
    if (!self->terminal || ioctl(STDERR_FILENO, TIOCGWINSZ, &window) || window.ws_col < 2)
        return PROGRESS_LINE_MAX;
    return window.ws_col;
}

void progress_show(progress_t *self, const global_core_t *core, const headway_t *headway, int64_t now_us,
                   bool last)
{
    if (!self->shown || (!self->terminal && !last && now_us - self->printed_us < PROGRESS_LINE_US))
        return;
    char line[PROGRESS_LINE_MAX];
    self->printed_us = now_us;
    progress_compose(self, core, headway, now_us, s_width(self), line);
    if (self->terminal)
        outlet_say("\r%s\033[K%s", line, last ? "\n" : "");
    else
        outlet_say("%s\n", line);
}
