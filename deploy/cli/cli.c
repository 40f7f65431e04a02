#include "deploy/cli/cli.h"

#include "actors/model/kernel.h"
#include "codec/base/home.h"
#include "codec/base/outlet.h"
#include "deploy/cli/version.h"
#include "deploy/launch/host.h"
#include "deploy/launch/limits.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLI_PATIENCE_US 1000000 /* for who reads standard error */
#define CLI_PATHS_MAX 64

typedef struct {
    const char *items[CLI_VALUES_MAX];
    size_t count;
} values_t;

struct cli_args {
    const cli_command_t *command;
    values_t values[CLI_OPTIONS_MAX];
    const char *positionals[CLI_POSITIONALS_MAX];
    char *paths[CLI_PATHS_MAX]; /* of those above, with the home directory in place of ~; the caller's */
    size_t path_count;
};

/* ---- mistakes of typing ---- */

/* Damerau-free edit distance of two short words. */
static size_t s_distance(const char *a, const char *b)
{
    enum { WORD = 32 };
    size_t m = strlen(a), n = strlen(b), row[WORD + 1];
    if (m > WORD || n > WORD)
        return WORD;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = change < least ? change : least;
        }
    }
    return row[n];
}

/* The word that is typed for a command: its name, without its group's. */
static const char *s_word(const cli_command_t *command)
{
    const char *space = strrchr(command->name, ' ');
    return space ? space + 1 : command->name;
}

const char *cli_nearest(const char *written, const cli_command_t *const *table)
{
    const char *best = NULL;
    size_t least = strlen(written) / 3 + 2; /* further away is no typing mistake */
    for (; *table; table++) {
        size_t distance = s_distance(written, s_word(*table));
        if (!(*table)->hidden && distance < least && distance < strlen(s_word(*table))) {
            least = distance;
            best = s_word(*table);
        }
    }
    return best;
}

/* ---- help ---- */

/* `group` NULL: of the whole program. */
static void s_print_commands(FILE *out, const cli_command_t *group, const cli_command_t *const *table)
{
    const char *space = group ? " " : "", *name = group ? group->name : "";
    fprintf(out, "%s\n\nUsage: cloudless%s%s COMMAND [OPTIONS]\n\n",
            group ? group->summary : "cloudless - trains one model over several cloud regions", space, name);
    for (; *table; table++)
        if (!(*table)->hidden)
            fprintf(out, "  %-10s %s\n", s_word(*table), (*table)->summary);
    if (group && group->notes)
        fprintf(out, "\n%s\n", group->notes);
    fprintf(out,
            "\nEvery command explains itself: cloudless%s%s COMMAND --help, or cloudless help%s%s COMMAND\n",
            space, name, space, name);
    if (!group)
        fprintf(out, "What this is, and with which libraries: cloudless --version\n");
    if (group)
        fprintf(out, "\nExample: %s\n", group->example);
}

static void s_print_help(FILE *out, const cli_command_t *command)
{
    fprintf(out, "%s\n\nUsage: cloudless %s [OPTIONS]%s%s\n\n", command->summary, command->name,
            command->positional ? " " : "", command->positional ? command->positional : "");
    for (const cli_option_t *option = command->options; option->name; option++) {
        char left[64], letter[8] = "    ";
        if (option->letter)
            snprintf(letter, sizeof letter, "-%c, ", option->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, option->name, option->argument ? " " : "",
                 option->argument ? option->argument : "");
        fprintf(out, "  %-26s %s\n", left, option->help);
    }
    fprintf(out, "  %-26s %s\n", "    --help", "this text");
    if (command->notes)
        fprintf(out, "\n%s\n", command->notes);
    fprintf(out, "\nExample: %s\n", command->example);
}

/* ---- options ---- */

enum { OPTION_HELP = 256, OPTION_FIRST };

