/* Every vector op by itself: its emitted code against what vec_eval() says, on random variants and operands, results and
 * FP exceptions bit by bit; with all features of the CPU, without AVX2 and so on, and with plain SSE4.2.
 *
 * Arguments: number of variants an op, seed, op (its name; all if absent).
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/x86/emit.h"
#include "backend/x86/fz.h"
#include "backend/x86/homes.h"
#include "ir/interp.h"
#include "ir/passes/pass.h"
#include "ir/vec.h"
#include "tests/ir/random.h"
#include "tests/ir/testguest.h"

enum { STACK = 256 << 10, CODE_BYTES = 1 << 20, STATES = 24,
       MX_SEEN = 0x603d /* what a guest sees of MXCSR: rounding, flags */ };

static struct cpu *cpu;
static struct code_buf buf;
static struct ir_unit *u;
static uint64_t seed;

static void on_fp(int signo, siginfo_t *si, void *ctx)
{
    (void)si;
    if (!fz_trap(cpu, ctx)) {
        signal(signo, SIG_DFL);
        raise(signo);
    }
}

/* The stack pointer is the state pointer: handlers need a stack of their own. */
static void catch_fp(void)
{
    stack_t stack = { .ss_sp = malloc(STACK), .ss_size = STACK };
    struct sigaction sa = { .sa_sigaction = on_fp, .sa_flags = SA_SIGINFO | SA_ONSTACK };

    if (!stack.ss_sp || sigaltstack(&stack, NULL) < 0 || sigaction(SIGFPE, &sa, NULL) < 0)
        exit(2);
}

