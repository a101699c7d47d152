#!/usr/bin/env python3
"""Makes the RISC-V vdso.  The functions are the kernel's (arch/riscv/kernel/vdso, version LINUX_4.15).  libgcc's
config/riscv/linux-unwind.h knows __vdso_rt_sigreturn by its two instructions.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import vdso_elf

ZERO, A0, A1, A2, A3, A4, A5, A6, A7 = 0, 10, 11, 12, 13, 14, 15, 16, 17
ECALL, RET = 0x73, 0x8067
CLOCK = A0 << 15 | A2 << 7 | 0x0b           # custom-0: a2 = nanoseconds of clock a0
BEQ, BNE, BLT = 0, 1, 4


def addi(rd, rs1, imm):
    return (imm & 0xfff) << 20 | rs1 << 15 | rd << 7 | 0x13


def lui(rd, imm):
    return imm << 12 | rd << 7 | 0x37


def divu(rd, rs1, rs2):
    return 1 << 25 | rs2 << 20 | rs1 << 15 | 5 << 12 | rd << 7 | 0x33


def remu(rd, rs1, rs2):
    return divu(rd, rs1, rs2) | 2 << 12


def sd(rs2, offset, rs1):
    return rs2 << 20 | rs1 << 15 | 3 << 12 | offset << 7 | 0x23


def branch(kind, rs1, label):
    """Compares rs1 with zero; forward, by less than 32 bytes or a multiple of 32."""
    def encode(distance):
        return (distance >> 5 & 0x3f) << 25 | rs1 << 15 | kind << 12 | (distance >> 1 & 0xf) << 8 | 0x63
    return label, encode


def call(nr, returns=True):
    return [addi(A7, ZERO, nr), ECALL] + [RET] * returns


SECONDS = [lui(A3, 0x3b9ad), addi(A3, A3, -0x600), divu(A4, A2, A3), remu(A5, A2, A3)]    # a4, a5 = a2 / 10^9, rest
FUNCTIONS = (
    ("__vdso_rt_sigreturn", call(139, returns=False)),
    ("__vdso_gettimeofday", [
        addi(A6, A0, 0), branch(BNE, A1, "call"), branch(BEQ, A0, "call"),
        addi(A0, ZERO, 0), CLOCK, branch(BLT, A2, "call"), *SECONDS,
        addi(A3, ZERO, 1000), divu(A5, A5, A3), sd(A4, 0, A6), sd(A5, 8, A6), addi(A0, ZERO, 0), RET,
        "call", addi(A0, A6, 0), *call(169)]),
    ("__vdso_clock_gettime", [
        CLOCK, branch(BLT, A2, "call"), *SECONDS, sd(A4, 0, A1), sd(A5, 8, A1), addi(A0, ZERO, 0), RET,
        "call", *call(113)]),
    ("__vdso_clock_getres", call(114)),
    ("__vdso_getcpu", call(168)),
    ("__vdso_flush_icache", call(259)),
    ("__vdso_riscv_hwprobe", call(258)),
)

# EM_RISCV; compressed instructions, doubles in registers
vdso_elf.main(vdso_elf.Vdso(guest="riscv", machine=243, flags=0x5, version="LINUX_4.15", functions=FUNCTIONS, clock=CLOCK))
