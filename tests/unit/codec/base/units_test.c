#include "codec/base/rng.h"
#include "codec/base/units.h"
#include "tests/unit/codec/base/seed.h"

#include <criterion/criterion.h>
#include <string.h>

#define COUNT(rows) (sizeof rows / sizeof rows[0])

typedef struct {
    const char *text;
    uint64_t value;
} good_t;

typedef struct {
    const char *text;
    err_code_t code;
} bad_t;

typedef err_code_t parse_fn(const char *text, uint64_t *ret_value, err_t *err);

static err_code_t s_duration(const char *text, uint64_t *ret_value, err_t *err)
{
    int64_t us = 0;
    err_code_t code = units_parse_duration(text, &us, err);
    if (!code)
        *ret_value = (uint64_t)us;
    return code;
}

static err_code_t s_rate(const char *text, uint64_t *ret_value, err_t *err)
{
    return units_parse_rate(text, ret_value, err);
}

static err_code_t s_size(const char *text, uint64_t *ret_value, err_t *err)
{
    return units_parse_size(text, ret_value, err);
}

static err_code_t s_u64(const char *text, uint64_t *ret_value, err_t *err)
{
    return units_parse_u64(text, ret_value, err);
}

static void s_assert_good(parse_fn *parse, const good_t *rows, size_t count)
{
    for (size_t row = 0; row < count; row++) {
        uint64_t value = 12345;
        err_t err = {0};
        cr_assert_eq(parse(rows[row].text, &value, &err), ERR_OK, "\"%s\": %s", rows[row].text, err.text);
        cr_assert_eq(value, rows[row].value, "\"%s\" is %llu", rows[row].text, (unsigned long long)value);
    }
}

static void s_assert_bad(parse_fn *parse, const bad_t *rows, size_t count)
{
    for (size_t row = 0; row < count; row++) {
        uint64_t value = 12345;
        err_t err = {0};
        cr_assert_eq(parse(rows[row].text, &value, &err), rows[row].code, "\"%s\": %s", rows[row].text,
                     err.text);
        cr_assert_eq(value, 12345, "\"%s\" changed the value", rows[row].text);
        cr_assert(strchr(err.text, '"'), "\"%s\": %s", rows[row].text, err.text);
    }
}

Test(units, durations)
{
    static const good_t good[] = {
        {"0", 0},
        {"0s", 0},
        {"0.0", 0},
        {"1us", 1},
        {"250ms", 250000},
        {"1.5s", 1500000},
        {"2m", 120000000},
        {"3h", 10800000000},
        {"1d", 86400000000},
        {"0.25ms", 250},
        {"007s", 7000000},
        {"1.0000000s", 1000000},
        {"0.0005ms", 1},
        {"1.2345678s", 1234568},
        {"9223372036854775807us", INT64_MAX},
        {"2m 05s", 125000000},
        {"1d 01h", 90000000000},
        {"1s 250 ms", 1250000},
    };
    static const bad_t bad[] = {
        {"", ERR_MALFORMED},
        {"s", ERR_MALFORMED},
        {"5", ERR_MALFORMED},
        {"1.5", ERR_MALFORMED},
        {"-5s", ERR_LIMIT},
        {"+5s", ERR_MALFORMED},
        {"5  s", ERR_MALFORMED},
        {" 5s", ERR_MALFORMED},
        {"5s ", ERR_MALFORMED},
        {"5sec", ERR_MALFORMED},
        {"5S", ERR_MALFORMED},
        {"5ms3", ERR_MALFORMED},
        {"1.s", ERR_MALFORMED},
        {".5s", ERR_MALFORMED},
        {"1..5s", ERR_MALFORMED},
        {"1.5.2s", ERR_MALFORMED},
        {"1e3s", ERR_MALFORMED},
        {"0x10s", ERR_MALFORMED},
        {"1,5s", ERR_MALFORMED},
        {"nan", ERR_MALFORMED},
        {"5MB", ERR_MALFORMED},
        {"5ms/s", ERR_MALFORMED},
        {"5s 2m", ERR_MALFORMED},
        {"1m 90s", ERR_MALFORMED},
        {"1m 5", ERR_MALFORMED},
        {"1h 2m 3s", ERR_MALFORMED},
        {"1m  5s", ERR_MALFORMED},
        {"9223372036854775807us 1us", ERR_LIMIT},
        {"0.4us", ERR_LIMIT},
        {"0.0000001ms", ERR_LIMIT},
        {"9223372036854775808us", ERR_LIMIT},
        {"99999999999999999999s", ERR_LIMIT},
        {"18446744073709551615d", ERR_LIMIT},
        {"0.123456789012345678901s", ERR_LIMIT},
    };
    s_assert_good(s_duration, good, COUNT(good));
    s_assert_bad(s_duration, bad, COUNT(bad));
}

