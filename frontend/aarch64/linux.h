/* AArch64's part of Linux: see linux.c. */
#pragma once

#include "syscall/abi.h"

extern const struct guest_linux aarch64_linux;
