#include "deploy/launch/command.h"

#include "codec/base/outlet.h"

#include <stdarg.h>
#include <stdio.h>

int command_fail(exit_status_t status, const char *where, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fflush(stdout);
    outlet_say("cloudless: %s%s%s\n", where ? where : "", where ? ": " : "", text);
    return (int)status;
}
