#include "deploy/cli/version.h"

#include "actors/model/blas.h"
#include "actors/model/onednn.h"
#include "deploy/cli/commit.h"

#include <archive.h>
#include <czmq.h>
#include <jansson.h>
#include <lmdb.h>
#include <msgpack.h>
#include <sodium.h>
#include <xxhash.h>
#include <yaml.h>
#include <zlib.h>

#define LIBRARY_TEXT_MAX 96

typedef const char *library_fn(char text[LIBRARY_TEXT_MAX]);

static const char *s_numbers(char *text, int major, int minor, int patch)
{
    snprintf(text, LIBRARY_TEXT_MAX, "%d.%d.%d", major, minor, patch);
    return text;
}

static const char *s_zmq(char *text)
{
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    return s_numbers(text, major, minor, patch);
}

static const char *s_czmq(char *text)
{
    int major, minor, patch;
    zsys_version(&major, &minor, &patch);
    return s_numbers(text, major, minor, patch);
}

static const char *s_msgpack(char *text)
{
    (void)text;
    return msgpack_version();
}

static const char *s_lmdb(char *text)
{
    int major, minor, patch;
    mdb_version(&major, &minor, &patch);
    return s_numbers(text, major, minor, patch);
}

static const char *s_openblas(char *text)
{
    return blas_version(text, LIBRARY_TEXT_MAX);
}

static const char *s_onednn(char *text)
{
    return onednn_version(text, LIBRARY_TEXT_MAX);
}

static const char *s_archive(char *text)
{
    (void)text;
    return archive_version_details() + strlen("libarchive ");
}

static const char *s_yaml(char *text)
{
    (void)text;
    return yaml_get_version_string();
}

static const char *s_jansson(char *text)
{
    (void)text;
    return jansson_version_str();
}

static const char *s_xxhash(char *text)
{
    int number = (int)XXH_versionNumber();
    return s_numbers(text, number / 10000, number / 100 % 100, number % 100);
}

static const char *s_sodium(char *text)
{
    (void)text;
    return sodium_version_string();
}

static const char *s_zlib(char *text)
{
    (void)text;
    return zlibVersion();
}

static const struct {
    const char *name;
    library_fn *version;
} s_libraries[] = {{"libzmq", s_zmq},       {"czmq", s_czmq},          {"msgpack-c", s_msgpack},
                   {"LMDB", s_lmdb},        {"OpenBLAS", s_openblas},  {"oneDNN", s_onednn},
                   {"libyaml", s_yaml},     {"jansson", s_jansson},    {"xxHash", s_xxhash},
                   {"libsodium", s_sodium}, {"libarchive", s_archive}, {"zlib", s_zlib}};

const char *version_text(void)
{
    return CLOUDLESS_VERSION " (commit " CLOUDLESS_COMMIT ")";
}

void version_print(FILE *out)
{
    char text[LIBRARY_TEXT_MAX];
    fprintf(out, "cloudless %s\nCopyright the Cloudless authors; MIT License\n", version_text());
    for (size_t i = 0; i < sizeof s_libraries / sizeof *s_libraries; i++)
        fprintf(out, "  %-10s %s\n", s_libraries[i].name, s_libraries[i].version(text));
}
