#!/usr/bin/env python3
"""Compares the AArch64 decode tables with GNU binutils: what decodes, how it prints, what arguments
trans_ functions get.

Three sets of words: random operands for every row, the same with one fixed bit turned, random words.
Where the texts differ, DIFFERENCES must have a reason. The arguments must be what the Python model
extracts, and they must agree with binutils' text: registers, sizes and immediates that it shows.

usage: test_a64_decode.py DISAS_BLOB A64_ARGS [word...]     only cases whose names contain a word
"""
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TOP / 'tests'), str(TOP / 'frontend')]

import decode           # noqa: E402
from lib import tap     # noqa: E402

OBJDUMP = 'aarch64-linux-gnu-objdump'
TABLES = sorted((TOP / 'frontend/aarch64').glob('a64_*.decode'), key=lambda p: p.stem != 'a64_common')
ROW_WORDS = 50
RANDOM_WORDS = 200000

# Where binutils and we differ: (what of the word, what they say, what we say, the reason).
# 2.40 of Debian 12 is meant if a version matters; later ones may agree.
NONE = r'\.word .*'
DIFFERENCES = [
    # Extensions that the tables don't have.
    (0x1e000000, 0x04000000, r'.*', NONE, 'SVE'),
    (0x9e000000, 0x80000000, r'.*', NONE, 'SME'),
    (0xffff0000, 0x00000000, r'udf .*', NONE, 'undefined for ever'),
    (0, 0, r'(addg|subg|irg|gmi|subps?|ldgm?|stz?gm?|st2g|stz2g|stgp) .*', NONE, 'MTE'),
    (0, 0, r'(cpyf?[pme]|setg?[pme])\w* .*', NONE, 'MOPS'),
    (0, 0, r'([us](min|max)|ctz|cnt|abs) [wx].*', NONE, 'CSSC'),
    (0xff000010, 0x54000010, r'bc\.\w\w .*', NONE, 'HBC'),
    (0, 0, r'(tstart|ttest|tcommit|tcancel)\b.*', NONE, 'TME'),
    (0, 0, r'(ld64b|st64bv?0?) .*', NONE, 'LS64'),
    (0, 0, r'wf[ei]t .*', NONE, 'WFXT'),
    (0xfffff3ff, 0xd503323f, r'dsb .*nxs', NONE, 'XS'),
    # Not for user mode.
    (0xfff80000, 0xd5080000, r'sys .*', NONE, 'DC, IC, AT, TLBI of the kernel'),
    (0xfff80000, 0xd5280000, r'sysl .*', NONE, 'none is for user mode'),
    (0xfff00000, 0xd5000000, r'(msr (s0_\w+|\w+), .*|sm(start|stop).*)', NONE,
     'PSTATE of the kernel, MTE, SME; what is unallocated'),
    (0xfff80000, 0xd5200000, r'mrs \w+, s0_\w+', NONE, 'unallocated'),
    (0xff000000, 0xd4000000, r'(hvc|smc|hlt|dcps[123]).*', NONE, 'privileged or for debuggers'),
    (0xfe000000, 0xd6000000, r'(eret(aa|ab)?|drps)', NONE, 'privileged'),
    # What is different in the text.
    (0xfffff01f, 0xd503201f, r'hint #0x\w+', r'[a-z]\w+( jc?| c)?', 'we name hints'),
    (0xfff00000, 0xd5100000, r'msr \w+(, x\w+)', r'msr s\d_\w+\1', 'we name the registers of user mode'),
    (0xfff00000, 0xd5300000, r'mrs (\w+, )\w+', r'mrs \1s\d_\w+', 'we name the registers of user mode'),
    (0xfffff01f, 0xd503401f, r'msr s0_3_c4_c\d+_[12], xzr', r'msr (ssbs|dit), #0x\w+',
     'only bit 0 of the immediate counts'),
    # What only one side takes as defined.
    (0x3fe08000, 0x08c08000, r'\.inst .*', r'ldar[bh]? .*', 'Rs and Rt2 should be ones, nothing else is said'),
    (0xfe400000, 0x68400000, r'\.inst .*', r'ldpsw .*', 'unpredictable: the registers are the same'),
    (0xbf60fc00, 0x0e60ec00, r'fmlal .*|fmlsl .*', NONE, 'sz must be 0'),
    (0xbf60fc00, 0x2e60cc00, r'fmlal2 .*|fmlsl2 .*', NONE, 'sz must be 0'),
]


def explained(word, theirs, ours):
    """Whether some reason covers the difference."""
    for mask, value, their_form, our_form, _ in DIFFERENCES:
        if word & mask != value:
            continue
        m = re.fullmatch(their_form, theirs)
        if not m:
            continue
        # \1 in our form stands for what their group matched.
        form = re.sub(r'\\(\d)', lambda g: re.escape(m[int(g[1])] or ''), our_form)
        if re.fullmatch(form, ours):
            return True
    return False


def plain(text):
    """Text of an instruction without comment, symbol and superfluous blanks."""
    return ' '.join(re.split(r'\s+(?://|<)', text)[0].split())


