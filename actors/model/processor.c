#include "actors/model/processor.h"

#include <stddef.h>
#include <string.h>

const char *processor_level_name(processor_level_t level)
{
    static const char *const names[] = {"unknown", "SSE", "AVX", "AVX2", "AVX-512"};
    return names[level];
}

#if defined(__x86_64__)
#include <cpuid.h>

/* Checks whether the operating system keeps these parts of the registers: bits of XCR0. */
static int s_kept(unsigned bits)
{
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & bits) == bits;
}

static processor_level_t s_level(void)
{
    enum { XMM_YMM = 0x6, ZMM = 0xe6 };
    const unsigned v4 = bit_AVX512F | bit_AVX512CD | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    unsigned a, b, c, d, unused;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX) || !s_kept(XMM_YMM))
        return PROCESSOR_SSE;
    int fma = (c & bit_FMA) != 0;
    if (!__get_cpuid_count(7, 0, &unused, &b, &c, &d) || !(b & bit_AVX2) || !fma)
        return PROCESSOR_AVX;
    return (b & v4) == v4 && s_kept(ZMM) ? PROCESSOR_AVX512 : PROCESSOR_AVX2;
}

processor_t processor_read(void)
{
    processor_t self = {.level = s_level()};
    unsigned a, text[3], unused, c, d;
    if (__get_cpuid(0, &a, &text[0], &text[2], &text[1]))
        memcpy(self.vendor, text, sizeof text);
    if (__get_cpuid(1, &a, &unused, &c, &d)) {
        self.family = (a >> 8 & 0xf) + ((a >> 8 & 0xf) == 0xf ? a >> 20 & 0xff : 0);
        self.model = (a >> 4 & 0xf) | (a >> 12 & 0xf0);
    }
    return self;
}
#else
processor_t processor_read(void)
{
    return (processor_t){.level = PROCESSOR_UNKNOWN};
}
#endif
