/* main - one binary, `cloudless`; everything else is in deploy/cli. */
#include "deploy/cli/commands.h"
#include "deploy/launch/host.h"
#include "deploy/launch/init.h"

#include <malloc.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Tensors are allocated and freed all the time: without this each megabyte is mapped, faulted in and unmapped
 * anew. */
#define MAIN_KEEP_BYTES (1 << 30)

/* Before any library begins, some of which take their time: a signal that comes meanwhile waits until it can
 * be acted on. In a sanitizer's build nothing is there yet that this function may use. */
__attribute__((no_sanitize_address, no_sanitize_thread, no_sanitize_undefined)) static void
s_hold_signals(void)
{
    static const unsigned long set = 1UL << (SIGINT - 1) | 1UL << (SIGTERM - 1) | 1UL << (SIGHUP - 1);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, sizeof set);
}
__attribute__((section(".preinit_array"), used)) static void (*const s_first)(void) = s_hold_signals;

int main(int argc, char **argv)
{
    if (init_is_needed())
        return init_run(argv);
    mallopt(M_MMAP_THRESHOLD, MAIN_KEEP_BYTES);
    mallopt(M_TRIM_THRESHOLD, MAIN_KEEP_BYTES);
    host_prepare();
    return cli_main(argc, argv, commands);
}
