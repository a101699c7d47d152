#!/usr/bin/env python3
"""Guest programs under combinations of options that no other test has together.

What differs between runs is FACTORS: size of the code cache, kept translations (three runs with one folder), length of units, when loops become
regions, CPU features, the code cache mapped twice, whether code is interpreted first.  Every pair of two factors' values is in some combination.  Each
run must print what the native program prints, and not take much longer than the plain one.

    tests/programs/cross.py                   all programs, both guests: about two hours on two cores
    tests/programs/cross.py --random 5 jit    five random combinations a program, of those with jit in their names
    tests/programs/cross.py --with "cache=1M keep" fork_from_jit      this combination alone
    tests/programs/cross.py --with "cache=1M" --times 20 --args 2000 fork_from_jit
"""

import argparse
import itertools
import os
import random
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(1, str(HERE.parent))

from lib import tap                                     # noqa: E402
from lib.guests import chosen, dragoman, guest_option   # noqa: E402
from lib.outcome import difference, run                 # noqa: E402
from run import Program, all_programs, no_exec_gain     # noqa: E402
import fuzz                                             # noqa: E402

SETTLED = 3.2           # seconds until a file's times can be relied on, and its translations be kept
# Factor: its values and the options that they stand for; the first is the usual case.  `keep` and `dual` are not options.
FACTORS = {
    "cache": {"": [], "1M": ["--cache-size", "1M"]},
    "keep": {"": [], "keep": []},
    "unit": {"": [], "1": ["--unit-limit", "1"], "3": ["--unit-limit", "3"], "one": ["-one-insn-per-tb"]},
    "hot": {"": [], "1": ["--hot", "1"], "3": ["--hot", "3"]},
    "cpu": {"": [], "plain": ["--plain-cpu"]},
    "dual": {"": [], "dual": []},
    "first": {"": [], "interpret": ["--first-run", "interpret"], "translate": ["--first-run", "translate"]},
}
# A run that takes so many times as long as the plain one, and some seconds, stands still most of the time.
SLOW, SLOW_SECONDS, HANGS = 15, 20, 600


class Crossing(dict):
    """A value for each factor."""

    def __str__(self):
        return " ".join(f"{factor}={value}" if value != factor else factor for factor, value in self.items() if value) or "plain"

    def options(self):
        return [word for factor, value in self.items() for word in FACTORS[factor][value]]

    @classmethod
    def read(cls, text):
        """The crossing that __str__ printed."""
        given = dict((word.partition("=")[0], word.partition("=")[2] or word) for word in text.split() if word != "plain")
        for factor, value in given.items():
            if value not in FACTORS.get(factor, ()):
                sys.exit(f"no {factor}={value}; there are {FACTORS}")
        return cls({factor: given.get(factor, "") for factor in FACTORS})


def every():
    return [Crossing(zip(FACTORS, values)) for values in itertools.product(*FACTORS.values())]


def pairs(crossing):
    return set(itertools.combinations(crossing.items(), 2))


def covering():
    """Crossings that have each pair of values of two factors; the one with most new pairs first."""
    candidates, chosen_ones = every(), []
    open_pairs = set().union(*map(pairs, candidates))
    while open_pairs:
        best = max(candidates, key=lambda c: len(pairs(c) & open_pairs))
        open_pairs -= pairs(best)
        chosen_ones.append(best)
    return chosen_ones


class Subject:
    """A program built for a guest, with what it should do and how long that takes."""

    def __init__(self, guest, program, variant, folder, want):
        self.guest, self.program, self.variant, self.want = guest, program, variant, want
        self.file = folder / f"{guest.name}-{program.name}-{variant}"
        words = [guest.tuned if w == "tuned" else w for w in program.variants[variant]]
        program.compile(guest.gcc, words, self.file)

    @property
    def name(self):
        return f"{self.guest.name}/{self.program.name}/{self.variant}"

    def once(self, prefix, options):
        """A run in a folder of its own: its outcome and its seconds."""
        with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
            start = time.monotonic()
            got = run([*prefix, *dragoman(), *options, "-L", self.guest.sysroot, self.file, *self.program.args],
                      self.program.stdin, HANGS, folder)
        return got, time.monotonic() - start

    def test(self, crossing, usual):
        """`usual`: seconds of a plain run by name; filled when first needed."""
        if self.name not in usual:
            usual[self.name] = self.once([], [])[1]
        prefix = no_exec_gain() if crossing["dual"] else []
        limit = SLOW * usual[self.name] + SLOW_SECONDS
        with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
            options = crossing.options() + (["--disk-cache", folder] if crossing["keep"] else [])
            for number in range(3 if crossing["keep"] else 1):
                got, seconds = self.once(prefix, options)
                if wrong := difference(self.want, got):
                    raise tap.Fail(f"run {number + 1}: {wrong}")
                if seconds > limit:
                    raise tap.Fail(f"run {number + 1}: {seconds:.1f} s, {usual[self.name]:.1f} s without options")


def build(options, folder):
    """The subjects: all variants of all programs that are wanted."""
    programs = [p for p in all_programs(False) if not options.only or any(w in p.name for w in options.only)]
    if options.fuzz:
        first, last = map(int, options.fuzz.split("-"))
        programs = []
        for seed in range(first, last + 1):
            path = folder / f"fuzz{seed}.c"
            path.write_text(fuzz.program(seed))
            programs.append(Program(path))
    for program in programs:
        program.args = options.args.split() if options.args is not None else program.args

    def make(program):
        own = folder / program.name
        own.mkdir()
        want = program.expected or program.native(own)
        return [Subject(guest, program, v, own, want) for guest in chosen(options) if program.guest in ("", guest.name)
                and shutil.which(guest.gcc) for v in range(1 if options.quick else len(program.variants))]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [subject for subjects in pool.map(make, programs) for subject in subjects]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help="programs whose name contains one of these")
    guest_option(parser)
    parser.add_argument("--quick", action="store_true", help="the first variant of each program")
    parser.add_argument("--with", dest="given", action="append", metavar="CROSSING", help="only this one, as the report names it")
    parser.add_argument("--random", type=int, metavar="N", help="so many random crossings for each subject")
    parser.add_argument("--seed", default="", help="for --random")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="everything so many times")
    parser.add_argument("--args", help="arguments for the programs in place of their own")
    parser.add_argument("--fuzz", metavar="FROM-TO", help="random programs of these seeds in place of the others")
    parser.add_argument("--jobs", type=int, help="so many at a time (one a processor)")
    parser.add_argument("--list", action="store_true", help="print the crossings and leave")
    options = parser.parse_args()
    wanted = list(map(Crossing.read, options.given)) if options.given else covering()
    if options.list:
        sys.exit("\n".join(map(str, wanted)))
    with tempfile.TemporaryDirectory(prefix="dragoman-cross-") as top:
        usual, todo = {}, []
        if not no_exec_gain():
            print("# this kernel has no PR_SET_MDWE: `dual` changes nothing")
        subjects = build(options, Path(top))
        time.sleep(SETTLED)
        for number, subject in itertools.product(range(options.times), subjects):
            chance = random.Random(f"{options.seed} {subject.name} {number}")
            for crossing in chance.sample(every(), options.random) if options.random else wanted:
                if crossing["dual"] and not subject.program.dual:
                    continue
                todo.append((f"{subject.name} [{crossing}]", lambda s=subject, c=crossing: s.test(c, usual)))
        failures = tap.run_cases(todo, (), options.jobs)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
