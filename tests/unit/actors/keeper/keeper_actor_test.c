/* The shell of a keeper on a real disk, driven without a broker: its operations are called by hand. */
#include "actors/keeper/keeper_actor.h"

#include "actors/keeper/keeper_core.h"
#include "actors/keeper/transfer.h"
#include "store/statedir.h"
#include "store/statedir_latest.h"
#include "store/statedir_stores.h"
#include "tests/unit/store/power.h"
#include "tests/unit/store/temp.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <poll.h>

#define NAME "keeper/eu/b"
#define SHARD "shard/eu/0"

typedef struct {
    temp_t temp;
    topology_t topology;
    shell_spec_t spec;
    void *core;
} bench_t;

static void s_open(bench_t *b)
{
    keeper_actor_t keeper = {.topology = &b->topology, .state_dir = b->temp.dir};
    uint64_t incarnation = 50;
    err_t err = {0};
    b->spec = (shell_spec_t){.name = NAME};
    keeper_actor_fill(&keeper, &b->spec);
    cr_assert_eq(b->spec.ops->open(b->spec.hint, &incarnation, &b->core, &err), ERR_OK, "%s", err.text);
}

static void s_close(bench_t *b)
{
    b->spec.role->destroy(&b->core);
    b->spec.ops->close(b->spec.hint);
}

static bench_t *s_bench(void)
{
    bench_t *b = calloc(1, sizeof *b);
    temp_init(&b->temp);
    b->topology.region_count = 1;
    strcpy(b->topology.regions[0].name, "eu");
    b->topology.regions[0].shards = 1;
    s_open(b);
    return b;
}

static void s_free(bench_t *b)
{
    s_close(b);
    temp_fini(&b->temp);
    free(b);
}

static message_t *s_take(bench_t *b, message_kind_t kind)
{
    message_t *m;
    while ((m = outbox_take(b->spec.role->outbox(b->core)))) {
        if (m->kind == kind)
            return m;
        message_destroy(&m);
    }
    return NULL;
}

/* Works until there is a message of a kind: what is written is waited for at the descriptor. */
static message_t *s_wait(bench_t *b, message_kind_t kind)
{
    message_t *m;
    b->spec.ops->work(b->spec.hint, b->core, 1);
    while (!(m = s_take(b, kind))) {
        struct pollfd fd = {.fd = b->spec.ops->fd(b->spec.hint), .events = POLLIN};
        cr_assert_eq(poll(&fd, 1, -1), 1);
        b->spec.ops->work(b->spec.hint, b->core, 1);
    }
    return m;
}

static void s_keep(bench_t *b, uint64_t incarnation, uint64_t number)
{
    snapshot_id_t id = {.history = 7, .number = number, .incarnation = incarnation};
    snapshot_t *snapshot = snapshot_new(&id);
    buf_t *buf = buf_new_zero(100000);
    cr_assert_eq(snapshot_add(snapshot, "w", &buf, NULL), ERR_OK);
    giver_t *giver = NULL;
    cr_assert_eq(giver_new(snapshot, "eu", 0, SHARD, incarnation, &giver, NULL), ERR_OK);
    snapshot_destroy(&snapshot);
    outbox_t out;
    outbox_init(&out);
    giver_offer(giver, NAME, 0, &out);
    message_t *m;
    while ((m = outbox_take(&out))) {
        b->spec.role->message(b->core, &m, 1);
        while ((m = s_take(b, KIND_snapshot_fetch))) {
            giver_serve(giver, m, &out);
            message_destroy(&m);
        }
    }
    m = s_wait(b, KIND_snapshot_kept);
    cr_assert_eq(m->snapshot_kept.code, ERR_OK);
    cr_assert_eq(m->snapshot_kept.number, number);
    message_destroy(&m);
    outbox_fini(&out);
    giver_destroy(&giver);
}

/* Seals with an incarnation, and says what is held. */
static void s_expect_held(bench_t *b, uint64_t seal, uint64_t incarnation, uint64_t number)
{
    message_t *m = message_new(KIND_seal, NAME, "scheduler/eu");
    message_set_name(m->seal.region, "eu");
    m->seal.incarnation = seal;
    b->spec.role->message(b->core, &m, 1);
    m = s_wait(b, KIND_sealed);
    cr_assert_eq(m->sealed.incarnation, incarnation);
    cr_assert_eq(m->sealed.number, number);
    message_destroy(&m);
}

