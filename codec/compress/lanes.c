#include "codec/compress/lanes.h"

static lanes_t s_limit = LANES_AVX512;

lanes_t lanes_best(void)
{
#if LANES_X86
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2"))
        return LANES_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("fma"))
        return LANES_AVX2;
#endif
    return LANES_PLAIN;
}

lanes_t lanes_used(void)
{
    lanes_t best = lanes_best();
    return best < s_limit ? best : s_limit;
}

void lanes_limit(lanes_t most)
{
    s_limit = most;
}

const char *lanes_name(lanes_t lanes)
{
    static const char *const names[LANES_COUNT] = {"plain", "avx2", "avx512"};
    return lanes < LANES_COUNT ? names[lanes] : "?";
}
