#!/usr/bin/env python3
"""Makes rv64_semantics.txt: what RISC-V instructions do to edge-case operands.

    rv64_semantics.py CC QEMU > rv64_semantics.txt
    rv64_semantics.py CC DRAGOMAN rv64_semantics.txt      runs the same program, compares with the table (TAP)

Each instruction is put into a small function of a RISC-V program that loads the operands, executes it
and stores the results; QEMU runs that. What qemu-user 7.2 can't do (Zicond) or does wrong (ctzw of a
word that is zero) is computed here, as the manual says. The result is committed, so that the test
needs neither compiler nor QEMU; run this again when an instruction is added, and read the
difference: the judge is the manual.

Form of the output:

    = HEX TEXT ; inputs > outputs       an instruction, its encoding, the columns of the lines below
    1 ffffffffffffffff > 0              operands > results, in hex

Registers are a0 = result, a1, a2 = operands, fa0 = result, fa1..fa3 = operands, and fcsr.
"""
import os
import subprocess
import sys
import tempfile

M64 = (1 << 64) - 1

INTS = [0, 1, 2, 5, 31, 32, 63, 64, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff,
        1 << 63, M64, M64 - 1, 0xffffffff80000000, 0xffffffff7fffffff, 0x123456789abcdef0,
        0x00ff00010080ff00, 0x8000000000000080, 0x00007fff8000ffff]
PAIRS = [(1, 0), (0, 0), (1 << 63, M64), (1 << 63, 0), (0xffffffff80000000, M64), (0x80000000, M64),
         (M64, M64), (1 << 63, 1 << 63), (M64, 1), (0x123456789abcdef0, 64), (0x123456789abcdef0, 33),
         (0x7fffffffffffffff, M64)]

D = [0x0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x3ff8000000000000,
     0x4004000000000000, 0xc004000000000000, 0x3fe0000000000000, 0xbfe0000000000000,
     0x41e0000000000000, 0x41dfffffffe00000, 0xc1e0000000000000, 0xc1e0000000100000,
     0xc1e0000000200000, 0x41efffffffe00000, 0x41effffffff00000, 0x41f0000000000000,
     0x43e0000000000000, 0x43dfffffffffffff, 0xc3e0000000000000, 0xc3e0000000000001,
     0x43f0000000000000, 0x43efffffffffffff, 0x7fefffffffffffff, 0x0010000000000000,
     0x0000000000000001, 0x800fffffffffffff, 0x7ff0000000000000, 0xfff0000000000000,
     0x7ff8000000000000, 0xfff8000000001234, 0x7ff0000000000001, 0x3fb999999999999a,
     0x3fd5555555555555, 0x3690000000000000, 0x380fffffffffffff, 0x47efffffffffffff,
     0x47effffff0000000]
S = [0x0, 0x80000000, 0x3f800000, 0xbf800000, 0x3fc00000, 0x40200000, 0xc0200000, 0x3f000000,
     0xbf000000, 0x4f000000, 0x4effffff, 0xcf000000, 0xcf000001, 0x4f7fffff, 0x4f800000,
     0x5f000000, 0x5effffff, 0xdf000000, 0x5f800000, 0x5f7fffff, 0x7f7fffff, 0x00800000,
     0x00000001, 0x807fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc01234, 0x7f800001,
     0x3dcccccd, 0x3eaaaaab]
BOX = 0xffffffff00000000
UNBOXED = [0x000000003f800000, 0xfffffffe40000000, 0x4004000000000000]


class Rng:
    """Fixed numbers, the same on every Python."""

    def __init__(self, seed):
        self.x = seed

    def next(self, n):
        self.x = (self.x * 6364136223846793005 + 1442695040888963407) & M64
        return (self.x >> 33) % n

    def pick(self, seq):
        return seq[self.next(len(seq))]


def int_pairs(rng):
    return PAIRS + [(rng.pick(INTS), rng.pick(INTS)) for _ in range(6)]


def floats(fmt):
    return D if fmt == 'd' else [v | BOX for v in S] + UNBOXED