def run(program, *args):
    return subprocess.run([program, *args], check=True, capture_output=True, text=True).stdout


def objdump(blob):
    """binutils' text of each word."""
    if not shutil.which(OBJDUMP):
        raise tap.Skip(f'{OBJDUMP} is not installed')
    dump = run(OBJDUMP, '-D', '-z', '-b', 'binary', '-m', 'aarch64', '-M', 'no-aliases', blob)
    return [plain(m[1]) for m in re.finditer(r'^ *[0-9a-f]+:\t[0-9a-f]+ \t(.*)$', dump, re.M)]


def with_blob(words, function):
    """function(path) with words in the file at path."""
    with tempfile.TemporaryDirectory() as name:
        blob = Path(name) / 'blob'
        blob.write_bytes(b''.join(struct.pack('<I', w) for w in words))
        return function(blob)


def differences(disas_blob, words):
    """(word, binutils' text, ours) where the two differ without a reason; and how many words are
    instructions."""
    theirs, lines = with_blob(words, lambda blob: (
        objdump(blob), run(disas_blob, 'aarch64', blob).splitlines()))
    ours = [plain(line.split('\t')[1]) for line in lines]
    if not len(theirs) == len(ours) == len(words):
        raise tap.Fail(f'{len(words)} words: {len(theirs)} lines of objdump, {len(ours)} of ours')
    found, defined = [], 0
    for word, a, b in zip(words, theirs, ours):
        undefined = a.startswith('.inst'), b.startswith('.word')
        defined += not undefined[1]
        if a != b and not all(undefined) and not explained(word, a, b):
            found.append((word, a, b))
    return found, defined


def compare(disas_blob, words):
    found, defined = differences(disas_blob, words)
    for word, theirs, ours in found:
        raise tap.Fail(f'{word:#010x}: objdump says {theirs}, we say {ours}; {len(found)} such words')
    if defined < len(words) // 20:
        raise tap.Fail(f'of {len(words)} words only {defined} are instructions')


def model(row, args):
    """Whether args, name -> value, are what the Python model of row extracts; fields with a function
    are left out."""
    word, got = args
    for name, value in row.fields.items():
        if isinstance(value, decode.Field):
            if value.fn:
                continue
            value = value.extract(word)
        if got[name] != value:
            return False
    return True


# Shapes of vectors and their elements, registers, numbers in binutils' text.
VECTOR = re.compile(r'\bv(\d+)\.(\d+)?([bhsdq])')
SCALAR = re.compile(r'\b([bhsdq])(\d+)\b')
GENERAL = re.compile(r'\b([wx])(\d+|zr)\b|\b(w?)sp\b')
NUMBER = re.compile(r'#(-?(?:0x[0-9a-f]+|\d+))\b(?!\.)')
REGISTER_ARGS = ('rd', 'rn', 'rm', 'ra', 'rt', 'rt2', 'rs')
# Text and arguments have no simple relation, or the text doesn't show the argument.
UNSEEN = {'pac', 'aut', 'xpac', 'msr_reg', 'mrs_reg', 'bra', 'blra'}
MIXED_Q = {'fmlal_v', 'fmlal2_v', 'fmlsl_v', 'fmlsl2_v', 'fmlal_elt', 'fmlal2_elt', 'fmlsl_elt', 'fmlsl2_elt',
           'bfmlal_v', 'bfmlal_elt', 'bfdot_elt', 'dot_elt', 'sudot_elt', 'usdot_elt', 'bfcvtn_v'}


def claims(insn, args, text):
    """(name of an argument, value that binutils' text says it has)."""
    mnemonic = text.split()[0]
    vectors = [(int(count or 0), 'bhsdq'.index(kind)) for _, count, kind in VECTOR.findall(text)]
    scalars = ['bhsdq'.index(kind) for kind, _ in SCALAR.findall(text)]
    general = [(m[1] or ('w' if m[3] else 'x')) == 'x' for m in GENERAL.finditer(text)]
    numbers = [int(n, 0) for n in NUMBER.findall(text)]
    if 'sf' in args and general and 'sx' not in args:
        yield 'sf', int(any(general) if insn in ('add_ext', 'sub_ext') else general[0])
    if 'esz' in args and vectors + scalars:
        yield 'esz', min([kind for _, kind in vectors] + scalars)
    if 'q' in args and insn not in MIXED_Q:
        full = [(kind, count) for count, kind in vectors if count]
        if insn in ('tbl', 'tbx'):
            full = full[:1]
        if 'sc' in args and (args['sc'] or not full):
            yield 'q', 0
        elif full:
            kind, count = min(full)
            yield 'q', int(count << kind == 16)
    if 'u' in args and insn + '|' + mnemonic.rstrip('2') in UNSIGNED:
        yield 'u', UNSIGNED[insn + '|' + mnemonic.rstrip('2')]
    if 'index' in args and insn not in ('ins_elt', 'ldst_one') and (m := re.search(r'\[(\d+)\]', text)):
        yield 'index', int(m[1])
    if insn == 'ins_elt':
        dst, index = re.findall(r'\[(\d+)\]', text)
        yield 'dst', int(dst)
        yield 'index', int(index)
    for name in ('shift', 'fbits', 'lsb', 'pos'):
        if name in args and numbers and insn != 'rmif' and 'amount' not in args and 'imm' not in args:
            yield name, numbers[-1]
    if 'amount' in args:
        yield 'amount', numbers[-1] if numbers else 0
    if 'rot' in args:
        yield 'rot', numbers[-1] // 90
    if 'imm' in args and 'post' in args and 'rm' not in args:
        yield 'imm', numbers[-1] if numbers else 0
    if insn in ('and_imm', 'orr_imm', 'eor_imm', 'ands_imm'):
        yield 'imm', numbers[-1] if args['sf'] else numbers[-1] | numbers[-1] << 32
    if insn in ('add_imm', 'sub_imm', 'adds_imm', 'subs_imm'):
        yield 'imm', numbers[0] << (numbers[1] if len(numbers) > 1 else 0)


