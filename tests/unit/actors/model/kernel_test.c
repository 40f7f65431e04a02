/* Processors of other machines are pretended: what they can, what the library takes there, and which
 * kernels go wrong. */
#include "actors/model/blas.h"
#include "actors/model/kernel.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *own;      /* what the library chooses by itself */
    const char *wrong[3]; /* compute wrong */
    const char *crashes[3];
    const char *lacks[3]; /* not in this build of the library: it takes its own */
    int tries;
} library_t;

static bool s_is_among(const char *const *names, const char *name)
{
    for (size_t i = 0; i < 3 && names[i]; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

static kernel_verdict_t s_try(void *hint, const char *name, char ret_name[KERNEL_NAME_MAX])
{
    library_t *self = hint;
    self->tries++;
    const char *is = name && !s_is_among(self->lacks, name) ? name : self->own;
    if (s_is_among(self->crashes, is))
        return KERNEL_CRASHES;
    snprintf(ret_name, KERNEL_NAME_MAX, "%s", is);
    return s_is_among(self->wrong, is) ? KERNEL_WRONG : KERNEL_RIGHT;
}

static const processor_t s_emerald_rapids = {"GenuineIntel", 6, 207, PROCESSOR_AVX512};
static const processor_t s_genoa = {"AuthenticAMD", 25, 17, PROCESSOR_AVX512};
static const processor_t s_milan = {"AuthenticAMD", 25, 1, PROCESSOR_AVX2};
static const processor_t s_raptor_lake = {"GenuineIntel", 6, 183, PROCESSOR_AVX2};
static const processor_t s_old = {"GenuineIntel", 6, 26, PROCESSOR_SSE};
static const processor_t s_arm = {"", 0, 0, PROCESSOR_UNKNOWN};

static kernel_t s_expect(const processor_t *processor, library_t library, const char *name, const char *why)
{
    kernel_t kernel;
    err_t err = {0};
    cr_assert_eq(kernel_choose(processor, NULL, s_try, &library, &kernel, &err), ERR_OK, "%s", err.text);
    cr_assert_str_eq(kernel.name, name);
    cr_assert(strstr(kernel.why, why), "%s", kernel.why);
    cr_assert_not(kernel.wrong);
    return kernel;
}

Test(kernel, of_a_processor_that_the_library_does_not_know_is_the_best_it_can_run)
{
    kernel_t kernel =
        s_expect(&s_emerald_rapids, (library_t){.own = "Prescott"}, "SkylakeX", "older than the processor");
    cr_assert(strstr(kernel.why, "GenuineIntel family 6 model 207 with AVX-512"), "%s", kernel.why);
    s_expect(&s_genoa, (library_t){.own = "Zen"}, "SkylakeX", "would take Zen");
    s_expect(&s_raptor_lake, (library_t){.own = "Prescott"}, "Haswell", "would take Prescott");
    s_expect(&s_milan, (library_t){.own = "Prescott"}, "Zen", "would take Prescott");
}

Test(kernel, of_a_processor_that_the_library_knows_is_the_librarys)
{
    s_expect(&s_milan, (library_t){.own = "Zen"}, "Zen", "chosen by OpenBLAS, checked");
    s_expect(&s_emerald_rapids, (library_t){.own = "SapphireRapids"}, "SapphireRapids", "chosen by OpenBLAS");
    s_expect(&s_old, (library_t){.own = "Nehalem"}, "Nehalem", "chosen by OpenBLAS");
    s_expect(&s_arm, (library_t){.own = "neoversen1"}, "neoversen1", "chosen by OpenBLAS");
}

Test(kernel, that_computes_wrong_or_crashes_or_is_not_built_gives_way_to_the_next_best)
{
    s_expect(&s_emerald_rapids, (library_t){.own = "Prescott", .wrong = {"SkylakeX"}}, "Haswell",
             "would take Prescott");
    s_expect(&s_emerald_rapids, (library_t){.own = "Prescott", .crashes = {"SkylakeX", "Haswell"}},
             "Sandybridge", "");
    s_expect(&s_emerald_rapids, (library_t){.own = "Prescott", .lacks = {"SkylakeX"}}, "Haswell", "");
    s_expect(&s_milan, (library_t){.own = "Zen", .wrong = {"Zen"}}, "Haswell", "Zen, which computes wrong");
    s_expect(&s_milan, (library_t){.own = "Zen", .crashes = {"Zen"}}, "Haswell", "crashes");
    s_expect(&s_raptor_lake, (library_t){.own = "Nehalem", .wrong = {"Haswell", "Sandybridge"}}, "Nehalem",
             "nothing better is right");
}

Test(kernel, is_never_one_that_the_processor_cannot_run)
{
    library_t library = {.own = "Prescott", .wrong = {"Prescott", "Nehalem"}};
    kernel_t kernel;
    err_t err = {0};
    cr_assert_eq(kernel_choose(&s_old, NULL, s_try, &library, &kernel, &err), ERR_NUMBER);
    cr_assert(strstr(err.text, "install another version"), "%s", err.text);
    cr_assert_eq(library.tries, 2);
}

Test(kernel, that_a_user_has_set_is_left_alone_and_said_to_be_wrong_when_it_is)
{
    library_t library = {.own = "Zen", .wrong = {"Haswell"}, .crashes = {"SkylakeX"}, .lacks = {"Zen5"}};
    kernel_t kernel;
    err_t err = {0};
    cr_assert_eq(kernel_choose(&s_milan, "Nehalem", s_try, &library, &kernel, &err), ERR_OK);
    cr_assert_str_eq(kernel.name, "Nehalem");
    cr_assert(strstr(kernel.why, "set by OPENBLAS_CORETYPE, checked"), "%s", kernel.why);
    cr_assert_eq(kernel_choose(&s_milan, "Haswell", s_try, &library, &kernel, &err), ERR_OK);
    cr_assert(kernel.wrong && strstr(kernel.why, "computes wrong"), "%s", kernel.why);
    cr_assert_eq(kernel_choose(&s_milan, "Zen5", s_try, &library, &kernel, &err), ERR_OK);
    cr_assert_str_eq(kernel.name, "Zen");
    cr_assert(strstr(kernel.why, "OPENBLAS_CORETYPE=Zen5, which OpenBLAS does not have"), "%s", kernel.why);
    cr_assert_eq(kernel_choose(&s_milan, "SkylakeX", s_try, &library, &kernel, &err), ERR_NUMBER);
    cr_assert(strstr(err.text, "unset it"), "%s", err.text);
    cr_assert_eq(library.tries, 4);
}

/* The library of this machine, which takes its oldest kernel, as it does where it does not know the
 * processor. */
static kernel_verdict_t s_try_as_unknown(void *hint, const char *name, char ret_name[KERNEL_NAME_MAX])
{
    return kernel_try(hint, name ? name : "Prescott", ret_name);
}

Test(kernel, of_this_machine_uses_what_its_processor_has)
{
    processor_t processor = processor_read();
    kernel_t kernel;
    err_t err = {0};
    cr_assert_eq(kernel_choose(&processor, NULL, s_try_as_unknown, NULL, &kernel, &err), ERR_OK, "%s",
                 err.text);
    if (processor.level >= PROCESSOR_AVX)
        cr_assert_str_neq(kernel.name, "Prescott");
}

Test(kernel, once_chosen_is_open_and_right)
{
    err_t err = {0};
    cr_assert_eq(kernel_prepare(&err), ERR_OK, "%s", err.text);
    cr_assert_str_eq(kernel_chosen()->name, blas_kernel());
    cr_assert(blas_is_right());
}
