#include "codec/base/units.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide_t;

/* A quantity is number * factor / divisor of the base unit. */
typedef struct {
    const char *name;
    uint64_t factor;
    uint64_t divisor;
} unit_t;

static const unit_t s_durations[] = {
    {"us", 1, 1},          {"ms", 1000, 1},        {"s", 1000000, 1}, {"m", 60000000, 1},
    {"h", 3600000000u, 1}, {"d", 86400000000u, 1}, {NULL, 0, 0},
};

#define BYTES                                                                                                \
    {"B", 1, 1}, {"kB", 1000, 1}, {"MB", 1000000, 1}, {"GB", 1000000000, 1}, {"TB", 1000000000000u, 1},      \
        {"KiB", UINT64_C(1) << 10, 1}, {"MiB", UINT64_C(1) << 20, 1}, {"GiB", UINT64_C(1) << 30, 1},         \
    {                                                                                                        \
        "TiB", UINT64_C(1) << 40, 1                                                                          \
    }

static const unit_t s_rates[] = {
    {"bit", 1, 8},
    {"kbit", 1000, 8},
    {"Mbit", 1000000, 8},
    {"Gbit", 1000000000, 8},
    {"Tbit", 1000000000000u, 8},
    {"Pbit", 1000000000000000u, 8},
    BYTES,
    {NULL, 0, 0},
};

static const unit_t s_sizes[] = {
    BYTES,
    {"PiB", UINT64_C(1) << 50, 1},
    {"EiB", UINT64_C(1) << 60, 1},
    {NULL, 0, 0},
};

/* The form of quantities of one sort, for parsing and for saying what to write instead. */
typedef struct {
    const char *noun;
    const char *write;
    const unit_t *units;
    const char *suffix; /* may follow the unit */
    uint64_t max;
} sort_t;

static const sort_t s_duration = {"duration", "write for example 250ms, 1.5s or 2m (us ms s m h d)",
                                  s_durations, "", INT64_MAX};
static const sort_t s_rate = {
    "rate", "write for example 100Mbit or 12.5MB (bit kbit Mbit Gbit Tbit B kB MB GB KiB MiB GiB)", s_rates,
    "/s", UINT64_MAX};
static const sort_t s_size = {"size", "write for example 64MiB or 1.5GB (B kB MB GB TB KiB MiB GiB TiB)",
                              s_sizes, "", UINT64_MAX};

/* A decimal number as digits and how many of them stand behind the point. */
typedef struct {
    uint64_t digits;
    uint64_t scale; /* 10 to the number of digits behind the point */
} decimal_t;

static bool s_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads "12" or "1.5"; returns where it ends, or NULL when there is none. Sets *ret_fits. */
static const char *s_read_decimal(const char *text, decimal_t *ret_number, bool *ret_fits)
{
    decimal_t number = {0, 1};
    bool point = false, fits = true;
    const char *at = text;
    for (; s_is_digit(*at) || (*at == '.' && !point && at != text && s_is_digit(at[1])); at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        uint64_t digit = (uint64_t)(*at - '0');
        if (number.digits > (UINT64_MAX - digit) / 10 || (point && number.scale > UINT64_MAX / 10)) {
            fits = false;
            continue;
        }
        number.digits = number.digits * 10 + digit;
        if (point)
            number.scale *= 10;
    }
    *ret_number = number;
    *ret_fits = fits;
    return at == text ? NULL : at;
}

static const unit_t *s_find_unit(const sort_t *sort, const char *text)
{
    for (const unit_t *unit = sort->units; unit->name; unit++) {
        size_t length = strlen(unit->name);
        if (strncmp(text, unit->name, length) == 0 &&
            (!text[length] || strcmp(text + length, sort->suffix) == 0))
            return unit;
    }
    return NULL;
}