Test(units, rates)
{
    static const good_t good[] = {
        {"0", 0},         {"8bit", 1},          {"100Mbit", 12500000}, {"1Gbit", 125000000},
        {"64kbit", 8000}, {"12.5MB", 12500000}, {"1MiB", 1048576},     {"100Mbit/s", 12500000},
        {"3B", 3},        {"1.5KiB/s", 1536},   {"2GB", 2000000000},   {"1GiB", 1073741824},
        {"12bit", 2},     {"1kB", 1000},
    };
    static const bad_t bad[] = {
        {"100", ERR_MALFORMED},      {"100mbit", ERR_MALFORMED}, {"100Mb", ERR_MALFORMED},
        {"100Mbits", ERR_MALFORMED}, {"1bit/h", ERR_MALFORMED},  {"1PB", ERR_MALFORMED},
        {"-1Mbit", ERR_LIMIT},       {"3bit", ERR_LIMIT},        {"18446744073709551615Gbit", ERR_LIMIT},
        {"1MB/s/s", ERR_MALFORMED},
    };
    s_assert_good(s_rate, good, COUNT(good));
    s_assert_bad(s_rate, bad, COUNT(bad));
}

Test(units, sizes)
{
    static const good_t good[] = {
        {"0", 0},           {"1B", 1},       {"64MiB", 64u << 20}, {"1.5GB", 1500000000},
        {"1GiB", 1u << 30}, {"0.5KiB", 512}, {"3kB", 3000},        {"18446744073709551615B", UINT64_MAX},
    };
    static const bad_t bad[] = {
        {"64", ERR_MALFORMED},
        {"64M", ERR_MALFORMED},
        {"64mib", ERR_MALFORMED},
        {"64MiB/s", ERR_MALFORMED},
        {"-1B", ERR_LIMIT},
        {"17179869184GiB", ERR_LIMIT},
        {"18446744073709551616B", ERR_LIMIT},
    };
    s_assert_good(s_size, good, COUNT(good));
    s_assert_bad(s_size, bad, COUNT(bad));
}

Test(units, whole_numbers)
{
    static const good_t good[] = {{"0", 0}, {"42", 42}, {"18446744073709551615", UINT64_MAX}};
    static const bad_t bad[] = {
        {"", ERR_MALFORMED},     {"1.5", ERR_MALFORMED},
        {"1.0", ERR_MALFORMED},  {"3ms", ERR_MALFORMED},
        {"0x10", ERR_MALFORMED}, {" 1", ERR_MALFORMED},
        {"1 ", ERR_MALFORMED},   {"+1", ERR_MALFORMED},
        {"-1", ERR_LIMIT},       {"18446744073709551616", ERR_LIMIT},
        {"1e3", ERR_MALFORMED},
    };
    s_assert_good(s_u64, good, COUNT(good));
    s_assert_bad(s_u64, bad, COUNT(bad));
}

Test(units, real_numbers)
{
    double value = 7;
    cr_assert_eq(units_parse_double("-1.5e-3", &value, NULL), ERR_OK);
    cr_assert(value == -1.5e-3);
    cr_assert_eq(units_parse_double("0.1", &value, NULL), ERR_OK);
    cr_assert(value == 0.1);
    static const bad_t bad[] = {{"", ERR_MALFORMED},    {"nan", ERR_MALFORMED},  {"inf", ERR_MALFORMED},
                                {"1e999", ERR_LIMIT},   {"1.5x", ERR_MALFORMED}, {"0x1p3", ERR_MALFORMED},
                                {" 1", ERR_MALFORMED},  {"1,5", ERR_MALFORMED},  {"-", ERR_MALFORMED},
                                {"--1", ERR_MALFORMED}, {".", ERR_MALFORMED}};
    for (size_t row = 0; row < COUNT(bad); row++) {
        value = 7;
        cr_assert_eq(units_parse_double(bad[row].text, &value, NULL), bad[row].code, "\"%s\"", bad[row].text);
        cr_assert(value == 7);
    }
}

Test(units, ratios)
{
    double value = 7;
    cr_assert_eq(units_parse_ratio("0.05", &value, NULL), ERR_OK);
    cr_assert(value == 0.05);
    cr_assert_eq(units_parse_ratio("5%", &value, NULL), ERR_OK);
    cr_assert(value == 0.05);
    cr_assert_eq(units_parse_ratio("12.5%", &value, NULL), ERR_OK);
    cr_assert(value == 0.125);
    cr_assert_eq(units_parse_ratio("5%%", &value, NULL), ERR_MALFORMED);
    cr_assert_eq(units_parse_ratio("%", &value, NULL), ERR_MALFORMED);
    cr_assert_eq(units_parse_ratio("12.5 %", &value, NULL), ERR_OK);
    cr_assert_eq(units_parse_ratio("5  %", &value, NULL), ERR_MALFORMED);
    cr_assert_eq(units_parse_ratio("-5%", &value, NULL), ERR_LIMIT);
    cr_assert_eq(units_parse_ratio("1e999%", &value, NULL), ERR_LIMIT);
    cr_assert(value == 0.125);
}

