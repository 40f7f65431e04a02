/* lanes - one loop compiled for several widths of registers, chosen while the program runs.
 *
 * Why      encodings must give the same bytes on every processor, and a test can only show that if it can
 *          choose the width: ifuncs and function clones leave no choice, and do not work under sanitizers.
 * How      NAME_body is written once as an always-inlined function; LANES_FUNCTION(type, NAME, (parameters),
 *          (arguments)) compiles it once for each width, and NAME calls the one in use.
 * Threads  lanes_limit before others run; all else any.
 */
#ifndef CODEC_COMPRESS_LANES_H
#define CODEC_COMPRESS_LANES_H

typedef enum {
    LANES_PLAIN,  /* what every processor has */
    LANES_AVX2,   /* with the conversions of F16C */
    LANES_AVX512, /* x86-64-v4 */
    LANES_COUNT
} lanes_t;

lanes_t lanes_best(void);       /* the widest that this processor has */
lanes_t lanes_used(void);       /* the best one, or the limit */
void lanes_limit(lanes_t most); /* for tests and benchmarks */
const char *lanes_name(lanes_t lanes);

/* A loop whose arrays may be the same, but then element by element. */
#if defined(__clang__)
#define LANES_SAME_OR_APART _Pragma("clang loop vectorize(assume_safety)")
#else
#define LANES_SAME_OR_APART _Pragma("GCC ivdep")
#endif

#define LANES_BODY static inline __attribute__((always_inline))

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define LANES_X86 1
#define LANES_TARGET_AVX2 __attribute__((target("avx2,f16c,fma")))
#define LANES_TARGET_AVX512 __attribute__((target("arch=x86-64-v4")))
#define LANES_FUNCTION(type, name, parameters, arguments)                                                    \
    static type name##_plain parameters                                                                      \
    {                                                                                                        \
        return name##_body arguments;                                                                        \
    }                                                                                                        \
    LANES_TARGET_AVX2 static type name##_avx2 parameters                                                     \
    {                                                                                                        \
        return name##_body arguments;                                                                        \
    }                                                                                                        \
    LANES_TARGET_AVX512 static type name##_avx512 parameters                                                 \
    {                                                                                                        \
        return name##_body arguments;                                                                        \
    }                                                                                                        \
    static type name parameters                                                                              \
    {                                                                                                        \
        lanes_t lanes = lanes_used();                                                                        \
        return lanes == LANES_AVX512 ? name##_avx512 arguments                                               \
               : lanes == LANES_AVX2 ? name##_avx2 arguments                                                 \
                                     : name##_plain arguments;                                               \
    }
#else
#define LANES_X86 0
#define LANES_FUNCTION(type, name, parameters, arguments)                                                    \
    static type name parameters                                                                              \
    {                                                                                                        \
        return name##_body arguments;                                                                        \
    }
#endif

#endif
