/* main - one binary, `cloudless`; everything else is in deploy/cli. */
#include "deploy/cli/commands.h"
#include "deploy/launch/host.h"

#include <malloc.h>

/* Tensors are allocated and freed all the time: without this each megabyte is mapped, faulted in and unmapped
 * anew. */
#define MAIN_KEEP_BYTES (1 << 30)

int main(int argc, char **argv)
{
    mallopt(M_MMAP_THRESHOLD, MAIN_KEEP_BYTES);
    mallopt(M_TRIM_THRESHOLD, MAIN_KEEP_BYTES);
    host_prepare();
    return cli_main(argc, argv, commands);
}
