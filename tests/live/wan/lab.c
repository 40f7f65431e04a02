/* lab - real packets between network namespaces of this machine, over links with a set rate, delay, jitter,
 * loss, reordering, per-flow rate and outages.
 *
 *   lab --regions N [--link A-B:KNOB,KNOB...]... [--at TIME:A-B:KNOB,...]... [--mtu BYTES] [--seed S]
 *       [--stats FILE] -- COMMAND...
 *
 * Region r is a namespace of its own with the address 10.77.R.1 (R = r + 1) on a TUN device; links without a
 * word are not limited. `A-B` is both directions, `A>B` one; KNOBs are those of path.h. --at changes them
 * that long after the start of COMMAND, which runs outside the namespaces and finds in LAB_PID_0, LAB_PID_1
 * ... the processes that hold them (nsenter --net=/proc/$LAB_PID_0/ns/net). Ends with COMMAND's status; 77
 * when this machine has no TUN device or the caller may not make namespaces.
 */
#include "tests/live/wan/path.h"

#include "codec/base/json.h"
#include "codec/base/units.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REGIONS_MAX = 8, EVENTS_MAX = 64, MTU_MAX = 9000, FLYING_MAX = 1 << 16, NOT_POSSIBLE = 77 };

typedef struct {
    int64_t at_us;
    size_t to, size;
    uint64_t sequence;
    unsigned char *bytes;
} packet_t;

typedef struct {
    int64_t at_us;
    const char *text;
    bool done;
} event_t;

typedef struct {
    size_t regions;
    int mtu;
    uint64_t seed;
    const char *stats_path;
    path_t *paths; /* (regions, regions) from, to */
    int tun[REGIONS_MAX];
    pid_t holder[REGIONS_MAX];
    event_t events[EVENTS_MAX];
    size_t event_count;
    packet_t *heap; /* by time */
    size_t flying;
    uint64_t sequence, overflow;
} lab_t;

static int64_t s_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- namespaces ---- */

static int s_set_address(const char *name, int region, int mtu)
{
    struct ifreq request = {0};
    struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(0x0a4d0001u | (unsigned)(region + 1) << 8);
    int failed = ioctl(fd, SIOCSIFADDR, &request);
    address->sin_addr.s_addr = htonl(0xffff0000u);
    failed |= ioctl(fd, SIOCSIFNETMASK, &request);
    request.ifr_mtu = mtu;
    failed |= ioctl(fd, SIOCSIFMTU, &request);
    request.ifr_qlen = 10000;
    failed |= ioctl(fd, SIOCSIFTXQLEN, &request);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    failed |= ioctl(fd, SIOCSIFFLAGS, &request);
    close(fd);
    return failed;
}

static int s_raise_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), failed = ioctl(fd, SIOCSIFFLAGS, &request);
    close(fd);
    return failed;
}

