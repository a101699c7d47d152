"""Runs a program under dragoman and under the oracle, finds the sequences that differ, makes them small."""

import os
import struct
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import image
from image import ARENA_SIZE, RECORD_1, RECORD_2
from process import run
from rv64 import BASE, SHORT, decode

X = [f"x{n}" for n in range(32)]
F = [f"f{n}" for n in range(32)]
ARENA = [f"arena+{8 * n}" for n in range(ARENA_SIZE // 8)]
FIELDS = {1: ["kind", "index", *ARENA, *X, *F, "fcsr"],
          2: ["kind", "index", "signal", "si_code", "si_addr", "uc_flags", "uc_sigmask", "pc", *X[1:], *F, "fcsr",
              *ARENA]}
SIGSEGV, SIGBUS, BUS_ADRALN, SEGV_MAPERR, SEGV_ACCERR = 11, 7, 1, 1, 2
MOST_TEXT = image.TEXT + 0x100000        # since jal reaches across it
SIZES = {1: RECORD_1, 2: RECORD_2}


def by_sequence(out):
    """Records of a run: index -> list of tuples of words.  A broken end is dropped."""
    result, at = {}, 0
    while at + 16 <= len(out):
        kind, index = struct.unpack_from("<QQ", out, at)
        size = SIZES.get(kind)
        if not size or at + size > len(out):
            break
        result.setdefault(index, []).append(struct.unpack_from(f"<{size // 8}Q", out, at))
        at += size
    return result


def as_linux_has_it(theirs, ours):
    """The oracle's record of a signal, right where QEMU is wrong.
    - Linux gives the pc as si_addr of a misaligned access that it can't make good (arch/riscv/kernel/traps.c,
      do_trap_load_misaligned); QEMU gives the address of the data.
    - QEMU reserves the holes between the segments of an ELF file, so that it finds no permission there (SEGV_ACCERR)
      where Linux finds no mapping (fs/binfmt_elf.c maps the segments of an ET_EXEC one by one).
    - An x86-64 CPU raises #GP for an address that is not canonical and doesn't say which; QEMU has 0 then.
    """
    if theirs[0] == 2 and theirs[2:4] == (SIGBUS, BUS_ADRALN):
        return (*theirs[:4], theirs[7], *theirs[5:])
    if theirs[0] == 2 and theirs[2:4] == (SIGSEGV, SEGV_ACCERR) and \
            (MOST_TEXT <= theirs[4] < image.READ_ONLY or image.READ_ONLY + 4096 <= theirs[4] < image.DATA):
        return (*theirs[:3], SEGV_MAPERR, *theirs[4:])
    if theirs[0] == 2 and theirs[2] == SIGSEGV and theirs[4] == 0 and ours[4] >> 47 not in (0, 0x1ffff):
        return (*theirs[:4], ours[4], *theirs[5:])
    return theirs


def records_differ(ours, theirs, corrected=as_linux_has_it):
    """Lines that say how one sequence's records differ; empty if they don't.  `corrected`: what to make of a record
    of the oracle, given ours."""
    for number in range(max(len(ours), len(theirs))):
        if number >= len(ours) or number >= len(theirs):
            more = theirs if number >= len(ours) else ours
            who = "the oracle" if number >= len(ours) else "dragoman"
            what = "the end of the sequence" if more[number][0] == 1 else \
                f"signal {more[number][2]} at pc {more[number][7]:#x}, address {more[number][4]:#x}"
            return [f"record {number + 1}: only {who} has {what}"]
        a, b = ours[number], corrected(theirs[number], ours[number])
        if a[0] != b[0]:
            text = {1: "the end of the sequence", 2: "a signal"}
            fault = a if a[0] == 2 else b
            return [f"record {number + 1}: dragoman has {text[a[0]]}, the oracle {text[b[0]]}; signal "
                    f"{fault[2]} at pc {fault[7]:#x}, address {fault[4]:#x}"]
        if a != b:
            return [f"record {number + 1}: {name}: dragoman {x:#018x}, oracle {y:#018x}"
                    for name, x, y in zip(FIELDS[a[0]], a, b) if x != y][:12]
    return []


class OracleFails(Exception):
    """The oracle hangs or dies: in one of `suspects`, the last sequence that left a record and the next one."""
    def __init__(self, theirs, sequences):
        seen = by_sequence(theirs.out)
        places = [n for n, s in enumerate(sequences) if s.index in seen]
        first = places[-1] if places else 0
        self.suspects = [s.index for s in sequences[first:first + 2]]
        super().__init__(f"the oracle ended with {theirs.status} in sequence {self.suspects}: {theirs.err}")


class Judge:
    """Two commands and how to compare them."""

    def __init__(self, subject, oracle, timeout=120):
        self.subject, self.oracle, self.timeout = subject, oracle, timeout

    def differences(self, sequences, pools, mutate=None):
        """Runs a program on both sides; returns (index -> lines, text on the run) for what differs.  Where the
        program under test dies or hangs, that is put down to the first sequence without a record."""
        made = image.build(sequences, pools)
        elf = mutate(made) if mutate else made.oracle if self.subject == self.oracle else made.elf
        theirs = run(self.oracle, made.oracle, self.timeout)
        if theirs.status != 0:
            raise OracleFails(theirs, sequences)
        ours = run(self.subject, elf, self.timeout)
        if ours.out == theirs.out and ours.status == 0:
            return {}
        ours_by, theirs_by = by_sequence(ours.out), by_sequence(theirs.out)
        # The oracle against itself is wrong on both sides.
        corrected = as_linux_has_it if self.subject != self.oracle else lambda theirs, ours: theirs
        result = {}
        for sequence in sequences:
            a, b = ours_by.get(sequence.index, []), theirs_by.get(sequence.index, [])
            lines = records_differ(a, b, corrected)
            if lines:
                result[sequence.index] = lines
            if not a and ours.status != 0:
                result[sequence.index] = [f"dragoman ended with {ours.status}: {ours.err[-500:]}"]
                break
        if not result and ours.status != 0:
            result[sequences[-1].index] = [f"at the end, dragoman ended with {ours.status}: {ours.err[-500:]}"]
        return result

    def differ(self, sequences, pools, index):
        """Whether sequence `index` still differs: its lines, or None."""
        return self.differences(sequences, pools).get(index)


def smaller(parts, fails):
    """Delta debugging: a small part of the list `parts` for which fails(list) still holds."""
    size = max(1, len(parts) // 2)
    while True:
        at, gone = 0, False
        while at < len(parts):
            rest = parts[:at] + parts[at + size:]
            if len(rest) < len(parts) and fails(rest):
                parts, gone = rest, True
            else:
                at += size
        if size > 1:
            size = max(1, size // 2)
        elif not gone:
            return parts


def shrink(judge, sequences, pools, index):
    """The fewest sequences and instructions that still make sequence `index` differ: (sequences, lines)."""
    place = next(n for n, s in enumerate(sequences) if s.index == index)
    last, before = sequences[place], sequences[:place]
    if judge.differ([last], pools, index):
        before = []
    elif not judge.differ([*before, last], pools, index):
        return None, []
    else:
        before = smaller(before, lambda part: judge.differ([*part, last], pools, index))

    def fewer(keep):
        return replace(last, removed=frozenset(last.groups) - frozenset(keep))

    if judge.differ([*before, fewer([])], pools, index):
        keep = []
    else:
        keep = smaller(list(last.groups), lambda part: judge.differ([*before, fewer(part)], pools, index))
    final = [*before, fewer(keep)]
    return final, judge.differ(final, pools, index) or ["does not fail every time"]


def disassemble(made, index):
    """Lines of a sequence's code: address, word, objdump's text."""
    start, size = made.ranges[index]
    code = made.elf[4096 + start - image.TEXT:4096 + start - image.TEXT + size]
    with tempfile.NamedTemporaryFile(prefix="dragoman-diff-") as file:
        file.write(code)
        file.flush()
        try:
            text = subprocess.run(["riscv64-linux-gnu-objdump", "-D", "-b", "binary", "-m", "riscv:rv64", "-M", "no-aliases",
                                   f"--adjust-vma={start:#x}", file.name], stdout=subprocess.PIPE, text=True).stdout
        except FileNotFoundError:
            text = ""
    listed = {int(line.split(":")[0], 16): line.split("\t", 2)[2].replace("\t", " ")
              for line in text.splitlines() if "\t" in line}
    lines, at = [], 0
    while at < size:
        word = int.from_bytes(code[at:at + 4], "little")
        length = 4 if word & 3 == 3 else 2
        word &= (1 << 8 * length) - 1
        row = (BASE if length == 4 else SHORT).match(word)
        text = listed.get(start + at, "")
        if row and (not text or text.startswith(".")):
            text = f"{row.mnemonic} {operands(row, word)}"
        lines.append(f"  {start + at:x}: {word:0{2 * length}x}  {text if row else 'undefined'}")
        at += length
    return lines


def operands(row, word):
    """A row's operands by name, for an objdump that doesn't know the instruction."""
    names = []
    for kind, name, _ in decode.template_parts(row.template):
        if kind == "operand" and name in row.operands | row.fields:
            field = row.fields.get(name, row.operands.get(name))
            value = field if isinstance(field, int) else field.extract(word)
            names.append(ABI_F[value] if name[0] == "f" else ABI_X[value] if name[0] == "r" and name != "rm"
                         else str(value))
    return ",".join(names)


def report(judge, sequences, pools, index, seed, folder):
    """All that one wants to know of a mismatch, as text; leaves the reproducer's ELF file in `folder`."""
    final, lines = shrink(judge, sequences, pools, index)
    if not final:
        return f"seed {seed}, sequence {index}: differed once, but not again\n"
    made, last = image.build(final, pools), final[-1]
    os.makedirs(folder, exist_ok=True)
    path = Path(folder) / f"{seed}-{index}.elf"
    path.write_bytes(made.elf)
    path.chmod(0o755)
    kept = len(last.groups) - len(last.removed)
    text = [f"seed {seed}, sequence {index}: {kept} of {len(last.groups)} parts"
            f"{f', after {len(final) - 1} others' if len(final) > 1 else ''}; program in {path}", *disassemble(made, index)]
    anchors = {b.reg: b.low for b in last.bases}
    x = [anchors.get(n, pools.at(0, last.pools[0], n)) if n else 0 for n in range(32)]
    f = [pools.at(1, last.pools[1], n) for n in range(32)]
    mentioned = "\n".join(text)
    text.append("before: fcsr %#x" % last.fcsr)
    text += ["  " + "  ".join(f"{name}={value:#x}" for name, value in row)
             for row in in_rows([(abi, x[n]) for n, abi in enumerate(ABI_X) if word_in(abi, mentioned)]
                                + [(abi, f[n]) for n, abi in enumerate(ABI_F) if word_in(abi, mentioned)])]
    return "\n".join(text + ["after:"] + ["  " + line for line in lines]) + "\n"


ABI_X = ["zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", *(f"a{n}" for n in range(8)),
         *(f"s{n}" for n in range(2, 12)), *(f"t{n}" for n in range(3, 7))]
ABI_F = [*(f"ft{n}" for n in range(8)), "fs0", "fs1", *(f"fa{n}" for n in range(8)), *(f"fs{n}" for n in range(2, 12)),
         *(f"ft{n}" for n in range(8, 12))]


def word_in(name, text):
    at = text.find(name)
    while at >= 0:
        if not text[at - 1].isalnum() and not text[at + len(name):at + len(name) + 1].isalnum():
            return True
        at = text.find(name, at + 1)
    return False


def in_rows(pairs, width=4):
    return [pairs[n:n + width] for n in range(0, len(pairs), width)]
