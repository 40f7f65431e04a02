#include "codec/base/log.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEAD                                                                                                 \
    "^t=20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3}Z up=[0-9]+\\.[0-9]{3}"

static int s_pipe[2];

static void s_capture(log_level_t least)
{
    cr_assert_eq(pipe(s_pipe), 0);
    log_open(s_pipe[1], least);
}

/* Reads all that was logged so far, which closes the log. */
static size_t s_read(char *out, size_t size)
{
    log_open(STDERR_FILENO, LEVEL_INFO);
    close(s_pipe[1]);
    size_t total = 0;
    ssize_t got;
    while (total < size - 1 && (got = read(s_pipe[0], out + total, size - 1 - total)) > 0)
        total += (size_t)got;
    out[total] = 0;
    close(s_pipe[0]);
    return total;
}

static bool s_matches(const char *text, const char *pattern)
{
    regex_t regex;
    cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool matches = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return matches;
}

Test(log, writes_one_line_per_event)
{
    char text[1024];
    s_capture(LEVEL_INFO);
    log_event(LEVEL_WARN, "shard/eu/2", "push_stale", "step=%d have=%d from=%s; dropping", 41, 44,
              "worker/us/7");
    s_read(text, sizeof text);
    cr_assert(s_matches(text, HEAD " lvl=warn machine=[^ ]+ actor=shard/eu/2 ev=push_stale step=41 have=44 "
                                   "from=worker/us/7; dropping\n$"),
              "%s", text);
}

Test(log, names_levels_and_leaves_out_lower_ones)
{
    char text[1024];
    s_capture(LEVEL_WARN);
    log_event(LEVEL_DEBUG, "a", "one", "x=%d", 1);
    log_event(LEVEL_INFO, "a", "two", "x=%d", 2);
    log_event(LEVEL_WARN, "a", "three", "x=%d", 3);
    log_event(LEVEL_ERROR, "a", "four", NULL);
    s_read(text, sizeof text);
    cr_assert(s_matches(text, HEAD " lvl=warn machine=[^ ]+ actor=a ev=three x=3\nt=[^ ]+ up=[0-9.]+ "
                                   "lvl=error machine=[^ ]+ actor=a ev=four\n$"),
              "%s", text);
}

Test(log, stays_one_line_whatever_it_is_told)
{
    char text[1024];
    s_capture(LEVEL_DEBUG);
    log_event(LEVEL_DEBUG, "a", "b", "reason=%s", "two\nlines\r\x1b[31m");
    size_t size = s_read(text, sizeof text);
    cr_assert(s_matches(text, "lvl=debug"));
    cr_assert_eq(strchr(text, '\n'), text + size - 1);
    cr_assert_null(strchr(text, '\r'));
    cr_assert_null(strchr(text, 0x1b));
}

Test(log, cuts_what_is_too_long_and_says_so)
{
    static char text[16384], huge[9000];
    memset(huge, 'x', sizeof huge - 1);
    s_capture(LEVEL_DEBUG);
    log_event(LEVEL_INFO, "a", "b", "text=%s", huge);
    size_t size = s_read(text, sizeof text);
    cr_assert(size <= 4096, "%zu bytes", size);
    cr_assert_str_eq(text + size - 6, "xx...\n");
}

#define THREADS 4
#define LINES 100

static void *s_many(void *name)
{
    for (int line = 0; line < LINES; line++)
        log_event(LEVEL_INFO, name, "tick", "line=%d filler=%s", line, "................................");
    return NULL;
}

Test(log, threads_do_not_mix_lines)
{
    static char text[THREADS * LINES * 320];
    static char names[THREADS][8] = {"one", "two", "three", "four"};
    pthread_t threads[THREADS];
    s_capture(LEVEL_INFO);
    for (int index = 0; index < THREADS; index++)
        cr_assert_eq(pthread_create(&threads[index], NULL, s_many, names[index]), 0);
    for (int index = 0; index < THREADS; index++)
        pthread_join(threads[index], NULL);
    s_read(text, sizeof text);
    int lines = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++)
        cr_assert(
            s_matches(
                line, HEAD
                " lvl=info machine=[^ ]+ actor=(one|two|three|four) ev=tick line=[0-9]+ filler=\\.{32}$"),
            "%s", line);
    cr_assert_eq(lines, THREADS * LINES);
}

Test(log, echoes_what_people_need)
{
    int echo[2];
    char text[1024], echoed[1024];
    cr_assert_eq(pipe(echo), 0);
    s_capture(LEVEL_INFO);
    log_echo(echo[1], LEVEL_WARN);
    log_event(LEVEL_INFO, "node", "resumes", NULL);
    log_event(LEVEL_WARN, "node", "waits", NULL);
    log_echo(-1, LEVEL_INFO);
    log_event(LEVEL_WARN, "node", "later", NULL);
    close(echo[1]);
    s_read(text, sizeof text);
    ssize_t size = read(echo[0], echoed, sizeof echoed - 1);
    echoed[size > 0 ? size : 0] = '\0';
    close(echo[0]);
    cr_assert(s_matches(text, "ev=resumes\n.*ev=waits\n.*ev=later\n$"), "%s", text);
    cr_assert(s_matches(echoed, "^t=[^\n]*ev=waits\n$"), "%s", echoed);
}

Test(log, a_warning_that_comes_again_and_again_backs_off_and_a_fact_does_not)
{
    static char text[65536];
    s_capture(LEVEL_INFO);
    for (int i = 0; i < 100; i++) {
        log_event(LEVEL_WARN, "broker/eu", "malformed", "count=%d; dropped", i);
        log_event(LEVEL_INFO, "scheduler/eu", "moved", "number=%d", i);
    }
    log_event(LEVEL_WARN, "broker/us", "malformed", "count=%d; dropped", 100);
    s_read(text, sizeof text);
    size_t warnings = 0, facts = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        warnings += strstr(line, "actor=broker/eu ") != NULL;
        facts += strstr(line, "ev=moved") != NULL;
        cr_expect(s_matches(line, "actor=(broker/eu|broker/us|scheduler/eu) "));
    }
    cr_assert_eq(warnings, 3);
    cr_assert_eq(facts, 100);
}
