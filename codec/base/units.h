/* units - the one converter between text and quantities: "250ms", "100Mbit", "64MiB", "0.05", "5%".
 *
 * Durations: us ms s m h d, to int64_t microseconds; two of them, the smaller one last: "2m 05s".
 * Rates: bit kbit Mbit Gbit Tbit Pbit (1000) and B kB MB GB TB per second, KiB MiB GiB TiB per second, to
 * bytes per second. Sizes: B kB MB GB TB KiB MiB GiB TiB PiB EiB, to bytes.
 * A number without a unit is refused (except 0). Fractions are fine: "1.5s". Trailing characters, overflow
 * and negative values are ERR_MALFORMED or ERR_LIMIT with a text that says what to write.
 */
#ifndef CODEC_BASE_UNITS_H
#define CODEC_BASE_UNITS_H

#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

MUST_USE err_code_t units_parse_duration(const char *text, int64_t *ret_us, err_t *err);
MUST_USE err_code_t units_parse_rate(const char *text, uint64_t *ret_bytes_per_s, err_t *err);
MUST_USE err_code_t units_parse_size(const char *text, uint64_t *ret_bytes, err_t *err);
MUST_USE err_code_t units_parse_ratio(const char *text, double *ret_ratio, err_t *err); /* "0.05" or "5%" */
MUST_USE err_code_t units_parse_u64(const char *text, uint64_t *ret_value, err_t *err);
/* finite, C locale */
MUST_USE err_code_t units_parse_double(const char *text, double *ret_value, err_t *err);

/* For people, in a caller's array of UNITS_TEXT_MAX: "1.5 MiB", "12.5 MB/s" as "100 Mbit/s", "2m 05s". The
 * parser reads it back, as exactly as it was printed. */
#define UNITS_TEXT_MAX 32
const char *units_print_size(uint64_t bytes, char out[UNITS_TEXT_MAX]);
const char *units_print_rate(uint64_t bytes_per_s, char out[UNITS_TEXT_MAX]);
const char *units_print_duration(int64_t us, char out[UNITS_TEXT_MAX]);
/* Exact text that the parser reads back to the same value: "30ms", "100Mbit", "64MiB". */
const char *units_format_duration(int64_t us, char out[UNITS_TEXT_MAX]);
const char *units_format_rate(uint64_t bytes_per_s, char out[UNITS_TEXT_MAX]);
const char *units_format_size(uint64_t bytes, char out[UNITS_TEXT_MAX]);

#endif
