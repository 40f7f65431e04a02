/* The schedulers' store: damage is found, a disk that fails loses nothing that was stored, a new
 * curve replaces the old. */
#include "actors/scheduler/base/journal.h"
#include "store/kv_mem.h"
#include "store/verify.h"
#include "tests/unit/store/temp.h"

#include <criterion/criterion.h>
#include <fcntl.h>

typedef struct {
    uint64_t restarts, decisions, legacy;
    size_t rows;
    double epoch;
} played_t;

static message_t *s_state(const void *core, int64_t now_us)
{
    message_t *state = message_new(KIND_region_state, "scheduler/eu", "scheduler/eu");
    state->region_state.restarts = ((const played_t *)core)->restarts;
    (void)now_us;
    return state;
}

static size_t s_row_count(const void *core, size_t region)
{
    return region == 1 ? ((const played_t *)core)->rows : 0;
}

static message_t *s_row(const void *core, size_t region, size_t index)
{
    message_t *row = message_new(KIND_curve, "scheduler/eu", "scheduler/eu");
    cr_assert_eq(region, 1);
    row->curve.index = index;
    row->curve.epoch = ((const played_t *)core)->epoch + (double)index;
    return row;
}

static uint64_t s_decisions(const void *core)
{
    return ((const played_t *)core)->decisions;
}

static void s_stored(void *core, uint64_t decisions)
{
    ((played_t *)core)->legacy = decisions;
}

static const journal_source_t s_source = {
    .state = s_state, .row_count = s_row_count, .row = s_row, .decisions = s_decisions, .stored = s_stored};

/* Reads as a successor does. */
static err_code_t s_load(kv_t *kv, legacy_t *ret_legacy)
{
    journal_t *journal = journal_new(kv, &s_source, 2);
    err_code_t rc = journal_load(journal, KIND_region_state, ret_legacy, NULL);
    journal_destroy(&journal);
    return rc;
}

Test(journal, stores_at_decisions_and_now_and_then)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_DISK);
    journal_t *journal = journal_new(kv, &s_source, 2);
    played_t core = {.restarts = 1};
    cr_assert_eq(journal_work(journal, &core, 0, NULL), ERR_OK);
    uint64_t commits = kv_mem_calls(kv, KV_MEM_COMMIT);
    core.restarts = 2;
    cr_assert_eq(journal_work(journal, &core, JOURNAL_EVERY_US - 1, NULL), ERR_OK);
    cr_assert_eq(kv_mem_calls(kv, KV_MEM_COMMIT), commits);
    core.decisions = 1;
    cr_assert_eq(journal_work(journal, &core, JOURNAL_EVERY_US - 1, NULL), ERR_OK);
    cr_assert_eq(kv_mem_calls(kv, KV_MEM_COMMIT), commits + 1);
    cr_assert_eq(core.legacy, 1);
    cr_assert_eq(journal_work(journal, &core, 3 * JOURNAL_EVERY_US, NULL), ERR_OK);
    cr_assert_eq(kv_mem_calls(kv, KV_MEM_COMMIT), commits + 1, "nothing has changed");
    journal_destroy(&journal);
    kv_destroy(&kv);
}

Test(journal, a_full_disk_is_tried_again_and_what_was_stored_is_intact)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_DISK);
    journal_t *journal = journal_new(kv, &s_source, 2);
    played_t core = {.restarts = 1, .decisions = 1};
    legacy_t legacy;
    cr_assert_eq(journal_work(journal, &core, 0, NULL), ERR_OK);
    kv_mem_set_fault(kv, KV_MEM_COMMIT, (kv_mem_fault_t){.repeat = 1, .code = ERR_FULL});
    core = (played_t){.restarts = 2, .decisions = 2};
    cr_assert_eq(journal_work(journal, &core, 1, NULL), ERR_FULL);
    cr_assert_eq(journal_work(journal, &core, 2, NULL), ERR_OK, "not with every event");
    cr_assert_eq(kv_mem_failed(kv, KV_MEM_COMMIT), 1);
    cr_assert_eq(core.legacy, 0);
    cr_assert_eq(s_load(kv, &legacy), ERR_OK);
    cr_assert_eq(legacy.state->region_state.restarts, 1);
    legacy_fini(&legacy);
    cr_assert_eq(journal_work(journal, &core, 1 + JOURNAL_EVERY_US, NULL), ERR_OK);
    cr_assert_eq(core.legacy, 2);
    cr_assert_eq(s_load(kv, &legacy), ERR_OK);
    cr_assert_eq(legacy.state->region_state.restarts, 2);
    legacy_fini(&legacy);
    journal_destroy(&journal);
    kv_destroy(&kv);
}

