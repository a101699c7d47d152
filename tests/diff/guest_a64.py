"""AArch64 for run.py: programs of random sequences (a64_sequence.py, a64_image.py) under dragoman and qemu-aarch64."""

import random
import re
import struct
import subprocess
import tempfile
from pathlib import Path

from lib import tap
from lib.guests import CACHE, GUESTS
import a64_image
import a64_sequence
from a64_image import CODE, RECORD, TEXT
from a64_sequence import ORACLE_OPTIONS, words_at
from process import run

GUEST = GUESTS["aarch64"]
PROGRAMS = 3, 32                # of --quick, of ./check
LENGTH, STATES = 24, 8          # words of a sequence, states that it runs from
PROGRAM_WORDS = 12000
TIMEOUT = 120
MOST_REPORTS = 3
EXTENSIONS = sorted({r.row.ext for r in a64_sequence.ROWS})
NAMES = {*EXTENSIONS, *(r.name for r in a64_sequence.ROWS), *(r.row.insn for r in a64_sequence.ROWS)}   # what --ext takes
DONE = TEXT + 4


class Program:
    """Sequences and their runs: (sequence, state) in order."""

    def __init__(self, sequences, states, pools):
        self.sequences, self.pools = sequences, pools
        self.runs = [(s, state) for s in sequences for state in states[s.index]]

    def elf(self, oracle):
        code, at = [], {}
        for s in self.sequences:
            at[s.index] = pc = CODE + 4 * len(code)
            words = words_at(s.items, pc, oracle)
            code += words + [0x14000000 | (DONE - pc - 4 * len(words) >> 2) & 0x3ffffff]
        runs = [(at[s.index], *state) for s, state in self.runs]
        return a64_image.build(code, runs, self.pools, GUEST.gcc)


class Judge:
    def __init__(self, subject):
        self.subject, self.oracle = subject, [GUEST.qemu, *ORACLE_OPTIONS]

    def differences(self, program, ours=None):
        """The first difference of each sequence: index -> (state, expected, got), each a tuple of words or text."""
        want = run(self.oracle, program.elf(True), TIMEOUT)
        got = run(self.subject, ours or program.elf(False), TIMEOUT)
        if want.status:
            raise RuntimeError(f"{self.oracle[0]} ended with {want.status}: {want.err}")
        if want.out == got.out and got.status == 0:
            return {}
        found = {}
        for n, (s, state) in enumerate(program.runs):
            a, b = want.out[n * RECORD:(n + 1) * RECORD], got.out[n * RECORD:(n + 1) * RECORD]
            if a == b or s.index in found:
                continue
            if len(b) < RECORD:
                found[s.index] = state, None, f"ended with {got.status}: {got.err}"
                break
            found[s.index] = state, *(struct.unpack(f"<{RECORD // 8}Q", x) for x in (a, b))
        if not found:
            found[program.sequences[-1].index] = program.runs[-1][1], None, "the arena differs, or the ending"
        return found


def make(seed, options):
    rng = random.Random(str(seed))
    pools, generator = a64_image.Pools(rng), a64_sequence.Generator(rng, options.ext)
    sequences, states, words = [], {}, 0
    while words < PROGRAM_WORDS:
        new = generator.sequence(len(sequences), rng.randint(1, options.length or LENGTH))
        sequences.append(new)
        states[new.index] = [a64_image.state(rng, pools, new.pool) for _ in range(STATES)]
        words += sum(map(len, new.items))
    return Program(sequences, states, pools), generator


def examine(judge, seed, options):
    """Runs one program; returns (instructions surely executed, instructions, reports)."""
    program, generator = make(seed, options)
    insns = sum(len(i) for s in program.sequences for i in s.items) * STATES
    reports = [report(judge, program, index, *difference, seed)
               for index, difference in list(judge.differences(program).items())[:MOST_REPORTS]]
    return insns - generator.skipped * STATES, insns, reports


# --- reports

def only(program, index, state, items):
    s = next(s for s in program.sequences if s.index == index)
    return Program([a64_sequence.Sequence(index, items, s.pool)], {index: [state]}, program.pools)


def reduced(judge, program, index, state):
    """The items that matter, and the difference then; None if the sequence by itself does not differ."""
    items = next(s for s in program.sequences if s.index == index).items
    found = judge.differences(only(program, index, state, items)).get(index)
    if not found:
        return None
    for n in reversed(range(len(items))):
        fewer = items[:n] + items[n + 1:]
        smaller = fewer and judge.differences(only(program, index, state, fewer)).get(index)
        if smaller:
            items, found = fewer, smaller
    return items, found


