#!/usr/bin/env python3
"""Random RISC-V programs under dragoman and under Debian's qemu-riscv64, complete state compared bit for bit.

What is compared, behind every random sequence: all x and f registers, fcsr, and the memory that the sequence reads
and writes; for every fault, siginfo and the whole ucontext that the handler sees.  image.py says how such a program
is made, sequence.py what stands in it.

    tests/diff/run.py                     what ./check runs: a million instructions, and proof that differences
                                          of every kind are noticed; prints TAP
    tests/diff/run.py --quick             a fifth of that
    tests/diff/run.py --insns 20000000    goes on from --seed until so many were executed; prints a summary
    tests/diff/run.py --hours 8 --seed night      the long run: by time
    tests/diff/run.py --seed 17 --count 1         one program again, as the report of a mismatch names it
    tests/diff/run.py --ext F,D --faults 0.5      instructions of some extensions; half of the sequences fault

"Executed" counts only what is executed whatever the branches do.  A mismatch is cut down to the instructions
that matter and printed with the state before and after; its program is left in .cache/diff.
The exit status is 1 after a mismatch.
"""

import argparse
import concurrent.futures
import itertools
import os
import random
import shlex
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lib import tap                                     # noqa: E402
from lib.guests import CACHE, GUESTS, dragoman          # noqa: E402
import compare                                          # noqa: E402
import image                                            # noqa: E402
import rv64                                             # noqa: E402
import sequence                                         # noqa: E402

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
    sequences, pools = make(seed, options.faults, options.length, options.ext)
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
        judge = compare.Judge(oracle_command(), oracle_command())
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
    yield "notices-x", tampered("x", flip_x)
    yield "notices-f", tampered("f", flip_f)
    yield "notices-fcsr", tampered("fcsr", flip_rounding)
    yield "notices-memory", tampered("memory", bump_memory)
    yield "notices-signal", tampered("signal", lambda _: [rv64.asm("ebreak")])
    yield "notices-ucontext", tampered("ucontext", flip_f, faulting=True)


def oracle_command():
    return [GUESTS["riscv64"].qemu]


# --- the command line

def tap_cases(judge, options):
    yield from self_tests()
    count = 5 if options.quick else 26
    for number in range(count):
        def body(seed=f"check-{number}"):
            _, _, reports = examine(judge, seed, options)
            if reports:
                print("".join("# " + line + "\n" for line in "".join(reports).splitlines()), end="")
                raise tap.Fail(f"{len(reports)} sequences differ; tests/diff/run.py --seed {seed} --count 1")
        yield f"rv64-{number}", body


def long_run(judge, options):
    """Programs until enough instructions or time; two at a time.  Returns the number of mismatches."""
    start, sure, insns, programs, bad = time.monotonic(), 0, 0, 0, 0
    seeds = (options.seed if n == 0 and options.count == 1 else f"{options.seed}-{n}" for n in itertools.count())
    if options.count:
        seeds = itertools.islice(seeds, options.count)
    enough, told = False, 0
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        pending = {pool.submit(examine, judge, s, options) for s in itertools.islice(seeds, options.jobs + 1)}
        while pending:
            done, pending = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                more_sure, more, reports = future.result()
                sure, insns, programs, bad = sure + more_sure, insns + more, programs + 1, bad + len(reports)
                print("".join(text + "\n" for text in reports), end="", flush=True)
            elapsed = time.monotonic() - start
            if elapsed > told + 60:
                told = elapsed
                print(f"# {elapsed:.0f} s: {sure:,} instructions, {bad} mismatches", file=sys.stderr, flush=True)
            enough = enough or bool(options.insns and sure >= options.insns
                                    or options.hours and elapsed > 3600 * options.hours or bad >= options.stop)
            if not enough:
                pending |= {pool.submit(examine, judge, s, options) for s in itertools.islice(seeds, len(done))}
    print(f"{sure:,} instructions executed at least, {insns:,} in {programs} programs, {bad} mismatches, "
          f"{time.monotonic() - start:.0f} s; seed {options.seed}")
    return bad


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", help="text that the random numbers start from; default: the time")
    parser.add_argument("--count", type=int, help="number of programs")
    parser.add_argument("--insns", type=int, help="instructions to execute at least")
    parser.add_argument("--hours", type=float)
    parser.add_argument("--length", type=int, default=50, help="constructs of the longest sequence")
    parser.add_argument("--faults", type=float, default=0.02, help="share of sequences that fault")
    parser.add_argument("--ext", type=lambda text: set(text.split(",")), help="extensions, such as I,M,F,D")
    parser.add_argument("--stop", type=int, default=10, help="mismatches after which to stop")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--dragoman", type=shlex.split, help="the command under test")
    options = parser.parse_args()
    if options.ext and (unknown := options.ext - set(rv64.EXTENSIONS)):
        parser.error(f"no such extension: {', '.join(sorted(unknown))}; there are {', '.join(rv64.EXTENSIONS)}")
    return options


def main():
    options = arguments()
    judge = compare.Judge(options.dragoman or dragoman(), oracle_command())
    if not shutil.which(oracle_command()[0]):
        print("1..1\nok rv64 # SKIP qemu-riscv64 is not installed")
        return 0
    if not (options.seed or options.count or options.insns or options.hours):
        return 1 if tap.run_cases(tap_cases(judge, options)) else 0
    options.seed = options.seed or str(int(time.time()))
    if not (options.count or options.insns or options.hours):
        options.count = 1
    return 1 if long_run(judge, options) else 0


if __name__ == "__main__":
    sys.exit(main())
