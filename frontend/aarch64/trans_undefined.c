/* Instructions that the tables know but no trans_*.c means: extensions that HWCAP does not have. They are undefined. */
#include "frontend/a64_decode.h"

#define UNDEFINED(name, NAME, set) \
    __attribute__((weak)) bool a64_##name(A64_CTX *ctx, const struct arg_##set *a) { return false; }
A64_INSNS(UNDEFINED)
