/* probe - measures a path between two addresses with packets of its own, to see that the
 * laboratory does what it says.
 *
 *   probe serve ADDRESS                    prints its port; echoes datagrams, swallows
 *                                          streams; ends with its parent
 *   probe rtt ADDRESS:PORT COUNT           prints the least and the median round trip in milliseconds
 *   probe loss ADDRESS:PORT COUNT          prints the share of datagrams whose echo never came, and how
 *                                          many came out of order
 *   probe rate ADDRESS:PORT N SECONDS      prints the rate of N streams together in Mbit/s
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STREAMS_MAX = 64, COUNT_MAX = 100000, PATIENCE_MS = 3000 };

static double s_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct sockaddr_in s_address(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64] = "";
    unsigned port = 0;
    sscanf(text, "%63[^:]:%u", host, &port);
    inet_pton(AF_INET, host, &address.sin_addr);
    address.sin_port = htons((uint16_t)port);
    return address;
}

/* ---- the other end ---- */

static int s_serve(const char *host)
{
    struct sockaddr_in address = s_address(host);
    socklen_t size = sizeof address;
    struct pollfd items[2 + STREAMS_MAX] = {{.events = POLLIN}, {.events = POLLIN}};
    nfds_t count = 2;
    static char bytes[1 << 16];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    items[0].fd = socket(AF_INET, SOCK_STREAM, 0);
    items[1].fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(items[0].fd, (struct sockaddr *)&address, size) || listen(items[0].fd, STREAMS_MAX) ||
        getsockname(items[0].fd, (struct sockaddr *)&address, &size) ||
        bind(items[1].fd, (struct sockaddr *)&address, size))
        return perror("probe: bind"), 1;
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        poll(items, count, -1);
        if (items[0].revents && count < 2 + STREAMS_MAX)
            items[count++] = (struct pollfd){.fd = accept(items[0].fd, NULL, NULL), .events = POLLIN};
        struct sockaddr_in from;
        socklen_t from_size = sizeof from;
        ssize_t got = items[1].revents ? recvfrom(items[1].fd, bytes, sizeof bytes, 0,
                                                  (struct sockaddr *)&from, &from_size)
                                       : 0;
        if (got > 0)
            sendto(items[1].fd, bytes, (size_t)got, 0, (struct sockaddr *)&from, from_size);
        for (nfds_t i = 2; i < count; i++)
            if (items[i].revents && read(items[i].fd, bytes, sizeof bytes) <= 0) {
                close(items[i].fd);
                items[i--] = items[--count];
            }
    }
}

/* ---- datagrams ---- */

static int s_by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static int s_rtt(const char *to, long count)
{
    struct sockaddr_in address = s_address(to);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    static double took_ms[COUNT_MAX];
    long got = 0;
    for (long i = 0; i < count; i++) {
        double began_s = s_now_s();
        struct pollfd item = {.fd = fd, .events = POLLIN};
        long answer = -1;
        sendto(fd, &i, sizeof i, 0, (struct sockaddr *)&address, sizeof address);
        while (answer != i && poll(&item, 1, PATIENCE_MS) > 0 && recv(fd, &answer, sizeof answer, 0) > 0)
            ;
        if (answer == i)
            took_ms[got++] = 1e3 * (s_now_s() - began_s);
    }
    if (!got)
        return fprintf(stderr, "probe: no answer from %s\n", to), 1;
    qsort(took_ms, (size_t)got, sizeof *took_ms, s_by_value);
    printf("%.3f %.3f\n", took_ms[0], took_ms[got / 2]);
    return 0;
}

typedef struct {
    long got, newest, late;
} echoes_t;

static void s_count(int fd, int patience_ms, long count, echoes_t *echoes)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    long answer;
    while (echoes->got < count && poll(&item, 1, patience_ms) > 0 &&
           recv(fd, &answer, sizeof answer, 0) > 0) {
        echoes->got++;
        echoes->late += answer < echoes->newest;
        echoes->newest = answer > echoes->newest ? answer : echoes->newest;
    }
}

/* Sent in small groups, so that no buffer is full. */
static int s_loss(const char *to, long count)
{
    struct sockaddr_in address = s_address(to);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    echoes_t echoes = {.newest = -1};
    for (long i = 0; i < count; i++) {
        sendto(fd, &i, sizeof i, 0, (struct sockaddr *)&address, sizeof address);
        if (i % 20 == 19)
            s_count(fd, 2, count, &echoes);
    }
    s_count(fd, PATIENCE_MS, count, &echoes);
    printf("%.5f %ld\n", 1 - (double)echoes.got / (double)count, echoes.late);
    return 0;
}

/* ---- streams ---- */

static int s_rate(const char *to, int streams, double seconds)
{
    struct sockaddr_in address = s_address(to);
    struct pollfd items[STREAMS_MAX];
    static char bytes[1 << 16];
    for (int i = 0; i < streams; i++) {
        items[i] = (struct pollfd){.fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLOUT};
        if (connect(items[i].fd, (struct sockaddr *)&address, sizeof address))
            return perror("probe: connect"), 1;
    }
    double began_s = s_now_s(), sent = 0;
    while (s_now_s() - began_s < seconds)
        for (int i = 0, ready = poll(items, (nfds_t)streams, 100); ready > 0 && i < streams; i++) {
            ssize_t took =
                items[i].revents & POLLOUT ? send(items[i].fd, bytes, sizeof bytes, MSG_DONTWAIT) : 0;
            sent += took > 0 ? (double)took : 0;
        }
    double unsent = 0;
    for (int i = 0; i < streams; i++) {
        int waiting = 0; /* not acknowledged by the other end */
        if (ioctl(items[i].fd, SIOCOUTQ, &waiting) == 0)
            unsent += waiting;
    }
    printf("%.3f\n", 8e-6 * (sent - unsent) / (s_now_s() - began_s));
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 3 && !strcmp(argv[1], "serve"))
        return s_serve(argv[2]);
    if (argc == 4 && !strcmp(argv[1], "rtt") && atol(argv[3]) > 0 && atol(argv[3]) <= COUNT_MAX)
        return s_rtt(argv[2], atol(argv[3]));
    if (argc == 4 && !strcmp(argv[1], "loss") && atol(argv[3]) > 0)
        return s_loss(argv[2], atol(argv[3]));
    if (argc == 5 && !strcmp(argv[1], "rate") && atoi(argv[3]) > 0 && atoi(argv[3]) <= STREAMS_MAX)
        return s_rate(argv[2], atoi(argv[3]), atof(argv[4]));
    fprintf(stderr, "usage: probe serve ADDRESS | rtt ADDRESS:PORT COUNT | loss ADDRESS:PORT COUNT | rate "
                    "ADDRESS:PORT N SECONDS\n");
    return 2;
}
