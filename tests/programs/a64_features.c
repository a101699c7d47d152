/* What HWCAP, the ID registers and /proc/cpuinfo tell of instructions agrees with which of them raise SIGILL.
 * build: -O2; -O0 static
 * guest: aarch64
 * expect: below
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

/* Rows of the translator's table. */
static const struct feature {
    int word, bit;
    const char *name, *reg;
    int field, value;
} features[] = {
#define A64_FEATURE(word, bit, name, reg, field, value) { word, bit, name, #reg, field, value },
#include "../../frontend/aarch64/features.def"
};

/* PROBE(word, bit, name, instruction): one of each feature's, and of some that may be absent; x10 points to memory. */
#define PROBES(PROBE)                                                                                   \
    PROBE(1, 0, fp, 0x1e204000)       /* fmov s0, s0 */                                                 \
    PROBE(1, 1, asimd, 0x4ea08400)    /* add v0.4s, v0.4s, v0.4s */                                     \
    PROBE(1, 3, aes, 0x4e284820)      /* aese v0.16b, v1.16b */                                         \
    PROBE(1, 4, pmull, 0x0ee2e020)    /* pmull v0.1q, v1.1d, v2.1d */                                   \
    PROBE(1, 5, sha1, 0x5e280820)     /* sha1h s0, s1 */                                                \
    PROBE(1, 6, sha2, 0x5e282820)     /* sha256su0 v0.4s, v1.4s */                                      \
    PROBE(1, 7, crc32, 0x1ac24020)    /* crc32b w0, w1, w2 */                                           \
    PROBE(1, 8, atomics, 0xb8200141)  /* ldadd w0, w1, [x10] */                                         \
    PROBE(1, 9, fphp, 0x1ee22820)     /* fadd h0, h1, h2 */                                             \
    PROBE(1, 10, asimdhp, 0x0e421420) /* fadd v0.4h, v1.4h, v2.4h */                                    \
    PROBE(1, 11, cpuid, 0xd5380600)   /* mrs x0, id_aa64isar0_el1 */                                    \
    PROBE(1, 12, asimdrdm, 0x2e428420)/* sqrdmlah v0.4h, v1.4h, v2.4h */                                \
    PROBE(1, 13, jscvt, 0x1e7e0020)   /* fjcvtzs w0, d1 */                                              \
    PROBE(1, 14, fcma, 0x2e82e420)    /* fcadd v0.2s, v1.2s, v2.2s, #90 */                              \
    PROBE(1, 15, lrcpc, 0xb8bfc140)   /* ldapr w0, [x10] */                                             \
    PROBE(1, 16, dcpop, 0xd50b7c2a)   /* dc cvap, x10 */                                                \
    PROBE(1, 17, sha3, 0xce020c20)    /* eor3 v0.16b, v1.16b, v2.16b, v3.16b */                         \
    PROBE(1, 18, sm3, 0xce62c020)     /* sm3partw1 v0.4s, v1.4s, v2.4s */                               \
    PROBE(1, 19, sm4, 0xcec08420)     /* sm4e v0.4s, v1.4s */                                           \
    PROBE(1, 20, asimddp, 0x4e829420) /* sdot v0.4s, v1.16b, v2.16b */                                  \
    PROBE(1, 21, sha512, 0xcec08020)  /* sha512su0 v0.2d, v1.2d */                                      \
    PROBE(1, 22, sve, 0x04200000)     /* add z0.b, z0.b, z0.b */                                        \
    PROBE(1, 23, asimdfhm, 0x0e22ec20)/* fmlal v0.2s, v1.2h, v2.2h */                                   \
    PROBE(1, 24, dit, 0xd53b42a0)     /* mrs x0, dit */                                                 \
    PROBE(1, 26, ilrcpc, 0x99400140)  /* ldapur w0, [x10] */                                            \
    PROBE(1, 27, flagm, 0xd500401f)   /* cfinv */                                                       \
    PROBE(1, 28, ssbs, 0xd53b42c0)    /* mrs x0, ssbs */                                                \
    PROBE(1, 29, sb, 0xd50330ff)      /* sb */                                                          \
    PROBE(1, 30, paca, 0xdac10020)    /* pacia x0, x1 */                                                \
    PROBE(1, 31, pacg, 0x9ac23020)    /* pacga x0, x1, x2 */                                            \
    PROBE(2, 0, dcpodp, 0xd50b7d2a)   /* dc cvadp, x10 */                                               \
    PROBE(2, 1, sve2, 0x45000000)     /* saddlb z0.h, z0.b, z0.b */                                     \
    PROBE(2, 7, flagm2, 0xd500405f)   /* axflag */                                                      \
    PROBE(2, 8, frint, 0x1e284020)    /* frint32z s0, s1 */                                             \
    PROBE(2, 13, i8mm, 0x4e82a420)    /* smmla v0.4s, v1.16b, v2.16b */                                 \
    PROBE(2, 14, bf16, 0x2e42fc20)    /* bfdot v0.2s, v1.4h, v2.4h */                                   \
    PROBE(2, 16, rng, 0xd53b2400)     /* mrs x0, rndr */                                                \
    PROBE(2, 18, mte, 0x9adf1020)     /* irg x0, x1 */                                                  \
    PROBE(2, 31, wfxt, 0xd5031000)    /* wfet x0 */                                                     \
    PROBE(2, 34, cssc, 0xdac02020)    /* abs x0, x1 */

