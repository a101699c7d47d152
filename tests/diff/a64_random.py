#!/usr/bin/env python3
"""Random AArch64 instructions, run by dragoman and by qemu-aarch64; registers and flags are compared bit by bit.

A program is a number of blocks.  Each block loads all registers (general, vector, NZCV, FPCR) with random and notable
values, runs a few instructions that the decode tables know, and stores all registers to a buffer; the program writes the
buffer and the memory that the blocks used.  A difference is reported with the instructions of its block.

    a64_random.py --dragoman FILE [--qemu FILE] [--seed N] [--blocks N] [--length N] [--only NAME,...] [--keep DIR]
"""

import argparse
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "frontend"))

import decode

TABLES = ["common", "branch_system", "dpi", "dpr", "ldst", "fp"]
EXTENSIONS = {"BASE", "FP", "CRC32", "ATOMICS", "LRCPC", "ILRCPC", "FLAGM", "FLAGM2", "FRINT", "JSCVT"}
CC = os.environ.get("A64_CC", "aarch64-linux-gnu-gcc")
ARENA, OUT = 27, 28                  # registers that blocks don't write: middle of the memory, where to store the state
BASE, INDEX = 25, 26                 # what memory accesses take their address from
RESERVED = {ARENA, OUT}
ARENA_BYTES = 1 << 18
STATE = 31 * 8 + 3 * 8 + 32 * 16 + 8
PLACES = {"rd": 0, "rt": 0, "rn": 5, "rm": 16, "rs": 16, "ra": 10, "rt2": 10}
BRANCHES = {"b_cond": (5, 19), "cbz": (5, 19), "cbnz": (5, 19), "tbz": (5, 14), "tbnz": (5, 14)}
SYSREGS = {"mrs": (0xd53b4200, 0xd53b4400, 0xd53b4420), "msr": (0xd51b4200, 0xd51b4420)}    # nzcv, fpcr, fpsr
SKIP = {"nop", "yield", "wfe", "wfi", "sb", "dsb", "isb", "dmb", "pac", "aut", "xpac", "svc", "brk", "b", "bl", "br", "blr", "ret",
        "bra", "blra", "reta", "msr_reg", "mrs_reg", "adr", "adrp", "ldr_lit", "ldr_v_lit", "prfm", "ic_ivau",
        "dc_clean", "dc_zva", "clrex"} | set(BRANCHES)
EXCLUSIVE = {"ldxr", "stxr", "ldxp", "stxp"}