static err_code_t s_parse(const sort_t *sort, const char *text, uint64_t *ret_value, err_t *err)
{
    decimal_t number;
    bool fits;
    if (*text == '-')
        return err_set(err, ERR_LIMIT, "\"%s\" is negative; %s", text, sort->write);
    const char *end = s_read_decimal(text, &number, &fits);
    if (!end)
        return err_set(err, ERR_MALFORMED, "\"%s\" is not a %s; %s", text, sort->noun, sort->write);
    if (!*end && fits && number.digits == 0) {
        *ret_value = 0;
        return ERR_OK;
    }
    if (!*end)
        return err_set(err, ERR_MALFORMED, "\"%s\" has no unit; %s", text, sort->write);
    const unit_t *unit = s_find_unit(sort, end + (*end == ' ')); /* as it is printed for people */
    if (!unit)
        return err_set(err, ERR_MALFORMED, "\"%s\": \"%s\" is not a unit of a %s; %s", text, end, sort->noun,
                       sort->write);
    if (!fits)
        return err_set(err, ERR_LIMIT, "\"%s\" has too many digits; %s", text, sort->write);
    wide_t divisor = (wide_t)number.scale * unit->divisor;
    wide_t value = ((wide_t)number.digits * unit->factor + divisor / 2) / divisor;
    if (value > sort->max)
        return err_set(err, ERR_LIMIT, "\"%s\" is too large", text);
    if (value == 0 && number.digits)
        return err_set(err, ERR_LIMIT, "\"%s\" is too small to tell from 0", text);
    *ret_value = (uint64_t)value;
    return ERR_OK;
}

/* "2m 05s", as it is printed for people: where the second begins, and the first in ret_first; NULL when
 * there is one alone. */
static const char *s_second_of(const char *text, char ret_first[UNITS_TEXT_MAX])
{
    const char *space = strchr(text, ' ');
    size_t length = space ? (size_t)(space - text) : 0;
    if (!length || s_is_digit(space[-1]) || !s_is_digit(space[1]) || length >= UNITS_TEXT_MAX)
        return NULL;
    memcpy(ret_first, text, length);
    ret_first[length] = '\0';
    return space + 1;
}

static err_code_t s_parse_two(const char *text, const char *first, const char *second, uint64_t *ret_value,
                              err_t *err)
{
    uint64_t great = 0, small = 0;
    err_code_t code = s_parse(&s_duration, first, &great, err);
    if (!code)
        code = s_parse(&s_duration, second, &small, err);
    if (code)
        return code;
    if (small >= great)
        return err_set(err, ERR_MALFORMED, "\"%s\": the smaller part comes last; %s", text, s_duration.write);
    if (great > INT64_MAX - small)
        return err_set(err, ERR_LIMIT, "\"%s\" is too large", text);
    *ret_value = great + small;
    return ERR_OK;
}

err_code_t units_parse_duration(const char *text, int64_t *ret_us, err_t *err)
{
    uint64_t value;
    char first[UNITS_TEXT_MAX];
    const char *second = s_second_of(text, first);
    err_code_t code =
        second ? s_parse_two(text, first, second, &value, err) : s_parse(&s_duration, text, &value, err);
    if (!code)
        *ret_us = (int64_t)value;
    return code;
}

err_code_t units_parse_rate(const char *text, uint64_t *ret_bytes_per_s, err_t *err)
{
    return s_parse(&s_rate, text, ret_bytes_per_s, err);
}

err_code_t units_parse_size(const char *text, uint64_t *ret_bytes, err_t *err)
{
    return s_parse(&s_size, text, ret_bytes, err);
}

err_code_t units_parse_u64(const char *text, uint64_t *ret_value, err_t *err)
{
    decimal_t number;
    bool fits;
    if (*text == '-')
        return err_set(err, ERR_LIMIT, "\"%s\" is negative; write a whole number from 0 up", text);
    const char *end = s_read_decimal(text, &number, &fits);
    if (!end || *end || number.scale != 1 || strchr(text, '.'))
        return err_set(err, ERR_MALFORMED, "\"%s\" is not a whole number; write digits only", text);
    if (!fits)
        return err_set(err, ERR_LIMIT, "\"%s\" is too large; at most %" PRIu64, text, UINT64_MAX);
    *ret_value = number.digits;
    return ERR_OK;
}

static locale_t s_c_locale;

static void s_make_c_locale(void)
{
    s_c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    CHECK(s_c_locale);
}

/* Reads "-1.5e-3" whatever the locale; no hexadecimal, no "nan", no leading space. NULL when there is none.
 */
static const char *s_read_double(const char *text, double *ret_value)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, s_make_c_locale);
    const char *start = text + (*text == '-' || *text == '+');
    if (!s_is_digit(*start) && !(*start == '.' && s_is_digit(start[1])))
        return NULL;
    if (start[0] == '0' && (start[1] == 'x' || start[1] == 'X'))
        return NULL;
    char *end;
    *ret_value = strtod_l(text, &end, s_c_locale);
    return end;
}

err_code_t units_parse_double(const char *text, double *ret_value, err_t *err)
{
    double value;
    const char *end = s_read_double(text, &value);
    if (!end || *end)
        return err_set(err, ERR_MALFORMED, "\"%s\" is not a number; write for example 0.01 or 1e-3", text);
    if (!isfinite(value))
        return err_set(err, ERR_LIMIT, "\"%s\" is too large", text);
    *ret_value = value;
    return ERR_OK;
}

