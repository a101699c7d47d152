"""The guest program around random sequences: a static ELF file without libc, made from bytes.

Every sequence runs with a state of its own.  A descriptor says from which places in the pools of values the x
registers, the f registers and the arena are filled, and what fcsr is.  Behind the sequence all
registers are stored after the arena, and arena and registers go to standard output as one record.
A handler on an alternate stack turns each SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV into a record that holds
siginfo, ucontext and the arena, then either skips the instruction and changes one register by way of the signal frame,
or goes to the next sequence.

    record 1: kind, index, arena, x0..x31, f0..f31, fcsr
    record 2: kind, index, signal, si_code, si_addr, uc_flags, uc_sigmask, pc, x1..x31, f0..f31, fcsr, arena

All fields are 64-bit little-endian.
"""

import random
import struct
from dataclasses import dataclass

import rv64
from rv64 import BY_NAME, asm, li

TEXT = 0x100000
READ_ONLY = 0x3000000
DATA = 0x4000000
CONTROL = DATA                      # words of the program's own, see below
ARENA = DATA + 0x2000 - 512         # across a page boundary
ARENA_SIZE = 1024
SAVE = ARENA + ARENA_SIZE           # x, f, fcsr
FAULT_RECORD = DATA + 0x3000
ALT_STACK, ALT_SIZE = DATA + 0x4000, 0x8000
GUARD = DATA + 0xd000               # a page without any permission, after one with
POOLS = DATA + 0xe000
POOL_WORDS, POOL_PAD = 2048, 128
POOL_BYTES = 8 * (POOL_WORDS + POOL_PAD)
DESCRIPTORS = POOLS + 3 * POOL_BYTES
NOTHING = 0x7000000                 # unmapped

EPILOGUE = "epilogue"
CUR, COUNT, SLOT = CONTROL, CONTROL + 8, CONTROL + 16     # descriptor, faults so far, x5's value
RECORD_1 = 16 + ARENA_SIZE + 65 * 8
RECORD_2 = 16 + 5 * 8 + 65 * 8 + ARENA_SIZE
HEADER = ARENA - 16
DESC = {"index": 0, "x": 8, "f": 16, "arena": 24, "fcsr": 32, "next": 40, "resume": 48, "change": 56}
DESC_BYTES = 64
MOST_FAULTS = 40
CHANGE = 0x2aaa00000005             # canonical, so that a fault through it is a plain page fault
SIGNALS = (4, 5, 7, 8, 11)
SYS_WRITE, SYS_EXIT_GROUP, SYS_SIGALTSTACK, SYS_SIGACTION, SYS_SIGRETURN, SYS_MPROTECT = \
    64, 94, 132, 134, 139, 226
UC_FLAGS, UC_SIGMASK, UC_REGS = 0, 40, 176

INTEGERS = [0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff,
            0x80000000, 0x80000001, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
            0x8000000000000001, 0xffffffff00000000, 0x5555555555555555, 0xffffffff80000000, 0xffffffff7fffffff]
INTEGERS += [-v & 0xffffffffffffffff for v in INTEGERS]
SINGLES = [0, 1, 0x7fffff, 0x800000, 0x800001, 0x3f800000, 0x3f800001, 0x3f7fffff, 0x40000000, 0x3f000000, 0x40490fdb,
           0x4b000000, 0x4b000001, 0x4effffff, 0x4f000000, 0x4f7fffff, 0x4f800000, 0x5effffff, 0x5f000000, 0x5f800000,
           0x7f7fffff, 0x7f800000, 0x7fc00000, 0x7f800001, 0x7fa12345, 0x7fd54321, 0x3effffff, 0x3fc00000,
           0x00400000, 0x34000000, 0x33ffffff, 0x0a000000, 0x72000000]
DOUBLES = [0, 1, 0xfffffffffffff, 0x10000000000000, 0x10000000000001, 0x3ff0000000000000, 0x3ff0000000000001,
           0x3fefffffffffffff, 0x4000000000000000, 0x3fe0000000000000, 0x3ff8000000000000, 0x400921fb54442d18,
           0x41dfffffffc00000, 0x41dfffffffe00000, 0x41e0000000000000, 0x41efffffffe00000, 0x41f0000000000000,
           0x43dfffffffffffff, 0x43e0000000000000, 0x43efffffffffffff, 0x43f0000000000000, 0x4330000000000001,
           0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001, 0x7ff4000000012345,
           0x7ffc0000000abcde, 0x47efffffe0000000, 0x47effffff0000000, 0x3810000000000000, 0x380fffffffffffff,
           0x36a0000000000000, 0x369fffffffffffff, 0x3fdfffffffffffff, 0x0008000000000000, 0x3c90000000000000]
