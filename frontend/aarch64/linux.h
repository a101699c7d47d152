/* What AArch64's Linux ABI is (syscall/abi.h). */
#pragma once

#include "syscall/abi.h"

/* Weak: a test that has no use for syscall/ links the guest without it and finds a null pointer. */
extern const struct guest_linux aarch64_linux __attribute__((weak));