INTS = [0, 1, 2, 3, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 32,
        (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 2, 0x0123456789abcdef, 0xffffffff80000000, 0xffffffff00000000]
F32 = [0, 0x80000000, 1, 0x807fffff, 0x00800000, 0x3f800000, 0xbf800000, 0x3f000000, 0x3fc00000, 0x7f7fffff, 0x7f800000,
       0xff800000, 0x7fc00000, 0x7f800001, 0xffc12345, 0xff812345, 0x4f000000, 0xcf000000, 0x4effffff, 0x5f000000, 0x40490fdb]
F64 = [0, 1 << 63, 1, 0x800fffffffffffff, 1 << 52, 0x3ff << 52, 0xbff << 52, 0x3fe << 52, 0x3ff8 << 48, 0x7fefffffffffffff,
       0x7ff << 52, 0xfff << 52, 0x7ff8 << 48, (0x7ff << 52) + 1, 0xfff8123456789abc, 0xfff0123456789abc, 0x41dfffffffc00000,
       0x41e0000000000000, 0xc1e0000000200000, 0x43e0000000000000, 0xc3e0000000000000, 0x400921fb54442d18, 0x36a0000000000000,
       0x380fffffffffffff, 0x47efffffffffffff]
F16 = [0, 0x8000, 1, 0x3ff, 0x400, 0x3c00, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x7d01, 0xfe12]


def an_int(rng):
    kind = rng.random()
    if kind < .4:
        return rng.choice(INTS)
    if kind < .6:
        return rng.getrandbits(rng.choice((8, 16, 32)))
    return rng.getrandbits(64)


def a_vector(rng):
    kind = rng.random()
    high = rng.getrandbits(64)
    if kind < .35:
        return rng.choice(F32) | high << 64 | rng.getrandbits(32) << 32
    if kind < .75:
        return rng.choice(F64) | high << 64
    if kind < .85:
        return rng.choice(F16) | rng.getrandbits(48) << 16 | high << 64
    if kind < .93:
        return struct.unpack("<Q", struct.pack("<d", rng.uniform(-1e6, 1e6)))[0] | high << 64
    return rng.getrandbits(128)


class Generator:
    def __init__(self, rng, only):
        self.rng = rng
        table = decode.load_all([TOP / f"frontend/aarch64/a64_{t}.decode" for t in TABLES])
        self.rows = {}
        for row in table.rows:
            if row.reserved or row.ext not in EXTENSIONS or row.insn in SKIP | EXCLUSIVE:
                continue
            if not only or row.name in only or row.insn in only:
                self.rows.setdefault(row.insn, []).append(row)
        self.branches = {row.insn: row for row in table.rows if row.insn in BRANCHES and (not only or row.insn in only)}
        self.table = table
        self.names = sorted(self.rows)

    def word(self, row):
        while True:
            word = row.fixedbits | self.rng.getrandbits(32) & ~row.fixedmask
            for name, at in PLACES.items():
                if isinstance(row.fields.get(name), decode.Field) and self.rng.random() < .3:
                    word = word & ~(31 << at) | (self.rng.randrange(4) << at & ~row.fixedmask)
            word = word & ~row.fixedmask | row.fixedbits
            regs = [word >> at & 31 for name, at in PLACES.items() if isinstance(row.fields.get(name), decode.Field)]
            if row.matches(word) and not RESERVED & set(regs):
                return word

    def field(self, word, at, bits, value):
        return word & ~((1 << bits) - 1 << at) | value << at

    def memory(self, row, word):
        """An access with base 25, in the middle of the memory; index 26."""
        before = [0xaa1b03e0 | BASE]                                     # mov x25, x27
        word = self.field(word, 5, 5, BASE)
        used = {"rt": 0, "rt2": 10, "rs": 16}
        regs = []
        for name, at in used.items():
            if name in row.fields and isinstance(row.fields[name], decode.Field):
                r = self.rng.choice([n for n in range(32) if n not in RESERVED | {BASE, INDEX, *regs}])
                if row.insn == "casp":
                    r &= ~1
                    r = 0 if r in (24, 26, 28) else r
                    r = 2 if r in regs else r
                regs.append(r)
                word = self.field(word, at, 5, r)
        if row.insn in ("ldar", "stlr") and "imm" in row.fields and isinstance(row.fields["imm"], decode.Field):
            word = self.field(word, 12, 9, word >> 12 & 0x1f8)           # aligned
        if "rm" in row.fields:
            source = self.rng.randrange(24)
            before.append(0x92402000 | source << 5 | INDEX)              # and x26, xN, #0x1ff
            if word >> 13 & 7 != 2 and self.rng.random() < .5:           # not with uxtw
                before.append(0xcb1a03e0 | INDEX)                        # neg x26, x26
            word = self.field(word, 16, 5, INDEX)
        return before + [word] if row.matches(word) else None

    def exclusive(self):
        """A load and a store of one size, sometimes with something between them that spoils it."""
        rng = self.rng
        size, pair = rng.randrange(4), rng.random() < .3
        t, t2, s = rng.sample(range(24), 3)
        before = [0xaa1b03e0 | BASE]
        if pair:
            size |= 2
            load = 0x887f0000 | (size & 1) << 30 | rng.getrandbits(1) << 15 | t2 << 10 | BASE << 5 | t
            store = 0x88200000 | (size & 1) << 30 | s << 16 | rng.getrandbits(1) << 15 | t2 << 10 | BASE << 5 | t
        else:
            load = 0x085f7c00 | size << 30 | rng.getrandbits(1) << 15 | BASE << 5 | t
            store = 0x08007c00 | size << 30 | s << 16 | rng.getrandbits(1) << 15 | BASE << 5 | t2
        between = []
        if rng.random() < .2:
            between = [0xd5033f5f]                                       # clrex
        if rng.random() < .2:
            between = [0xb9000000 | BASE << 5 | rng.randrange(24)]       # str w, [x25]
        return before + [load] + between + [store]

    def one(self):
        """A word that can stand alone."""
        while True:
            row = self.rng.choice(self.rows[self.rng.choice(self.names)])
            if "a64_ldst" not in row.where[0]:
                return [self.word(row)]
            words = self.memory(row, self.word(row))
            if words:
                return words

    def item(self):
        kind = self.rng.random()
        if kind < .12 and self.branches:
            row = self.branches[self.rng.choice(sorted(self.branches))]
            after = self.one()
            at, bits = BRANCHES[row.insn]
            return [self.field(self.word(row), at, bits, 1 + len(after))] + after
        if kind < .15:
            return [self.rng.choice(SYSREGS["mrs"]) | self.rng.randrange(24)]
        if kind < .17:
            r = self.rng.randrange(24)       # without FPSR's AArch32 flags, which QEMU has and we have not
            return [0x92406c00 | r << 5 | r, self.rng.choice(SYSREGS["msr"]) | r]
        if kind < .19:
            return self.exclusive()
        return self.one()


def load_state(rng, out):
    """Assembly that loads what is at label 1."""
    fpcr = 0
    if rng.random() < .6:
        fpcr = rng.randrange(4) << 22 | (rng.random() < .3) << 25 | (rng.random() < .25) << 24 | (rng.random() < .2) << 26
    data = [an_int(rng) for _ in range(31)] + [an_int(rng), rng.randrange(16) << 28, fpcr]
    out.append("b 2f\n.balign 16\n1:")
    for v in [a_vector(rng) for _ in range(32)]:
        out.append(f".quad {v & (1 << 64) - 1:#x}, {v >> 64:#x}")
    out.append(".quad " + ", ".join(f"{v:#x}" for v in data))
    out.append("2: adr x26, 1b")
    out += [f"ldp q{n}, q{n + 1}, [x26, #{16 * n}]" for n in range(0, 32, 2)]
    out.append("add x26, x26, #512")
    out.append("ldr x0, [x26, #248]\nmov sp, x0\nldr x0, [x26, #256]\nmsr nzcv, x0\nldr x0, [x26, #264]\nmsr fpcr, x0\nmsr fpsr, xzr")
    out += [f"ldr x{n}, [x26, #{8 * n}]" for n in [*range(26), 29, 30]]


def store_state(out):
    out += [f"str x{n}, [x28, #{8 * n}]" for n in range(31) if n not in RESERVED]
    out.append("mov x0, sp\nstr x0, [x28, #248]\nmrs x0, nzcv\nstr x0, [x28, #256]\nmrs x0, fpsr\nstr x0, [x28, #264]")
    out.append("msr fpcr, xzr")
    out += [f"stp q{n}, q{n + 1}, [x28, #{272 + 16 * n}]" for n in range(0, 32, 2)]
    out.append(f"add x28, x28, #{STATE}")


def program(generator, rng, blocks, length):
    out = [".text", ".globl _start", "_start:", "adrp x28, results", "add x28, x28, :lo12:results",
           "adrp x27, arena", "add x27, x27, :lo12:arena", f"add x27, x27, #{ARENA_BYTES // 2}"]
    listing = []
    for _ in range(blocks):
        load_state(rng, out)
        words = [w for _ in range(length) for w in generator.item()]
        listing.append(words)
        out += [f".inst {w:#x}" for w in words]
        store_state(out)
    total = blocks * STATE
    out.append(f"""
    adrp x1, results
    add x1, x1, :lo12:results
    ldr x2, ={total + ARENA_BYTES}
3:  mov x0, #1
    mov x8, #64
    svc #0
    cmp x0, #0
    b.le 4f
    add x1, x1, x0
    subs x2, x2, x0
    b.ne 3b
4:  mov x0, #0
    mov x8, #93
    svc #0
    .ltorg
    .bss
    .balign 4096
results: .skip {total}
arena: .skip {ARENA_BYTES}
    """)
    return "\n".join(out), listing


def text_of(words):
    with tempfile.NamedTemporaryFile(suffix=".bin") as f:
        f.write(struct.pack(f"<{len(words)}I", *words))
        f.flush()
        dump = subprocess.run(["aarch64-linux-gnu-objdump", "-D", "-b", "binary", "-m", "aarch64", f.name], check=True,
                              capture_output=True, text=True).stdout
    return "\n".join(line for line in dump.splitlines() if line.startswith("  "))


def names():
    return [f"x{n}" for n in range(31)] + ["sp", "nzcv", "fpsr"] + [f"v{n}.{h}" for n in range(32) for h in "lh"] + ["pad"]


def compare(want, got, listing, shown=3):
    """Prints the first differences; returns their number."""
    bad = 0
    for k, words in enumerate(listing):
        a, b = want[k * STATE:(k + 1) * STATE], got[k * STATE:(k + 1) * STATE]
        if a == b:
            continue
        bad += 1
        if bad <= shown:
            print(f"block {k}:\n{text_of(words)}")
            for name, x, y in zip(names(), struct.unpack(f"<{STATE // 8}Q", a), struct.unpack(f"<{len(b) // 8}Q", b[:len(b) // 8 * 8])):
                if x != y:
                    print(f"    {name}: expected {x:#x}, is {y:#x}")
    if not bad and want != got:
        bad = 1
        print("memory differs")
    return bad


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--dragoman", required=True)
    ap.add_argument("--qemu", default="qemu-aarch64")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--blocks", type=int, default=500)
    ap.add_argument("--length", type=int, default=8)
    ap.add_argument("--only")
    ap.add_argument("--keep", help="directory for the program")
    args = ap.parse_args()

    rng = random.Random(args.seed)
    generator = Generator(rng, set(args.only.split(",")) if args.only else None)
    source, listing = program(generator, rng, args.blocks, args.length)
    with tempfile.TemporaryDirectory() as scratch:
        where = pathlib.Path(args.keep or scratch)
        (where / "random.S").write_text(source)
        subprocess.run([CC, "-nostdlib", "-static", "-march=armv8.5-a", "-o", where / "random", where / "random.S"], check=True)
        want = subprocess.run([args.qemu, "-cpu", "max", where / "random"], capture_output=True, check=False)
        got = subprocess.run([args.dragoman, where / "random"], capture_output=True, check=False)
    if want.returncode:
        sys.exit(f"seed {args.seed}: {args.qemu} ended with {want.returncode}")
    if got.returncode:
        print(got.stderr.decode(errors="replace")[-500:])
        sys.exit(f"seed {args.seed}: {args.dragoman} ended with {got.returncode}")
    bad = compare(want.stdout, got.stdout, listing)
    print(f"seed {args.seed}: {args.blocks} blocks, {sum(map(len, listing))} instructions, {bad} differences")
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
