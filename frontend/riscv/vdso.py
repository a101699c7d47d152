#!/usr/bin/env python3
"""Makes the RISC-V vdso.  The functions are the kernel's (arch/riscv/kernel/vdso, version LINUX_4.15).  libgcc's
config/riscv/linux-unwind.h knows __vdso_rt_sigreturn by its two instructions.

    vdso.py OUTPUT.c
"""

import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import vdso_elf

FUNCTIONS = (            # name, system call, returns to its caller
    ("__vdso_rt_sigreturn", 139, False),
    ("__vdso_gettimeofday", 169, True),
    ("__vdso_clock_gettime", 113, True),
    ("__vdso_clock_getres", 114, True),
    ("__vdso_getcpu", 168, True),
    ("__vdso_flush_icache", 259, True),
    ("__vdso_riscv_hwprobe", 258, True),
)


def code_of(nr, returns):
    words = [nr << 20 | 17 << 7 | 0x13, 0x73]           # li a7, nr ; ecall
    if returns:
        words.append(0x00008067)                        # ret
    return struct.pack(f"<{len(words)}I", *words)


# EM_RISCV; compressed instructions, doubles in registers
VDSO = vdso_elf.Vdso(guest="riscv", machine=243, flags=0x5, version="LINUX_4.15",
                     functions=FUNCTIONS, code=code_of)

if __name__ == "__main__":
    vdso_elf.write(VDSO, sys.argv[1])
