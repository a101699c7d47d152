"""RISC-V for run.py: programs of random sequences (sequence.py, image.py) under dragoman and qemu-riscv64."""

import random
import sys
from dataclasses import replace

from lib import tap
from lib.guests import CACHE, GUESTS
import compare
import image
import rv64
import sequence

GUEST = GUESTS["riscv64"]
ORACLE = [GUEST.qemu]
PROGRAMS = 5, 26            # of --quick, of ./check
LENGTH = 50                 # constructs of the longest sequence
EXTENSIONS = rv64.EXTENSIONS
NAMES = set(EXTENSIONS)       # what --ext takes
PROGRAM_INSNS = 40000       # instructions of one program; jal must reach across it
MOST_REPORTS = 3            # mismatches that are cut down, for each program


def make(seed, faults, length, extensions, most=PROGRAM_INSNS):
    """The sequences and pools of one program."""
    rng = random.Random(str(seed))
    pools, sequences, insns = image.Pools(rng), [], 0
    while insns < most:
        if rng.random() < faults:
            new = sequence.faulting(rng, len(sequences), max(1, length // 5), extensions)
        else:
            new = [sequence.ordinary(rng, len(sequences), rng.randint(1, length), extensions)]
        sequences += new
        insns += sum(s.insns for s in new)
    return sequences, pools


def examine(judge, seed, options):
    """Runs one program; returns (instructions surely executed, instructions, reports)."""
    sequences, pools = make(seed, options.faults, options.length or LENGTH, options.ext)
    sure, insns = sum(s.sure for s in sequences), sum(s.insns for s in sequences)
    reports = []
    while True:
        try:
            found = judge.differences(sequences, pools)
        except compare.OracleFails as failure:
            # A fault in a bad place can make a program of endless loops: no judge, no verdict.
            print(f"# seed {seed}: {failure}; left out", file=sys.stderr, flush=True)
            sequences = [s for s in sequences if s.index not in failure.suspects]
            continue
        if not found:
            break
        for index in list(found)[:MOST_REPORTS - len(reports)]:
            reports.append(compare.report(judge, sequences, pools, index, seed, CACHE / "diff"))
        sequences = [s for s in sequences if s.index not in found]
        if len(reports) >= MOST_REPORTS or not sequences:
            break
    return sure, insns, reports


# --- proof that differences are noticed: the oracle against itself with one thing changed

def tampered(name, words, faulting=False):
    """A test: two programs are the same but for `words(sequence)` at the end of one sequence, for which the other
    has as many nops (before the first instruction of a faulting one).  They must differ there, and there alone."""
    def body():
        judge = compare.Judge(ORACLE, ORACLE)
        if faulting:
            rng = random.Random(name)
            pools, sequences = image.Pools(rng), sequence.faulting(rng, 0, 6)
            victim = next(s for s in sequences if not s.resume)
        else:
            sequences, pools = make("self " + name, 0.02, 30, None, 2000)
            victim = next(s for s in sequences if s.insns > 20)
        new = words(victim)
        place = 0 if faulting else next(n for n, i in enumerate(victim.items) if i.label == image.EPILOGUE)

        def program(added):
            items = victim.items[:place] + [sequence.Item(-1, 4, w) for w in added] + victim.items[place:]
            return [replace(s, items=items) if s is victim else s for s in sequences]

        elf = image.build(program(new), pools).oracle
        found = judge.differences(program([rv64.asm("addi")] * len(new)), pools, lambda made: elf)
        if list(found) != [victim.index]:
            raise tap.Fail(f"differs in {list(found)}, expected [{victim.index}]")
    return body


def flip_x(victim):
    """Bit 0 of an x register that is no base."""
    free = next(r for r in (30, 29, 28, 27) if r not in {b.reg for b in victim.bases})
    return [rv64.asm("xori", rd=free, rs1=free, imm=1)]


def flip_f(_):
    """The sign of an f register."""
    return [rv64.asm("fsgnjn_d", rd=31, rs1=31, rs2=31)]


def flip_rounding(_):
    """The rounding mode becomes one that no sequence leaves."""
    return [rv64.asm("csrrwi", csr=rv64.CSR_FRM, imm=7)]


def bump_memory(victim):
    """One word of the arena."""
    return [rv64.asm("amoadd_d", rs1=victim.bases[0].reg, rs2=victim.bases[0].reg)]


def self_tests():
    yield "rv64-notices-x", tampered("x", flip_x)
    yield "rv64-notices-f", tampered("f", flip_f)
    yield "rv64-notices-fcsr", tampered("fcsr", flip_rounding)
    yield "rv64-notices-memory", tampered("memory", bump_memory)
    yield "rv64-notices-signal", tampered("signal", lambda _: [rv64.asm("ebreak")])
    yield "rv64-notices-ucontext", tampered("ucontext", flip_f, faulting=True)


def Judge(subject):
    """What runs programs under `subject` and the oracle and tells how they differ."""
    return compare.Judge(subject, ORACLE)
