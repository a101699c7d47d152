#!/usr/bin/env python3
"""Makes the AArch64 vdso.  The functions are the kernel's (arch/arm64/kernel/vdso, version LINUX_2.6.39).  libgcc's
config/aarch64/linux-unwind.h knows __kernel_rt_sigreturn by its two instructions.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import vdso_elf

SVC, RET = 0xd4000001, 0xd65f03c0
CLOCK = 0x434b                              # udf #0x434b: x2 = nanoseconds of clock x0


def movz(rd, imm):
    return 0xd2800000 | imm << 5 | rd


def movk16(rd, imm):
    return 0xf2a00000 | imm << 5 | rd


def mov(rd, rm):
    return 0xaa0003e0 | rm << 16 | rd


def udiv(rd, rn, rm):
    return 0x9ac00800 | rm << 16 | rn << 5 | rd


def msub(rd, rn, rm, ra):
    return 0x9b008000 | rm << 16 | ra << 10 | rn << 5 | rd


def stp(rt, rt2, rn):
    return 0xa9000000 | rt2 << 10 | rn << 5 | rt


def cbz(rt, label):
    return label, lambda distance: 0xb4000000 | distance >> 2 << 5 | rt


def cbnz(rt, label):
    return label, lambda distance: 0xb5000000 | distance >> 2 << 5 | rt


def tbnz63(rt, label):
    return label, lambda distance: 0xb7f80000 | distance >> 2 << 5 | rt


def call(nr, returns=True):
    return [movz(8, nr), SVC] + [RET] * returns


SECONDS = [movz(3, 0xca00), movk16(3, 0x3b9a), udiv(4, 2, 3), msub(5, 4, 3, 2)]     # x4, x5 = x2 / 10^9, rest
FUNCTIONS = (
    ("__kernel_rt_sigreturn", call(139, returns=False)),
    ("__kernel_gettimeofday", [
        mov(6, 0), cbnz(1, "call"), cbz(0, "call"), movz(0, 0), CLOCK, tbnz63(2, "call"), *SECONDS,
        movz(3, 1000), udiv(5, 5, 3), stp(4, 5, 6), movz(0, 0), RET,
        "call", mov(0, 6), *call(169)]),
    ("__kernel_clock_gettime", [
        CLOCK, tbnz63(2, "call"), *SECONDS, stp(4, 5, 1), movz(0, 0), RET,
        "call", *call(113)]),
    ("__kernel_clock_getres", call(114)),
)

# EM_AARCH64
vdso_elf.main(vdso_elf.Vdso(guest="aarch64", machine=183, flags=0, version="LINUX_2.6.39", functions=FUNCTIONS, clock=CLOCK))
