#!/usr/bin/env python3
"""Makes a64_simd.txt: what Advanced SIMD instructions give.

    a64_simd.py CC QEMU [CASES] > a64_simd.txt
    a64_simd.py CC DRAGOMAN [CASES] --against QEMU      compares the two, prints where they differ
    a64_simd.py CC DRAGOMAN a64_simd.txt                runs the program of the table, compares with the table (TAP)

The words are made from the decode tables: every row, with all values of the fields that are neither registers nor
indices, or some. A program of AArch64 executes each with operands from a64_simd_case.h and prints the results.

Form of the output:

    = HEX STYLE CASES TEXT              an instruction, the style of its operands
    LOW HIGH X0 FPSR                    results of a case: v0, x0, FPSR; style m: hashes of v0..v3 and of memory, x1's change
"""
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TOP / 'frontend')]

import decode           # noqa: E402

TABLES = ['common'] + ['simd_' + n for n in ('three', 'two', 'elt', 'imm', 'perm')] + ['crypto', 'ldst_simd']
CASES = 3
WORDS = 5               # of a row, at most


def style_of(row, word):
    """The operands' letter (a64_simd_case.h): their width as far as the row tells, which need not be exact."""
    if row.argset.name in ('ldst_mult', 'ldst_one', 'ld_rep'):
        return 'm'
    esz = row.fields.get('esz', 0)
    if not isinstance(esz, int):
        esz = esz.extract(word)
    if row.argset.name == 'vshift' or row.fields.get('fbits', 0) != 0:
        esz = (word >> 19 & 15).bit_length() - 1
    stem = row.name.partition('_')[0]
    if row.ext == 'ASIMDFHM':
        return 'H'
    if stem.startswith('bf'):
        return 'S'
    if stem.startswith('f') and row.insn != 'movi':
        return '?HSD'[esz + (row.insn in ('fcvtn_v', 'fcvtxn_v'))]
    wide = row.argset.name == 'vshift' and 'rn' in stem or 'xt' in stem or stem.endswith('hn')
    return 'bhwd'[min(esz + wide, 3)]


def words_of(row, rng):
    """Some words of the row: v0 (x0) the result, v1, v2, v3 (x1) operands."""
    want = {'rd': 0, 'rt': 0, 'rn': 1, 'rm': 2, 'ra': 3}
    base, taken = row.fixedbits, row.fixedmask | row.ignored
    for arg, value in want.items():
        f = row.fields.get(arg)
        if f is not None and not isinstance(f, int):
            base, taken = f.insert(base, value), taken | f.mask
    free = [b for b in range(32) if not taken >> b & 1]
    found = []
    if len(free) <= 6:
        pool = list(range(1 << len(free)))
        rng.shuffle(pool)
    else:
        pool = [rng.getrandbits(len(free)) for _ in range(400)]
    for x in pool:
        word = base
        for i, b in enumerate(free):
            word |= (x >> i & 1) << b
        if row.matches(word) and word not in found:
            found.append(word)
        if len(found) == WORDS:
            break
    if 'rm' in row.fields and not isinstance(row.fields['rm'], int) and found:
        if row.argset.name in ('ldst_mult', 'ldst_one', 'ld_rep'):
            found.append(found[0] | 31 << 16)       # by the access's size
        else:
            same = row.fields['rm'].insert(found[0] & ~row.fields['rm'].mask, 1)
            found += [same, same & ~0x3ff]          # rm is rn; rd is rn, too
    return found


def insns():
    table = decode.load_all([str(TOP / f'frontend/aarch64/a64_{n}.decode') for n in TABLES])
    rng = random.Random(1)
    for row in table.rows:
        if row.reserved:
            continue
        for word in words_of(row, rng):
            yield word, style_of(row, word), row.name


MAIN = r'''
#include <stdio.h>
#include "a64_simd_case.h"
extern const struct { uint32_t word; char style; uint16_t cases; const void *fn; } tests[];
void run(struct simd_case *c, const void *fn, uint64_t *fpsr);
int main(void)
{
    for (unsigned i = 0; tests[i].fn; i++) {
        for (unsigned k = 0; k < tests[i].cases; k++) {
            struct simd_case c = case_of(tests[i].word, k, tests[i].style);
            uint64_t fpsr;
            if (tests[i].style == 'm')
                c.x1 = (uint64_t)c.mem;
            run(&c, tests[i].fn, &fpsr);
            if (tests[i].style == 'm')
                printf("%lx %lx %lx %lx\n", (long)case_hash(c.v, 64), (long)case_hash(c.mem, 64),
                       (long)(c.x1 - (uint64_t)c.mem), (long)fpsr);
            else
                printf("%lx %lx %lx %lx\n", (long)c.v[0][0], (long)c.v[0][1], (long)c.x0, (long)fpsr);
        }
    }
}
'''

