/* broker - finding one: the file that a broker leaves in the run directory, and where it listens on its
 * machine. */
#include "brokers/broker_files.h"

#include "codec/base/rng.h"
#include "codec/wire/actor_name.h"
#include "store/file.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket's address has room for 107 characters, of which 45 are the names below. */
#define SOCKET_BASE_MAX 62
#define SOCKET_DIR_MAX 96

static void s_file_path(char *out, size_t size, const char *run_dir, const char *region)
{
    snprintf(out, size, "%s/broker-%s", run_dir, region);
}

err_code_t broker_file_write(const char *run_dir, const char *region, const char *tcp, const char *ipc,
                             err_t *err)
{
    char path[PATH_MAX], temporary[PATH_MAX + 32];
    s_file_path(path, sizeof path, run_dir, region);
    snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid());
    FILE *file = fopen(temporary, "we");
    if (!file)
        return err_set(err, file_code_of(errno), "cannot write %s: %s; make the directory writable",
                       temporary, strerror(errno));
    bool bad = fprintf(file, "%s\n%s\n", tcp, ipc) < 0;
    bad = fclose(file) != 0 || bad;
    if (!bad && rename(temporary, path) == 0)
        return ERR_OK;
    err_code_t code = err_set(err, file_code_of(errno), "cannot write %s: %s", path, strerror(errno));
    unlink(temporary);
    return code;
}

static bool s_file_read(const char *run_dir, const char *region, char tcp[TOPOLOGY_TEXT_MAX],
                        char ipc[TOPOLOGY_TEXT_MAX])
{
    char path[PATH_MAX];
    s_file_path(path, sizeof path, run_dir, region);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool whole = fgets(tcp, TOPOLOGY_TEXT_MAX, file) && fgets(ipc, TOPOLOGY_TEXT_MAX, file);
    fclose(file);
    if (!whole)
        return false;
    tcp[strcspn(tcp, "\n")] = '\0';
    ipc[strcspn(ipc, "\n")] = '\0';
    return true;
}

/* Only its own: a successor may have written the file already. */
void broker_file_remove(const char *run_dir, const char *region, const char *ipc)
{
    char there_tcp[TOPOLOGY_TEXT_MAX], there_ipc[TOPOLOGY_TEXT_MAX], path[PATH_MAX];
    if (!s_file_read(run_dir, region, there_tcp, there_ipc) || strcmp(there_ipc, ipc) != 0)
        return;
    s_file_path(path, sizeof path, run_dir, region);
    unlink(path);
}

static bool s_is_socket(const char *endpoint)
{
    struct stat info;
    return strncmp(endpoint, "ipc://", 6) == 0 && stat(endpoint + 6, &info) == 0 && S_ISSOCK(info.st_mode);
}

err_code_t broker_find(const topology_t *topology, size_t region_index, const char *run_dir,
                       char ret_endpoint[TOPOLOGY_TEXT_MAX], err_t *err)
{
    const topology_region_t *region = &topology->regions[region_index];
    if (region->advertise[0]) {
        memcpy(ret_endpoint, region->advertise, TOPOLOGY_TEXT_MAX);
        return ERR_OK;
    }
    char tcp[TOPOLOGY_TEXT_MAX], ipc[TOPOLOGY_TEXT_MAX];
    if (!run_dir || !s_file_read(run_dir, region->name, tcp, ipc))
        return err_set(err, ERR_NOT_FOUND,
                       "no broker of region %s in %s yet; start it, or set its broker.advertise",
                       region->name, run_dir ? run_dir : "(no run directory)");
    memcpy(ret_endpoint, s_is_socket(ipc) ? ipc : tcp, TOPOLOGY_TEXT_MAX);
    return ERR_OK;
}

/* ---- the directory of local sockets ------------------------------------------------------------------ */

static bool s_is_dead(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || strlen(path) >= sizeof address.sun_path) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    memcpy(address.sun_path, path, strlen(path));
    bool dead = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno == ECONNREFUSED;
    close(fd);
    return dead;
}

/* Names begin with the process id; what a killed broker left is removed by the next one of the same user. */
static void s_sweep(const char *dir)
{
    DIR *listing = opendir(dir);
    if (!listing)
        return;
    const struct dirent *entry;
    while ((entry = readdir(listing))) {
        char path[PATH_MAX], *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (pid <= 0 || *end != '-' || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (s_is_dead(path))
            unlink(path);
    }
    closedir(listing);
}

/* A directory of this user alone, made when nothing is there. */
static bool s_take_dir(const char *dir)
{
    struct stat info;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return false;
    return lstat(dir, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
           !(info.st_mode & 077);
}

/* One that all processes of this user share, or where others have taken its name one of this process' own.
 * The runtime directory of a login comes last: it goes when the login ends, which a run may outlive. */
static err_code_t s_find_dir(char ret_dir[SOCKET_DIR_MAX], err_t *err)
{
    const char *const bases[] = {getenv("TMPDIR"), "/tmp", getenv("XDG_RUNTIME_DIR")};
    const size_t count = sizeof bases / sizeof *bases;
    for (size_t i = 0; i < 2 * count; i++) {
        const char *base = bases[i % count];
        bool own = i >= count;
        if (!base || base[0] != '/' || strlen(base) > SOCKET_BASE_MAX)
            continue;
        snprintf(ret_dir, SOCKET_DIR_MAX, "%s/cloudless-%lu%s", base, (unsigned long)geteuid(),
                 own ? "-XXXXXX" : "");
        if (own ? mkdtemp(ret_dir) != NULL : s_take_dir(ret_dir))
            return ERR_OK;
    }
    return err_set(err, ERR_IO,
                   "no directory for local sockets: %s; set TMPDIR to one that can be written, of at "
                   "most %d characters",
                   strerror(errno), SOCKET_BASE_MAX);
}

err_code_t broker_socket_path(char ret_path[TOPOLOGY_TEXT_MAX], err_t *err)
{
    char dir[SOCKET_DIR_MAX];
    err_code_t code = s_find_dir(dir, err);
    if (code)
        return code;
    s_sweep(dir);
    snprintf(ret_path, TOPOLOGY_TEXT_MAX, "%s/%ld-%08lx", dir, (long)getpid(),
             (unsigned long)(rng_entropy() & 0xffffffff));
    return ERR_OK;
}

/* ---- addresses --------------------------------------------------------------------------------------- */

bool broker_is_loopback(const char *endpoint)
{
    const char *host = strncmp(endpoint, "tcp://", 6) == 0 ? endpoint + 6 : endpoint;
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost:", 10) == 0 ||
           strncmp(host, "[::1]:", 6) == 0;
}

size_t broker_region_of(const topology_t *topology, const char *name, size_t length)
{
    actor_parts_t actor;
    size_t index = actor_split(name, length, &actor) ? topology_region_of(topology, &actor) : SIZE_MAX;
    bool global = length == strlen(ACTOR_GLOBAL) && memcmp(name, ACTOR_GLOBAL, length) == 0;
    return index == SIZE_MAX && global ? 0 : index;
}
