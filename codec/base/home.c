#include "codec/base/home.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *home_expand(const char *path, char *out, size_t size)
{
    const char *home = getenv("HOME");
    bool at_home = path[0] == '~' && (path[1] == '/' || !path[1]);
    if (!at_home || !home || strlen(home) + strlen(path) > size)
        home = "";
    snprintf(out, size, "%s%s", home, path + (home[0] ? 1 : 0));
    return out;
}
