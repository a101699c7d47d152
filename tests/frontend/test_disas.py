#!/usr/bin/env python3
"""Compares the RISC-V decode tables with GNU binutils: what decodes, and how it prints.

Three sets of words: random operands for every row, all 16-bit words, random 32-bit words. Where
the two differ, DIFFERENCES must have a reason.

usage: test_disas.py DISAS_BLOB [word...]       only cases whose names contain a word
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

GNU = 'riscv64-linux-gnu-'
TABLES = TOP / 'frontend/riscv'
ROW_WORDS = 50
RANDOM_WORDS = 300000
EXTENSIONS = ['zba', 'zbb', 'zbs', 'zicbop', 'zihintpause', 'zicond', 'zihintntl']

# Where binutils and we differ: (what of the word, what they say, what we say, the reason).
# 2.40 of Debian 12 is meant if a version matters; later ones may agree.
DIFFERENCES = [
    (0xffff, 0x0000, r'c\.unimp', r'\.half .*', 'their name for the undefined all-zero word'),
    (0xffff, 0x6101, r'c\.addi16sp sp,0', r'\.half .*', 'reserved by the manual, C.ADDI16SP'),
    (0xffff, 0x0001, r'c\.addi zero,0|c\.nop', r'c\.nop', 'canonical c.nop'),
    (0xfc7f, 0x8001, r'c\.srli64 (\w+)', r'c\.srli \1,0x0', 'a name from RV128 for a hint'),
    (0xfc7f, 0x8401, r'c\.srai64 (\w+)', r'c\.srai \1,0x0', 'the same'),
    (0xf07f, 0x0002, r'c\.slli64 (\w+)', r'c\.slli \1,0x0', 'the same'),
    (0xff83, 0x9002, r'c\.add zero,\w+', r'c\.ntl\.\w+', 'Zihintntl is newer'),
    (0xfe0fffff, 0x00000033, r'add zero,zero,\w+', r'ntl\.\w+', 'Zihintntl is newer'),
    (0xfe00507f, 0x0e005033, r'\.4byte .*', r'czero\.\w+ .*', 'Zicond is newer'),
    (0x0000707f, 0x0000000f, r'\.4byte .*', r'fence\b.*', 'unused fields are ignored: manual, 2.7'),
    (0x0000707f, 0x0000100f, r'\.4byte .*', r'fence\.i', 'unused fields are ignored: Zifencei'),
    (0xfff0007f, 0x42000053, r'\.4byte .*', r'fcvt\.d\.s .*', 'they want rm = 0 in exact conversions'),
    (0xffe0007f, 0xd2000053, r'\.4byte .*', r'fcvt\.d\.wu? .*', 'the same'),
    (0xfff0707f, 0x42000053, r'(fcvt\.d\.s .*)', r'\1,rne', 'they leave out rm there'),
    (0xffe0707f, 0xd2000053, r'(fcvt\.d\.wu? .*)', r'\1,rne', 'the same'),
    (0x0000007f, 0x00000073, r'(csrr\wi? \w+,)\w+(,\w+)', r'\g<1>0x[0-9a-f]+\2',
     'we name the registers of user mode'),
    (0xffffffff, 0x10200073, r'sret', r'\.word .*', 'privileged'),
    (0xffffffff, 0x30200073, r'mret', r'\.word .*', 'privileged'),
    (0xffffffff, 0x7b200073, r'dret', r'\.word .*', 'privileged'),
    (0xffffffff, 0x00200073, r'uret', r'\.word .*', 'withdrawn'),
    (0xffffffff, 0x10500073, r'wfi', r'\.word .*', 'privileged'),
    (0xfe007fff, 0x12000073, r'sfence\.vma .*', r'\.word .*', 'privileged'),
    (0xffffffff, 0xc0001073, r'unimp', r'csrrw zero,cycle,zero', 'an alias'),
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
        form = re.sub(r'\\g<(\d)>|\\(\d)', lambda g: re.escape(m[int(g[1] or g[2])]), our_form)
        if re.fullmatch(form, ours):
            return True
    return False


def plain(text):
    """Text of an instruction without comment, symbol and superfluous blanks."""
    return ' '.join(re.split(r'\s+(?:#|<)', text)[0].split())


def march():
    """The longest extension list that this assembler takes."""
    name = 'rv64gc'
    for ext in EXTENSIONS:
        probe = subprocess.run([GNU + 'as', f'-march={name}_{ext}', '-o', '/dev/null', '-'],
                               input='nop\n', text=True, capture_output=True, check=False)
        if not probe.returncode:
            name += '_' + ext
    return name


def binutils(folder, blob):
    """offset -> (word, text) by objdump. Symbols would mark the bytes as data, so they go."""
    source, obj = folder / 'blob.s', folder / 'blob.o'
    source.write_text(f'.text\n.incbin "{blob}"\n')
    subprocess.run([GNU + 'as', '-march=' + march(), source, '-o', obj], check=True)
    subprocess.run([GNU + 'strip', '-s', obj], check=True)
    dump = subprocess.run([GNU + 'objdump', '-D', '-z', '-j', '.text', '-M', 'no-aliases', obj],
                          check=True, capture_output=True, text=True).stdout
    return {int(m[1], 16): (int(m[2], 16), plain(m[3]))
            for m in re.finditer(r'^ *([0-9a-f]+):\t([0-9a-f]+) +\t(.*)$', dump, re.M)}


def compare(disas_blob, words):
    """words: (word, bytes) pairs. All must be instructions of 2 or 4 bytes."""
    if not shutil.which(GNU + 'objdump'):
        raise tap.Skip(f'{GNU}objdump is not installed')
    with tempfile.TemporaryDirectory() as name:
        blob = Path(name) / 'blob'
        blob.write_bytes(b''.join(struct.pack({2: '<H', 4: '<I'}[n], w) for w, n in words))
        theirs = binutils(Path(name), blob)
        lines = subprocess.run([disas_blob, 'riscv64', blob], check=True, capture_output=True,
                               text=True).stdout.splitlines()
    ours = {int(at, 16): plain(text) for at, text in (line.split('\t') for line in lines)}
    if len(theirs) != len(words) or theirs.keys() != ours.keys():
        raise tap.Fail(f'{len(words)} words: {len(theirs)} lines of objdump, {len(ours)} of ours')
    defined = 0
    for at, (word, text) in theirs.items():
        undefined = text.startswith(('.4byte', '.2byte')), ours[at].startswith(('.word', '.half'))
        defined += not undefined[1]
        if text != ours[at] and not all(undefined) and not explained(word, text, ours[at]):
            raise tap.Fail(f'{word:#x}: objdump says {text}, we say {ours[at]}')
    if defined < len(words) // 20:
        raise tap.Fail(f'of {len(words)} words only {defined} are instructions')


def row_words():
    """Random operands for every row."""
    words = []
    for table in (decode.load(TABLES / 'rv64.decode'),
                  decode.load(TABLES / 'rvc.decode', TABLES / 'rv64.decode')):
        for row in table.rows:
            words += [(row.fixedbits | random.getrandbits(table.width) & ~row.fixedmask,
                       table.width // 8) for _ in range(ROW_WORDS)]
    return words


def random_words():
    """32-bit words that announce to be 4 bytes long."""
    words = []
    while len(words) < RANDOM_WORDS:
        word = random.getrandbits(32) | 3
        if word & 0x1c != 0x1c:
            words.append((word, 4))
    return words


def main():
    disas_blob, *only = sys.argv[1:]
    random.seed(20240411)
    tap.main([
        ('rows', lambda: compare(disas_blob, row_words())),
        ('all_16_bit_words', lambda: compare(disas_blob, [(w, 2) for w in range(65536) if w & 3 != 3])),
        ('random_32_bit_words', lambda: compare(disas_blob, random_words())),
    ], only)


if __name__ == '__main__':
    main()
