/* clones - one loop compiled for several generations of processors, chosen when the program starts.
 *
 * Why      the binary runs on every x86-64 and still uses AVX-512 where there is AVX-512.
 * Not      under sanitizers: the choice is made by an ifunc, before their runtime is ready; nor with other
 *          compilers.
 */
#ifndef ACTORS_MODEL_CLONES_H
#define ACTORS_MODEL_CLONES_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(CLOUDLESS_SANITIZED)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
/* With fused multiply-add: for a batch's gradients, whose last bits differ between machines anyway. */
#define CLONES_FUSED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#define CLONES_FUSED
#endif

/* A loop whose arrays may be the same, but then element by element. */
#if defined(__clang__)
#define SAME_OR_APART _Pragma("clang loop vectorize(assume_safety)")
#else
#define SAME_OR_APART _Pragma("GCC ivdep")
#endif

#endif
