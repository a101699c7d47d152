// What surrounds random A64 sequences: assembled at TEXT by a64_image.py, which has the layout.
//
// For each run (RUN_*: a descriptor) all state is loaded, the sequence entered by `br x26`, and left by a jump to the second
// word. x27 is the middle of the arena, x28 the context; sequences write neither. A record of the state goes into a
// buffer that is written to standard output when it is full, and at the end with the whole arena behind it.

#define VECTORS 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
#define GENERAL 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25

    .text
    b start
    b done

// --- \reg = a 64-bit constant
    .macro const reg, value
    movz \reg, #((\value) & 0xffff)
    movk \reg, #(((\value) >> 16) & 0xffff), lsl #16
    .endm

// --- \hash and a word make a new hash
    .macro mix hash, word, factor
    eor \hash, \hash, \word
    mul \hash, \hash, \factor
    eor \hash, \hash, \hash, lsr #29
    .endm

start:
    const x28, CONTEXT
    const x27, MIDDLE
    const x0, DATA + D_STACK
    mov x1, xzr
    mov x8, #132                        // sigaltstack
    svc #0
    const x20, DATA + D_SIGNALS
next_signal:
    ldr w0, [x20], #4
    cbz w0, signals_set
    const x1, DATA + D_ACTION
    mov x2, xzr
    mov x3, #8
    mov x8, #134                        // rt_sigaction
    svc #0
    b next_signal
signals_set:
    const x0, DATA
    ldr x1, [x0, #D_RUNS]
    ldr x2, [x0, #D_RUNS_END]
    const x3, BUFFER
    stp x1, x2, [x28, #C_RUN]
    str x3, [x28, #C_OUT]

next_run:
    ldp x0, x1, [x28, #C_RUN]
    cmp x0, x1
    b.hs finish
    add x1, x0, #RUN_BYTES
    str x1, [x28, #C_RUN]
    str xzr, [x28, #C_FAULTS]
    clrex
    ldr x1, [x0, #RUN_ARENA]            // the arena's compared part
    sub x2, x27, #WINDOW / 2
    mov x3, #WINDOW / 64
1:  ldp q0, q1, [x1], #32
    ldp q2, q3, [x1], #32
    stp q0, q1, [x2], #32
    stp q2, q3, [x2], #32
    subs x3, x3, #1
    b.ne 1b
    ldp x1, x26, [x0, #RUN_VECTORS]     // and the integers
    .irp n, VECTORS
    ldr q\n, [x1, #16 * \n]
    .endr
    ldr x2, [x0, #RUN_TARGET]
    str x2, [x28, #C_TARGET]
    ldp x3, x2, [x0, #RUN_FPCR]         // and the flags
    msr fpcr, x3
    msr fpsr, xzr
    ldr x3, [x26, #8 * 31]
    mov sp, x3
    msr nzcv, x2
    .irp n, GENERAL
    ldr x\n, [x26, #8 * \n]
    .endr
    ldr x0, [x26]
    ldp x29, x30, [x26, #8 * 29]
    ldr x26, [x28, #C_TARGET]
    br x26

done:
    str x0, [x28, #C_SAVED]
    ldr x0, [x28, #C_OUT]
    .irp n, GENERAL
    str x\n, [x0, #8 * \n]
    .endr
    str x26, [x0, #8 * 26]
    stp x29, x30, [x0, #8 * 27]
    ldr x1, [x28, #C_SAVED]
    str x1, [x0]
    mov x1, sp
    mrs x2, nzcv
    mrs x3, fpsr
    mrs x4, fpcr
    ldr x5, [x28, #C_FAULTS]
    msr fpcr, xzr
    stp x1, x2, [x0, #8 * 29]
    stp x3, x4, [x0, #8 * 31]
    str x5, [x0, #8 * 33]
    add x0, x0, #8 * 34
    .irp n, VECTORS
    str q\n, [x0], #16
    .endr
    sub x1, x27, #WINDOW / 2
    mov x3, #WINDOW / 64
1:  ldp q0, q1, [x1], #32
    ldp q2, q3, [x1], #32
    stp q0, q1, [x0], #32
    stp q2, q3, [x0], #32
    subs x3, x3, #1
    b.ne 1b
    str x0, [x28, #C_OUT]
    const x1, BUFFER + BUFFER_BYTES - RECORD
    cmp x0, x1
    b.ls next_run
    const x1, BUFFER
    bl write
    const x1, BUFFER
    str x1, [x28, #C_OUT]
    b next_run

finish:
    ldr x0, [x28, #C_OUT]
    const x1, BUFFER
    bl write
    const x1, ARENA
    const x0, ARENA + ARENA_BYTES
    bl write
    mov x0, xzr
    mov x8, #94                         // exit_group
    svc #0

// --- writes from x1 to x0
write:
    sub x2, x0, x1
1:  cbz x2, 2f
    mov x0, #1
    mov x8, #64
    svc #0
    cmp x0, #0
    b.le 2f
    add x1, x1, x0
    sub x2, x2, x0
    b 1b
2:  ret

// --- all that a handler is told, into C_FAULTS; then on behind the instruction. x0 signal, x1 siginfo, x2 ucontext.
    .globl handler
handler:
    const x12, CONTEXT
    ldr x3, [x12, #C_FAULTS]
    movz x4, #0x9e37, lsl #48
    movk x4, #0x79b9, lsl #32
    movk x4, #0x7f4b, lsl #16
    movk x4, #0x7c15
    ldr w5, [x1]
    mix x3, x5, x4
    ldr w6, [x1, #8]                    // si_code, but for SIGILL: QEMU 7.2 has ILL_ILLOPN where Linux has ILL_ILLOPC
    cmp w5, #4
    csel w5, wzr, w6, eq
    mix x3, x5, x4
    ldr x5, [x1, #16]                   // si_addr
    mix x3, x5, x4
    add x6, x2, #184                    // x0 ... x30, sp, pc
    mov x7, #33
1:  ldr x5, [x6], #8
    mix x3, x5, x4
    subs x7, x7, #1
    b.ne 1b
    ldr x5, [x6]                        // pstate
    and x5, x5, #0xf0000000
    mix x3, x5, x4
    add x6, x2, #472                    // FPSR, FPCR, v0 ... v31
    mov x7, #65
1:  ldr x5, [x6], #8
    mix x3, x5, x4
    subs x7, x7, #1
    b.ne 1b
    str x3, [x12, #C_FAULTS]
    ldr x5, [x2, #440]
    add x5, x5, #4
    str x5, [x2, #440]
    ret