Test(units, for_people)
{
    char out[UNITS_TEXT_MAX];
    cr_assert_str_eq(units_print_size(0, out), "0 B");
    cr_assert_str_eq(units_print_size(1536, out), "1.5 KiB");
    cr_assert_str_eq(units_print_size(1023, out), "1023 B");
    cr_assert_str_eq(units_print_size(1u << 20, out), "1 MiB");
    cr_assert_str_eq(units_print_size(UINT64_MAX, out), "16 EiB");
    cr_assert_str_eq(units_print_rate(12500000, out), "100 Mbit/s");
    cr_assert_str_eq(units_print_rate(1, out), "8 bit/s");
    cr_assert_str_eq(units_print_duration(0, out), "0 us");
    cr_assert_str_eq(units_print_duration(350000, out), "350 ms");
    cr_assert_str_eq(units_print_duration(12340000, out), "12.3 s");
    cr_assert_str_eq(units_print_duration(125000000, out), "2m 05s");
    cr_assert_str_eq(units_print_duration(59999999, out), "1m 00s");
    cr_assert_str_eq(units_print_duration(3720000000, out), "1h 02m");
    cr_assert_str_eq(units_print_duration(90000000000, out), "1d 01h");
    cr_assert(strlen(units_print_duration(INT64_MAX, out)) < UNITS_TEXT_MAX);
}

Test(units, exact_text)
{
    char out[UNITS_TEXT_MAX];
    cr_assert_str_eq(units_format_duration(30000, out), "30ms");
    cr_assert_str_eq(units_format_duration(1500000, out), "1500ms");
    cr_assert_str_eq(units_format_duration(7200000000, out), "2h");
    cr_assert_str_eq(units_format_rate(12500000, out), "100Mbit");
    cr_assert_str_eq(units_format_size(64u << 20, out), "64MiB");
    cr_assert_str_eq(units_format_size(1500000000, out), "1500MB");
    cr_assert_str_eq(units_format_size(0, out), "0");
}

static void s_assert_back(uint64_t value)
{
    char out[UNITS_TEXT_MAX];
    uint64_t back = 1;
    cr_assert_eq(s_rate(units_format_rate(value, out), &back, NULL), ERR_OK, "%s", out);
    cr_assert_eq(back, value, "%s", out);
    cr_assert_eq(s_size(units_format_size(value, out), &back, NULL), ERR_OK, "%s", out);
    cr_assert_eq(back, value, "%s", out);
    if (value > INT64_MAX)
        return;
    cr_assert_eq(s_duration(units_format_duration((int64_t)value, out), &back, NULL), ERR_OK, "%s", out);
    cr_assert_eq(back, value, "%s", out);
}

Test(units, exact_text_reads_back)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (int round = 0; round < 5000; round++) {
        uint64_t value = rng_u64(&rng) >> rng_below(&rng, 64);
        for (uint64_t zeros = rng_below(&rng, 10); zeros && value < UINT64_MAX / 10; zeros--)
            value *= 10;
        s_assert_back(value);
    }
    s_assert_back(UINT64_MAX);
    s_assert_back(INT64_MAX);
}

/* Three digits are printed at least; of minutes and more, whole units of the next smaller kind. */
static void s_assert_read(parse_fn *parse, const char *text, uint64_t value)
{
    uint64_t back = 0;
    err_t err = {0};
    cr_assert_eq(parse(text, &back, &err), ERR_OK, "%s", err.text);
    uint64_t apart = back > value ? back - value : value - back;
    cr_assert(apart <= value / 20 + 1, "\"%s\" is %llu, was %llu", text, (unsigned long long)back,
              (unsigned long long)value);
}

/* Any value that is printed for people can be written back, whatever its size. */
Test(units, every_printed_value_is_read)
{
    char out[UNITS_TEXT_MAX];
    for (uint64_t value = 1; value < UINT64_MAX / 2; value += value / 7 + 1) {
        s_assert_read(s_rate, units_print_rate(value, out), value);
        s_assert_read(s_size, units_print_size(value, out), value);
        if (value < INT64_MAX)
            s_assert_read(s_duration, units_print_duration((int64_t)value, out), value);
    }
    uint64_t value;
    cr_assert_eq(units_parse_rate("100  Mbit", &value, NULL), ERR_MALFORMED);
    cr_assert_eq(units_parse_rate("100 ", &value, NULL), ERR_MALFORMED);
}