static size_t s_passed(journal_t *journal, const played_t *core, int64_t now_us)
{
    static const struct {
        message_kind_t kind;
        bool done;
    } said[] = {{KIND_stop, true}, {KIND_status, false}, {KIND_bye, false}, {KIND_stop, false}};
    outbox_t outbox;
    message_t *message;
    size_t passed = 0;
    outbox_init(&outbox);
    for (size_t i = 0; i < 4; i++) {
        message = message_new(said[i].kind, "node/eu/a", "scheduler/eu");
        if (said[i].kind == KIND_stop)
            message->stop.done = said[i].done;
        outbox_add(&outbox, &message);
    }
    cr_assert_eq(journal_withhold(journal, core, &outbox, now_us), outbox.count - outbox.head < 4);
    while ((message = outbox_take(&outbox))) {
        passed++;
        message_destroy(&message);
    }
    outbox_fini(&outbox);
    return passed;
}

/* A successor could ask nobody any more. */
Test(journal, who_would_go_for_good_is_not_let_go_before_the_decision_is_kept)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_DISK);
    journal_t *journal = journal_new(kv, &s_source, 2);
    played_t core = {.decisions = 1};
    kv_mem_set_fault(kv, KV_MEM_COMMIT, (kv_mem_fault_t){.repeat = 2, .code = ERR_FULL});
    cr_assert_eq(journal_work(journal, &core, 0, NULL), ERR_FULL);
    cr_expect_eq(s_passed(journal, &core, 0), 2, "a drain's stop, and the rest");
    cr_assert_eq(journal_work(journal, &core, 1, NULL), ERR_OK, "not tried yet");
    cr_expect_eq(s_passed(journal, &core, 1), 2);
    cr_assert_eq(journal_work(journal, &core, JOURNAL_EVERY_US, NULL), ERR_FULL);
    cr_expect_eq(s_passed(journal, &core, JOURNAL_WITHHOLD_US - 1), 2);
    cr_expect_eq(s_passed(journal, &core, JOURNAL_WITHHOLD_US), 4, "there may never be room");
    cr_assert_eq(journal_work(journal, &core, 2 * JOURNAL_WITHHOLD_US, NULL), ERR_OK);
    cr_expect_eq(s_passed(journal, &core, 2 * JOURNAL_WITHHOLD_US), 4);
    core.decisions = 2;
    cr_expect_eq(s_passed(journal, &core, 2 * JOURNAL_WITHHOLD_US), 2, "the next one is another");
    journal_destroy(&journal);
    kv_destroy(&kv);
}

Test(journal, rows_are_added_and_a_curve_that_begins_anew_replaces_the_old)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_DISK);
    journal_t *journal = journal_new(kv, &s_source, 2);
    played_t core = {.rows = 700};
    legacy_t legacy;
    cr_assert_eq(journal_now(journal, &core, 0, NULL), ERR_OK);
    cr_assert_eq(s_load(kv, &legacy), ERR_OK);
    cr_assert_eq(legacy.regions[1].row_count, 700, "more than one transaction takes");
    cr_assert_eq(legacy.regions[0].row_count, 0);
    legacy_fini(&legacy);
    core = (played_t){.rows = 2, .epoch = 50};
    cr_assert_eq(journal_now(journal, &core, 0, NULL), ERR_OK);
    cr_assert_eq(s_load(kv, &legacy), ERR_OK);
    cr_assert_eq(legacy.regions[1].row_count, 2);
    cr_assert_eq(legacy.regions[1].rows[1]->curve.epoch, 51);
    legacy_fini(&legacy);
    cr_assert_eq(journal_clear(kv, NULL), ERR_OK);
    cr_assert_eq(s_load(kv, &legacy), ERR_OK);
    cr_assert_null(legacy.state);
    journal_destroy(&journal);
    kv_destroy(&kv);
}

