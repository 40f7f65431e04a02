#include "actors/model/kernel.h"

#include "actors/model/blas.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANDED_DOWN "CLOUDLESS_KERNEL" /* "NAME: WHY", from a process to those that it starts */
#define VERDICT_FIRST 40 /* exit status of a child: what a sanitizer or a shell would end with says nothing */
#define TRY_SECONDS 60   /* a check takes 0.1 s; a busy machine is no verdict */

/* ---- the choice ---- */

/* Processors that kernels need, best first within a level. OpenBLAS' names; others count as SSE. */
static const struct {
    const char *name;
    processor_level_t level;
    const char *vendor; /* NULL: of any */
} s_kernels[] = {
    {"SkylakeX", PROCESSOR_AVX512, NULL},
    {"Cooperlake", PROCESSOR_AVX512,
     ""}, /* more than AVX-512 alone: only where the library chooses it by itself */
    {"SapphireRapids", PROCESSOR_AVX512, ""},
    {"Zen", PROCESSOR_AVX2, "AuthenticAMD"},
    {"Haswell", PROCESSOR_AVX2, NULL},
    {"Excavator", PROCESSOR_AVX2, ""},
    {"Sandybridge", PROCESSOR_AVX, NULL},
    {"Bulldozer", PROCESSOR_AVX, ""},
    {"Piledriver", PROCESSOR_AVX, ""},
    {"Steamroller", PROCESSOR_AVX, ""},
    {"Nehalem", PROCESSOR_SSE, NULL},
    {"Prescott", PROCESSOR_SSE, NULL},
};
#define KERNELS (sizeof s_kernels / sizeof *s_kernels)

static processor_level_t s_level_of(const char *name)
{
    for (size_t i = 0; i < KERNELS; i++)
        if (!strcasecmp(name, s_kernels[i].name))
            return s_kernels[i].level;
    return PROCESSOR_SSE;
}

static bool s_may_run(size_t index, const processor_t *processor)
{
    const char *vendor = s_kernels[index].vendor;
    return s_kernels[index].level <= processor->level && (!vendor || !strcmp(vendor, processor->vendor));
}

static const char *s_verdict(kernel_verdict_t verdict)
{
    return verdict == KERNEL_RIGHT ? "checked" : verdict == KERNEL_WRONG ? "computes wrong" : "crashes";
}

static void s_take_kernel(kernel_t *kernel, const char *name, const char *why, const processor_t *processor)
{
    snprintf(kernel->name, sizeof kernel->name, "%s", name);
    snprintf(kernel->why, sizeof kernel->why, "%s, on %s family %u model %u with %s", why,
             processor->vendor[0] ? processor->vendor : "an unknown processor", processor->family,
             processor->model, processor_level_name(processor->level));
}

static err_code_t s_keep_own(const processor_t *processor, const char *own, kernel_try_fn *try, void *hint,
                             kernel_t *kernel, err_t *err)
{
    char name[KERNEL_NAME_MAX] = "", why[KERNEL_WHY_MAX / 2];
    kernel_verdict_t verdict = try(hint, own, name);
    if (verdict == KERNEL_CRASHES)
        return err_set(err, ERR_NUMBER, BLAS_KERNEL_VARIABLE "=%s crashes on this processor; unset it", own);
    kernel->wrong = verdict == KERNEL_WRONG;
    if (strcasecmp(name, own) != 0)
        snprintf(why, sizeof why,
                 "in place of " BLAS_KERNEL_VARIABLE "=%.32s, which OpenBLAS does not have, %s", own,
                 s_verdict(verdict));
    else
        snprintf(why, sizeof why, "set by " BLAS_KERNEL_VARIABLE ", %s", s_verdict(verdict));
    s_take_kernel(kernel, name, why, processor);
    return ERR_OK;
}

/* Down from the best, without the one that the library chooses by itself. */
static err_code_t s_search(const processor_t *processor, const char *rejected, kernel_verdict_t verdict,
                           kernel_try_fn *try, void *hint, kernel_t *kernel, err_t *err)
{
    char why[KERNEL_WHY_MAX / 2], name[KERNEL_NAME_MAX];
    for (size_t i = 0; i < KERNELS; i++) {
        name[0] = 0;
        if (!s_may_run(i, processor) || !strcasecmp(s_kernels[i].name, rejected))
            continue;
        if (verdict == KERNEL_RIGHT && s_kernels[i].level <= s_level_of(rejected))
            break; /* nothing better is right: the library's own is */
        if (try(hint, s_kernels[i].name, name) || strcasecmp(name, s_kernels[i].name) != 0)
            continue;
        snprintf(why, sizeof why, "checked; OpenBLAS would take %s, which %s", rejected[0] ? rejected : "one",
                 verdict == KERNEL_RIGHT ? "is older than the processor" : s_verdict(verdict));
        s_take_kernel(kernel, name, why, processor);
        return ERR_OK;
    }
    if (verdict != KERNEL_RIGHT)
        return err_set(err, ERR_NUMBER,
                       "no kernel of OpenBLAS computes right on this processor (its own choice, %s, %s); "
                       "install another version of OpenBLAS",
                       rejected[0] ? rejected : "unknown", s_verdict(verdict));
    s_take_kernel(kernel, rejected, "chosen by OpenBLAS, checked, and nothing better is right", processor);
    return ERR_OK;
}