static void s_expect_latest(const bench_t *b, uint64_t incarnation, uint64_t number)
{
    statedir_latest_t latest;
    err_t err = {0};
    cr_assert_eq(statedir_shard_latest(b->temp.dir, "eu", 0, &latest, &err), ERR_OK, "%s", err.text);
    cr_assert(latest.kept);
    cr_assert_eq(latest.incarnation, incarnation);
    cr_assert_eq(latest.number, number);
}

Test(keeper_actor, what_is_kept_is_on_the_disk_and_found_again)
{
    bench_t *b = s_bench();
    s_keep(b, 3, 5);
    s_keep(b, 3, 6);
    s_close(b);
    s_expect_latest(b, 3, 6);
    s_open(b);
    s_expect_held(b, 9, 3, 6);
    s_close(b);
    uint64_t seal = 0;
    cr_assert_eq(statedir_sealed(b->temp.dir, "eu", 0, &seal, NULL), ERR_OK);
    cr_assert_eq(seal, 9);
    s_open(b);
    s_free(b);
}

/* Whoever hears that it is kept counts on it. */
static void s_check_power_cut(durability_t durability, bool survives)
{
    char left[TEMP_PATH_MAX];
    statedir_latest_t latest = {0};
    bench_t *b = s_bench();
    b->topology.checkpoint.durability = durability;
    s_keep(b, 3, 5);
    power_cut(b->temp.dir, temp_path(&b->temp, "left", left));
    bool there = !statedir_shard_latest(left, "eu", 0, &latest, NULL) && latest.number == 5;
    cr_assert_eq(there, survives, "durability %d", (int)durability);
    s_free(b);
}

Test(keeper_actor, what_is_kept_survives_a_power_cut_as_far_as_was_asked_for)
{
    s_check_power_cut(DURABILITY_DISK, true);
    s_check_power_cut(DURABILITY_REPLICA, true);
    s_check_power_cut(DURABILITY_PROCESS, false);
}

Test(keeper_actor, a_sealed_store_is_closed_for_the_shard_that_starts_from_it)
{
    bench_t *b = s_bench();
    s_keep(b, 3, 5);
    s_expect_held(b, 9, 3, 5);
    s_expect_latest(b, 3, 5); /* opened by this process while the keeper lives */
    s_keep(b, 9, 6);
    s_free(b);
}

Test(keeper_actor, old_incarnations_are_removed_but_for_the_one_before)
{
    bench_t *b = s_bench();
    for (uint64_t incarnation = 3; incarnation <= 6; incarnation++)
        s_keep(b, incarnation, 5);
    uint64_t *items = NULL;
    size_t count = 0;
    cr_assert_eq(statedir_kept_list(b->temp.dir, "eu", 0, &items, &count, NULL), ERR_OK);
    cr_assert_eq(count, 2);
    cr_assert_eq(items[0], 6);
    cr_assert_eq(items[1], 5);
    free(items);
    s_free(b);
}

/* Zeros over pages of a copy's store, from a page on. */
static void s_damage(const bench_t *b, const char *store, off_t from, off_t to)
{
    char path[TEMP_PATH_MAX], zeros[4096] = {0};
    int fd = open(temp_path(&b->temp, store, path), O_WRONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    for (off_t at = from * 4096; at < to * 4096; at += 4096)
        cr_assert_eq(pwrite(fd, zeros, sizeof zeros, at), (ssize_t)sizeof zeros);
    close(fd);
}

Test(keeper_actor, a_copy_damaged_on_the_disk_does_not_count)
{
    bench_t *b = s_bench();
    s_keep(b, 3, 5);
    s_keep(b, 4, 6);
    s_close(b);
    s_damage(b, "eu/kept-0/0000000000000004/data.mdb", 2, 30);
    s_open(b);
    s_expect_held(b, 9, 3, 5);
    s_free(b);
}

/* Its shard goes on giving it under the number that the damaged store knows. */
Test(keeper_actor, a_damaged_copy_is_replaced_by_the_same_snapshot)
{
    static const off_t ends[] = {30, 3}; /* all of its values, or no more than a page */
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        bench_t *b = s_bench();
        s_keep(b, 3, 5);
        s_keep(b, 4, 6);
        s_close(b);
        s_damage(b, "eu/kept-0/0000000000000004/data.mdb", 2, ends[i]);
        s_open(b);
        s_keep(b, 4, 6);
        s_close(b);
        s_open(b);
        s_expect_held(b, 9, 4, 6);
        s_free(b);
    }
}
