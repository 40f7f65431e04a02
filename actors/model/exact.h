/* exact - included before anything else by a file whose sums are the same bits on every machine.
 *
 * Why      a fused multiply-add rounds once where two instructions round twice, and not every
 *          processor has it.
 */
#ifndef ACTORS_MODEL_EXACT_H
#define ACTORS_MODEL_EXACT_H

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif

#endif