RUN = r'''
.arch armv8.2-a
.text
.globl run
run:
    stp x29, x30, [sp, -32]!
    stp x19, x20, [sp, 16]
    mov x19, x0
    mov x20, x2
    mov x9, x1
    ldp q0, q1, [x19]
    ldp q2, q3, [x19, 32]
    ldr q4, [x19, 64]
    ldr w10, [x19, 96]
    msr fpcr, x10
    msr fpsr, xzr
    ldp x0, x1, [x19, 80]
    mov x2, 24
    blr x9
    stp x0, x1, [x19, 80]
    stp q0, q1, [x19]
    stp q2, q3, [x19, 32]
    mrs x10, fpsr
    msr fpcr, xzr
    str x10, [x20]
    ldp x19, x20, [sp, 16]
    ldp x29, x30, [sp], 32
    ret
'''


def run(cc, runner, rows, cases):
    """The results of each row: a list of lines."""
    asm = [RUN]
    for i, (word, _, _) in enumerate(rows):
        asm += [f't{i}: .inst {word:#x}', 'ret']
    asm += ['.section .data.rel.ro,"aw"', '.balign 8', '.globl tests', 'tests:']
    for i, (word, style, _) in enumerate(rows):
        asm += [f".4byte {word:#x}; .byte '{style}', 0; .2byte {cases}; .8byte t{i}"]
    asm += ['.8byte 0, 0']
    with tempfile.TemporaryDirectory() as d:
        Path(d, 't.s').write_text('\n'.join(asm) + '\n')
        Path(d, 'm.c').write_text(MAIN)
        subprocess.run([cc, '-O1', '-static', '-I', Path(__file__).parent, '-o', f'{d}/t', f'{d}/m.c', f'{d}/t.s'],
                       check=True)
        out = subprocess.run([*runner.split(), f'{d}/t'], stdout=subprocess.PIPE, text=True)
    lines = out.stdout.splitlines()
    if out.returncode:
        at = len(lines) // cases
        print(f'# {runner} ends with {out.returncode} at', '%08x %s %s' % rows[at] if at < len(rows) else '', file=sys.stderr)
    results = [lines[i * cases:(i + 1) * cases] for i in range(len(rows))]
    if 'qemu' in runner:
        for row, result in zip(rows, results):
            correct(row, result)
    return results


def correct(row, result):
    """What qemu-user 7.2 does wrong: fcvtzs of a half to fixed point extends the result's sign to 32 bits."""
    if row[1:] == ('H', 'fcvtzs_fix_s'):
        for i, line in enumerate(result):
            low, *rest = line.split()
            result[i] = ' '.join(['%x' % (int(low, 16) & 0xffff), *rest])


def against(cc, runner, other, cases, names):
    rows = [r for r in insns() if not names or any(n == r[2] for n in names)]
    bad = {}
    for row, a, b in zip(rows, run(cc, runner, rows, cases), run(cc, other, rows, cases)):
        for k, (x, y) in enumerate(zip(a + ['-'] * (len(b) - len(a)), b)):
            if x != y:
                bad.setdefault(row[2], []).append('%08x %s case %d: %s, should be %s' % (*row[:2], k, x, y))
    for name, lines in bad.items():
        print(f'{name}: {len(lines)} of {cases * sum(r[2] == name for r in rows)} wrong, such as', *lines[:3], sep='\n    ')
    print(f'{len(rows)} words, {len(bad)} rows with differences')


def read_table(path):
    rows, results = [], []
    for line in Path(path).read_text().splitlines():
        if line.startswith('='):
            _, word, style, _, name = line.split()
            rows.append((int(word, 16), style, name))
            results.append([])
        elif not line.startswith('#'):
            results[-1].append(line)
    return rows, results


def check_table(cc, runner, path):
    rows, want = read_table(path)
    got = run(cc, runner, rows, len(want[0]))
    wrong = [f'{r[0]:08x} {r[2]}: {g} should be {w}' for r, g, w in zip(rows, got, want) if g != w]
    print('1..1')
    for line in wrong[:20]:
        print('#', line)
    print('not ok' if wrong else 'ok', '1 -', f'{len(rows)} words as in the table')
    return bool(wrong)


def main():
    cc, runner, *rest = sys.argv[1:]
    if rest and os.path.exists(rest[0]):
        return check_table(cc, runner, rest[0])
    cases = int(rest[0]) if rest and rest[0].isdigit() else CASES
    if '--against' in rest:
        at = rest.index('--against')
        return against(cc, runner, rest[at + 1], cases, rest[at + 2:])
    rows = list(insns())
    print('# Made by a64_simd.py; form and origin are explained there.')
    for (word, style, name), lines in zip(rows, run(cc, runner, rows, cases)):
        print(f'= {word:x} {style} {cases} {name}', *lines, sep='\n')
    return 0


sys.exit(main())
