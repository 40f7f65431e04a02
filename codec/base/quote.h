/* quote - a path as it has to be typed into a shell, for the commands that messages tell to run.
 *
 * Threads  any.
 */
#ifndef CODEC_BASE_QUOTE_H
#define CODEC_BASE_QUOTE_H

#define QUOTE_MAX 1280 /* of a path of 1024 bytes with some quotes in it; what is longer is cut off */

/* Writes the text as one word of a shell into the caller's array, as it stands when nothing in it is
 * special; returns it. */
const char *quote_word(const char *text, char out[QUOTE_MAX]);

#endif
