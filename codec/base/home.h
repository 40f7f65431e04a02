/* home - "~" and "~/..." as a shell reads them, for what no shell has read: files, and "--state=~/x".
 *
 * Threads  any (reads HOME).
 */
#ifndef CODEC_BASE_HOME_H
#define CODEC_BASE_HOME_H

#include <stddef.h>

/* Writes the path into the caller's array of `size` bytes, with the home directory in place of a leading "~";
 * returns it. As it stands when it begins otherwise ("~name" is nobody's here), and when there is no HOME
 * or no room: it is then told as missing. */
const char *home_expand(const char *path, char *out, size_t size);

#endif
