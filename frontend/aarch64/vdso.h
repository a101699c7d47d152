/* The vdso that frontend/aarch64/vdso.py makes at build time. */
#pragma once

#include "frontend/guest.h"

extern const struct guest_vdso aarch64_vdso;
