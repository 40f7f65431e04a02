/* processor - what this machine's processor can compute with, as far as it matters for choosing a kernel.
 *
 * Why      OpenBLAS chooses its kernel by family and model; of a processor newer than itself it knows
 *          neither, and takes one that is twenty years old. What the processor can is told by CPUID, whatever
 *          its name.
 * Not      the choice: see kernel.
 * Threads  any.
 * Source   Intel SDM vol. 2A, CPUID leaves 0, 1 and 7, and XGETBV; AMD APM vol. 3, appendix E.
 */
#ifndef ACTORS_MODEL_PROCESSOR_H
#define ACTORS_MODEL_PROCESSOR_H

/* Widest registers that the processor has and the operating system keeps, in order of speed. */
typedef enum {
    PROCESSOR_UNKNOWN, /* not x86-64: only the library knows */
    PROCESSOR_SSE,
    PROCESSOR_AVX,
    PROCESSOR_AVX2,   /* with FMA */
    PROCESSOR_AVX512, /* F, CD, BW, DQ and VL, as x86-64-v4 */
} processor_level_t;

typedef struct {
    char vendor[13]; /* "GenuineIntel", "AuthenticAMD"; empty: unknown */
    unsigned family, model;
    processor_level_t level;
} processor_t;

processor_t processor_read(void);

/* "AVX-512"; borrowed for ever. */
const char *processor_level_name(processor_level_t level);

#endif
