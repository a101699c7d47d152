#!/usr/bin/env python3
"""Random guest programs under dragoman and under Debian's qemu-user, complete state compared bit for bit.

Guests are rows of GUESTS: a module each, which knows how programs are made and how their outputs are read.

RISC-V: behind every random sequence all x and f registers, fcsr, and the memory that the sequence reads and writes; for every
fault, siginfo and the whole ucontext that the handler sees.  image.py says how such a program is made, sequence.py
what stands in it.  AArch64: all general and vector registers, NZCV, FPCR, FPSR, memory, and a hash over what handlers saw;
a64_image.py, a64_sequence.py.

    tests/diff/run.py                     what ./check runs: a million instructions of RISC-V, two of AArch64, proof that
                                          differences of every kind are noticed and no decode row left out; prints TAP
    tests/diff/run.py --quick             less of that
    tests/diff/run.py --guest aarch64 --insns 20000000    goes on from --seed until so many were executed; prints a summary
    tests/diff/run.py --hours 8 --seed night      the long run, of both guests in turn: by time
    tests/diff/run.py --guest riscv64 --seed 17 --count 1   one program again, as the report of a mismatch names it
    tests/diff/run.py --guest riscv64 --ext F,D --faults 0.5      instructions of some extensions; half of the sequences fault

"Executed" counts only what is executed whatever the branches do.  A mismatch is cut down to the instructions
that matter and printed with the state before and after; its program is left in .cache/diff.
The exit status is 1 after a mismatch.
"""

import argparse
import concurrent.futures
import itertools
import os
import shlex
import shutil
import sys
import time
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lib import tap                                     # noqa: E402
from lib.guests import chosen, dragoman, guest_option   # noqa: E402
import guest_a64                                        # noqa: E402
import guest_rv64                                       # noqa: E402

GUESTS = {"riscv64": guest_rv64, "aarch64": guest_a64}
# How ./check runs dragoman for one program and the next.
WAYS = [[], ["--plain-cpu"], [], ["--unit-limit", "7"], [], ["-one-insn-per-tb"]]
# How soon a loop is translated as a whole; which it is follows from the program's seed.
HOT = ["3", "30", "10000"]
# So does whether its first runs are interpreted.
FIRST = ["interpret", "translate"]


def examine(guest, subject, seed, options):
    """One program of a guest: (instructions surely executed, instructions, reports)."""
    module = GUESTS[guest]
    number = zlib.crc32(seed.encode())
    how = ["--hot", HOT[number % len(HOT)], "--first-run", FIRST[number // len(HOT) % len(FIRST)]]
    return module.examine(module.Judge([*subject, *how]), seed, options)


# --- the command line

def tap_cases(guest, options):
    module = GUESTS[guest]
    yield from module.self_tests()
    for number in range(module.PROGRAMS[0 if options.quick else 1]):
        def body(seed=f"check-{number}", subject=options.dragoman + WAYS[number % len(WAYS)]):
            _, _, reports = examine(guest, subject, seed, options)
            if reports:
                print("".join("# " + line + "\n" for line in "\n".join(reports).splitlines()), end="")
                raise tap.Fail(f"{len(reports)} sequences differ; tests/diff/run.py --guest {guest} --seed {seed} --count 1 "
                               f"--dragoman '{shlex.join(subject)}'")
        yield f"{guest}-{number}", body


def tap_run(options):
    cases = []
    for guest in options.guests:
        missing = [tool for tool in (guest.qemu, guest.gcc) if not shutil.which(tool)]
        if missing:
            def skip(missing=missing):
                raise tap.Skip(f"{missing[0]} is not installed")
            cases.append((guest.name, skip))
        else:
            cases += tap_cases(guest.name, options)
    return tap.run_cases(cases)


def seeds_of(options):
    """Pairs (guest, seed), guests in turn."""
    for n in itertools.count():
        for guest in options.guests:
            yield guest.name, options.seed if n == 0 and options.count == 1 else f"{options.seed}-{n}"


def long_run(options):
    """Programs until enough instructions or time; two at a time.  Returns the number of mismatches."""
    start, sure, insns, programs, bad = time.monotonic(), 0, 0, 0, 0
    seeds = seeds_of(options)
    if options.count:
        seeds = itertools.islice(seeds, options.count * len(options.guests))
    enough, told = False, 0
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        pending = {pool.submit(examine, g, options.dragoman, s, options) for g, s in itertools.islice(seeds, options.jobs + 1)}
        while pending:
            done, pending = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                more_sure, more, reports = future.result()
                sure, insns, programs, bad = sure + more_sure, insns + more, programs + 1, bad + len(reports)
                print("".join(text + "\n\n" for text in reports), end="", flush=True)
            elapsed = time.monotonic() - start
            if elapsed > told + 60:
                told = elapsed
                print(f"# {elapsed:.0f} s: {sure:,} instructions, {bad} mismatches", file=sys.stderr, flush=True)
            enough = enough or bool(options.insns and sure >= options.insns
                                    or options.hours and elapsed > 3600 * options.hours or bad >= options.stop)
            if not enough:
                pending |= {pool.submit(examine, g, options.dragoman, s, options) for g, s in itertools.islice(seeds, len(done))}
    print(f"{sure:,} instructions executed at least, {insns:,} in {programs} programs, {bad} mismatches, "
          f"{time.monotonic() - start:.0f} s; seed {options.seed}")
    return bad


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    guest_option(parser)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", help="text that the random numbers start from; default: the time")
    parser.add_argument("--count", type=int, help="number of programs of each guest")
    parser.add_argument("--insns", type=int, help="instructions to execute at least")
    parser.add_argument("--hours", type=float)
    parser.add_argument("--length", type=int, help="constructs (AArch64: words) of the longest sequence")
    parser.add_argument("--faults", type=float, default=0.02, help="RISC-V: share of sequences that fault")
    parser.add_argument("--ext", type=lambda text: set(text.split(",")),
                        help="instructions of these extensions only (AArch64: or with these names), such as I,M,F,D")
    parser.add_argument("--stop", type=int, default=10, help="mismatches after which to stop")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--dragoman", type=shlex.split, default=dragoman(), help="the command under test")
    options = parser.parse_args()
    options.guests = chosen(options)
    for guest in options.guests:
        known = GUESTS[guest.name].NAMES if options.ext else ()
        if options.ext and (unknown := options.ext - set(known)):
            parser.error(f"{guest.name} has no {', '.join(sorted(unknown))}; extensions: {', '.join(GUESTS[guest.name].EXTENSIONS)}")
    return options


def main():
    options = arguments()
    if not (options.seed or options.count or options.insns or options.hours):
        return 1 if tap_run(options) else 0
    options.seed = options.seed or str(int(time.time()))
    if not (options.count or options.insns or options.hours):
        options.count = 1
    return 1 if long_run(options) else 0


if __name__ == "__main__":
    sys.exit(main())
