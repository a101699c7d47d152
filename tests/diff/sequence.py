"""Random instruction sequences: what runs between two dumps of the state.

A sequence is a list of Items: instructions, and labels.  Every Item has a group number; a group is
what can be left out without harm to the rest (a load with the addition that makes its address, the
counter and the branch of a loop without its body), so that the shrinker may drop any set of groups.

All sequences end.  Branches lead forward, to the end of one of the blocks they stand in; loops count a
register that nothing in their body may write.  Registers with a known value, the bases of memory
accesses, are protected in the same way; the first base is the one that the dump is stored through.
"""

from dataclasses import dataclass, field

import rv64
from image import ARENA, ARENA_SIZE, EPILOGUE, GUARD, NOTHING, READ_ONLY, TEXT
from rv64 import BY_NAME, asm, decode

# How often a register-to-register instruction comes from an extension, by flavour of the sequence.
FLAVOURS = (
    {"I": 5, "M": 2, "F": 2, "D": 2, "C": 4, "Zba": 1, "Zbb": 2, "Zbs": 1, "Zicond": 1, "Zicbop": .1,
     "Zihintntl": .1, "Zihintpause": .02},
    {"I": 5, "C": 5, "Zba": 1, "Zbb": 1, "Zbs": .5, "M": 1},
    {"F": 6, "D": 6, "I": 1},
    {"I": 1, "M": 3, "Zbb": 3, "Zbs": 2, "Zba": 2, "Zicond": 1},
)
# What stands in a block: method of Generator, weight.
KINDS = {"plain": 60, "memory": 16, "indexed": 4, "absolute": 1, "amo": 3, "lr_sc": 1.5, "csr": 2.5,
         "skip": 6, "jump": 1, "indirect": 1.2, "call": 1.5, "table": .7, "loop": 2.5, "walk": 1,
         "barrier": .4, "ecall": .3, "zicond": 1.5, "ctzw": .5, "escape": 1}
NEEDS = {"amo": "A", "lr_sc": "A", "zicond": "Zicond", "ctzw": "Zbb", "csr": "Zicsr"}
LR = decode.Pattern("lr", None, fixedmask=0xf800007f, fixedbits=0x1000002f)
ECALL = asm("ecall")
# What QEMU 7.2 does not know or does wrong; these have a kind of their own, in which it gets another instruction.
# - Zicond came with 8.0.
# - ctzw counts on in the upper half when the lower one is 0: 63 for 1 << 63.  Manual, chapter "B": "If the
#   least-significant word is 0, the result is 32".
ORACLE_LACKS = ("czero_eqz", "czero_nez", "ctzw")


@dataclass(slots=True)
class Item:
    """A label if `bytes` is 0.  `oracle`: the word that the oracle gets instead.  `ref`: how the word
    depends on addresses: (kind, row, target[, label of the auipc])."""
    group: int
    bytes: int = 0
    word: int = 0
    ref: tuple = None
    oracle: int = None
    label: str = None
    glued: bool = False     # nothing may come between it and what is before


@dataclass(slots=True)
class Base:
    """A register that holds an address from `low` to `high` (one of them in steps that keep `aligned`)."""
    reg: int
    low: int
    high: int
    aligned: bool


@dataclass
class Sequence:
    index: int
    items: list
    bases: list         # the first one points to ARENA + 512
    fcsr: int
    pools: tuple        # places in the pools of values: x registers, f registers, arena
    sure: int           # at least so many instructions are executed
    resume: bool = False        # faults: skip the instruction and go on
    change: int = 0             # faults: word of the signal frame that the handler changes
    insns: int = 0
    groups: list = field(default_factory=list)
    removed: frozenset = frozenset()

    def finish(self):
        self.insns = sum(1 for i in self.items if i.bytes)
        self.groups = sorted({i.group for i in self.items if i.bytes})
        return self

    def live(self):
        return [i for i in self.items if i.bytes == 0 or i.group not in self.removed]


