/* The layers and rooms of tests/structure/rooms, the doorways of ARCHITECTURE.md, and that names of actors
 * are made in one place, checked over every source file there is. */
#include "codec/wire/actor_name.h"

#include <criterion/criterion.h>

#include <fnmatch.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MAX 16
#define ROOMS_MAX 16

/* A folder and its rooms: each may include itself and those before it; what lies in the folder itself may
 * include all. */
typedef struct {
    char folder[128]; /* with a slash at its end; empty: the root, whose rooms are the layers */
    char rooms[ROOMS_MAX][64];
    size_t count;
} row_t;

static row_t s_rows[ROWS_MAX]; /* the first is the root's */
static size_t s_row_count;

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
    {"dnnl.h", {"actors/model/onednn.c"}},
    {"yaml.h", {"brokers/yaml.c", VERSION}},
    {"jansson.h", {"codec/base/json.c", VERSION}},
    {"xxhash.h", {"codec/base/hash.c", VERSION}},
    {"sodium.h", {"codec/base/hash.c", VERSION}},
    {"zlib.h", {"actors/model/data/packed.c", VERSION}},
    {"czmq.h", {"*_actor.c", "*_zmq.c", "*_zmq.h", "actors/kit/*", "deploy/*"}},
    {"zmq.h", {"*_actor.c", "*_zmq.c", "*_zmq.h", "actors/kit/*", "deploy/*"}},
};
#define DOORWAYS (sizeof s_doorways / sizeof *s_doorways)

static size_t s_files, s_includes, s_wrong, s_wrong_names;
static bool s_quiet; /* what is wrong is only counted: a logged error fails the program */

/* "FOLDER ROOM ROOM ..." */
static void s_read_row(char *line)
{
    char *word = strtok(line, " \n");
    if (!word || word[0] == '#' || word[0] == '~') /* ~: not yet */
        return;
    cr_assert(s_row_count < ROWS_MAX);
    row_t *row = &s_rows[s_row_count++];
    if (strcmp(word, ".") != 0)
        snprintf(row->folder, sizeof row->folder, "%s/", word);
    while ((word = strtok(NULL, " \n"))) {
        cr_assert(row->count < ROOMS_MAX);
        snprintf(row->rooms[row->count++], sizeof row->rooms[0], "%s", word);
    }
}

static void s_read_rows(void)
{
    FILE *file = fopen(SOURCE_DIR "/tests/structure/rooms", "r");
    cr_assert(file);
    char line[1024];
    while (fgets(line, sizeof line, file))
        s_read_row(line);
    fclose(file);
    cr_assert(s_row_count > 1 && !s_rows[0].folder[0] && s_rows[0].count, "the first row is of the layers");
}

static bool s_is_within(const row_t *row, const char *path)
{
    return !strncmp(path, row->folder, strlen(row->folder));
}

#define NO_ROOM SIZE_MAX

/* Of a path below the folder: the place of its room, and above all of them that of what lies in the folder
 * itself. A room within a room is meant rather than the room around it. */
static size_t s_room_of(const row_t *row, const char *path)
{
    const char *rest = path + strlen(row->folder);
    size_t found = strchr(rest, '/') ? NO_ROOM : row->count, longest = 0;
    for (size_t i = 0; i < row->count; i++) {
        size_t n = strlen(row->rooms[i]);
        if (n > longest && !strncmp(rest, row->rooms[i], n) && rest[n] == '/') {
            found = i;
            longest = n;
        }
    }
    return found;
}

static void s_blame(const char *path, int line, const char *header, const char *why)
{
    s_wrong++;
    if (!s_quiet)
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

static void s_check_room(const row_t *row, const char *path, int line, const char *header)
{
    if (!s_is_within(row, path) || !s_is_within(row, header))
        return;
    size_t ours = s_room_of(row, path), theirs = s_room_of(row, header);
    if (ours == NO_ROOM || theirs == NO_ROOM)
        s_blame(path, line, header, "one of the two folders is in no row of tests/structure/rooms");
    else if (theirs > ours)
        s_blame(path, line, header, "a lower room may not include a higher one (tests/structure/rooms)");
}

static void s_check_include(const char *path, int line, const char *text)
{
    char mark, header[256];
    if (sscanf(text, " # include %c%255[^>\"]", &mark, header) != 2)
        return;
    s_includes++;
    if (mark == '<')
        s_check_library(path, line, header);
    else if (s_room_of(&s_rows[0], header) >= s_rows[0].count)
        s_blame(path, line, header, "write the path from the root, below one of the layers");
    else
        for (size_t i = 0; i < s_row_count; i++)
            s_check_room(&s_rows[i], path, line, header);
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
        snprintf(begin, sizeof begin, "\"%s/", role_row(role)->text);
        if (!strstr(text, begin))
            continue;
        s_wrong_names++;
        cr_log_error("%s:%d: writes a name of %s by hand: call codec/wire/actor_name.h", path, line,
                     role_row(role)->text);
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
    s_read_rows();
    for (size_t i = 0; i < s_rows[0].count; i++) {
        char folder[1024];
        snprintf(folder, sizeof folder, "%s/%s", SOURCE_DIR, s_rows[0].rooms[i]);
        size_t before = s_files;
        cr_assert(!nftw(folder, s_visit, 16, FTW_PHYS), "cannot walk %s", folder);
        cr_assert(s_files > before, "no source file in %s: nothing was checked", folder);
    }
    printf("layering: %zu files, %zu includes, %zu wrong\n", s_files, s_includes, s_wrong);
    cr_assert(s_includes > s_files, "fewer includes than files: the check does not read them");
    cr_assert_eq(s_wrong, 0);
    cr_assert_eq(s_wrong_names, 0);
}

Test(layering, a_room_knows_itself_and_what_is_below_and_a_folder_all_of_its_rooms)
{
    s_read_row((char[]){"shard base replica replica/strategy\n"});
    const row_t *row = s_rows;
    s_quiet = true;
    cr_expect_eq(s_room_of(row, "shard/base/names.h"), 0);
    cr_expect_eq(s_room_of(row, "shard/replica/version.c"), 1);
    cr_expect_eq(s_room_of(row, "shard/replica/strategy/ama.c"), 2);
    cr_expect_eq(s_room_of(row, "shard/shard_core.c"), 3);
    cr_expect_eq(s_room_of(row, "shard/elsewhere/x.c"), NO_ROOM);
    s_check_room(row, "shard/replica/strategy/ama.c", 1, "shard/replica/version.h");
    s_check_room(row, "shard/shard_core.c", 1, "shard/replica/strategy/ama.h");
    s_check_room(row, "shard/base/names.c", 1, "worker/worker.h");
    cr_expect_eq(s_wrong, 0);
    s_check_room(row, "shard/replica/version.c", 1, "shard/replica/strategy/ama.h");
    s_check_room(row, "shard/base/names.c", 1, "shard/shard_core.h");
    s_check_room(row, "shard/elsewhere/x.c", 1, "shard/base/names.h");
    cr_expect_eq(s_wrong, 3);
}