BOX = 0xffffffff00000000


def integer(rng):
    kind = rng.random()
    if kind < 0.45:
        return rng.choice(INTEGERS)
    if kind < 0.6:
        return rng.randrange(-100, 100) & 0xffffffffffffffff
    if kind < 0.7:
        return (1 << rng.randrange(64)) - rng.randrange(3) & 0xffffffffffffffff
    value = rng.getrandbits(rng.choice((16, 32, 48, 64, 64)))
    return value | BOX if value >> 31 & 1 and rng.random() < 0.3 else value


def single(rng):
    """Bits of an f32: edges, or any sign, exponent near 1 or anywhere, few or many bits set."""
    if rng.random() < 0.4:
        return rng.choice(SINGLES) | rng.getrandbits(1) << 31
    exponent = rng.choice((rng.randrange(256), rng.randrange(120, 136), rng.randrange(150, 192)))
    return rng.getrandbits(1) << 31 | exponent << 23 | fraction(rng, 23)


def double(rng):
    if rng.random() < 0.4:
        return rng.choice(DOUBLES) | rng.getrandbits(1) << 63
    exponent = rng.choice((rng.randrange(2048), rng.randrange(1015, 1032), rng.randrange(1040, 1090)))
    return rng.getrandbits(1) << 63 | exponent << 52 | fraction(rng, 52)


def fraction(rng, bits):
    return rng.choice((0, 1, (1 << bits) - 1, rng.getrandbits(4) << bits - 4, rng.getrandbits(bits),
                       rng.getrandbits(bits)))


def floating(rng):
    """A value of an f register: a double, a boxed single, or a single in a bad box."""
    kind = rng.random()
    if kind < 0.5:
        return double(rng)
    if kind < 0.92:
        return single(rng) | BOX
    return single(rng) | BOX ^ 1 << rng.randrange(32, 64) if kind < 0.97 else integer(rng)


class Pools:
    """The values that states are filled from: x, f, arena."""

    def __init__(self, rng):
        count = POOL_WORDS + POOL_PAD
        self.words = [[integer(rng) for _ in range(count)], [floating(rng) for _ in range(count)],
                      [rng.choice((integer, floating, lambda r: r.getrandbits(64)))(rng) for _ in range(count)]]

    def bytes(self):
        return b"".join(struct.pack(f"<{len(w)}Q", *w) for w in self.words)

    def address(self, pool, place):
        return POOLS + pool * POOL_BYTES + 8 * (place % POOL_WORDS)

    def at(self, pool, place, number):
        return self.words[pool][place % POOL_WORDS + number]


class Code:
    """Words at growing addresses; jumps to names that may come later."""

    def __init__(self, base):
        self.base, self.bytes, self.names, self.fixes = base, bytearray(), {}, []

    @property
    def pc(self):
        return self.base + len(self.bytes)

    def word(self, word, size=4):
        self.bytes += word.to_bytes(size, "little")

    def op(self, name, **args):
        self.word(asm(name, **args), BY_NAME[name].bytes)

    def li(self, rd, value):
        for word in li(rd, value):
            self.word(word)

    def name(self, name):
        self.names[name] = self.pc

    def to(self, target, row="jal", **args):
        """A jump or branch to a name."""
        self.fixes.append((len(self.bytes), row, target, args))
        self.word(0)

    def finish(self):
        for at, row, target, args in self.fixes:
            offset = self.names[target] - self.base - at
            self.bytes[at:at + 4] = asm(row, imm=offset, **args).to_bytes(4, "little")
        return bytes(self.bytes)

    def load(self, rd, address):
        low = (address & 0xfff ^ 0x800) - 0x800
        self.op("lui", rd=rd, imm=address - low)
        self.op("ld", rd=rd, rs1=rd, imm=low)

    def call(self, number, *args):
        for reg, value in zip(range(10, 17), args):
            self.li(reg, value)
        self.li(17, number)
        self.op("ecall")


def link_of(anchor):
    return 5 if anchor == 1 else 1