/* getopt's tables, made from the rows. */
static void s_make_tables(const cli_command_t *command, struct option *longs, char *shorts)
{
    *shorts++ = ':';
    size_t i = 0;
    for (; command->options[i].name; i++) {
        const cli_option_t *option = &command->options[i];
        longs[i] = (struct option){option->name, option->argument ? required_argument : no_argument, NULL,
                                   OPTION_FIRST + (int)i};
        if (option->letter) {
            *shorts++ = option->letter;
            if (option->argument)
                *shorts++ = ':';
        }
    }
    longs[i++] = (struct option){"help", no_argument, NULL, OPTION_HELP};
    longs[i] = (struct option){0};
    *shorts = '\0';
}

static size_t s_index_of(const cli_command_t *command, int found)
{
    if (found >= OPTION_FIRST)
        return (size_t)(found - OPTION_FIRST);
    size_t i = 0;
    while (command->options[i].letter != found)
        i++;
    return i;
}

static int s_usage(const cli_command_t *command, const char *what, const char *which)
{
    return command_fail(EXIT_WRONG, command->name, "%s%s; see cloudless %s --help", what, which,
                        command->name);
}

/* A shell reads "~/x", but not "--state=~/x", nor what a program passes on. */
static const char *s_path(cli_args_t *args, const char *written)
{
    if (written[0] != '~' || args->path_count == CLI_PATHS_MAX)
        return written;
    char path[PATH_MAX];
    char *copy = strdup(home_expand(written, path, sizeof path));
    CHECK(copy);
    return args->paths[args->path_count++] = copy;
}

static bool s_names_path(const cli_option_t *option)
{
    return option->argument && (!strcmp(option->argument, "DIR") || !strcmp(option->argument, "FILE"));
}

static const char *s_word_of(cli_args_t *args, const char *wanted, const char *written)
{
    return strncmp(wanted, "NAME", strlen("NAME")) ? s_path(args, written) : written;
}

static void s_free_paths(cli_args_t *args)
{
    while (args->path_count)
        free(args->paths[--args->path_count]);
}

/* Takes what is left after the options, word for word as the command says: paths, but for a NAME. */
static int s_take_positionals(int argc, char **argv, cli_args_t *args)
{
    const char *wanted = args->command->positional ? args->command->positional : "";
    for (size_t i = 0; *wanted; i++) {
        CHECK(i < CLI_POSITIONALS_MAX);
        if (optind < argc)
            args->positionals[i] = s_word_of(args, wanted, argv[optind++]);
        else if (*wanted != '[')
            return 1 + s_usage(args->command, "missing: ", wanted);
        wanted += strcspn(wanted, " ");
        wanted += strspn(wanted, " ");
    }
    return optind < argc ? 1 + s_usage(args->command, "one argument too many: ", argv[optind]) : 0;
}