static int s_open_tun(void)
{
    struct ifreq request = {.ifr_name = "wan", .ifr_flags = IFF_TUN | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &request)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int s_pass(int channel, int fd)
{
    char one = 1, control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {&one, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(channel, &message, 0) == 1 ? 0 : -1;
}

static int s_receive(int channel)
{
    int fd = -1;
    char one, control[CMSG_SPACE(sizeof fd)];
    struct iovec part = {&one, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
        return -1;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

/* The process that holds a namespace: it only waits to be ended. */
_Noreturn static void s_hold(int channel, int region, int mtu)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = unshare(CLONE_NEWNET) ? -1 : s_open_tun();
    if (fd < 0 || s_set_address("wan", region, mtu) || s_raise_loopback() || s_pass(channel, fd))
        _exit(1);
    close(fd);
    for (;;)
        pause();
}

static bool s_make_region(lab_t *self, size_t region)
{
    int channel[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel))
        return false;
    self->holder[region] = fork();
    if (self->holder[region] == 0)
        s_hold(channel[1], (int)region, self->mtu);
    close(channel[1]);
    self->tun[region] = s_receive(channel[0]);
    close(channel[0]);
    return self->tun[region] >= 0;
}

/* ---- packets in flight, the next to arrive first ---- */

static bool s_before(const packet_t *a, const packet_t *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->sequence < b->sequence);
}

static void s_swap(packet_t *a, packet_t *b)
{
    packet_t c = *a;
    *a = *b;
    *b = c;
}

static void s_add(lab_t *self, packet_t packet)
{
    size_t i = self->flying++;
    self->heap[i] = packet;
    while (i && s_before(&self->heap[i], &self->heap[(i - 1) / 2])) {
        s_swap(&self->heap[i], &self->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

/* The first goes; its buffer stays behind the last, to be used again. */
static void s_remove(lab_t *self)
{
    s_swap(&self->heap[0], &self->heap[--self->flying]);
    for (size_t i = 0;;) {
        size_t least = i, left = 2 * i + 1;
        for (size_t child = left; child < left + 2 && child < self->flying; child++)
            if (s_before(&self->heap[child], &self->heap[least]))
                least = child;
        if (least == i)
            return;
        s_swap(&self->heap[i], &self->heap[least]);
        i = least;
    }
}

static uint32_t s_flow(const unsigned char *ip, size_t size)
{
    size_t header = (size_t)(ip[0] & 15) * 4;
    if (size < header + 4 || (ip[9] != IPPROTO_TCP && ip[9] != IPPROTO_UDP))
        return 0;
    uint32_t ports;
    memcpy(&ports, ip + header, sizeof ports);
    return ports * 2654435761u >> 22; /* the bits that both ports have changed */
}

/* Takes what a region sends; returns how many packets there were. */
static size_t s_take(lab_t *self, size_t from)
{
    size_t count = 0;
    for (; count < 256; count++) {
        if (self->flying == FLYING_MAX) {
            self->overflow++;
            return count;
        }
        unsigned char **bytes = &self->heap[self->flying].bytes;
        if (!*bytes && !(*bytes = malloc(MTU_MAX)))
            return count;
        ssize_t size = read(self->tun[from], *bytes, MTU_MAX);
        if (size <= 0)
            return count;
        size_t to = (size_t)(*bytes)[18] - 1;
        if (size < 20 || (*bytes)[0] >> 4 != 4 || (*bytes)[16] != 10 || (*bytes)[17] != 77 ||
            to >= self->regions || to == from)
            continue;
        int64_t at_us = path_send(&self->paths[from * self->regions + to], (size_t)size,
                                  s_flow(*bytes, (size_t)size), s_now_us());
        if (at_us >= 0)
            s_add(self, (packet_t){at_us, to, (size_t)size, self->sequence++, *bytes});
    }
    return count;
}

static void s_deliver(lab_t *self)
{
    int64_t now_us = s_now_us();
    while (self->flying && self->heap[0].at_us <= now_us) {
        const packet_t *packet = &self->heap[0];
        if (write(self->tun[packet->to], packet->bytes, packet->size) < 0 && errno == EAGAIN)
            return;
        s_remove(self);
    }
}

/* ---- what was asked for ---- */

static bool s_set_link(lab_t *self, const char *text, err_t *err)
{
    unsigned a, b;
    char kind, knobs[512];
    if (sscanf(text, "%u%c%u:%511s", &a, &kind, &b, knobs) != 4 || (kind != '-' && kind != '>') ||
        a >= self->regions || b >= self->regions || a == b) {
        err_set(err, ERR_USAGE, "%s: write A-B:KNOB,... or A>B:KNOB,... with regions below %zu", text,
                self->regions);
        return false;
    }
    for (char *knob = strtok(knobs, ","); knob; knob = strtok(NULL, ",")) {
        if (path_set(&self->paths[a * self->regions + b], knob, err))
            return false;
        if (kind == '-' && path_set(&self->paths[b * self->regions + a], knob, err))
            return false;
    }
    return true;
}

static bool s_add_event(lab_t *self, const char *text, err_t *err)
{
    char time[32];
    const char *colon = strchr(text, ':');
    if (!colon || colon - text >= (long)sizeof time || self->event_count == EVENTS_MAX) {
        err_set(err, ERR_USAGE, "%s: write TIME:A-B:KNOB,...", text);
        return false;
    }
    snprintf(time, sizeof time, "%.*s", (int)(colon - text), text);
    event_t *event = &self->events[self->event_count++];
    event->text = colon + 1;
    if (units_parse_duration(time, &event->at_us, err))
        return false;
    /* it is tried now, to fail early */
    path_t *before = malloc(self->regions * self->regions * sizeof *before);
    CHECK(before);
    memcpy(before, self->paths, self->regions * self->regions * sizeof *before);
    bool fine = s_set_link(self, event->text, err);
    memcpy(self->paths, before, self->regions * self->regions * sizeof *before);
    free(before);
    return fine;
}

static bool s_option(lab_t *self, const char *name, const char *value, err_t *err)
{
    if (!strcmp(name, "--link"))
        return s_set_link(self, value, err);
    if (!strcmp(name, "--at"))
        return s_add_event(self, value, err);
    if (!strcmp(name, "--mtu"))
        self->mtu = atoi(value);
    else if (!strcmp(name, "--stats"))
        self->stats_path = value;
    else
        return !err_set(err, ERR_USAGE, "%s: no such option", name);
    if (self->mtu >= 576 && self->mtu <= MTU_MAX)
        return true;
    return !err_set(err, ERR_USAGE, "--mtu %s: write 576 to %d", value, MTU_MAX);
}

/* The number of regions and the seed are needed before everything else. */
static uint64_t s_number(int argc, char **argv, const char *name, uint64_t otherwise)
{
    for (int i = 1; i + 1 < argc && strcmp(argv[i], "--"); i += 2)
        if (!strcmp(argv[i], name))
            return strtoull(argv[i + 1], NULL, 0);
    return otherwise;
}

static int s_parse(lab_t *self, int argc, char **argv, err_t *err)
{
    self->regions = s_number(argc, argv, "--regions", 2);
    self->seed = s_number(argc, argv, "--seed", 1);
    if (self->regions < 2 || self->regions > REGIONS_MAX)
        return err_set(err, ERR_USAGE, "--regions: write 2 to %d", REGIONS_MAX), 0;
    self->paths = calloc(self->regions * self->regions, sizeof *self->paths);
    CHECK(self->paths);
    for (size_t i = 0; i < self->regions * self->regions; i++)
        path_init(&self->paths[i], self->seed, i / self->regions, i % self->regions);
    int i = 1;
    for (; i + 1 < argc && strcmp(argv[i], "--"); i += 2)
        if (strcmp(argv[i], "--regions") && strcmp(argv[i], "--seed") &&
            !s_option(self, argv[i], argv[i + 1], err))
            return 0;
    if (i >= argc || strcmp(argv[i], "--") || i + 1 == argc)
        return err_set(err, ERR_USAGE, "write -- and a command behind the options"), 0;
    return i + 1;
}

/* ---- run ---- */

static pid_t s_start(const lab_t *self, char **command)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t r = 0; r < self->regions; r++) {
        char name[16], value[16];
        snprintf(name, sizeof name, "LAB_PID_%zu", r);
        snprintf(value, sizeof value, "%ld", (long)self->holder[r]);
        setenv(name, value, 1);
    }
    execvp(command[0], command);
    fprintf(stderr, "lab: %s: %s\n", command[0], strerror(errno));
    _exit(127);
}

static int64_t s_run_events(lab_t *self, int64_t began_us)
{
    int64_t next_us = INT64_MAX, now_us = s_now_us();
    for (size_t i = 0; i < self->event_count; i++) {
        event_t *event = &self->events[i];
        if (!event->done && now_us >= began_us + event->at_us)
            event->done = s_set_link(self, event->text, NULL);
        if (!event->done && began_us + event->at_us < next_us)
            next_us = began_us + event->at_us;
    }
    return next_us;
}

static void s_wait(const lab_t *self, int64_t until_us)
{
    struct pollfd items[REGIONS_MAX];
    for (size_t r = 0; r < self->regions; r++)
        items[r] = (struct pollfd){.fd = self->tun[r], .events = POLLIN};
    int64_t now_us = s_now_us();
    int64_t left_us = until_us <= now_us ? 0 : until_us - now_us < 100000 ? until_us - now_us : 100000;
    struct timespec timeout = {.tv_nsec = left_us * 1000};
    if (ppoll(items, self->regions, &timeout, NULL) < 0 && errno != EINTR)
        perror("lab: poll");
}

static int s_loop(lab_t *self, pid_t command)
{
    /* A wire does not slow down because machines at its ends are busy. */
    if (setpriority(PRIO_PROCESS, 0, -15))
        fprintf(stderr, "lab: cannot go before other processes; figures depend on what else runs here\n");
    int64_t began_us = s_now_us(), looked_us = began_us;
    int status;
    for (;;) {
        size_t count = 0;
        for (size_t r = 0; r < self->regions; r++)
            count += s_take(self, r);
        s_deliver(self);
        int64_t now_us = s_now_us();
        if (now_us - looked_us >= 20000) {
            looked_us = now_us;
            if (waitpid(command, &status, WNOHANG) == command)
                return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        int64_t due_us = s_run_events(self, began_us);
        if (self->flying && self->heap[0].at_us < due_us)
            due_us = self->heap[0].at_us;
        if (!count)
            s_wait(self, due_us);
    }
}

static void s_write_stats(const lab_t *self)
{
    json_value_t *rows = json_new_array();
    for (size_t i = 0; i < self->regions * self->regions; i++) {
        const path_stats_t *stats = &self->paths[i].stats;
        if (i / self->regions == i % self->regions)
            continue;
        json_value_t *row = json_new_object();
        json_set_u64(row, "from", i / self->regions);
        json_set_u64(row, "to", i % self->regions);
        json_set_u64(row, "packets", stats->packets);
        json_set_u64(row, "bytes", stats->bytes);
        json_set_u64(row, "lost", stats->lost);
        json_set_u64(row, "dropped", stats->dropped);
        json_set_u64(row, "reordered", stats->reordered);
        json_set_u64(row, "cut", stats->cut);
        json_add_moved(rows, &row);
    }
    err_t err = {0};
    if (json_write_file(rows, self->stats_path, &err))
        fprintf(stderr, "lab: %s\n", err.text);
    json_destroy(&rows);
}

int main(int argc, char **argv)
{
    lab_t self = {.mtu = 1500};
    err_t err = {0};
    signal(SIGPIPE, SIG_IGN);
    int command = s_parse(&self, argc, argv, &err);
    if (!command) {
        fprintf(stderr, "lab: %s\n", err.text);
        return 2;
    }
    self.heap = calloc(FLYING_MAX + 1, sizeof *self.heap);
    CHECK(self.heap);
    int status = NOT_POSSIBLE;
    size_t made = 0;
    while (made < self.regions && s_make_region(&self, made))
        made++;
    if (made == self.regions)
        status = s_loop(&self, s_start(&self, argv + command));
    else
        fprintf(stderr, "lab: no network namespace with a TUN device (root and /dev/net/tun are needed)\n");
    if (self.stats_path && made == self.regions)
        s_write_stats(&self);
    for (size_t r = 0; r < self.regions && self.holder[r] > 0; r++) {
        kill(self.holder[r], SIGKILL);
        waitpid(self.holder[r], NULL, 0);
    }
    for (size_t i = 0; i <= FLYING_MAX; i++)
        free(self.heap[i].bytes);
    free(self.heap);
    free(self.paths);
    return status;
}