def disassembled(words, pc):
    with tempfile.NamedTemporaryFile(suffix=".bin") as f:
        f.write(struct.pack(f"<{len(words)}I", *words))
        f.flush()
        text = subprocess.run([GUEST.gcc.removesuffix("gcc") + "objdump", "-D", "-b", "binary", "-maarch64",
                               f"--adjust-vma={pc:#x}", f.name], check=False, capture_output=True, text=True).stdout
    return [line for line in text.splitlines() if line.startswith("  ")]


def loaded(program, state, text):
    """The registers that `text` names, as they are loaded."""
    data, base = program.pools.data, a64_image.DATA + a64_image.HEADER
    for kind, number in sorted(set(re.findall(r"\b([xwvqdshb])(\d+)\b", text))):
        if kind in "xw":
            yield f"x{number} = {struct.unpack_from('<Q', data, state[2] - base + 8 * int(number))[0]:#x}"
        else:
            yield f"v{number} = {int.from_bytes(data[(at := state[1] - base + 16 * int(number)):at + 16], 'little'):#034x}"


def report(judge, program, index, state, want, got, seed):
    small = reduced(judge, program, index, state)
    items, (_, want, got) = small or (next(s for s in program.sequences if s.index == index).items, (state, want, got))
    text = disassembled(words_at(items, CODE), CODE)
    lines = [f"seed {seed}, sequence {index}{'' if small else ', only among the others'}: fpcr {state[3]:#x}, "
             f"nzcv {state[4] >> 28:#x}, made of {sorted({a64_sequence.TABLE.match(w).name for i in items for w in i if isinstance(w, int) and a64_sequence.TABLE.match(w)})}",
             *text, *dict.fromkeys(loaded(program, state, "\n".join(text)))]
    if want is None:
        lines.append(got)
    else:
        lines += [f"    {name}: expected {x:#x}, is {y:#x}" for name, x, y in zip(a64_image.NAMES, want, got) if x != y]
    folder = CACHE / "diff"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"a64-{seed}-{index}"
    path.write_bytes(only(program, index, state, items).elf(False))
    path.chmod(0o755)
    return "\n".join(lines + [f"    {path}"])


# --- proof that differences are noticed: the oracle against itself with one thing changed

TAMPERS = {
    "x": 0xd2400000,            # eor x0, x0, #1
    "v": 0x6e205800,            # mvn v0.16b, v0.16b
    "nzcv": 0xd500401f,         # cfinv
    "fpsr": 0x1e201820,         # fdiv s0, s1, s0 with both zeros: see below
    "memory": 0x38000370,       # sturb w16, [x27]
    "fault": 0x00000000,        # udf
}


def tampered(name, word):
    """A test: two programs are the same but for one word at the end of one sequence; they must differ there alone."""
    def body():
        options = type("Options", (), {"ext": None, "length": None})
        program, _ = make("self " + name, options)
        program = Program(program.sequences[:40], {s.index: [a64_image.state(random.Random(name), program.pools, s.pool)]
                                                   for s in program.sequences}, program.pools)
        victim = program.sequences[20]
        before = {"fpsr": [0x2f00e400, 0x2f00e401], "memory": [0x52800010 | 0x55 << 5]}.get(name, [])
        plain, changed = list(victim.items), list(victim.items)
        victim.items = plain + [before + [a64_sequence.NOP]]
        mine = program.elf(True)
        victim.items = changed + [before + [word]]
        judge = Judge([GUEST.qemu, *ORACLE_OPTIONS])
        found = judge.differences(program, mine)
        if list(found) != [victim.index]:
            raise tap.Fail(f"differs in {list(found)}, expected [{victim.index}]")
    return body


def no_row_is_left_out():
    """Every row of the tables has a case in what ./check runs."""
    options = type("Options", (), {"ext": None, "length": None})
    used = set()
    for seed in check_seeds(PROGRAMS[0]):
        used |= make(seed, options)[1].used
    missing = sorted({r.name for r in a64_sequence.ROWS} - used)
    if missing:
        raise tap.Fail(f"rows without a case: {' '.join(missing)}")


def self_tests():
    for name, word in TAMPERS.items():
        yield f"a64-notices-{name}", tampered(name, word)
    yield "a64-every-row", no_row_is_left_out


def check_seeds(count):
    return [f"check-{n}" for n in range(count)]
