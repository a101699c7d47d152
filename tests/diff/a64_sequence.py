"""Random A64 sequences: straight code with forward branches, made from every row of the decode tables.

A sequence is a list of items, a list of words each; what belongs together (an access and what makes its address, a branch and
what it skips) is one item, so that the shrinker may leave out any of them.  Rows are dealt from decks: each is used before
one comes again.  Registers: x27 and x28 are the surroundings', x25 and x26 the base and the index of memory accesses.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "frontend"))

import decode                           # noqa: E402
from a64_image import NOTHING, TEXT     # noqa: E402

TABLES = sorted((TOP / "frontend/aarch64").glob("a64_*.decode"), key=lambda p: p.stem != "a64_common")
TABLE = decode.load_all(TABLES)
BASE, INDEX, MIDDLE, CONTEXT = 25, 26, 27, 28
RESERVED = {MIDDLE, CONTEXT}
REGISTERS = ("rd", "rn", "rm", "ra", "rt", "rt2", "rs")
NOP, UNDEFINED = 0xd503201f, 0x00000000
# Argument sets of the vector tables in which a register is a general one.
GENERAL_SETS = {"dup_gen", "ins_gen", "mov_gen"}

# What user mode may read and write: op0 op1 CRn CRm op2, and which bits are written.
SYSREGS = {
    (3, 3, 4, 2, 0): 0xf0000000,        # NZCV
    (3, 3, 4, 4, 0): 0x07c80000,        # FPCR
    (3, 3, 4, 4, 1): 0x0800009f,        # FPSR
    (3, 3, 13, 0, 2): (1 << 64) - 1,    # TPIDR_EL0
    (3, 3, 4, 2, 5): 1 << 24,           # DIT
    (3, 3, 4, 2, 6): 1 << 12,           # SSBS
}


def sysreg(op0, op1, crn, crm, op2):
    return op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2


# What the oracle, qemu-aarch64 7.2 with these options, lacks or does otherwise: it gets other words.
ORACLE_OPTIONS = ["-cpu", "max,pauth=off,sve=off,sme=off"]


# Undefined words that it does not take as such: (mask, bits).
ORACLE_HAS = [
    (0x8f7e0c00, 0x0e780800),           # two-register half precision: some are executed, others end it by an assertion
    # half precision fmov with op 1; pairs and all lanes of halves with sz 1
    (0xbff80c00, 0x2f000c00), (0xdf3e0c00, 0x5e300800), (0xbf7e0c00, 0x0e700800),
    (0xfe400000, 0x68000000), (0xff200000, 0xd9200000), (0xffe0f800, 0x9ac01000), (0xdfe0fc00, 0x9ac00000),
    (0xbf800000, 0x91800000), (0xfffff000, 0xd50b7000), (0xfffff0ff, 0xd503409f),       # MTE
]


@dataclass(eq=False)
class Row:
    """A row of the tables and how to make words of it."""
    row: decode.Pattern
    make: str = "plain"
    theme: str = "general"
    places: dict = field(default_factory=dict)

    @property
    def name(self):
        return self.row.name


def theme_of(row, table):
    if row.ext in ("FPHP", "ASIMDHP") or (table == "fp" and row.insn == "fcvt"):
        return "half"
    if row.ext in ("BF16", "ASIMDFHM"):
        return "bfloat"
    if table == "fp":
        return "scalar"
    if table == "crypto":
        return "integers"
    if table.startswith("simd") and table != "simd_perm":
        return "floats" if row.name.startswith("f") or "cvt" in row.name else "integers"
    return "memory" if table.startswith("ldst") else "general"


def make_of(row, table):
    insn, argset = row.insn, row.argset.name
    if argset in ("bc", "cb", "tb", "b"):
        return "branch"
    if argset in ("br", "bra", "key", "svc", "lit") or insn in ("svc", "prfm", "mrs_reg", "msr_reg", "dc_zva"):
        return {"br": "indirect", "bra": "plain", "key": "plain", "lit": "literal", "prfm": "plain"}.get(argset, None) or \
            {"prfm": "plain", "mrs_reg": "sysreg", "msr_reg": "sysreg"}.get(insn, insn)
    if argset == "rt":
        return "cache"
    if row.name == "fcvtzs_fix_s":
        return "half_fixed"
    if insn in ("ldxr", "ldxp", "stxr", "stxp"):
        return "exclusive"
    return "memory" if table.startswith("ldst") else "plain"


def rows():
    for row in TABLE.rows:
        if row.reserved:
            continue
        table = Path(row.where[0]).stem.removeprefix("a64_")
        r = Row(row, make_of(row, table), theme_of(row, table))
        r.general = not table.startswith(("simd", "crypto")) or row.argset.name in GENERAL_SETS
        r.places = {n: f.segments[0].pos for n in REGISTERS
                    if isinstance(f := row.fields.get(n), decode.Field) and f.width == 5 and len(f.segments) == 1}
        yield r


ROWS = list(rows())
BY_NAME = {r.name: r for r in ROWS}
BY_INSN = {}
for _r in ROWS:
    BY_INSN.setdefault(_r.row.insn, []).append(_r)
THEMES = {t: [r for r in ROWS if r.theme == t] for t in sorted({r.theme for r in ROWS})}
# Which kind of vectors a theme's states have.
POOLS = {"half": "hhhhm", "bfloat": "bbbhs", "scalar": "sdsdm", "floats": "ssdddhm", "integers": "iiiim", "general": "im",
         "memory": "im"}


def put(word, place, register):
    return word & ~(31 << place) | register << place


@dataclass
class Sequence:
    index: int
    items: list
    pool: str


class Generator:
    def __init__(self, rng, only=None):
        self.rng = rng
        self.decks = {}
        self.used = set()
        self.skipped = 0        # words that branches skip or may skip
        self.only = only
        if only:
            chosen = [r for r in ROWS if r.name in only or r.row.insn in only or r.row.ext in only]
            self.themes = {t: [r for r in chosen if r.theme == t] for t in {r.theme for r in chosen}}
        else:
            self.themes = THEMES

    def deal(self, theme):
        deck = self.decks.setdefault(theme, [])
        if not deck:
            deck += self.themes[theme]
            self.rng.shuffle(deck)
        return deck.pop()

    def sequence(self, index, length):
        rng = self.rng
        theme = rng.choice(list(self.themes))
        self.pool = rng.sample(sorted(set(range(32)) - RESERVED - {BASE, INDEX}), rng.choice((4, 6, 10)))
        items = []
        while sum(map(len, items)) < length:
            if not self.only and rng.random() < .02:
                items.append([self.undefined()])
            items.append(self.item(self.deal(theme if rng.random() < .75 else rng.choice(list(self.themes)))))
        return Sequence(index, items, rng.choice(POOLS[theme]))

    def item(self, row):
        self.used.add(row.name)
        return getattr(self, "make_" + row.make)(row)

    def simple(self):
        """An item of plain instructions, for branches to skip."""
        plain = [r for r in self.themes[self.rng.choice(list(self.themes))] if r.make == "plain"]
        return self.make_plain(self.rng.choice(plain)) if plain else [NOP]

    def undefined(self):
        """A word that no row has: a row's with some fixed bits turned, or any."""
        while True:
            word = self.rng.getrandbits(32)
            if self.rng.random() < .7:
                word = self.word(self.rng.choice(ROWS)) ^ 1 << self.rng.randrange(32) ^ 1 << self.rng.randrange(32)
            if not TABLE.match(word) and not any(word & mask == bits for mask, bits in ORACLE_HAS):
                return word

    # --- words

    def word(self, row, keep=()):
        """Random fields; registers often from the sequence's few, general ones never the reserved."""
        rng, p = self.rng, row.row
        for _ in range(200):
            word = p.fixedbits | rng.getrandbits(32) & ~p.fixedmask
            for name, place in row.places.items():
                if name in keep:
                    continue
                if rng.random() < .6:
                    word = put(word, place, rng.choice(self.pool))
                while row.general and word >> place & 31 in RESERVED:
                    word = put(word, place, rng.randrange(32))
            word = word & ~p.fixedmask | p.fixedbits
            if p.matches(word):
                return word
        raise ValueError(f"no word matches row {p.name}")

    def make_plain(self, row):
        return [self.word(row)]

    def make_svc(self, row):
        return [0xd2807d08, self.word(row)]                              # mov x8, #1000: ENOSYS

    def make_branch(self, row):
        after = self.simple()
        self.skipped += len(after)
        field_ = row.row.fields["imm"]
        return [field_.insert(self.word(row), 1 + len(after))] + after

    def make_indirect(self, row):
        after = self.simple()
        self.skipped += len(after)
        register = self.rng.choice([r for r in range(31) if r not in RESERVED])
        return [0x10000000 | (8 + 4 * len(after)) >> 2 << 5 | register,  # adr
                put(self.word(row), row.places["rn"], register)] + after

    def make_literal(self, row):
        return [(row.row.fields["imm"].insert(self.word(row), 0), "literal")]

    def make_sysreg(self, row):
        rng = self.rng
        number = rng.choice(list(SYSREGS))
        where = row.row.fields["sysreg"]
        if row.row.insn == "mrs_reg":
            return [where.insert(self.word(row), sysreg(*number) & (1 << where.width) - 1)]
        r = rng.randrange(25)
        words = [0xd2a00000 | (SYSREGS[number] >> 16 & 0xffff) << 5 | BASE,    # mask into x25
                 0xf2800000 | (SYSREGS[number] & 0xffff) << 5 | BASE,
                 0x8a190000 | r << 5 | BASE]                                   # and x25, xr, x25
        if SYSREGS[number] >> 32:
            words = [0xaa0003e0 | r << 16 | BASE]
        word = where.insert(self.word(row), sysreg(*number) & (1 << where.width) - 1)
        return words + [put(word, 0, BASE)]

    # --- memory

    def base(self, align=1, register=BASE, mapped=False):
        """The base register becomes an address near the arena's middle, or rarely (not `mapped`) one where nothing is."""
        rng = self.rng
        if not mapped and register == BASE and rng.random() < .01:
            return [0xd2a00000 | NOTHING >> 16 << 5 | BASE]
        offset = rng.randrange(0, 160) // align * align
        return [rng.choice((0x91000000, 0xd1000000)) | offset << 10 | MIDDLE << 5 | register]

    def target_registers(self, row, word, pairs=False):
        """Distinct general registers in rt, rt2, rs (casp: even ones), none of them the base."""
        free = [r for r in self.pool if r not in (30,)] + list(range(25))
        taken = set()
        for name in ("rt", "rt2", "rs"):
            if name not in row.places:
                continue
            while (r := self.rng.choice(free) & ~(1 if pairs else 0)) in taken or r > 24 - pairs:
                pass
            taken.add(r)
            word = put(word, row.places[name], r)
        return word

    def small_offset(self, row, word, align):
        f = row.row.fields.get("imm")
        if not isinstance(f, decode.Field) or self.rng.random() < .06 and align == 1:
            return word
        most = min(1 << f.width - (1 if f.signed else 0), max(1, 96 >> f.shift))
        raw = self.rng.randrange(-most if f.signed else 0, most)
        if align > 1 and f.shift == 0:
            raw = raw // align * align
        return f.insert(word, raw)

    def make_memory(self, row):
        p, rng = row.row, self.rng
        if p.insn == "prfm":
            return self.make_plain(row)
        ordered = p.insn in ("ldar", "stlr") or p.argset.name == "amo"
        align = 16 if ordered else 1
        register = 31 if rng.random() < .08 else BASE
        word = self.word(row)
        if row.general and not p.insn.endswith(("_v", "_v_imm", "_v_reg", "_mult", "_one", "_rep")):
            word = self.target_registers(row, word, p.insn == "casp")
        word = put(self.small_offset(row, word, align), row.places.get("rn", 5), register)
        before = self.base(16 if register == 31 else align, register)
        if "rm" in p.fields and (post := p.argset.name in ("ldst_mult", "ldst_one", "ld_rep")) and \
                not isinstance(p.fields["rm"], decode.Field):
            post = False
        if "rm" in row.places and not (p.argset.name in ("ldst_mult", "ldst_one", "ld_rep") and rng.random() < .5):
            before.append(0x92401800 | rng.randrange(25) << 5 | INDEX)   # and x26, xn, #0x7f
            if word >> 13 & 7 != 2 and rng.random() < .5:                # not with uxtw
                before.append(0xcb1a03e0 | INDEX)                        # neg x26, x26
            word = put(word, row.places["rm"], INDEX)
        elif "rm" in row.places:
            word = put(word, row.places["rm"], 31)
        return before + [word] if p.matches(word) else self.make_memory(row)

    def make_exclusive(self, row):
        """A load and a store of one size, often with a store or a clrex between them; one of the two may be missing."""
        rng, p = self.rng, row.row
        other = {"ldxr": "stxr", "stxr": "ldxr", "ldxp": "stxp", "stxp": "ldxp"}[p.insn]
        word = self.target_registers(row, put(self.word(row), row.places["rn"], BASE))
        partner_row = rng.choice(BY_INSN[other])
        partner = self.target_registers(partner_row, put(self.word(partner_row), partner_row.places["rn"], BASE))
        partner = partner & 0x3fffffff | word & 0xc0000000               # of one size: others may fail or not
        if not partner_row.row.matches(partner):
            partner = NOP
        first, second = (word, partner) if p.insn.startswith("ld") else (partner, word)
        between = [0xd5033f5f] if rng.random() < .1 else []
        if rng.random() < .2:
            between.append(0xb9000000 | BASE << 5 | rng.randrange(24))   # str w, [x25]
        return self.base(16, mapped=True) + [first] + between + [second]   # a store without a monitor may fault or not

    def make_cache(self, row):
        """The oracle has no cvap and cvadp for user mode, as Linux has: it gets cvac. It never faults."""
        word = put(self.word(row), 0, BASE)
        clean = put(BY_NAME["dc_cvac"].row.fixedbits, 0, BASE)
        return self.base(mapped=True) + [(word, clean) if row.row.ext in ("DCPOP", "DCPODP") else word]

    def make_half_fixed(self, row):
        """The oracle extends a scalar half's signed result into bits 16 to 31: it converts a vector whose other lanes are 0."""
        word = self.word(row)
        if word >> 19 & 15 not in (2, 3):
            return [word]
        rd, rn = word & 31, word >> 5 & 31
        lane0 = 0x5e020400                                               # dup hd, vn.h[0]
        vector = word & ~0x50000000 & ~(31 << 5) | rd << 5
        return [(NOP, lane0 | rn << 5 | rd), (word, vector), (NOP, lane0 | rd << 5 | rd)]

    def make_dc_zva(self, row):
        """The oracle's block is 512 bytes large, ours 64: it gets four stores."""
        zeros = [0xa9007c00 | (16 * n >> 3) << 15 | 31 << 10 | BASE << 5 | 31 for n in range(4)]    # stp xzr, xzr, [x25, #n]
        ours = [put(self.word(row), 0, BASE), NOP, NOP, NOP]
        return self.base(64, mapped=True) + [(mine, theirs) for mine, theirs in zip(ours, zeros)]


def words_at(items, pc, oracle=False):
    """The words of items that start at address pc."""
    words = []
    for item in items:
        for word in item:
            if isinstance(word, tuple):
                word, other = word
                if other == "literal":                                   # eight-byte steps into the runtime's code
                    offset = (TEXT + (pc + 4 * len(words)) % 1024 // 8 * 8 - pc - 4 * len(words)) >> 2
                    word |= (offset & 0x7ffff) << 5
                elif oracle:
                    word = other
            words.append(word)
    return words
