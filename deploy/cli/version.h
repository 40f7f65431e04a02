/* version - what this program is: its version, the commit it was built from, and the libraries that it runs
 * with.
 *
 * Why      a report of a fault, and every figure that is kept, says with what it was made.
 * Threads  any.
 */
#ifndef DEPLOY_CLI_VERSION_H
#define DEPLOY_CLI_VERSION_H

#include <stdio.h>

/* "0.1.0 (commit 1a2b3c4d5e6f)"; borrowed for ever. */
const char *version_text(void);

/* Two lines and one for each library, with the version that is loaded, not the one that was compiled
 * against. */
void version_print(FILE *out);

#endif