def unsigned_names():
    """instruction|mnemonic -> u, for the instructions that signed and unsigned forms share: s and u
    begin the mnemonic or, of conversions, end it."""
    result = {}
    for row in decode.load_all(TABLES).rows:
        name = row.mnemonic
        if row.insn in ('cmgt_v', 'cmge_v'):
            u = name[2] == 'h'
        elif name[:3] == 'fcv' and name[-1] in 'su':
            u = name[-1] == 'u'
        elif name[0] in 'su' and row.insn.startswith(name[1:4]):
            u = name[0] == 'u'
        else:
            continue
        result[row.insn + '|' + name] = int(u)
    return result


def matcher():
    """Table.match(), but only rows that agree in bits 24 to 28 are looked at."""
    all_rows, tables = decode.load_all(TABLES).rows, []
    for top in range(32):
        rows = [row for row in all_rows
                if not (row.fixedbits >> 24 ^ top) & row.fixedmask >> 24 & 31]
        tables.append(decode.Table(rows=rows))
    return lambda word: tables[word >> 24 & 31].match(word)


def check_args(a64_args, words):
    """Rows and arguments against the Python model and binutils' text."""
    match = matcher()
    texts, lines = with_blob(words, lambda blob: (objdump(blob), run(a64_args, blob).splitlines()))
    checked = set()
    for word, text, line in zip(words, texts, lines, strict=True):
        row = match(word)
        name, insn, *args = line.split() + ['']
        if name != (row.name if row else 'undefined') or row and insn != row.insn:
            raise tap.Fail(f'{word:#010x}: C says {line}, Python {row and row.name}')
        if not row or text.startswith('.inst'):
            continue
        args = {k: int(v) for k, _, v in (a.partition('=') for a in args if a)}
        args = {k: v & (1 << 64) - 1 if k == 'imm' and insn.endswith('_imm') and 'sf' in args and
                'sx' not in args else v for k, v in args.items()}
        if not model(row, (word, args)):
            raise tap.Fail(f'{word:#010x} {text}: arguments are not as in the Python model: {line}')
        if insn in UNSEEN:
            continue
        seen = {int(n) for n in re.findall(r'\b[vwxbhsdq](\d+)\b', text)}
        for arg in REGISTER_ARGS:
            constant = not isinstance(row.fields.get(arg), decode.Field)
            if arg in args and args[arg] != 31 and not constant and args[arg] not in seen and \
                    text != 'ret' and '-' not in text:
                raise tap.Fail(f'{word:#010x} {text}: {arg} is not shown: {line}')
        for arg, value in claims(insn, args, text):
            checked.add((insn, arg))
            if args[arg] != value:
                raise tap.Fail(f'{word:#010x} {text}: {arg} should be {value}: {line}')
    if len(checked) < 600:
        raise tap.Fail(f'only {len(checked)} arguments were compared')


def row_words():
    """Random operands for every row."""
    return [row.fixedbits | random.getrandbits(32) & ~row.fixedmask
            for row in decode.load_all(TABLES).rows for _ in range(ROW_WORDS)]


def neighbours():
    """Words that miss a row by one of its fixed bits: mostly what is reserved."""
    return [row.fixedbits ^ 1 << bit | random.getrandbits(32) & ~row.fixedmask
            for row in decode.load_all(TABLES).rows for bit in range(32)
            if row.fixedmask >> bit & 1 for _ in range(4)]


def random_words():
    return [random.getrandbits(32) for _ in range(RANDOM_WORDS)]


UNSIGNED = unsigned_names()


def main():
    disas_blob, a64_args, *only = sys.argv[1:]
    random.seed(20240411)
    tap.main([
        ('rows', lambda: compare(disas_blob, row_words())),
        ('arguments', lambda: check_args(a64_args, row_words() + neighbours())),
        ('neighbours', lambda: compare(disas_blob, neighbours())),
        ('random_words', lambda: compare(disas_blob, random_words())),
    ], only)


if __name__ == '__main__':
    main()