def emit_start(c):
    """Entry: guard page, alternate stack, handlers; then the first sequence."""
    c.call(SYS_MPROTECT, GUARD, 4096, 0)
    c.li(5, CONTROL + 64)           # stack_t, then struct sigaction
    c.li(6, ALT_STACK)
    c.op("sd", rs1=5, rs2=6)
    c.op("sw", rs1=5, rs2=0, imm=8)
    c.li(6, ALT_SIZE)
    c.op("sd", rs1=5, rs2=6, imm=16)
    c.call(SYS_SIGALTSTACK, CONTROL + 64, 0)
    c.to("handler address", rd=6)
    c.op("sd", rs1=5, rs2=6)
    c.li(6, 0x48000004)             # SA_NODEFER | SA_ONSTACK | SA_SIGINFO
    c.op("sd", rs1=5, rs2=6, imm=8)
    c.op("sd", rs1=5, rs2=0, imm=16)
    c.op("sd", rs1=5, rs2=0, imm=24)
    for signal in SIGNALS:
        c.call(SYS_SIGACTION, signal, CONTROL + 64, 0, 8)
    c.li(5, DESCRIPTORS)
    c.li(6, CUR)
    c.op("sd", rs1=6, rs2=5)
    c.to("sequence 0")


def emit_fill(c):
    """fill: sets up the state of the current descriptor.  Link in x5; x5's own value is left in SLOT."""
    c.name("fill")
    c.load(6, CUR)
    c.op("ld", rd=7, rs1=6, imm=DESC["arena"])
    c.li(28, ARENA)
    c.li(29, ARENA + ARENA_SIZE)
    top = f"fill loop {c.pc}"
    c.name(top)
    c.op("ld", rd=30, rs1=7)
    c.op("sd", rs1=28, rs2=30)
    c.op("addi", rd=7, rs1=7, imm=8)
    c.op("addi", rd=28, rs1=28, imm=8)
    c.to(top, "bne", rs1=28, rs2=29)
    c.li(28, COUNT)
    c.op("sd", rs1=28, rs2=0)
    c.op("ld", rd=7, rs1=6, imm=DESC["fcsr"])
    c.op("csrrw", rs1=7, csr=rv64.CSR_FCSR)
    c.op("ld", rd=7, rs1=6, imm=DESC["f"])
    for reg in range(32):
        c.op("fld", rd=reg, rs1=7, imm=8 * reg)
    c.op("ld", rd=7, rs1=6, imm=DESC["x"])
    c.op("ld", rd=6, rs1=7, imm=40)
    c.op("sd", rs1=28, rs2=6, imm=SLOT - COUNT)
    for reg in range(1, 32):
        if reg not in (5, 7):
            c.op("ld", rd=reg, rs1=7, imm=8 * reg)
    c.op("ld", rd=7, rs1=7, imm=56)
    c.op("jalr", rs1=5)


def emit_save(c, anchor):
    """save ANCHOR: stores the state through the anchor register, which is ARENA + 512."""
    link, offset = link_of(anchor), SAVE - ARENA - 512
    c.name(f"save {anchor}")
    for reg in range(32):
        if reg != link:
            c.op("sd", rs1=anchor, rs2=reg, imm=offset + 8 * reg)
    for reg in range(32):
        c.op("fsd", rs1=anchor, rs2=reg, imm=offset + 256 + 8 * reg)
    temp = 6 if anchor == 7 else 7
    c.op("csrrs", rd=temp, csr=rv64.CSR_FCSR)
    c.op("sd", rs1=anchor, rs2=temp, imm=offset + 512)
    c.op("addi", rd=5, rs1=link)
    c.to("report")


def emit_report(c):
    """report: writes record 1, goes on to the next descriptor; link in x5."""
    c.name("report")
    c.load(6, CUR)
    c.op("ld", rd=7, rs1=6)
    c.li(28, HEADER)
    c.op("addi", rd=29, imm=1)
    c.op("sd", rs1=28, rs2=29)
    c.op("sd", rs1=28, rs2=7, imm=8)
    c.op("addi", rd=6, rs1=6, imm=DESC_BYTES)
    c.li(28, CUR)
    c.op("sd", rs1=28, rs2=6)
    c.call(SYS_WRITE, 1, HEADER, RECORD_1)
    c.op("jalr", rs1=5)


