/* The vdso that frontend/riscv/vdso.py makes at build time. */
#pragma once

#include "frontend/guest.h"

extern const struct guest_vdso riscv_vdso;
