/* Classic BPF, as far as seccomp filters may use it (Documentation/networking/filter.rst, kernel/seccomp.c): an accumulator A, an
 * index register X, sixteen words of scratch memory, forward jumps only. Every valid program ends.
 *
 * A program is an array of struct sock_filter. Example, "errno 1 for call 64, else allow":
 *
 *     { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 }                      A = data.nr
 *     { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 64 }                    A == 64: the next, else one further
 *     { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | 1 }
 *     { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW }
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CBPF_MAX = 4096 };      /* instructions of a program: BPF_MAXINSNS */

/** Whether the kernel would take `prog` of `len` instructions as a seccomp filter over `size` bytes of data: known
 * instructions, aligned loads inside the data, jumps that stay inside, no constant division by 0, shifts below 32, scratch words
 * written before they are read, a return at the end. */
bool cbpf_valid(const struct sock_filter *prog, size_t len, uint32_t size);

/** What a valid program returns for `data` (32-bit words in the host's order), `size` bytes. */
uint32_t cbpf_run(const struct sock_filter *prog, const void *data, uint32_t size);