def emit_handler(c):
    """The signal handler: a0 signal, a1 siginfo, a2 ucontext."""
    c.name("handler address")
    c.op("jalr", rd=6, rs1=6)       # leaves the address that follows in x6, and returns
    c.name("handler")
    c.load(8, CUR)
    c.op("addi", rd=9, rs1=12)
    c.li(18, FAULT_RECORD)
    c.op("addi", rd=6, imm=2)
    c.op("sd", rs1=18, rs2=6)
    c.op("ld", rd=6, rs1=8, imm=DESC["index"])
    c.op("sd", rs1=18, rs2=6, imm=8)
    c.op("sd", rs1=18, rs2=10, imm=16)
    c.op("lw", rd=6, rs1=11, imm=8)
    c.op("sd", rs1=18, rs2=6, imm=24)
    c.op("ld", rd=19, rs1=11, imm=16)
    c.op("sd", rs1=18, rs2=19, imm=32)
    c.op("ld", rd=6, rs1=9, imm=UC_FLAGS)
    c.op("sd", rs1=18, rs2=6, imm=40)
    c.op("ld", rd=6, rs1=9, imm=UC_SIGMASK)
    c.op("sd", rs1=18, rs2=6, imm=48)
    for word in range(64):
        c.op("ld", rd=6, rs1=9, imm=UC_REGS + 8 * word)
        c.op("sd", rs1=18, rs2=6, imm=56 + 8 * word)
    c.op("lwu", rd=6, rs1=9, imm=UC_REGS + 512)
    c.op("sd", rs1=18, rs2=6, imm=56 + 512)
    c.call(SYS_WRITE, 1, FAULT_RECORD, RECORD_2 - ARENA_SIZE)
    c.call(SYS_WRITE, 1, ARENA, ARENA_SIZE)
    # Give up: told so by the descriptor, after many faults, or since there is no instruction to skip.
    c.op("ld", rd=6, rs1=8, imm=DESC["resume"])
    c.to("give up", "beq", rs1=6, rs2=0)
    c.li(28, COUNT)
    c.op("ld", rd=6, rs1=28)
    c.op("addi", rd=6, rs1=6, imm=1)
    c.op("sd", rs1=28, rs2=6)
    c.op("addi", rd=7, imm=MOST_FAULTS)
    c.to("give up", "bltu", rs1=7, rs2=6)
    c.op("ld", rd=7, rs1=9, imm=UC_REGS)
    c.op("ld", rd=6, rs1=18, imm=16)
    c.op("addi", rd=6, rs1=6, imm=-11)
    c.to("no fetch", "bne", rs1=6, rs2=0)
    c.to("give up", "beq", rs1=7, rs2=19)
    c.name("no fetch")
    c.op("lhu", rd=6, rs1=7)
    c.op("andi", rd=6, rs1=6, imm=3)
    c.op("addi", rd=6, rs1=6, imm=-3)
    c.op("addi", rd=7, rs1=7, imm=2)
    c.to("short", "bne", rs1=6, rs2=0)
    c.op("addi", rd=7, rs1=7, imm=2)
    c.name("short")
    c.op("sd", rs1=9, rs2=7, imm=UC_REGS)
    c.op("ld", rd=6, rs1=8, imm=DESC["change"])
    c.op("add", rd=6, rs1=6, rs2=9)
    c.op("ld", rd=7, rs1=6, imm=UC_REGS)
    c.li(28, CHANGE >> 32)
    c.op("slli", rd=28, rs1=28, shamt=32)
    c.op("addi", rd=28, rs1=28, imm=CHANGE & 0xfff)
    c.op("xor", rd=7, rs1=7, rs2=28)
    c.op("sd", rs1=6, rs2=7, imm=UC_REGS)
    c.op("ld", rd=6, rs1=8, imm=DESC["index"])
    c.op("andi", rd=6, rs1=6, imm=1)
    c.to("by hand", "bne", rs1=6, rs2=0)
    c.op("jalr", rs1=1)             # the way that the C library's handlers return
    c.name("by hand")
    c.li(17, SYS_SIGRETURN)
    c.op("ecall")
    c.name("give up")
    c.op("addi", rd=7, rs1=8, imm=DESC_BYTES)
    c.li(28, CUR)
    c.op("sd", rs1=28, rs2=7)
    c.op("ld", rd=6, rs1=8, imm=DESC["next"])
    c.op("jalr", rs1=6)


