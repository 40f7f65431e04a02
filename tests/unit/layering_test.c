/* The layering and the doorways of ARCHITECTURE.md, and that names of actors are made in one place, checked over every source file
 * there is. */
#include "codec/wire/actor_name.h"

#include <criterion/criterion.h>

#include <fnmatch.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>

/* In order: a layer may include itself and those before it. */
static const char *const s_layers[] = {"codec", "store", "brokers", "actors", "deploy"};
#define LAYERS (sizeof s_layers / sizeof *s_layers)

/* Says which versions are loaded, and calls nothing else of them. */
#define VERSION "deploy/cli/version.c"

/* The only files (patterns of paths from the root) that may include a library's header. */
static const struct {
    const char *header;
    const char *files[6];
} s_doorways[] = {
    {"msgpack.h", {"codec/wire/*", VERSION}},
    {"lmdb.h", {"store/kv_lmdb.c", VERSION}},
    {"archive.h", {"store/archive.c", "store/archive_read.c", VERSION}},
    {"archive_entry.h", {"store/archive.c", "store/archive_read.c"}},
    {"cblas.h", {"actors/model/*"}},
    {"yaml.h", {"brokers/yaml.c", VERSION}},
    {"jansson.h", {"codec/base/json.c", VERSION}},
    {"xxhash.h", {"codec/base/hash.c", VERSION}},
    {"sodium.h", {"codec/base/hash.c", VERSION}},
    {"zlib.h", {"actors/model/idx.c", VERSION}},
    {"czmq.h", {"*_actor.c", "*_zmq.c", "*_zmq.h", "actors/kit/*", "deploy/*"}},
    {"zmq.h", {"*_actor.c", "*_zmq.c", "*_zmq.h", "actors/kit/*", "deploy/*"}},
};
#define DOORWAYS (sizeof s_doorways / sizeof *s_doorways)

static size_t s_files, s_includes, s_wrong, s_wrong_names;

static size_t s_layer_of(const char *path)
{
    for (size_t i = 0; i < LAYERS; i++) {
        size_t n = strlen(s_layers[i]);
        if (!strncmp(path, s_layers[i], n) && path[n] == '/')
            return i;
    }
    return LAYERS;
}

static void s_blame(const char *path, int line, const char *header, const char *why)
{
    s_wrong++;
    cr_log_error("%s:%d: includes %s: %s", path, line, header, why);
}

static void s_check_library(const char *path, int line, const char *header)
{
    for (size_t i = 0; i < DOORWAYS; i++) {
        if (strcmp(header, s_doorways[i].header))
            continue;
        for (size_t k = 0; k < 6 && s_doorways[i].files[k]; k++)
            if (!fnmatch(s_doorways[i].files[k], path, 0))
                return;
        s_blame(path, line, header, "a library has one doorway; call what that file offers");
    }
}

static void s_check_include(const char *path, int line, const char *text)
{
    char mark, header[256];
    if (sscanf(text, " # include %c%255[^>\"]", &mark, header) != 2)
        return;
    s_includes++;
    if (mark == '<') {
        s_check_library(path, line, header);
        return;
    }
    size_t theirs = s_layer_of(header);
    if (theirs == LAYERS)
        s_blame(path, line, header, "write the path from the root, below one of the layers");
    else if (theirs > s_layer_of(path))
        s_blame(path, line, header, "a lower layer may not include a higher one");
}

/* Comments are cut away as far as they are on lines of their own, or behind the code. */
static void s_check_names(const char *path, int line, char *text)
{
    if (!strncmp(path, "codec/wire/actor_name.", 22) || text[strspn(text, " ")] == '*')
        return;
    char *comment = strstr(text, "/*");
    if (comment)
        *comment = '\0';
    for (actor_role_t role = 0; role < ROLE_NONE; role++) {
        char begin[32];
        snprintf(begin, sizeof begin, "\"%s/", actor_role_text(role));
        if (!strstr(text, begin))
            continue;
        s_wrong_names++;
        cr_log_error("%s:%d: writes a name of %s by hand: call codec/wire/actor_name.h", path, line,
                     actor_role_text(role));
    }
}

static int s_visit(const char *full, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)where;
    size_t n = strlen(full);
    if (type != FTW_F || n < 2 || (strcmp(full + n - 2, ".c") && strcmp(full + n - 2, ".h")))
        return 0;
    FILE *file = fopen(full, "r");
    cr_assert(file, "cannot read %s", full);
    char text[1024];
    for (int line = 1; fgets(text, sizeof text, file); line++) {
        s_check_include(full + strlen(SOURCE_DIR) + 1, line, text);
        s_check_names(full + strlen(SOURCE_DIR) + 1, line, text);
    }
    fclose(file);
    s_files++;
    return 0;
}

Test(layering, includes_point_one_way_libraries_have_one_doorway_and_names_one_maker)
{
    for (size_t i = 0; i < LAYERS; i++) {
        char folder[1024];
        snprintf(folder, sizeof folder, "%s/%s", SOURCE_DIR, s_layers[i]);
        size_t before = s_files;
        cr_assert(!nftw(folder, s_visit, 16, FTW_PHYS), "cannot walk %s", folder);
        cr_assert(s_files > before, "no source file in %s: nothing was checked", folder);
    }
    printf("layering: %zu files, %zu includes, %zu wrong\n", s_files, s_includes, s_wrong);
    cr_assert(s_includes > s_files, "fewer includes than files: the check does not read them");
    cr_assert_eq(s_wrong, 0);
    cr_assert_eq(s_wrong_names, 0);
}