def rows():
    """Yields (assembly, input columns, output columns, list of operand tuples)."""
    rng = Rng(1)
    for n in ('add sub sll slt sltu xor srl sra or and addw subw sllw srlw sraw mul mulh mulhsu '
              'mulhu div divu rem remu mulw divw divuw remw remuw add.uw sh1add sh2add sh3add '
              'sh1add.uw sh2add.uw sh3add.uw andn orn xnor min minu max maxu rol ror rolw rorw bclr '
              'bext binv bset').split():
        yield f'{n} a0,a1,a2', 'a1 a2', 'a0', int_pairs(rng)
    yield 'czero.eqz a0,a1,a2', 'a1 a2', 'a0', int_pairs(rng)
    yield 'czero.nez a0,a1,a2', 'a1 a2', 'a0', int_pairs(rng)
    one = [(v,) for v in INTS]
    for n in 'clz ctz cpop sext.b sext.h clzw ctzw cpopw zext.h orc.b rev8'.split():
        yield f'{n} a0,a1', 'a1', 'a0', one
    for n in 'addi slti sltiu xori ori andi addiw'.split():
        for imm in (-1, 1, -2048, 2047):
            yield f'{n} a0,a1,{imm}', 'a1', 'a0', one[imm & 3::4]
    for n, top in (('slli', 63), ('srli', 63), ('srai', 63), ('rori', 63), ('slli.uw', 63),
                   ('slliw', 31), ('srliw', 31), ('sraiw', 31), ('roriw', 31), ('bclri', 63),
                   ('bexti', 63), ('binvi', 63), ('bseti', 63)):
        for sh in (0, 1, 8, top):
            yield f'{n} a0,a1,{sh}', 'a1', 'a0', one[sh & 3::4]
    for f in 'sd':
        v = floats(f)
        frm = lambda: rng.next(5) << 5
        for n in ('fadd', 'fsub', 'fmul', 'fdiv'):
            yield (f'{n}.{f} fa0,fa1,fa2', 'fa1 fa2 fcsr', 'fa0 fcsr',
                   [(rng.pick(v), rng.pick(v), frm()) for _ in range(40)])
            yield (f'{n}.{f} fa0,fa1,fa2,rtz', 'fa1 fa2 fcsr', 'fa0 fcsr',
                   [(rng.pick(v), rng.pick(v), frm()) for _ in range(6)])
            yield (f'{n}.{f} fa0,fa1,fa2,rmm', 'fa1 fa2 fcsr', 'fa0 fcsr',
                   [(rng.pick(v), rng.pick(v), frm()) for _ in range(6)])
        for n in ('fmadd', 'fmsub', 'fnmsub', 'fnmadd'):
            inf, nan = floats(f)[v.index(0x7ff0000000000000 if f == 'd' else BOX | 0x7f800000)], \
                (0x7ff8000000000000 if f == 'd' else BOX | 0x7fc00000)
            zero = 0 if f == 'd' else BOX
            yield (f'{n}.{f} fa0,fa1,fa2,fa3', 'fa1 fa2 fa3 fcsr', 'fa0 fcsr',
                   [(inf, zero, nan, 0), (inf, zero, inf, 0)] +
                   [(rng.pick(v), rng.pick(v), rng.pick(v), frm()) for _ in range(30)])
        yield f'fsqrt.{f} fa0,fa1', 'fa1 fcsr', 'fa0 fcsr', [(x, frm()) for x in v]
        for n in ('fsgnj', 'fsgnjn', 'fsgnjx', 'fmin', 'fmax'):
            extra = [(v[0], v[1], 0), (v[1], v[0], 0)]
            yield (f'{n}.{f} fa0,fa1,fa2', 'fa1 fa2 fcsr', 'fa0 fcsr',
                   extra + [(rng.pick(v), rng.pick(v), rng.next(32)) for _ in range(30)])
        for n in ('fsgnj', 'fsgnjn', 'fsgnjx'):
            yield f'{n}.{f} fa0,fa1,fa1', 'fa1 fcsr', 'fa0 fcsr', [(x, 0) for x in v[-8:]]
        for n in ('feq', 'flt', 'fle'):
            yield (f'{n}.{f} a0,fa1,fa2', 'fa1 fa2 fcsr', 'a0 fcsr',
                   [(x, x, 0) for x in v[-9:]] +
                   [(rng.pick(v), rng.pick(v), 0) for _ in range(25)])
        yield f'fclass.{f} a0,fa1', 'fa1 fcsr', 'a0 fcsr', [(x, 0) for x in v]
        for to in ('w', 'wu', 'l', 'lu'):
            for rm in ('rtz', 'rne', 'rdn', 'rup', 'rmm'):
                yield (f'fcvt.{to}.{f} a0,fa1,{rm}', 'fa1 fcsr', 'a0 fcsr',
                       [(x, 0) for x in (v if rm == 'rtz' else v[3:])])
            yield f'fcvt.{to}.{f} a0,fa1', 'fa1 fcsr', 'a0 fcsr', [(x, frm()) for x in v]
            yield f'fcvt.{f}.{to} fa0,a1', 'a1 fcsr', 'fa0 fcsr', [(x, frm()) for x in INTS]
    yield 'fcvt.s.d fa0,fa1', 'fa1 fcsr', 'fa0 fcsr', [(x, rng.next(5) << 5) for x in D]
    yield 'fcvt.s.d fa0,fa1,rmm', 'fa1 fcsr', 'fa0 fcsr', [(x, rng.next(5) << 5) for x in D[::3]]
    yield 'fcvt.d.s fa0,fa1', 'fa1 fcsr', 'fa0 fcsr', [(x, 0) for x in floats('s')]
    yield 'fmv.x.w a0,fa1', 'fa1', 'a0', [(x,) for x in floats('s')[-12:]]
    yield 'fmv.w.x fa0,a1', 'a1', 'fa0', one
    yield 'fmv.x.d a0,fa1', 'fa1', 'a0', [(x,) for x in D[-12:]]
    yield 'fmv.d.x fa0,a1', 'a1', 'fa0', one
    for csr in ('fflags', 'frm', 'fcsr'):
        for n in ('csrrw', 'csrrs', 'csrrc'):
            yield (f'{n} a0,{csr},a1', 'a1 fcsr', 'a0 fcsr',
                   [(x, c) for x in (0, 1, 0x1f, 0xff, 0x15, 0xe4, 3, M64) for c in (0, 0x5f, 0x8a)])
            yield f'{n}i a0,{csr},3', 'fcsr', 'a0 fcsr', [(0,), (0x5f,), (0x1f,), (0xe1,)]
            yield f'{n}i a0,{csr},0', 'fcsr', 'a0 fcsr', [(0,), (0x5f,), (0x1f,), (0xe1,)]