def lay_out(items, pc, epilogue_bytes):
    """Addresses of the labels and of the items; short jumps that don't reach become long."""
    wide = {}
    while True:
        labels, places, at = {}, [], pc
        for number, item in enumerate(items):
            places.append(at)
            if item.label:
                labels[item.label] = at
                at += epilogue_bytes if item.label == EPILOGUE else 0
            else:
                at += 4 if number in wide else item.bytes
        again = False
        for number, item in enumerate(items):
            if item.bytes == 2 and item.ref and number not in wide:
                try:
                    item.ref[1].put("imm", item.word, labels[item.ref[2]] - places[number])
                except ValueError:
                    wide[number] = again = True
        if not again:
            return labels, places, wide


def widen(row, word):
    """The 4-byte row and word of a short jump or branch."""
    if row.name == "c_j":
        return BY_NAME["jal"], asm("jal")
    name = "beq" if row.name == "c_beqz" else "bne"
    return BY_NAME[name], asm(name, rs1=row.get("rs1", word), rs2=0)


def resolve(item, pc, labels, wide, for_oracle):
    """The finished word of an item and its size."""
    word = item.oracle if for_oracle and item.oracle is not None else item.word
    if not item.ref:
        return word, item.bytes
    kind, row, target = item.ref[:3]
    if kind == "rel":
        if wide:
            row, word = widen(row, word)
        return row.put("imm", word, labels[target] - pc), row.bytes
    delta = (target if isinstance(target, int) else labels[target]) - labels[item.ref[3]]
    low = (delta & 0xfff ^ 0x800) - 0x800
    if kind == "high":
        return row.put("imm", word, delta - low), 4
    return row.put("imm", word, low | item.ref[4]), 4


@dataclass
class Image:
    elf: bytes          # for the program under test
    oracle: bytes       # for the oracle
    ranges: dict        # sequence index -> (address, bytes of its code)


def emit_sequence(code, sequence, number, last, for_oracle):
    c, items = code, sequence.live()
    c.name(f"sequence {number}")
    c.to("fill", rd=5)
    c.load(5, SLOT)
    for base in sequence.bases:
        c.li(base.reg, base.low)
    start, anchor = c.pc, sequence.bases[0].reg
    link = link_of(anchor)
    labels, places, wide = lay_out(items, c.pc, 12)
    for n, item in enumerate(items):
        if item.label == EPILOGUE:
            c.op("sd", rs1=anchor, rs2=link, imm=SAVE - ARENA - 512 + 8 * link)
            c.to(f"save {anchor}", rd=link)
            c.to("end" if last else f"sequence {number + 1}")
        elif item.bytes:
            c.word(*resolve(item, places[n], labels, n in wide, for_oracle))
    return start, c.pc - start


def build_text(sequences, for_oracle):
    c = Code(TEXT)
    emit_start(c)
    emit_fill(c)
    for anchor in sorted({s.bases[0].reg for s in sequences}):
        emit_save(c, anchor)
    emit_report(c)
    emit_handler(c)
    c.name("end")
    c.call(SYS_EXIT_GROUP, 0)
    ranges = {s.index: emit_sequence(c, s, n, s is sequences[-1], for_oracle) for n, s in enumerate(sequences)}
    return c.finish(), c.names, ranges


def elf_file(text, data):
    """An executable with three segments; READ_ONLY is a page of zeros."""
    segments = [(TEXT, text, len(text), 5), (READ_ONLY, bytes(4096), 4096, 4), (DATA, data, len(data), 6)]
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 243, 1, TEXT, 64, 0, 5, 64, 56, 3, 64, 0, 0)
    offset, heads, body = 4096, b"", b""
    for address, content, size, flags in segments:
        heads += struct.pack("<IIQQQQQQ", 1, flags, offset, address, address, len(content), size, 4096)
        content += bytes(-len(content) % 4096)
        body += content
        offset += len(content)
    return (header + heads).ljust(4096, b"\0") + body


def build(sequences, pools):
    """The program that runs `sequences` one after the other, in both forms."""
    text, names, ranges = build_text(sequences, False)
    theirs, _, _ = build_text(sequences, True)
    descriptors = b""
    for n, s in enumerate(sequences):
        following = names[f"sequence {n + 1}"] if n + 1 < len(sequences) else names["end"]
        descriptors += struct.pack("<8Q", s.index, *(pools.address(p, s.pools[p]) for p in range(3)), s.fcsr,
                                   following, s.resume, s.change)
    data = bytearray(POOLS - DATA) + pools.bytes() + descriptors
    rng = random.Random(0)
    data[GUARD - 64 - DATA:GUARD - DATA] = rng.randbytes(64)
    return Image(elf_file(text, bytes(data)), elf_file(theirs, bytes(data)), ranges)
