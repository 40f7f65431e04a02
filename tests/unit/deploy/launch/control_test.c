#include "deploy/launch/control.h"

#include "tests/unit/store/temp.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_US 20000000

static char s_dir[1024];
static temp_t s_temp;

static void s_setup(void)
{
    temp_init(&s_temp);
    snprintf(s_dir, sizeof s_dir, "%s", s_temp.dir);
    char run[1100];
    snprintf(run, sizeof run, "%s/run", s_dir);
    cr_assert_eq(mkdir(run, 0700), 0);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

static char *s_echo(void *hint, const char *rest)
{
    char *text = NULL;
    cr_assert_gt(asprintf(&text, "%s:%s", (const char *)hint, rest), 0);
    return text;
}

static char *s_much(void *hint, const char *rest)
{
    (void)hint, (void)rest;
    char *text = malloc((1 << 20) + 1);
    memset(text, 'x', 1 << 20);
    text[1 << 20] = '\0';
    return text;
}

static const control_word_t s_words[] = {{"echo", s_echo}, {"much", s_much}, {NULL, NULL}};

static control_t *s_open(const char *name)
{
    control_t *self = NULL;
    err_t err = {0};
    cr_assert_eq(control_open(s_dir, name, s_words, (void *)(uintptr_t)name, &self, &err), ERR_OK, "%s",
                 err.text);
    return self;
}

static err_code_t s_ask(const char *name, const char *request, char **ret_answer)
{
    return control_ask(s_dir, name, request, PATIENCE_US, ret_answer, NULL, NULL);
}

static void s_expect(const char *name, const char *request, const char *expected)
{
    char *answer = NULL;
    cr_assert_eq(s_ask(name, request, &answer), ERR_OK);
    cr_expect_str_eq(answer, expected);
    free(answer);
}

TestSuite(control, .init = s_setup, .fini = s_teardown, .timeout = 60);

Test(control, answers_by_name_with_what_follows_the_word)
{
    control_t *up = s_open("up"), *broker = s_open("broker-eu");
    s_expect("up", "echo", "up:");
    s_expect("broker-eu", "echo one two", "broker-eu:one two");
    pid_t pid = 0;
    cr_assert_eq(control_ask(s_dir, "up", "echo", PATIENCE_US, NULL, &pid, NULL), ERR_OK);
    cr_expect_eq(pid, getpid());
    char *much = NULL;
    cr_assert_eq(s_ask("up", "much", &much), ERR_OK);
    cr_expect_eq(strlen(much), 1 << 20);
    free(much);
    control_close(&up);
    control_close(&broker);
}

Test(control, a_word_that_it_does_not_know_is_refused)
{
    control_t *up = s_open("up");
    char *answer = NULL;
    cr_expect_eq(s_ask("up", "echoes", &answer), ERR_VERSION);
    cr_expect_eq(s_ask("up", "ech", &answer), ERR_VERSION);
    cr_expect_eq(s_ask("up", "", &answer), ERR_VERSION);
    cr_expect_null(answer);
    s_expect("up", "echo x", "up:x");
    control_close(&up);
}

Test(control, where_nobody_is_nobody_answers)
{
    cr_expect_eq(s_ask("up", "echo", NULL), ERR_NOT_FOUND);
    control_t *up = s_open("up");
    control_close(&up);
    cr_expect_eq(s_ask("up", "echo", NULL), ERR_NOT_FOUND, "its end leaves nothing");
    pid_t child = fork();
    if (child == 0) {
        s_open("up");
        _exit(0); /* as one that is killed */
    }
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_expect_eq(s_ask("up", "echo", NULL), ERR_UNREACHABLE);
    up = s_open("up");
    s_expect("up", "echo", "up:");
    control_close(&up);
    cr_expect_eq(control_ask("/no/such/place", "up", "echo", PATIENCE_US, NULL, NULL, NULL), ERR_NOT_FOUND);
}

Test(control, works_below_a_path_longer_than_the_address_of_a_socket)
{
    char run[1100];
    while (strlen(s_dir) < 400) {
        strcat(s_dir, "/a-folder-with-a-long-name");
        cr_assert_eq(mkdir(s_dir, 0700), 0);
    }
    snprintf(run, sizeof run, "%s/run", s_dir);
    cr_assert_eq(mkdir(run, 0700), 0);
    control_t *up = s_open("up");
    s_expect("up", "echo far", "up:far");
    control_close(&up);
    control_t *none = NULL;
    char name[120];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    cr_expect_eq(control_open(s_dir, name, s_words, NULL, &none, NULL), ERR_LIMIT);
}

/* A child that asks, with descriptors of its own. */
static bool s_child_is_answered(void)
{
    int status = 0, start[2];
    char byte = 0;
    cr_assert_eq(pipe(start), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {1024, 1024};
        (void)!setrlimit(RLIMIT_NOFILE, &limit);
        for (int fd = 3; fd < 1024; fd++)
            if (fd != start[0])
                close(fd);
        bool ready = read(start[0], &byte, 1) == 1;
        _exit(ready && s_ask("up", "echo", NULL) == ERR_OK ? 0 : 1);
    }
    while (dup(0) >= 0) { /* this process has no descriptor left */
    }
    cr_assert_eq(errno, EMFILE);
    cr_assert_eq(write(start[1], &byte, 1), 1);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status == 0;
}

Test(control, answers_with_no_descriptors_left)
{
    s_open("up");
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 64;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_expect(s_child_is_answered());
    limit.rlim_cur = limit.rlim_max; /* to clear up */
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

Test(control, one_that_connects_and_is_silent_is_let_go)
{
    control_t *up = s_open("up");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/run/up.sock", s_dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    s_expect("up", "echo after", "up:after");
    char byte;
    cr_expect_leq(recv(fd, &byte, 1, 0), 0);
    close(fd);
    control_close(&up);
}

Test(control, one_that_stands_still_is_a_timeout)
{
    int ready[2];
    char byte = 0;
    cr_assert_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        s_open("up");
        (void)!write(ready[1], &byte, 1);
        raise(SIGSTOP);
        pause();
    }
    int status;
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    cr_assert_eq(waitpid(child, &status, WUNTRACED), child);
    cr_expect_eq(control_ask(s_dir, "up", "echo", 100000, NULL, NULL, NULL), ERR_TIMEOUT);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}