static void set_up(void)
{
    uint8_t *m = mmap(NULL, STACK + sizeof *cpu, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *code = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    cpu = (struct cpu *)(m + STACK);
    cpu->guest = &testguest;
    cpu->mxcsr_host = 0x1f80;
    rt_init_cpu(cpu);
    buf.p = code;
    buf.end = code + CODE_BYTES;
    catch_fp();
    homes_init(&testguest);
    if (!thunks_emit(&testguest, &buf))
        exit(2);
    u = ir_new();
}

static ir_ref get(unsigned reg)
{
    return ir_emit(u, IR_get, testguest.regs[reg].type, reg, 0, 0, 0, 0);
}

static void put(unsigned reg, ir_ref v)
{
    ir_emit(u, IR_put, IR_VOID, reg, v, 0, 0, 0);
}

/* A scalar operand of the lane's type. */
static ir_ref scalar(enum ir_type lane)
{
    switch (lane) {
    case IR_F64: return get(TG_F0);
    case IR_F32: return ir_op1(u, IR_nanunbox, IR_F32, get(TG_F0));
    case IR_I32: return get(TG_W0);
    default: return get(TG_X0 + 2);
    }
}

/* x2 becomes the CRC of bytes of x1 from w0 (of w1 itself, sometimes). */
static void build_crc(void)
{
    static const enum ir_type types[] = { IR_I8, IR_I16, IR_I32, IR_I64 };
    enum ir_type t = types[random_next(&seed) >> 62];
    ir_ref crc, data;

    ir_reset(u, &testguest, 0x1000, 0);
    ir_emit(u, IR_insn, IR_VOID, 4, 0, 0, 0, 0x1000);
    crc = get(TG_W0);
    data = t == IR_I64 ? get(1) : t == IR_I32 && random_next(&seed) & 1 ? crc : ir_op1(u, IR_trunc, t, get(1));
    ir_ref r = ir_emit(u, IR_crc32, IR_I32, 0, crc, data, 0, (int64_t)(random_next(&seed) >> 63));
    put(2, ir_op1(u, IR_zext, IR_I64, r));
    if (random_next(&seed) & 1)
        put(3, ir_op1(u, IR_zext, IR_I64, crc));
    ir_emit(u, IR_exit, IR_VOID, 0, 0, 0, 0, 0x1004);
}

/* v0, v1 and x0:x1 are the vectors; v0 or x2 and f1 the result. */
static void build(enum ir_op op, unsigned aux, int64_t imm)
{
    enum ir_type lane = IR_V_LANE(aux), t = IR_V128;
    ir_ref arg[3] = { 0 };
    bool fp = ir_ops[op].flags & IR_FPENV && (unsigned)lane != IR_F16;

    ir_reset(u, &testguest, 0x1000, fp ? (IR_V_FP_AUX(aux) & IR_FP_FZ) != 0 : random_next(&seed) >> 63);
    ir_emit(u, IR_insn, IR_VOID, 4, 0, 0, 0, 0x1000);
    ir_ref v[3] = { get(TG_V0), get(TG_V1), ir_op2(u, IR_vpair, IR_V128, get(0), get(1)) };
    for (unsigned k = 0; k < ir_ops[op].nargs; k++)
        arg[k] = v[random_next(&seed) % 8 ? k : (random_next(&seed) >> 40) % 3];
    if (op == IR_vpair || op == IR_vzext || op == IR_vdup)
        arg[0] = op == IR_vpair ? get(2) : scalar(lane);
    if (op == IR_vpair || op == IR_vset)
        arg[1] = op == IR_vset ? scalar(lane) : random_next(&seed) & 1 ? get(3) : arg[0];
    if (op == IR_vget)
        t = lane >= IR_F32 ? lane : random_next(&seed) & 1 ? IR_I64 : lane;
    ir_ref r = ir_emit(u, op, t, (uint16_t)aux, arg[0], arg[1], arg[2], imm);
    if (t == IR_V128)
        put(TG_V0, r);
    else if (t >= IR_F32)
        put(TG_F0 + 1, t == IR_F32 ? ir_op1(u, IR_nanbox, IR_F64, r) : r);
    else
        put(TG_X0 + 2, t == IR_I64 ? r : ir_op1(u, IR_zext, IR_I64, r));
    if (random_next(&seed) & 1) /* operands that live on */
        put(TG_X0 + 3, ir_emit(u, IR_vget, IR_I64, IR_I64, v[0], 0, 0, 0));
    if (random_next(&seed) & 1)
        put(TG_V1, ir_emit(u, IR_vxor, IR_V128, IR_I8, v[1], v[2], 0, 0));
    ir_emit(u, IR_exit, IR_VOID, 0, 0, 0, 0, 0x1004);
}

static void random_state(struct cpu *c)
{
    uint64_t half[2];

    for (unsigned r = 0; r < TG_NREGS; r++) {
        random_vector(&seed, half);
        memcpy(c->regs + testguest.regs[r].off, half, testguest.regs[r].type == IR_V128 ? 16 : 8);
    }
    for (unsigned r = TG_W0; r <= TG_W1; r++)
        memset(c->regs + testguest.regs[r].off + 4, 0, 4);
    if (random_next(&seed) & 1) /* a number with a NaN box */
        memset(c->regs + testguest.regs[TG_F0].off + 4, 0xff, 4);
    c->mxcsr = random_mxcsr(&seed, &c->fpx_more);
}

static void show(const char *who, const struct cpu *c)
{
    const uint64_t *v0 = (const uint64_t *)(c->regs + testguest.regs[TG_V0].off);

    printf("  %-11s v0 %016" PRIx64 "%016" PRIx64 " v1 %016" PRIx64 "%016" PRIx64 " x0 %" PRIx64 " x1 %" PRIx64 " x2 %"
           PRIx64 " x3 %" PRIx64 " f0 %" PRIx64 " f1 %" PRIx64 " mxcsr %x more %x\n", who, v0[1], v0[0], v0[3], v0[2],
           *(const uint64_t *)c->regs, *(const uint64_t *)(c->regs + 8), *(const uint64_t *)(c->regs + 16),
           *(const uint64_t *)(c->regs + 24), *(const uint64_t *)(c->regs + testguest.regs[TG_F0].off),
           *(const uint64_t *)(c->regs + testguest.regs[TG_F0 + 1].off), c->mxcsr, c->fpx_more);
}

static bool check(const struct compiled *code)
{
    static struct cpu start, want;
    union { const uint8_t *data; void (*fn)(struct cpu *, const void *); } enter = { buf.thunks[THUNK_ENTER] };

    for (unsigned k = 0; k < STATES; k++) {
        random_state(&start);
        want = start;
        interp_run(u, &want, NULL);
        memcpy(cpu->regs, start.regs, sizeof cpu->regs);
        cpu->fpx_more = start.fpx_more;
        cpu->fz = u->mode;
        cpu->mxcsr = fz_mxcsr(cpu, start.mxcsr);
        enter.fn(cpu, code->code);
        if (!memcmp(want.regs, cpu->regs, sizeof want.regs) && !((want.mxcsr ^ cpu->mxcsr) & MX_SEEN) &&
            want.fpx_more == cpu->fpx_more)
            continue;
        ir_print(u, stdout);
        show("start", &start);
        show("interpreter", &want);
        show("code", cpu);
        return false;
    }
    return true;
}

static bool check_op(enum ir_op op, unsigned variants)
{
    for (unsigned k = 0; k < variants; k++) {
        struct compiled code;
        uint8_t *p = buf.p;
        char err[256];
        unsigned aux;
        int64_t imm;

        if (op == IR_crc32) {
            build_crc();
        } else {
            random_vec_variant(&seed, op, &aux, &imm);
            build(op, aux, imm);
        }
        pass_run_all(u, 0);
        if (!ir_verify(u, err, sizeof err) || !compile_unit(u, &buf, &code)) {
            printf("%s: %s\n", ir_ops[op].name, err);
            return false;
        }
        buf.p = p;
        if (!check(&code))
            return false;
    }
    return true;
}

/* Without what each set lacks; `all`: with nothing but SSE4.2. */
static int run(unsigned set, unsigned variants, const char *only)
{
    unsigned bad = 0;

    host_features_init(set == 2 ? ~0u : 0);
    if (set == 1)
        host_features.avx2 = host_features.fma = host_features.f16c = host_features.aes = false;
    set_up();
    for (enum ir_op op = IR_VEC_FIRST; op <= IR_crc32; op++)
        if (!only || !strcmp(only, ir_ops[op].name))
            bad += !check_op(op, variants);
    printf("feature set %u: %u of %u ops differ\n", set, bad, IR_crc32 - IR_VEC_FIRST + 1);
    return bad != 0;
}

int main(int argc, char **argv)
{
    unsigned variants = argc > 1 ? (unsigned)atoi(argv[1]) : 200, result = 0;

    seed = argc > 2 ? strtoull(argv[2], NULL, 0) | 1 : 88172645463325252u;
    for (unsigned set = 0; set < 3; set++) {
        int status = 0;

        fflush(stdout);
        pid_t child = fork();
        if (child == 0)
            exit(run(set, variants, argc > 3 ? argv[3] : NULL));
        waitpid(child, &status, 0);
        result |= status != 0;
        if (WIFSIGNALED(status))
            printf("feature set %u: signal %d\n", set, WTERMSIG(status));
    }
    return (int)result;
}