def ctzw(a):
    return next((i for i in range(32) if a >> i & 1), 32)


# What the assembler or the emulator of Debian 12 doesn't know, or has wrong: encoding and meaning.
OWN = {
    'czero.eqz a0,a1,a2': ('.insn r 0x33, 5, 7, a0, a1, a2', lambda a, b: 0 if b == 0 else a),
    'czero.nez a0,a1,a2': ('.insn r 0x33, 7, 7, a0, a1, a2', lambda a, b: 0 if b else a),
    'ctzw a0,a1': ('ctzw a0,a1', ctzw),
}

SLOTS = {'a0': 0, 'a1': 1, 'a2': 2, 'fa0': 3, 'fa1': 4, 'fa2': 5, 'fa3': 6, 'fcsr': 7}


def harness(all_rows, skip_own):
    """The RISC-V program: prints the encoding and the results for each line of its input. skip_own: doesn't
    execute Zicond, which QEMU hasn't got."""
    out = ['.option norvc', '.text']
    for i, (asm, *_) in enumerate(all_rows):
        out += [f'test{i}:', 'ld a1,8(t6)', 'ld a2,16(t6)', 'fld fa1,32(t6)', 'fld fa2,40(t6)',
                'fld fa3,48(t6)', 'ld t0,56(t6)', 'fscsr t0', f'insn{i}:',
                OWN[asm][0] if asm in OWN else asm,
                'frcsr t0', 'sd a0,0(t6)', 'fsd fa0,24(t6)', 'sd t0,56(t6)', 'ret']
    out += ['.data', '.globl tests, insns', 'tests:']
    out += [f'.dword test{i}' for i in range(len(all_rows))] + ['insns:']
    out += [f'.dword insn{i}' for i in range(len(all_rows))]
    main = r'''
#include <stdio.h>
extern unsigned long tests[]; extern unsigned *insns[];
int main(void) {
    unsigned long n, s[8];
    while (scanf("%lu %lx %lx %lx %lx %lx %lx %lx %lx", &n, s, s+1, s+2, s+3, s+4, s+5, s+6, s+7) == 9) {
        register unsigned long *p __asm__("t6") = s;
        register unsigned long f __asm__("t5") = tests[n];
        unsigned insn = *insns[n], own = (insn & 0xfe00507f) == 0x0e005033;
        if (!own || !SKIP_OWN)
            __asm__ volatile("jalr %1" : : "r"(p), "r"(f) : "memory", "ra", "t0", "a0", "a1", "a2",
                             "fa0", "fa1", "fa2", "fa3");
        printf("%x", insn);
        for (int i = 0; i < 8; i++) printf(" %lx", s[i]);
        printf("\n");
    }
}
'''
    return '\n'.join(out) + '\n', f'#define SKIP_OWN {skip_own:d}\n' + main