class Generator:
    """Makes one Sequence from a random number generator; with `reserve`, it leaves one register alone."""

    def __init__(self, rng, length, extensions=None, reserve=False):
        self.rng = rng
        self.extensions = extensions
        self.items, self.tail = [], []
        self.group, self.labels = 0, 0
        self.ends = []          # labels of the ends of the open blocks, innermost last
        self.times = 1          # how often what comes next is surely executed
        self.sure = 0
        self.depth = 0
        self.in_function = False
        flavour = rng.choice(FLAVOURS) if extensions is None else FLAVOURS[0]
        self.choose_rows(flavour)
        self.choose_registers(reserve)
        self.block(length)
        self.place(EPILOGUE)
        self.items += self.tail

    def choose_rows(self, flavour):
        self.rows, self.weights = [], []
        for ext, weight in flavour.items():
            rows = [r for r in rv64.PLAIN if r.ext == ext and r.name not in ORACLE_LACKS]
            if self.allowed(ext):
                self.rows += rows
                self.weights += [weight / len(rows)] * len(rows) if rows else []
        if not self.rows:
            self.rows, self.weights = [BY_NAME["addi"]], [1]
        total, self.cumulated = 0, []
        for weight in self.weights:
            total += weight
            self.cumulated.append(total)
        self.kinds = [k for k in KINDS if self.allowed(NEEDS.get(k))]
        self.kind_weights = [KINDS[k] for k in self.kinds]

    def allowed(self, ext):
        return ext is None or self.extensions is None or ext in self.extensions

    def choose_registers(self, reserve):
        rng = self.rng
        self.regs = rng.sample(range(32), rng.choice((5, 8, 12, 20, 32, 32)))
        numbers = rng.sample(range(1, 32), 3)
        if rng.random() < 0.7:
            numbers[1] = rng.randrange(8, 16)
        if rng.random() < 0.5:
            numbers[2] = 2
        bases = [Base(numbers[0], ARENA + 512, ARENA + 512, True)]
        for reg in dict.fromkeys(numbers[1:]):
            if reg != numbers[0]:
                aligned = rng.random() < 0.75
                address = ARENA + rng.randrange(0, ARENA_SIZE - 256) & (-8 if aligned else -1)
                bases.append(Base(reg, address, address, aligned))
        self.bases, self.fixed_bases = bases, list(bases)
        self.protected = {b.reg for b in bases}
        if reserve:
            self.reserved = self.free()
            self.protected.add(self.reserved)
        self.ever = set(self.protected)     # all that were protected at some time

    # --- building blocks

    def new_group(self):
        self.group += 1
        return self.group

    def new_label(self):
        self.labels += 1
        return f"L{self.labels}"

    def put(self, group, word, size=4, **more):
        self.items.append(Item(group, size, word, **more))
        self.sure += self.times

    def add(self, group, name, **args):
        self.put(group, asm(name, **args), BY_NAME[name].bytes)

    def place(self, label):
        self.items.append(Item(0, label=label))

    def free(self, low=1, high=32, avoid=()):
        """A register that may be written, not x0."""
        choice = [r for r in range(low, high) if r not in self.protected and r not in avoid]
        return self.rng.choice(choice)

    def protect(self, reg):
        self.protected.add(reg)
        self.ever.add(reg)

    def block(self, count):
        """About `count` constructs, and the label of the block's end."""
        end = self.new_label()
        self.ends.append((end, self.times))
        times = self.times
        for kind in self.rng.choices(self.kinds, self.kind_weights, k=count):
            getattr(self, kind)()
        self.times = times
        self.ends.pop()
        self.place(end)

    def inner(self, most):
        """A block inside of another one; small ones deep inside."""
        self.depth += 1
        self.block(self.rng.randint(1, max(1, most >> self.depth)))
        self.depth -= 1

    def perhaps(self, most):
        """A block that may be skipped."""
        times, self.times = self.times, 0
        self.inner(most)
        self.times = times

    def branch(self, target, group=None):
        """A conditional branch to a label."""
        rng = self.rng
        row = rng.choice(rv64.BRANCHES)
        word = row.fixed | rng.getrandbits(32) & row.free
        for pos in row.wide:
            word = word & ~(31 << pos) | rng.choice(self.regs) << pos
        self.put(group or self.new_group(), word, row.bytes, ref=("rel", row, target))

    def jump_to(self, target, group, rd=0):
        if rd == 0 and self.rng.random() < 0.5:
            self.put(group, BY_NAME["c_j"].fixed, 2, ref=("rel", BY_NAME["c_j"], target))
        else:
            self.put(group, asm("jal", rd=rd), ref=("rel", BY_NAME["jal"], target))

    def jump_far(self, target, group, rd):
        """The same through a register."""
        here, temp = self.new_label(), self.free()
        row = BY_NAME["jalr"]
        self.place(here)
        self.put(group, asm("auipc", rd=temp), ref=("high", BY_NAME["auipc"], target, here))
        lsb = self.rng.getrandbits(1)       # jalr ignores bit 0 of the sum
        self.put(group, asm("jalr", rd=rd, rs1=temp), ref=("low", row, target, here, lsb))

    # --- the kinds

    def plain(self):
        row = self.rng.choices(self.rows, cum_weights=self.cumulated)[0]
        word = row.random(self.rng, self.regs, self.protected)
        if word is not None:
            self.put(self.new_group(), word, row.bytes)

    def access(self, row, base, group, spread=0):
        """A load or store through `base`, whose value may be larger by up to `spread`."""
        rng = self.rng
        word = row.random(rng, self.regs, self.protected)
        if word is None:
            return False
        rs1 = row.row.fields["rs1"]
        low, high = ARENA - base.low, ARENA + ARENA_SIZE - row.size - spread - base.high
        if row.bytes == 4:
            low, high = max(low, -2048), min(high, 2047)
            if low > high:
                return False
            offset = rng.randint(low, high)
            if rng.random() < 0.6:
                offset = max(low, offset - (base.low + offset) % row.size)
            word = row.put("imm", row.put("rs1", word, base.reg), offset)
        else:
            if isinstance(rs1, int) != (base.reg == 2) or not isinstance(rs1, int) and not 8 <= base.reg < 16:
                return False
            if not isinstance(rs1, int):
                word = row.put("rs1", word, base.reg)
            if not low <= row.get("imm", word) <= high:
                return False
        if not row.valid(word):
            return False
        self.put(group, word, row.bytes)
        return True

    def memory(self):
        for _ in range(6):
            row = self.rng.choice(rv64.MEMORY)
            if self.allowed(row.ext) and self.access(row, self.rng.choice(self.bases), self.new_group()):
                return

    def indexed(self):
        """An access at base + masked register, the index scaled and added in one of several ways."""
        rng, group = self.rng, self.new_group()
        base = rng.choice([b for b in self.bases if b.low == b.high])
        temp, mask = self.free(), rng.choice((0xf8, 0x7f, 0x1f, 0x38, 1))
        way = rng.choice(("add", "c_add") + ("sh1add", "sh2add", "sh3add", "sh3add") * self.allowed("Zba"))
        shift = {"sh1add": 1, "sh2add": 2, "sh3add": 3}.get(way, 0)
        mask >>= shift
        self.add(group, "andi", rd=temp, rs1=rng.choice(self.regs), imm=mask)
        if way == "c_add":
            self.add(group, "c_add", rd=temp, rs1=temp, rs2=base.reg)
        else:
            self.add(group, way, rd=temp, rs1=temp, rs2=base.reg)
        row = rng.choice([r for r in rv64.MEMORY if r.bytes == 4 and self.allowed(r.ext)])
        self.access(row, Base(temp, base.low, base.high, False), group, mask << shift)

    def absolute(self):
        """An access to a constant address, made by lui or auipc and the access's own offset."""
        rng, group, temp = self.rng, self.new_group(), self.free()
        row = BY_NAME[rng.choice(("lw", "ld", "sd", "sw", "lbu"))]
        address = ARENA + rng.randrange(ARENA_SIZE // 8) * 8
        value = row.random(rng, self.regs, self.protected)
        if value is None:
            return
        value = row.put("rs1", value, temp)
        low = (address & 0xfff ^ 0x800) - 0x800
        if rng.random() < 0.5:
            self.add(group, "lui", rd=temp, imm=address - low)
            self.put(group, row.put("imm", value, low))
        else:
            here = self.new_label()
            self.place(here)
            self.put(group, asm("auipc", rd=temp), ref=("high", BY_NAME["auipc"], address, here))
            self.put(group, value, ref=("low", row, address, here, 0))

    def address(self, group):
        """Puts an 8-aligned address of the arena into a free register and returns that."""
        rng = self.rng
        base = rng.choice([b for b in self.bases if b.aligned and b.low == b.high])
        low, high = max(ARENA - base.low, -2048), min(ARENA + ARENA_SIZE - 8 - base.low, 2047)
        temp = self.free()
        self.add(group, "addi", rd=temp, rs1=base.reg, imm=rng.randint(low, high) // 8 * 8)
        return temp

    def amo(self):
        group = self.new_group()
        temp = self.address(group)
        row = self.rng.choice(rv64.AMO)
        word = row.random(self.rng, self.regs, self.protected)
        if word is None:
            return
        self.put(group, row.put("rs1", word, temp))

    def lr_sc(self):
        rng, group = self.rng, self.new_group()
        width = rng.choice("wd")
        temp = self.address(group)
        self.protect(temp)
        orders = {"aq": rng.getrandbits(1), "rl": rng.getrandbits(1)}
        self.add(group, f"lr_{width}", rd=rng.choice((0, self.free())), rs1=temp, **orders)
        for _ in range(rng.choice((0, 0, 1, 3))):
            self.plain()
        self.add(group, f"sc_{width}", rd=self.free(), rs1=temp, rs2=rng.choice(self.regs), **orders)
        if rng.random() < 0.2:      # fails: the reservation is used up
            self.add(group, f"sc_{width}", rd=self.free(), rs1=temp, rs2=rng.choice(self.regs))
        self.protected.discard(temp)

    def csr(self):
        """Any access to fflags, frm, fcsr.  Since frm may be left invalid, a valid one is set after.  Or fflags are saved, something
        compared, and fflags restored."""
        rng, group = self.rng, self.new_group()
        if rng.random() < 0.3:
            saved = self.free()
            self.add(group, "csrrs", rd=saved, csr=rv64.CSR_FFLAGS, rs1=0)
            self.protect(saved)
            for _ in range(rng.choice((0, 1, 1, 2, 3))):
                name = rng.choice(("flt", "fle", "feq", "fadd") if rng.random() < 0.1 else ("flt", "fle", "feq")) + rng.choice(("_d", "_s"))
                rounding = {"rm": 0} if name.startswith("fadd") else {}
                self.add(group, name, rd=self.free(), rs1=rng.randrange(32), rs2=rng.randrange(32), **rounding)
            self.add(group, "csrrw", rd=0, csr=rv64.CSR_FFLAGS, rs1=saved)
            self.protected.discard(saved)
            return
        name = rng.choice(("csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"))
        number = rng.choice((rv64.CSR_FFLAGS, rv64.CSR_FRM, rv64.CSR_FCSR))
        source = {"imm": rng.randrange(32)} if name.endswith("i") else {"rs1": rng.choice(self.regs)}
        self.add(group, name, rd=rng.choice((0, self.free())), csr=number, **source)
        self.add(group, "csrrwi", rd=rng.choice((0, 0, self.free())), csr=rv64.CSR_FRM, imm=rng.randrange(5))

    def skip(self):
        over = self.new_label()
        self.branch(over)
        self.perhaps(12)
        self.place(over)

    def escape(self):
        """A branch to the end of one of the open blocks that nothing promised to execute; inside of
        loops, this is a break."""
        if ends := [label for label, times in self.ends if times == 0]:
            self.branch(self.rng.choice(ends))

    def jump(self):
        over, group = self.new_label(), self.new_group()
        self.jump_to(over, group, self.rng.choice((0, self.free())))
        self.perhaps(4)
        self.place(over)

    def indirect(self):
        over, group = self.new_label(), self.new_group()
        self.jump_far(over, group, self.rng.choice((0, self.free())))
        self.perhaps(4)
        self.place(over)

    def table(self):
        """A jump into a table of jumps, by a masked register."""
        rng, group = self.rng, self.new_group()
        count = rng.choice((2, 4))
        index, place = self.free(), self.new_label()
        target = self.free(avoid=(index,))
        entries, end, here = [self.new_label() for _ in range(count)], self.new_label(), self.new_label()
        self.add(group, "andi", rd=index, rs1=rng.choice(self.regs), imm=count - 1)
        self.add(group, "slli", rd=index, rs1=index, shamt=2)
        self.place(here)
        self.put(group, asm("auipc", rd=target), ref=("high", BY_NAME["auipc"], place, here))
        self.add(group, "add", rd=target, rs1=target, rs2=index)
        self.put(group, asm("jalr", rd=0, rs1=target), ref=("low", BY_NAME["jalr"], place, here, 0))
        self.place(place)
        for label in entries:
            self.put(group, asm("jal"), ref=("rel", BY_NAME["jal"], label), glued=True)
        self.sure -= self.times * (count - 1)
        for label in entries:
            self.place(label)
            self.perhaps(4)
            self.jump_to(end, group)
        self.sure -= self.times * (count - 1)
        self.place(end)

    def call(self):
        """One or two calls of a function that stands behind the sequence."""
        if self.in_function or self.depth > 2:
            return
        rng, group, name = self.rng, self.new_group(), self.new_label()
        links = [r for r in (1, 1, 1, 5, 6, 28) if r not in self.protected]
        if not links:
            return
        link, twice = rng.choice(links), rng.random() < 0.4
        for _ in range(1 + twice):
            if rng.random() < 0.75:
                self.jump_to(name, group, link)
            else:
                self.jump_far(name, group, link)
            self.plain()
        outer, self.items = self.items, []
        self.in_function = True
        self.protect(link)
        self.place(name)
        self.inner(12)
        if rng.random() < 0.2 and link == 1:
            self.swap(group)
        self.protected.discard(link)
        self.in_function = False
        if rng.random() < 0.5:
            self.add(group, "c_jr", rs1=link)
        else:
            self.add(group, "jalr", rd=0, rs1=link)
        self.tail += self.items
        self.items = outer

    def swap(self, group):
        """Inside of a function: call a place ahead and drop that return address, so that the pairing of
        calls and returns breaks."""
        over = self.new_label()
        other = self.free()
        self.jump_to(over, group, 5 if 5 not in self.protected else other)
        self.perhaps(2)
        self.place(over)

    def counts(self):
        """How often a loop runs: mostly a few times, sometimes enough to be found hot."""
        if self.depth:
            return self.rng.choice((1, 2, 3, 7))
        return self.rng.choice((1, 2, 2, 3, 4, 5, 9, 20, 20, 300) + (3000,) * (self.rng.random() < 0.03))

    def body(self, count, most):
        """A loop's body; whether it may be left early decides what is surely executed."""
        times = self.times
        escapes = self.rng.random() < 0.3
        self.times = 0 if escapes else times * count
        self.inner(most)
        self.times = times if escapes else times * count

    def loop(self):
        if self.depth > 2:
            return
        rng, group, count = self.rng, self.new_group(), self.counts()
        top, times = self.new_label(), self.times
        low, high = (8, 16) if rng.random() < 0.4 and {*range(8, 16)} - self.protected else (1, 32)
        counter = self.free(low, high)
        self.protect(counter)
        form = rng.randrange(3)
        if form == 0:           # count down to zero
            self.add(group, "addi", rd=counter, rs1=0, imm=min(count, 2047))
            self.place(top)
            self.body(min(count, 2047), 14)
            self.add(group, rng.choice(("addi", "addiw")), rd=counter, rs1=counter, imm=-1)
            row = BY_NAME["c_bnez" if 8 <= counter < 16 and rng.random() < 0.7 else "bne"]
            self.put(group, row.put("rs1", row.fixed, counter), row.bytes, ref=("rel", row, top))
        elif form == 1:         # count up to a limit in a register
            limit = self.free()
            self.protect(limit)
            step = rng.choice((1, 2, 3))
            for word in rv64.li(limit, count * step):
                self.put(group, word)
            self.add(group, "addi", rd=counter, rs1=0, imm=0)
            self.place(top)
            self.body(count, 14)
            self.add(group, "addi", rd=counter, rs1=counter, imm=step)
            row = BY_NAME[rng.choice(("bltu", "blt", "bne"))]
            self.put(group, asm(row.name, rs1=counter, rs2=limit), ref=("rel", row, top))
            self.protected.discard(limit)
        else:                   # test at the top, jump back
            out = self.new_label()
            self.add(group, "addi", rd=counter, rs1=0, imm=min(count, 2047))
            self.place(top)
            row = BY_NAME["beq"]
            self.put(group, asm("beq", rs1=counter, rs2=0), ref=("rel", row, out))
            self.body(min(count, 2047), 10)
            self.add(group, "addi", rd=counter, rs1=counter, imm=-1)
            self.jump_to(top, group)
            self.place(out)
        self.times = times
        self.protected.discard(counter)

    def walk(self):
        """A loop over a stretch of the arena through a pointer that grows."""
        if self.depth > 2:
            return
        rng, group, top, times = self.rng, self.new_group(), self.new_label(), self.times
        source = next(b for b in self.bases if b.aligned and b.low == b.high)
        step = rng.choice((1, 2, 4, 8, 8, 16))
        count = rng.choice((2, 5, 16, 30))
        pointer = self.free(8, 16) if {*range(8, 16)} - self.protected and rng.random() < 0.5 else self.free()
        self.protect(pointer)
        limit = self.free()
        self.protect(limit)
        start = max(ARENA, ARENA + ARENA_SIZE - count * step - rng.randrange(0, 400)) & -8
        self.add(group, "addi", rd=pointer, rs1=source.reg, imm=start - source.low)
        self.add(group, "addi", rd=limit, rs1=pointer, imm=count * step)
        self.place(top)
        self.bases.append(Base(pointer, start, start + (count - 1) * step, False))
        self.body(count, 12)
        self.bases.pop()
        self.add(group, "addi", rd=pointer, rs1=pointer, imm=step)
        row = BY_NAME[rng.choice(("bne", "bltu"))]
        self.put(group, asm(row.name, rs1=pointer, rs2=limit), ref=("rel", row, top))
        self.times = times
        self.protected -= {pointer, limit}

    def barrier(self):
        row = self.rng.choice(rv64.BARRIERS)
        if self.allowed(row.ext):
            word = row.random(self.rng, self.regs, ())
            if word is not None:
                self.put(self.new_group(), word, row.bytes)

    def ecall(self):
        """A system call that only changes a0: sched_yield, or one that doesn't exist."""
        if {10, 17} & self.protected:
            return
        group = self.new_group()
        self.add(group, "addi", rd=17, rs1=0, imm=self.rng.choice((124, 2000)))
        self.add(group, "ecall")

    def zicond(self):
        """czero.*; an oracle without Zicond gets an `and` with a mask that both have computed before."""
        rng, group = self.rng, self.new_group()
        mask = self.free()
        rd, rs1, rs2 = self.free(), *(rng.choice([r for r in self.regs if r != mask] or [0]) for _ in "12")
        name = rng.choice(("czero_eqz", "czero_nez"))
        if name == "czero_eqz":
            self.add(group, "sltu", rd=mask, rs1=0, rs2=rs2)
        else:
            self.add(group, "sltiu", rd=mask, rs1=rs2, imm=1)
        self.add(group, "sub", rd=mask, rs1=0, rs2=mask)
        self.put(group, asm(name, rd=rd, rs1=rs1, rs2=rs2), oracle=asm("and", rd=rd, rs1=rs1, rs2=mask))

    def ctzw(self):
        """The oracle's operand is zero-extended."""
        rng, group = self.rng, self.new_group()
        temp, rd = self.free(), self.free()
        rs1 = rng.choice([r for r in self.regs if r != temp] or [0])
        self.add(group, "slli", rd=temp, rs1=rs1, shamt=32)
        self.add(group, "srli", rd=temp, rs1=temp, shamt=32)
        self.put(group, asm("ctzw", rd=rd, rs1=rs1), oracle=asm("ctzw", rd=rd, rs1=temp))


def ordinary(rng, index, length, extensions=None):
    """A sequence that does not fault."""
    made = Generator(rng, length, extensions)
    return Sequence(index, made.items, made.fixed_bases, fcsr=rng.randrange(5) << 5 | rng.getrandbits(5),
                    pools=tuple(rng.getrandbits(16) for _ in range(3)), sure=made.sure).finish()


def faulting(rng, index, length, extensions=None):
    """Variants of one sequence, each with a fault at another place: a list of Sequences."""
    made = Generator(rng, length, extensions, reserve=True)
    # The label of an auipc must stay right before it.
    places = [n - (item.ref is not None and item.ref[0] == "high") for n, item in enumerate(made.items)
              if item.bytes and not item.glued]
    fcsr, pools = rng.randrange(5) << 5 | rng.getrandbits(5), tuple(rng.getrandbits(16) for _ in range(3))
    free = [r for r in range(1, 32) if r not in made.ever]
    fragile = {i.group for i in made.items if i.bytes and (i.oracle is not None or i.word == ECALL or LR.matches(i.word))}
    result = []
    for place in places:
        # A handler between lr and sc: Linux gives up the reservation when it returns, QEMU 7.2 keeps it.  And it must
        # not change what was made for the oracle's instruction that stands for another one, nor a system call's number
        # (QEMU looks at 32 bits of it).
        before, after = ({i.group for i in part if i.bytes} for part in (made.items[:place], made.items[place:]))
        apart = fragile & before & after
        items = list(made.items)
        fault = fault_items(rng, made, made.reserved, made.group + 1)
        items[place:place] = fault
        change = rng.choice([8 * r for r in free or [made.reserved]] + [256 + 8 * r for r in range(32)])
        result.append(Sequence(index + len(result), items, made.fixed_bases, fcsr, pools, sure=2,
                               resume=not apart and rng.random() < 0.5, change=change).finish())
    return result


def fault_items(rng, made, bad, group):
    """A fault of some kind: Items of one group."""
    def item(word, size=4):
        return Item(group, size, word)

    kind = rng.choice(("null", "guard", "guard", "crossing", "read only", "text", "illegal", "illegal",
                       "break", "rounding", "fetch", "misaligned"))
    row = rng.choice([r for r in rv64.MEMORY if r.bytes == 4])
    if kind in ("read only", "text"):
        row = rng.choice([r for r in rv64.MEMORY if r.bytes == 4 and r.store] + rv64.AMO[:2])
    word = None
    while word is None:
        word = row.random(rng, made.regs, made.ever)
    if kind == "null":
        return [item(row.put("imm", row.put("rs1", word, 0), rng.randrange(2048)))]
    if kind in ("guard", "crossing", "read only", "text"):
        size = row.size or 8
        if kind == "crossing" and size == 1:
            kind = "guard"
        address = {"guard": GUARD + rng.randrange(2048) // 8 * 8, "crossing": GUARD - rng.randrange(1, max(size, 2)),
                   "read only": READ_ONLY + 8 * rng.randrange(64), "text": TEXT + 8 * rng.randrange(64)}[kind]
        word = row.put("rs1", word, bad)
        if row.imm:
            word = row.put("imm", word, 0)
        return [item(w) for w in rv64.li(bad, address)] + [item(word)]
    if kind == "illegal":
        return [rng.choice((item(0, 2), item(0xffffffff), item(asm("csrrs", rd=5, csr=0x7ff)),
                            item(asm("csrrw", rd=0, rs1=5, csr=0xc00)), item(0x00007053 | 5 << 12),
                            item(asm("fadd_s", rm=6)), item(asm("fcvt_d_l", rm=5)), item(0x8000, 2)))]
    if kind == "break":
        return [rng.choice((item(asm("ebreak")), item(asm("c_ebreak"), 2)))]
    if kind == "rounding":
        return [item(asm("csrrwi", csr=rv64.CSR_FRM, imm=rng.randrange(5, 8))),
                item(asm("fmul_d", rd=1, rs1=2, rs2=3, rm=7)),
                item(asm("csrrwi", csr=rv64.CSR_FRM, imm=0))]
    if kind == "fetch":
        address = rng.choice((0, GUARD + 16, ARENA, NOTHING))
        return [item(w) for w in rv64.li(bad, address)] + [item(asm("jalr", rd=bad, rs1=bad))]
    row = rng.choice(rv64.AMO + [BY_NAME["lr_w"], BY_NAME["lr_d"]])
    word = None
    while word is None:
        word = row.random(rng, made.regs, made.ever)
    return [item(w) for w in rv64.li(bad, ARENA + 64 + rng.choice((1, 2, 3, 5)))] + [item(row.put("rs1", word, bad))]
