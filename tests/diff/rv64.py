"""RISC-V 64 instructions for the generator: the decode tables' rows, sorted by what a generator must know.

A Row wraps one row of frontend/riscv/*.decode: which file its destination belongs to, whether it touches memory and
how many bytes, which bits are free.  Row.random() draws a word that decodes as this row; asm() makes a given one.
"""

import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "frontend"))

import decode                                           # noqa: E402

FOLDER = TOP / "frontend" / "riscv"
BASE = decode.load(FOLDER / "rv64.decode")
SHORT = decode.load(FOLDER / "rvc.decode", FOLDER / "rv64.decode")

SIZES = {"lb": 1, "lbu": 1, "sb": 1, "lh": 2, "lhu": 2, "sh": 2, "lw": 4, "lwu": 4, "sw": 4,
         "flw": 4, "fsw": 4, "ld": 8, "sd": 8, "fld": 8, "fsd": 8}
EDGE_IMMEDIATES = (0, 1, -1, 2, 7, 8, 31, 32, 63, 255, 0x7ff, -0x800)
CSR_FFLAGS, CSR_FRM, CSR_FCSR = 1, 2, 3


class Row:
    """One row and its facts: `dest` is X, F or empty; `size` the bytes of a load or store."""

    def __init__(self, row, rvc):
        self.row, self.name, self.insn, self.ext = row, row.name, row.insn, row.ext
        self.bytes = 2 if rvc else 4
        self.fixed, self.free = row.fixedbits, ~row.fixedmask & (0xffff if rvc else 0xffffffff)
        operands = [text for kind, text, _ in decode.template_parts(row.template) if kind == "operand"]
        floats = any(name in ("fd", "fd_c") for name in operands) or row.insn in ("flw", "fld")
        self.rd = row.fields.get("rd")
        self.dest = "" if self.rd is None else "F" if floats else "X"
        self.size = SIZES.get(row.insn, 0)
        self.load, self.store = "load" in row.flags, "store" in row.flags
        table = SHORT if rvc else BASE
        self.before = [(r.fixedmask, r.fixedbits) for r in table.rows[:row.index] if r.overlaps(row)]
        self.wide = [f.segments[0].pos for name, f in row.fields.items()
                     if name in ("rd", "rs1", "rs2", "rs3") and isinstance(f, decode.Field)
                     and f.width == 5]
        self.imm = row.fields.get("imm")
        self.rm = row.fields.get("rm")

    def get(self, name, word):
        field = self.row.fields[name]
        return field if isinstance(field, int) else field.extract(word)

    def put(self, name, word, value):
        """`word` with the argument set; ValueError if it cannot hold the value."""
        field = self.row.fields[name]
        if isinstance(field, int):
            if field != value:
                raise ValueError(f"{self.name}: {name} is {field}")
            return word
        word = field.insert(word, value - field.add >> field.shift)
        if field.extract(word) != value:
            raise ValueError(f"{self.name}: {name} cannot be {value}")
        return word

    def valid(self, word):
        return all(word & mask != bits for mask, bits in self.before)

    def random(self, rng, regs, protected):
        """A word of this row whose 5-bit register numbers are from `regs` and whose integer destination is
        not in `protected`; None if chance does not find one."""
        for _ in range(20):
            word = self.fixed | rng.getrandbits(32) & self.free
            for pos in self.wide:
                word = word & ~(31 << pos) | rng.choice(regs) << pos
            if self.rm and (word >> 12 & 7) > 4:
                word = word | 0x7000
            if self.imm and self.bytes == 4 and self.imm.width == 12 and rng.random() < 0.25:
                word = self.imm.insert(word, rng.choice(EDGE_IMMEDIATES))
            if self.dest == "X" and self.get("rd", word) in protected or not self.valid(word):
                continue
            return word
        return None


ROWS = [Row(r, False) for r in BASE.rows if not r.reserved] + \
       [Row(r, True) for r in SHORT.rows if not r.reserved]
BY_NAME = {r.name: r for r in ROWS}
EXTENSIONS = sorted({r.ext for r in ROWS})


def plain(row):
    """Computes on registers alone; whatever its fields hold, it neither traps nor leaves."""
    return not set(row.row.flags) & {"load", "store", "jump", "branch", "csr", "barrier", "atomic"} \
        and row.insn not in ("ecall", "ebreak")


PLAIN = [r for r in ROWS if plain(r)]
MEMORY = [r for r in ROWS if r.size]
AMO = [r for r in ROWS if r.name.startswith("amo")]
BRANCHES = [r for r in ROWS if "branch" in r.row.flags]
BARRIERS = [r for r in ROWS if "barrier" in r.row.flags]


def asm(name, **args):
    """The word of row `name` with these arguments; those left out are 0."""
    row = BY_NAME[name]
    word = row.fixed
    for arg, value in args.items():
        word = row.put(arg, word, value)
    return word


def li(rd, value):
    """Words that load a value of 32 signed bits."""
    low = (value & 0xfff ^ 0x800) - 0x800
    high = (value - low & 0xffffffff ^ 0x80000000) - 0x80000000
    if not high:
        return [asm("addi", rd=rd, imm=low)]
    return [asm("lui", rd=rd, imm=high), asm("addiw", rd=rd, rs1=rd, imm=low)]


def defined(word):
    """Whether the tables know the instruction that starts with these 32 bits."""
    table = BASE if word & 3 == 3 else SHORT
    return table.match(word if word & 3 == 3 else word & 0xffff) is not None