Test(journal, damage_is_found)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_DISK);
    journal_t *journal = journal_new(kv, &s_source, 2);
    played_t core = {.restarts = 1, .rows = 3};
    legacy_t legacy;
    cr_assert_eq(journal_now(journal, &core, 0, NULL), ERR_OK);
    cr_assert_eq(journal_check(kv, NULL), ERR_OK);
    cr_assert(kv_mem_flip(kv, "row/0001/00000001", 30, 4));
    cr_assert_eq(journal_check(kv, NULL), ERR_CHECKSUM);
    cr_assert_eq(s_load(kv, &legacy), ERR_OK);
    cr_assert_eq(legacy.regions[1].row_count, 1, "up to the damaged one");
    legacy_fini(&legacy);
    for (size_t offset = 0; offset < 30; offset++) {
        cr_assert(kv_mem_flip(kv, "state", offset, 1));
        cr_assert_neq(s_load(kv, &legacy), ERR_OK, "byte %zu", offset);
        cr_assert_null(legacy.state);
        cr_assert(kv_mem_flip(kv, "state", offset, 1));
    }
    cr_assert(kv_mem_resize(kv, "state", 7));
    cr_assert_eq(s_load(kv, &legacy), ERR_MALFORMED);
    journal_destroy(&journal);
    kv_destroy(&kv);
}

static void s_spoil(const char *path)
{
    char file[TEMP_PATH_MAX + 16], zeros[8192] = {0};
    snprintf(file, sizeof file, "%s/data.mdb", path);
    int fd = open(file, O_WRONLY);
    cr_assert(fd >= 0 && write(fd, zeros, sizeof zeros) == sizeof zeros);
    close(fd);
}

Test(journal, a_damaged_store_is_set_aside_and_a_new_one_begun)
{
    temp_t temp;
    char path[TEMP_PATH_MAX], aside[TEMP_PATH_MAX];
    kv_t *kv = NULL;
    err_t err = {0}, lost = {0};
    temp_init(&temp);
    temp_path(&temp, "scheduler", path);
    temp_path(&temp, ".damaged-scheduler", aside);
    for (int i = 0; i < 2; i++) { /* also when one was set aside before */
        cr_assert_eq(journal_open(path, &kv, &lost, &err), ERR_OK, "%s", err.text);
        cr_assert_eq(lost.code, i ? ERR_MALFORMED : ERR_OK, "%s", lost.text);
        cr_assert_eq(kv_store(kv, "term", "12345678", 8, &err), ERR_OK);
        kv_destroy(&kv);
        cr_assert_eq(journal_open(path, &kv, &lost, &err), ERR_OK);
        cr_assert_eq(lost.code, ERR_OK, "a whole one stays: %s", lost.text);
        kv_destroy(&kv);
        s_spoil(path);
    }
    cr_assert_eq(journal_set_aside(path, true, &lost, &err), ERR_OK);
    cr_assert(lost.code && !access(path, F_OK), "a dry run leaves it");
    cr_assert_eq(journal_open(path, &kv, &lost, &err), ERR_OK, "%s", err.text);
    cr_assert(strstr(lost.text, path) && strstr(lost.text, aside), "%s", lost.text);
    buf_t *value = NULL;
    cr_assert_eq(kv_get(kv, "term", &value, &err), ERR_NOT_FOUND);
    kv_destroy(&kv);
    temp_fini(&temp);
}

Test(journal, what_is_not_there_is_begun_and_nothing_was_lost)
{
    temp_t temp;
    char path[TEMP_PATH_MAX];
    kv_t *kv = NULL;
    err_t lost = {0};
    verify_report_t report = {0};
    temp_init(&temp);
    cr_assert_eq(journal_open(temp_path(&temp, "scheduler", path), &kv, &lost, NULL), ERR_OK);
    cr_assert_eq(lost.code, ERR_OK);
    cr_assert_eq(kv_store(kv, "a", "b", 1, NULL), ERR_OK);
    cr_assert_eq(verify_keys_dir(path, &report, NULL), ERR_OK);
    cr_assert(report.values == 1 && report.problem_total == 0);
    verify_report_fini(&report);
    kv_destroy(&kv);
    temp_fini(&temp);
}
