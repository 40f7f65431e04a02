/* cli - the command line: one table of commands, one way to read options, one form of help and errors.
 *
 * Why      each command is one file that says its options in a table; parsing, --help and suggestions come
 *          from the rows.
 * Errors   as deploy/launch/command.h says them. Help goes to standard output and exits 0.
 * Threads  the main thread.
 */
#ifndef DEPLOY_CLI_CLI_H
#define DEPLOY_CLI_CLI_H

#include "codec/base/err.h"
#include "deploy/launch/command.h"

#include <stddef.h>

#define CLI_OPTIONS_MAX 16
#define CLI_VALUES_MAX 64
#define CLI_POSITIONALS_MAX 2

typedef struct {
    const char *name;     /* without dashes */
    char letter;          /* 0: none */
    const char *argument; /* "DIR"; NULL: a flag */
    const char *help;
} cli_option_t;

typedef struct cli_args cli_args_t;

typedef struct cli_command {
    const char *name;       /* "up"; of a command of a group with the group's before it: "checkpoint ls" */
    const char *summary;    /* one line */
    const char *positional; /* words: "TOPOLOGY", "A B"; "[TOPOLOGY]" when it may be missing; NULL: none */
    const char *example;    /* one line, or several, each a whole command */
    const char *notes;      /* lines below the options; NULL: none */
    int (*run)(const cli_args_t *args);
    bool waits;    /* takes signals with host_wait; those of others end it at once */
    bool hidden;   /* for this program's own use */
    bool computes; /* a kernel is chosen before it runs, while the process has one thread */
    const struct cli_command *const
        *group; /* commands below this one, ended by a NULL, which then has no more */
    cli_option_t options[CLI_OPTIONS_MAX]; /* ended by a row without a name; --help is added */
} cli_command_t;

/* Runs the command that argv names; returns the exit status. The table ends with a NULL. Beside the commands
 * there are `help [COMMAND]`, --help and --version. */
int cli_main(int argc, char **argv, const cli_command_t *const *table);

/* The value of an option (the last, when repeated), or NULL; a flag's value is "". */
const char *cli_value(const cli_args_t *args, const char *option);
bool cli_has(const cli_args_t *args, const char *option);
/* All values of a repeated option, in order; borrowed. */
const char *const *cli_values(const cli_args_t *args, const char *option, size_t *ret_count);
/* The first positional argument, or NULL; and any of them. */
const char *cli_positional(const cli_args_t *args);
const char *cli_positional_at(const cli_args_t *args, size_t index);

/* The name in the table that is nearest to what was written, or NULL when none is near. */
const char *cli_nearest(const char *written, const cli_command_t *const *table);

#endif