/* Undefined for user mode whatever the features. */
#define UNDEFINED(PROBE)                                                                                \
    PROBE(0, 0, udf, 0x00000000)                                                                        \
    PROBE(0, 0, hvc, 0xd4000002)                                                                        \
    PROBE(0, 0, smc, 0xd4000003)                                                                        \
    PROBE(0, 0, eret, 0xd69f03e0)                                                                       \
    PROBE(0, 0, sctlr, 0xd5381000)    /* mrs x0, sctlr_el1 */                                           \
    PROBE(0, 0, midr, 0xd5180000)     /* msr midr_el1, x0 */                                            \
    PROBE(0, 0, daifset, 0xd50342df)                                                                    \
    PROBE(0, 0, tlbi, 0xd508871f)     /* tlbi vmalle1 */                                                \
    PROBE(0, 0, dc_isw, 0xd5087640)                                                                     \
    PROBE(0, 0, pmccntr, 0xd53b9d00)  /* mrs x0, pmccntr_el0 */                                         \
    PROBE(0, 0, sz, 0x1ea04000)       /* fmov with ftype 2 */                                           \
    PROBE(0, 0, imms, 0x53208000)     /* ubfm w with immr of 32 */                                      \
    PROBE(0, 0, ldp, 0xe9400000)      /* opc 3 */

static char memory[64] __attribute__((aligned(64)));

#define CODE(word, bit, name, insn)                                                                     \
    static void run_##name(void)                                                                        \
    {                                                                                                   \
        __asm__ volatile("mov x10, %0\n.inst " #insn "\n" ::"r"(memory)                                 \
                         : "x0", "x1", "x2", "x10", "v0", "cc", "memory");                              \
    }
PROBES(CODE)
UNDEFINED(CODE)

struct probe { int word, bit; const char *name; void (*run)(void); };
#define ROW(word, bit, name, insn) { word, bit, #name, run_##name },
static const struct probe probes[] = { PROBES(ROW) }, undefined[] = { UNDEFINED(ROW) };

static sigjmp_buf out;

static void jump_out(int number)
{
    siglongjmp(out, number);
}

static int runs(const struct probe *p)
{
    if (sigsetjmp(out, 1))
        return 0;
    p->run();
    return 1;
}

static uint64_t id_register(const char *name)
{
    uint64_t v = 0;

#define READ(reg, encoding) if (!strcmp(name, #reg)) __asm__("mrs %0, " #encoding : "=r"(v));
    READ(PFR0, s3_0_c0_c4_0)
    READ(PFR1, s3_0_c0_c4_1)
    READ(ISAR0, s3_0_c0_c6_0)
    READ(ISAR1, s3_0_c0_c6_1)
    return v;
}

/* Whether the Features line has `name`. */
static int in_cpuinfo(const char *name)
{
    static char line[4096];
    FILE *f = fopen("/proc/cpuinfo", "r");
    char word[64];
    int found = 0;

    snprintf(word, sizeof word, " %s ", name);
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = ' ';
        found |= !strncmp(line, "Features", 8) && strstr(line, word);
    }
    fclose(f);
    return found;
}

static const struct feature *claimed(const char *name)
{
    for (unsigned i = 0; i < sizeof features / sizeof *features; i++)
        if (!strcmp(features[i].name, name))
            return &features[i];
    return NULL;
}

int main(void)
{
    uint64_t words[3] = { 0, getauxval(AT_HWCAP), getauxval(AT_HWCAP2) }, left[3];
    int wrong = 0;

    signal(SIGILL, jump_out);
    memcpy(left, words, sizeof left);
    for (unsigned i = 0; i < sizeof probes / sizeof *probes; i++) {
        const struct probe *p = &probes[i];
        const struct feature *f = claimed(p->name);
        int bit = words[p->word] >> p->bit & 1, works = runs(p), told = in_cpuinfo(p->name), field = 0;

        left[p->word] &= ~(1ull << p->bit);
        if (f && strcmp(f->reg, "NONE"))
            field = (int64_t)(id_register(f->reg) << (60 - f->field)) >> 60 >= f->value;
        else
            field = f != NULL;
        if (bit != works || bit != told || bit != field || (f && (f->word != p->word || f->bit != p->bit))) {
            printf("%s: hwcap %d, runs %d, cpuinfo %d, id register %d\n", p->name, bit, works, told, field);
            wrong++;
        }
    }
    for (unsigned i = 0; i < sizeof undefined / sizeof *undefined; i++)
        if (runs(&undefined[i])) {
            printf("%s is not undefined\n", undefined[i].name);
            wrong++;
        }
    printf("bits without a probe: %#llx %#llx\n", (unsigned long long)left[1], (unsigned long long)left[2]);
    printf("%d wrong\n", wrong);
    return 0;
}

/* output:
bits without a probe: 0 0
0 wrong
*/
