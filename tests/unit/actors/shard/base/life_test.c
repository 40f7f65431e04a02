/* Life without a shard: which moves there are, and what each phase means to whoever asks. */
#include "actors/shard/base/life.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(life, an_entry_goes_through_its_phases)
{
    life_t life = {0};
    cr_assert(life_runs(&life));
    const life_phase_t way[] = {LIFE_ASKS,  LIFE_WANTS,  LIFE_ASKS, LIFE_WANTS,
                                LIFE_TAKES, LIFE_STORES, LIFE_RUNS};
    for (size_t i = 0; i < sizeof way / sizeof *way; i++) {
        life_move(&life, way[i]);
        cr_assert_eq(life_runs(&life), way[i] == LIFE_RUNS);
    }
}

Test(life, only_a_loss_makes_it_unsettled_and_only_until_its_new_state_is_there)
{
    life_t life = {0};
    life_move(&life, LIFE_ASKS);
    cr_assert_not(life_is_unsettled(&life));
    life.lossy = true;
    cr_assert(life_is_unsettled(&life));
    life_move(&life, LIFE_STORES);
    cr_assert_not(life_is_unsettled(&life));
}

Test(life, ends_after_handing_over_or_at_once)
{
    life_t life = {0};
    cr_assert_not(life_stops(&life));
    life_end(&life, END_HANDS);
    cr_assert(life_stops(&life));
    life_end(&life, END_STOPS);
    life_end(&life, END_STOPS);
    life_end(&life, END_DONE);
    cr_assert(life_stops(&life));
}

Test(life, does_not_train_before_what_it_took_is_stored, .signal = SIGABRT)
{
    life_t life = {.phase = LIFE_TAKES};
    life_move(&life, LIFE_RUNS);
}

Test(life, does_not_come_back_from_its_end, .signal = SIGABRT)
{
    life_t life = {.end = END_DONE};
    life_end(&life, END_STOPS);
}

Test(life, is_not_done_while_it_hands_over, .signal = SIGABRT)
{
    life_t life = {.end = END_HANDS};
    life_end(&life, END_DONE);
}
