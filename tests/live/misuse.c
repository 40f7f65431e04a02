/* misuse - reads what is not its own, for the judges of what sanitizers find; ends with 77 in a
 * build without them. */
#include <stdlib.h>

int main(void)
{
#ifdef CLOUDLESS_SANITIZED
    volatile size_t beyond = 8;
    char *block = calloc(1, beyond);
    int read = block ? block[beyond] : 0;
    free(block);
    return read != 0;
#else
    return 77;
#endif
}