err_code_t units_parse_ratio(const char *text, double *ret_ratio, err_t *err)
{
    double value;
    const char *end = s_read_double(text, &value);
    if (!end || (*end && strcmp(end, "%") != 0 && strcmp(end, " %") != 0))
        return err_set(err, ERR_MALFORMED, "\"%s\" is not a ratio; write for example 0.05 or 5%%", text);
    if (!isfinite(value))
        return err_set(err, ERR_LIMIT, "\"%s\" is too large", text);
    if (signbit(value))
        return err_set(err, ERR_LIMIT, "\"%s\" is negative; write for example 0.05 or 5%%", text);
    *ret_ratio = *end ? value / 100 : value;
    return ERR_OK;
}

/* ---- back to text ---- */

/* "1.5", "12.3", "100": three digits at least where they say something, no trailing zeros. */
static void s_print_number(double value, char *out, size_t size)
{
    snprintf(out, size, "%.*f", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value);
    char *point = strchr(out, '.');
    if (!point)
        return;
    char *end = out + strlen(out);
    while (end[-1] == '0')
        *--end = 0;
    if (end[-1] == '.')
        end[-1] = 0;
}

/* A value in the greatest of the units (each `step` times the one before) in which it is at least 1. */
static const char *s_print_scaled(double value, double step, const char *const *units,
                                  char out[UNITS_TEXT_MAX])
{
    char number[16];
    while (value >= step * 0.9995 && units[1]) {
        value /= step;
        units++;
    }
    s_print_number(value, number, sizeof number);
    snprintf(out, UNITS_TEXT_MAX, "%s %s", number, *units);
    return out;
}

const char *units_print_size(uint64_t bytes, char out[UNITS_TEXT_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", NULL};
    return s_print_scaled((double)bytes, 1024, units, out);
}

const char *units_print_rate(uint64_t bytes_per_s, char out[UNITS_TEXT_MAX])
{
    static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", "Pbit/s", NULL};
    return s_print_scaled((double)bytes_per_s * 8, 1000, units, out);
}

const char *units_print_duration(int64_t us, char out[UNITS_TEXT_MAX])
{
    static const char *const units[] = {"us", "ms", "s", NULL};
    if (us < 0) {
        snprintf(out, UNITS_TEXT_MAX, "-");
        return out;
    }
    if (us < 59500000)
        return s_print_scaled((double)us, 1000, units, out);
    int64_t s = us / 1000000 + (us % 1000000 >= 500000);
    if (s < 3600)
        snprintf(out, UNITS_TEXT_MAX, "%" PRId64 "m %02" PRId64 "s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, UNITS_TEXT_MAX, "%" PRId64 "h %02" PRId64 "m", s / 3600, s / 60 % 60);
    else
        snprintf(out, UNITS_TEXT_MAX, "%" PRId64 "d %02" PRId64 "h", s / 86400, s / 3600 % 24);
    return out;
}

/* The greatest unit that divides the value; `names` is the order of preference. */
static const char *s_format(const sort_t *sort, uint64_t value, const char *const *names,
                            char out[UNITS_TEXT_MAX])
{
    if (value == 0) {
        snprintf(out, UNITS_TEXT_MAX, "0");
        return out;
    }
    for (; *names; names++) {
        const unit_t *unit = s_find_unit(sort, *names);
        wide_t scaled = (wide_t)value * unit->divisor;
        if (scaled % unit->factor == 0 && scaled / unit->factor <= UINT64_MAX) {
            snprintf(out, UNITS_TEXT_MAX, "%" PRIu64 "%s", (uint64_t)(scaled / unit->factor), unit->name);
            break;
        }
    }
    return out;
}

const char *units_format_duration(int64_t us, char out[UNITS_TEXT_MAX])
{
    static const char *const names[] = {"d", "h", "m", "s", "ms", "us", NULL};
    CHECK(us >= 0);
    return s_format(&s_duration, (uint64_t)us, names, out);
}

const char *units_format_rate(uint64_t bytes_per_s, char out[UNITS_TEXT_MAX])
{
    static const char *const names[] = {"Gbit", "Mbit", "kbit", "bit", "B", NULL};
    return s_format(&s_rate, bytes_per_s, names, out);
}

const char *units_format_size(uint64_t bytes, char out[UNITS_TEXT_MAX])
{
    static const char *const names[] = {"GiB", "GB", "MiB", "MB", "KiB", "kB", "B", NULL};
    return s_format(&s_size, bytes, names, out);
}
