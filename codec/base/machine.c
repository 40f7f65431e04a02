#include "codec/base/machine.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

void machine_name(char ret_name[MACHINE_NAME_MAX])
{
    char host[HOST_NAME_MAX + 1] = "";
    if (gethostname(host, sizeof host - 1) || !host[0])
        host[0] = '?';
    for (char *c = host; *c; c++)
        if (*c <= ' ' || *c >= 0x7f)
            *c = '_';
    snprintf(ret_name, MACHINE_NAME_MAX, "%s", host);
}
