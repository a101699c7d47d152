/* Included twice by rt.c, for double and float: arithmetic under any rounding mode with the canonical NaN. */

static U FN(bits)(F f)
{
    U u;

    memcpy(&u, &f, sizeof u);
    return u;
}

static F FN(from_bits)(U u)
{
    F f;

    memcpy(&f, &u, sizeof f);
    return f;
}

static bool FN(is_snan)(F f)
{
    return (FN(bits)(f) & EXP_MASK) == EXP_MASK && isnan(f) && !(FN(bits)(f) & QUIET);
}

/* One operation under the rounding mode MXCSR has. */
static F FN(plain)(unsigned op, unsigned neg, F a, F b, F c)
{
    volatile F x = a, y = b, z = c, r = 0;

    switch (op) {
    case IR_fadd: r = x + y; break;
    case IR_fsub: r = x - y; break;
    case IR_fmul: r = x * y; break;
    case IR_fdiv: r = x / y; break;
    case IR_fsqrt: r = SQRT(x); break;
    case IR_fma: r = FMA(neg & 1 ? -x : x, y, neg & 2 ? -z : z); break;
    }
    return r;
}

/* The same in twice the precision or more; inexact tells whether it is not even exact there. */
static __float128 FN(wide)(unsigned op, unsigned neg, F a, F b, F c)
{
    volatile __float128 x = a, y = b, z = c, r = 0;

    switch (op) {
    case IR_fadd: r = x + y; break;
    case IR_fsub: r = x - y; break;
    case IR_fmul: r = x * y; break;
    case IR_fdiv: r = x / y; break;
    case IR_fma: r = x * y; r = (neg & 1 ? -r : r) + (neg & 2 ? -z : z); break;
    }
    return r;
}

/* Ties away from zero: differs from nearest-even only on an exact tie that went towards zero. */
static F FN(away)(unsigned op, unsigned neg, F a, F b, F c)
{
    volatile F near, zero, out;
    uint32_t saved;

    WITH_RM(IR_RM_RNE, near = FN(plain)(op, neg, a, b, c));
    saved = _mm_getcsr();
    if (isnan(near) || isinf(near) || op == IR_fsqrt)
        return near;
    WITH_RM(IR_RM_RTZ, zero = FN(plain)(op, neg, a, b, c));
    WITH_RM(signbit(near) ? IR_RM_RDN : IR_RM_RUP, out = FN(plain)(op, neg, a, b, c));
    if (near == zero && zero != out && !isinf(out)) {
        _mm_setcsr(saved & ~(uint32_t)(MX_FLAGS | MX_RC));
        volatile __float128 w = FN(wide)(op, neg, a, b, c);

        if (!(_mm_getcsr() & MX_PE) && w - zero == out - w)
            near = out;
    }
    _mm_setcsr(saved);
    return near;
}

/* IEEE 754-2019 minimumNumber, maximumNumber (9.6) with -0 < +0. */
static F FN(minmax)(unsigned op, F a, F b)
{
    if (FN(is_snan)(a) || FN(is_snan)(b))
        raise_flags(MX_IE);
    if (isnan(a))
        return b;
    if (isnan(b))
        return a;
    if (FN(bits)(a) << 1 == 0 && FN(bits)(b) << 1 == 0)
        return (op == IR_fmin) == (signbit(a) != 0) ? a : b;
    return (op == IR_fmin) == (a < b) ? a : b;
}

static F FN(arith)(uint64_t desc, F a, F b, F c)
{
    unsigned op = desc & 0xff, rm = desc >> 8 & 0xff, neg = desc >> 16 & 3;
    F r;

    if (op == IR_fmin || op == IR_fmax)
        r = FN(minmax)(op, a, b);
    else if (rm == IR_RM_RMM)
        r = FN(away)(op, neg, a, b, c);
    else
        WITH_RM(rm, r = FN(plain)(op, neg, a, b, c));
    /* Infinity times zero is invalid even if the addend is a quiet NaN (RISC-V F, 11.6); FMA3 says nothing then. */
    if (op == IR_fma && ((isinf(a) && b == 0) || (a == 0 && isinf(b))))
        raise_flags(MX_IE);
    return isnan(r) ? FN(from_bits)(EXP_MASK | QUIET) : r;
}

#undef FN
#undef F
#undef U
#undef EXP_MASK
#undef QUIET
#undef SIGN
#undef FMA
#undef SQRT
