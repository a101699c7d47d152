/* Guest memory as the translator's C code touches it: copies that fail instead of faulting.
 *
 * A guest may pass any address to a system call, or unmap it from another thread meanwhile. So handlers never
 * dereference guest addresses; they copy, and a fault during the copy (recognised by its instruction, host.h) or an address
 * at or above the guest's top is EFAULT.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/gaddr.h"

/** Whether [addr, addr+len) lies in the part of the address space that guests can map. */
bool access_ok(gaddr addr, uint64_t len);
/** Copies `len` bytes in; false (EFAULT) if any of them can't be read. */
bool copy_from_guest(void *to, gaddr from, size_t len);
/** Copies `len` bytes out; false (EFAULT) if any of them can't be written (some may have been). */
bool copy_to_guest(gaddr to, const void *from, size_t len);
/** Copies a string of at most size-1 bytes and its end. Its length, -EFAULT, or -ENAMETOOLONG. */
int64_t copy_str_from_guest(char *to, gaddr from, size_t size);
