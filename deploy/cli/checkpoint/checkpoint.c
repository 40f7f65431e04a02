#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/commands.h"

static const cli_command_t *const s_group[] = {&checkpoint_ls,      &checkpoint_show,   &checkpoint_verify,
                                               &checkpoint_diff,    &checkpoint_export, &checkpoint_import,
                                               &checkpoint_copy,    &checkpoint_prune,  &checkpoint_mark,
                                               &checkpoint_restore, &checkpoint_repair, NULL};

const cli_command_t command_checkpoint = {
    .name = "checkpoint",
    .summary =
        "Looks at snapshots, checks, copies, exports and repairs them; on a running job or on files alone.",
    .example = "cloudless checkpoint ls --state run1",
    .notes = "Exit status: 0 done, 1 failed, 2 wrong usage, 3 something wrong was found.\n"
             "Nothing is replaced without --force; what writes has --dry-run, what reports has --json.",
    .group = s_group};