def run(cc, runner, table, skip_own):
    """What the program prints: a list of words for each case of each row, in order."""
    asm, c = harness(table, skip_own)
    stdin = []
    for i, (_, ins, _, cases) in enumerate(table):
        for case in cases:
            s = [0] * 8
            for name, v in zip(ins.split(), case):
                s[SLOTS[name]] = v
            stdin.append(' '.join([str(i)] + [f'{v:x}' for v in s]))
    with tempfile.TemporaryDirectory() as d:
        open(os.path.join(d, 't.s'), 'w').write(asm)
        open(os.path.join(d, 'm.c'), 'w').write(c)
        exe = os.path.join(d, 't')
        subprocess.run([cc, '-static', '-O1', '-march=rv64gc_zba_zbb_zbs', '-o', exe,
                        os.path.join(d, 't.s'), os.path.join(d, 'm.c')], check=True)
        done = subprocess.run([runner, exe], input='\n'.join(stdin) + '\n', text=True,
                              stdout=subprocess.PIPE, check=True)
        return [line.split() for line in done.stdout.splitlines()]


def make(table, results):
    lines = iter(results)
    print('# Made by rv64_semantics.py; form and origin are explained there.')
    for text, ins, outs, cases in table:
        for k, case in enumerate(cases):
            got = next(lines)
            if k == 0:
                print(f'= {got[0]} {text} ; {ins} > {outs}')
            if text in OWN:
                res = [f'{OWN[text][1](*case):x}']
            else:
                res = [got[1 + SLOTS[o]] for o in outs.split()]
            print(' '.join(f'{v:x}' for v in case), '>', ' '.join(res))


def check(table, results, path):
    """One TAP line for each instruction."""
    with open(path) as f:
        expected = [line for line in f if line[0] not in '#=']
    print(f'1..{len(table)}')
    at = 0
    for i, (text, _, outs, cases) in enumerate(table):
        wrong = []
        for _ in cases:
            got = results[at] if at < len(results) else []
            have = [got[1 + SLOTS[o]] for o in outs.split()] if got else ['nothing']
            if have != expected[at].split('>')[1].split():
                wrong.append(f'{expected[at].strip()}: got {" ".join(have)}')
            at += 1
        print('not ok' if wrong else 'ok', i + 1, '-', text)
        for w in wrong[:5]:
            print('#', w)


def main():
    cc, runner = sys.argv[1], sys.argv[2]
    table = list(rows())
    if len(sys.argv) > 3:
        check(table, run(cc, runner, table, False), sys.argv[3])
    else:
        make(table, run(cc, runner, table, True))


if __name__ == '__main__':
    main()