err_code_t kernel_choose(const processor_t *processor, const char *own, kernel_try_fn *try, void *hint,
                         kernel_t *ret_kernel, err_t *err)
{
    *ret_kernel = (kernel_t){0};
    if (own && *own)
        return s_keep_own(processor, own, try, hint, ret_kernel, err);
    char name[KERNEL_NAME_MAX] = "";
    kernel_verdict_t verdict = try(hint, NULL, name);
    if (verdict != KERNEL_RIGHT || (processor->level && s_level_of(name) < processor->level))
        return s_search(processor, name, verdict, try, hint, ret_kernel, err);
    s_take_kernel(ret_kernel, name, "chosen by OpenBLAS, checked", processor);
    return ERR_OK;
}

/* ---- trying ---- */

/* In the child: tells the name, then ends with the verdict. */
static _Noreturn void s_try_here(const char *name, int out)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    alarm(TRY_SECONDS);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    if (name)
        setenv(BLAS_KERNEL_VARIABLE, name, 1);
    else
        unsetenv(BLAS_KERNEL_VARIABLE);
    int null = open("/dev/null",
                    O_WRONLY); /* "Core not found" is for us alone, as are a sanitizer's words of a crash */
    if (null >= 0)
        dup2(null, STDERR_FILENO);
    if (blas_open(NULL))
        _exit(VERDICT_FIRST + KERNEL_CRASHES);
    const char *is = blas_kernel();
    if (write(out, is, strlen(is)) < 0)
        _exit(VERDICT_FIRST + KERNEL_CRASHES);
    _exit(VERDICT_FIRST + (blas_is_right() ? KERNEL_RIGHT : KERNEL_WRONG));
}

static void s_read_name(int in, char ret_name[KERNEL_NAME_MAX])
{
    ssize_t count, all = 0;
    while ((count = read(in, ret_name + all, (size_t)(KERNEL_NAME_MAX - 1 - all))) > 0 ||
           (count < 0 && errno == EINTR))
        all += count > 0 ? count : 0;
    ret_name[all] = 0;
}

kernel_verdict_t kernel_try(void *hint, const char *name, char ret_name[KERNEL_NAME_MAX])
{
    (void)hint;
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC))
        return KERNEL_CRASHES;
    pid_t pid = fork();
    if (!pid)
        s_try_here(name, ends[1]);
    close(ends[1]);
    if (pid > 0)
        s_read_name(ends[0], ret_name);
    close(ends[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    int verdict = pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) - VERDICT_FIRST : KERNEL_CRASHES;
    return verdict == KERNEL_RIGHT || verdict == KERNEL_WRONG ? (kernel_verdict_t)verdict : KERNEL_CRASHES;
}

/* ---- once per process ---- */

static pthread_once_t s_once = PTHREAD_ONCE_INIT;
static kernel_t s_chosen;
static err_t s_err;

/* Returns whether the process that started this one has chosen. */
static bool s_is_handed_down(void)
{
    const char *text = getenv(HANDED_DOWN), *own = getenv(BLAS_KERNEL_VARIABLE);
    const char *why = text ? strstr(text, ": ") : NULL;
    if (!why || !own || strlen(own) != (size_t)(why - text) || strncmp(own, text, strlen(own)) != 0)
        return false;
    snprintf(s_chosen.name, sizeof s_chosen.name, "%s", own);
    snprintf(s_chosen.why, sizeof s_chosen.why, "%s", why + 2);
    return true;
}

static void s_hand_down(void)
{
    char text[KERNEL_NAME_MAX + 2 + KERNEL_WHY_MAX];
    snprintf(text, sizeof text, "%s: %s", s_chosen.name, s_chosen.why);
    setenv(BLAS_KERNEL_VARIABLE, s_chosen.name, 1);
    setenv(HANDED_DOWN, text, 1);
}

static err_code_t s_prepare(void)
{
    processor_t processor = processor_read();
    const char *own = getenv(BLAS_KERNEL_VARIABLE);
    if (!s_is_handed_down() && kernel_choose(&processor, own, kernel_try, NULL, &s_chosen, &s_err)) {
        err_t missing;
        return blas_open(&missing) ? err_set(&s_err, missing.code, "%s", missing.text) : s_err.code;
    }
    if (!own || !*own)
        s_hand_down();
    return blas_open(&s_err);
}

static void s_prepare_once(void)
{
    if (s_prepare())
        s_chosen = (kernel_t){0};
}

err_code_t kernel_prepare(err_t *err)
{
    pthread_once(&s_once, s_prepare_once);
    return s_err.code ? err_set(err, s_err.code, "%s", s_err.text) : ERR_OK;
}

const kernel_t *kernel_chosen(void)
{
    return &s_chosen;
}