/* Fills args; returns 0, or 1 more than the exit status when the command is not to run. */
static int s_parse(int argc, char **argv, cli_args_t *args)
{
    const cli_command_t *command = args->command;
    struct option longs[CLI_OPTIONS_MAX + 2];
    char shorts[2 * CLI_OPTIONS_MAX + 2];
    s_make_tables(command, longs, shorts);
    int found;
    opterr = 0;
    optind = 1;
    while ((found = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        const char *written = argv[optind - 1];
        if (found == OPTION_HELP) {
            s_print_help(stdout, command);
            return 1 + EXIT_DONE;
        }
        if (found == '?')
            return 1 + s_usage(command, "there is no option ", written);
        if (found == ':')
            return 1 + s_usage(command, "a value is missing after ", written);
        size_t index = s_index_of(command, found);
        values_t *values = &args->values[index];
        if (values->count == CLI_VALUES_MAX)
            return 1 + s_usage(command, "given too often: ", written);
        const char *value = optarg ? optarg : "";
        values->items[values->count++] = s_names_path(&command->options[index]) ? s_path(args, value) : value;
    }
    return s_take_positionals(argc, argv, args);
}

static int s_unknown(const cli_command_t *group, const char *written, const cli_command_t *const *table)
{
    const char *nearest = cli_nearest(written, table), *where = group ? group->name : NULL;
    if (nearest)
        return command_fail(EXIT_WRONG, where, "there is no command %s; did you mean %s?", written, nearest);
    return command_fail(EXIT_WRONG, where, "there is no command %s; see cloudless %s%s--help", written,
                        group ? group->name : "", group ? " " : "");
}

/* Output that did not arrive is a failure, whatever it was. */
static int s_flush(const cli_command_t *command, int status)
{
    errno = 0;
    bool lost = fflush(stdout) || ferror(stdout);
    if (!lost || (status != EXIT_DONE && status != EXIT_PROBLEMS))
        return status;
    return command_fail(EXIT_FAILED, command ? command->name : NULL,
                        "standard output: %s; nobody has what was printed",
                        errno ? strerror(errno) : "cannot be written");
}

static const cli_command_t *s_find_command(const char *word, const cli_command_t *const *table)
{
    for (size_t i = 0; table[i]; i++)
        if (!strcmp(word, s_word(table[i])))
            return table[i];
    return NULL;
}

static int s_run_command(const cli_command_t *command, int argc, char **argv)
{
    cli_args_t args = {.command = command};
    if (!command->waits)
        host_leave_signals();
    err_t err = {0};
    int stop = s_parse(argc, argv, &args);
    if (!stop && command->waits && !command->hidden && limits_check(&err)) /* their children inherit them */
        stop = 1 + command_fail(EXIT_FAILED, command->name, "%s", err.text);
    if (!stop && command->computes && kernel_prepare(&err))
        stop = 1 + command_fail(EXIT_FAILED, command->name, "%s", err.text);
    int status = stop ? stop - 1 : command->run(&args);
    s_free_paths(&args);
    return s_flush(command, status);
}

/* help, help COMMAND, help GROUP COMMAND */
static int s_help(int argc, char **argv, const cli_command_t *group, const cli_command_t *const *table)
{
    const cli_command_t *command = argc ? s_find_command(argv[0], table) : NULL;
    if (!argc)
        s_print_commands(stdout, group, table);
    else if (!command)
        return s_unknown(group, argv[0], table);
    else if (command->group)
        return s_help(argc - 1, argv + 1, command, command->group);
    else
        s_print_help(stdout, command);
    return s_flush(command, EXIT_DONE);
}

/* argv[0] is the program or the group. */
static int s_main(int argc, char **argv, const cli_command_t *group, const cli_command_t *const *table)
{
    if (argc < 2) {
        s_print_commands(stderr, group, table);
        return EXIT_WRONG;
    }
    if (!strcmp(argv[1], "help"))
        return s_help(argc - 2, argv + 2, group, table);
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
        return s_help(0, NULL, group, table);
    if (!group && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))) {
        version_print(stdout);
        return s_flush(NULL, EXIT_DONE);
    }
    const cli_command_t *command = s_find_command(argv[1], table);
    if (!command)
        return s_unknown(group, argv[1], table);
    return command->group ? s_main(argc - 1, argv + 1, command, command->group)
                          : s_run_command(command, argc - 1, argv + 1);
}

int cli_main(int argc, char **argv, const cli_command_t *const *table)
{
    int status = s_main(argc, argv, NULL, table);
    (void)!outlet_flush(STDERR_FILENO, CLI_PATIENCE_US, NULL); /* what nobody reads is lost, no more */
    return status;
}

/* ---- reading ---- */

const char *const *cli_values(const cli_args_t *args, const char *option, size_t *ret_count)
{
    for (size_t i = 0; args->command->options[i].name; i++)
        if (!strcmp(args->command->options[i].name, option)) {
            *ret_count = args->values[i].count;
            return args->values[i].items;
        }
    err_abort(__FILE__, __LINE__, "a command reads an option that its table has");
}

const char *cli_value(const cli_args_t *args, const char *option)
{
    size_t count;
    const char *const *values = cli_values(args, option, &count);
    return count ? values[count - 1] : NULL;
}

bool cli_has(const cli_args_t *args, const char *option)
{
    return cli_value(args, option) != NULL;
}

const char *cli_positional(const cli_args_t *args)
{
    return args->positionals[0];
}

const char *cli_positional_at(const cli_args_t *args, size_t index)
{
    CHECK(index < CLI_POSITIONALS_MAX);
    return args->positionals[index];
}
