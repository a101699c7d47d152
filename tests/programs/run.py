#!/usr/bin/env python3
"""Guest C programs: compiled for the host and for each guest, run, and compared.

Each file NAME.c opens with a comment; lines `key: value` in it say what the driver needs:

    build:  variants separated by `;`, each a list of compiler flags and one of the link kinds
            dynamic (PIE, the default), fixed (dynamic, not PIE), static, static-pie; `tuned` stands for
            the guest's flag that allows more than the base instructions
    args:   arguments, split as a shell would
    stdin:  text for standard input, with \\n escapes
    libs:   libraries for the end of the link line
    guest:  the only guest that the program is for
    quick:  `no`: takes too long for --quick
    dual:   `no`: not for a code cache that is mapped twice
    expect: `native` (the default): output and ending are those of the native build;
            `below`: the output is the comment at the end of the file that starts with `output:`,
            and the exit status is 0

The first variant's flags also build the native program.  Fused multiply-add is off for both, since
only one of the two machines has it by default.  A program is one test, whatever its variants.
fuzz.py adds random programs to these.
"""

import argparse
import atexit
import functools
import re
import shlex
import shutil
import sys
import tempfile
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lib import tap                                     # noqa: E402
from lib.guests import chosen, dragoman, guest_option   # noqa: E402
from lib.outcome import Outcome, difference, run            # noqa: E402
import fuzz                                             # noqa: E402

LINKS = {
    "dynamic": ["-fPIE", "-pie"],
    "fixed": ["-fno-pie", "-no-pie"],
    "static": ["-fno-pie", "-static"],
    # Debian 12's cross compiler forgets --no-dynamic-linker for RISC-V.
    "static-pie": ["-fPIE", "-static-pie", "-Wl,--no-dynamic-linker"],
}
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-array-bounds",
         "-Wno-infinite-recursion", "-Wno-stringop-overread", "-Wno-stringop-truncation", "-ffp-contract=off", "-pthread"]
DEFAULTS = {"build": "-O2 dynamic", "args": "", "stdin": "", "libs": "-lm", "guest": "",
            "expect": "native", "quick": "yes", "dual": "yes"}
KEY = re.compile(r"^ \*\s+(%s):\s*(.*)$" % "|".join(DEFAULTS), re.M)


@functools.cache
def no_exec_gain():
    """Words in front of a command that have the kernel refuse memory both writable and executable; none if it can't."""
    folder = tempfile.TemporaryDirectory(prefix="dragoman-")
    atexit.register(folder.cleanup)
    launcher = Path(folder.name) / "no_exec_gain"
    built = run(["gcc", "-O1", HERE.parent / "lib" / "no_exec_gain.c", "-o", launcher])
    return [launcher] if built.status == 0 and run([launcher, "true"]).status == 0 else []


class Program:
    """A source file and what its opening comment says."""

    def __init__(self, path):
        text = path.read_text()
        self.path, self.name = path, path.stem
        facts = {**DEFAULTS, **dict(KEY.findall(text[:text.find("*/")]))}
        self.variants = [v.split() for v in facts["build"].split(";")]
        self.args = shlex.split(facts["args"])
        self.quick, self.dual = facts["quick"] != "no", facts["dual"] != "no"
        self.stdin = facts["stdin"].encode().decode("unicode_escape").encode()
        self.libs, self.guest = facts["libs"].split(), facts["guest"]
        self.expected = None
        if facts["expect"] == "below":
            block = re.search(r"/\* output:\n(.*?)\*/\s*$", text, re.S)
            self.expected = Outcome(0, block.group(1).encode(), b"")

    def compile(self, gcc, variant, output):
        links = [LINKS[w] for w in variant if w in LINKS] or [LINKS["dynamic"]]
        flags = [w for w in variant if w not in LINKS]
        done = run([gcc, *FLAGS, *flags, *links[0], "-o", output, self.path, *self.libs])
        if done.status:
            lines = done.err.decode(errors="replace").splitlines()
            errors = [line for line in lines if "error" in line] or lines or [done.ending()]
            raise tap.Fail(f"{gcc} {' '.join(variant)}: {errors[0]}")

    def test(self, guest, quick):
        """Every variant (only the first when `quick`) must behave as expected, also when each loop is hot at once, and whether
        first runs are interpreted or translated (when `quick` one of these, by the name).  The last variant is translated where the
        kernel refuses memory both writable and executable."""
        first = [["--first-run", how] for how in ("interpret", "translate")]
        ways = [first[zlib.crc32(self.name.encode()) % 2]] if quick else [["--hot", "3", *first[1]], *first]
        with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
            want = self.expected or self.native(Path(folder))
            variants = self.variants[:1] if quick else self.variants
            for number, variant in enumerate(variants):
                program = Path(folder) / f"guest{number}"
                self.compile(guest.gcc, [guest.tuned if w == "tuned" else w for w in variant], program)
                for way in ways:
                    refused = no_exec_gain() if self.dual and variant is variants[-1] and way == first[1] else []
                    got = self.start([*refused, *dragoman(), *way, "-L", guest.sysroot, program])
                    if wrong := difference(want, got):
                        raise tap.Fail(f"{' '.join(variant + way)}{' dual' * bool(refused)}: {wrong}")

    def start(self, command):
        """Runs a build of the program in an empty folder of its own."""
        with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
            return run([*command, *self.args], self.stdin, cwd=folder)

    def native(self, folder):
        program = folder / "native"
        flags = [f for f in self.variants[0] if f != "tuned"]
        self.compile("gcc", flags, program)
        outcome = self.start([program])
        if outcome.timed_out:
            raise tap.Fail("the native program timed out")
        return outcome


def all_programs(quick):
    programs = [Program(path) for path in sorted(HERE.glob("*.c")) + sorted(HERE.parent.glob("syscall/programs/*.c"))]
    return [program for program in programs if program.quick or not quick]


def cases(guest, quick):
    for program in all_programs(quick):
        if program.guest in ("", guest.name):
            yield f"{guest.name}/{program.name}", lambda p=program: p.test(guest, quick)
    for seed in range(4 if quick else 40):
        yield f"{guest.name}/fuzz-{seed}", lambda s=seed: fuzz_case(guest, s)


def fuzz_case(guest, seed):
    """One random program, at -O0 and -O3, must print the same checksum everywhere."""
    with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
        path = Path(folder) / f"fuzz{seed}.c"
        path.write_text(fuzz.program(seed))
        program = Program(path)
        program.test(guest, False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help="run the tests whose name contains one of these")
    guest_option(parser)
    parser.add_argument("--quick", action="store_true", help="one variant of each, few random ones")
    parser.add_argument("--seeds", metavar="FROM-TO", help="only random programs of these seeds")
    options = parser.parse_args()
    todo = []
    for guest in chosen(options):
        found = list(cases(guest, options.quick))
        if options.seeds:
            first, last = map(int, options.seeds.split("-"))
            found = [(f"{guest.name}/fuzz-{s}", lambda g=guest, s=s: fuzz_case(g, s)) for s in range(first, last + 1)]
        todo += found if shutil.which(guest.gcc) else [(name, skip_no_compiler) for name, _ in found]
    tap.main(todo, options.only)


def skip_no_compiler():
    raise tap.Skip("no cross compiler on this machine")


if __name__ == "__main__":
    main()
