#!/usr/bin/env python3
"""Makes the AArch64 vdso.  The functions are the kernel's (arch/arm64/kernel/vdso, version LINUX_2.6.39).  libgcc's
config/aarch64/linux-unwind.h knows __kernel_rt_sigreturn by its two instructions.

    vdso.py OUTPUT.c
"""

import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import vdso_elf

FUNCTIONS = (            # name, system call, returns to its caller
    ("__kernel_rt_sigreturn", 139, False),
    ("__kernel_gettimeofday", 169, True),
    ("__kernel_clock_gettime", 113, True),
    ("__kernel_clock_getres", 114, True),
)


def code_of(nr, returns):
    words = [0xd2800008 | nr << 5, 0xd4000001]          # mov x8, nr ; svc 0
    if returns:
        words.append(0xd65f03c0)                        # ret
    return struct.pack(f"<{len(words)}I", *words)


# EM_AARCH64
VDSO = vdso_elf.Vdso(guest="aarch64", machine=183, flags=0, version="LINUX_2.6.39",
                     functions=FUNCTIONS, code=code_of)

if __name__ == "__main__":
    vdso_elf.write(VDSO, sys.argv[1])
