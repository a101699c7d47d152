#!/usr/bin/env python3
"""The guests' own debuggers under translation: Debian's strace and gdb for a foreign architecture trace foreign programs."""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(1, str(HERE.parent / "debian"))

from lib import tap                                     # noqa: E402
from lib.guests import GUESTS, dragoman                 # noqa: E402
from lib.outcome import run                             # noqa: E402
import root                                             # noqa: E402

GDB = """set confirm off
set pagination off
set debuginfod enabled off
set startup-with-shell {shell}
break sum
run
backtrace
next
next
next
print s
print i
finish
delete
set var factor = 1
info registers sp
continue
print $_siginfo.si_signo
print $_siginfo._sifields._sigfault.si_addr
print r
continue
"""


class Bed:
    """A root with debuggers and a folder with a program to look at."""

    def __init__(self, guest, folder):
        self.guest, self.folder = guest, folder
        self.root = guest.root("debuggers")
        self.program = folder / f"loop-{guest.name}"
        done = run([guest.gcc, "-g", "-O0", HERE / "loop.c", "-o", self.program])
        if done.status:
            raise tap.Fail(done.err.decode()[-300:])

    def run(self, program, *args):
        return run([*dragoman(), "-L", self.root, self.root / "usr/bin" / program, *args], cwd=self.folder)


def expect(text, *patterns):
    for pattern in patterns:
        if not re.search(pattern, text, re.M):
            raise tap.Fail(f"no /{pattern}/ in: {text[-600:]!r}")


def strace(bed):
    got = bed.run("strace", "-o", "log", bed.program)
    log = (bed.folder / "log").read_text()
    expect(got.out.decode(), r"^sum 275$", r"^sum 30$")
    expect(log, r"^execve\(.* = 0$", r"^mmap\(NULL, ", r'^write\(1, "sum 275\\n.* = \d+$', r"^exit_group\(0\) += \?$", r"^\+\+\+ exited with 0 \+\+\+$")


def strace_follows(bed):
    got = bed.run("strace", "-f", "-o", "log", "-e", "trace=execve,write,exit_group", bed.root / "usr/bin/bash", "-c",
                  "echo one | cat; (exit 3)")
    log = (bed.folder / "log").read_text()
    if got.status != 3 or got.out != b"one\n":
        raise tap.Fail(f"{got.ending()}, {got.out}")
    expect(log, r'^\d+ +execve\("[^"]*cat", \["cat"\]', r'^\d+ +write\(1, "one\\n", 4\) += 4$', r"^\d+ +exit_group\(3\)", r"^\d+ +\+\+\+ exited with 3 \+\+\+$")
    pids = set(re.findall(r"^(\d+) ", log, re.M))
    if len(pids) != 4:
        raise tap.Fail(f"{len(pids)} processes in the log")


def strace_attaches(bed):
    got = bed.run("bash", "-c", "sleep 60 & sleep 0.5; timeout -s INT 2 strace -o log -p $!; kill $!; wait $!; echo $?")
    log = (bed.folder / "log").read_text()
    expect(got.out.decode(), r"^143$")
    expect(log, r"nanosleep\(")


def gdb(bed, shell):
    script = bed.folder / "script"
    script.write_text(GDB.format(shell=shell))
    got = bed.run("gdb", "-q", "-nx", "-batch", "-x", script, bed.program)
    text = (got.out + got.err).decode(errors="replace")
    expect(text, r"^Breakpoint 1, sum \(n=10\) at .*loop\.c:8$", r"^#0 +sum \(n=10\)", r"^#1 .* main \(\) at", r"^\$1 = 5$", r"^\$2 = 1$",
           r"^Value returned is \$3 = 275$", r"^sp +0x[0-9a-f]+", r"^sum 275$", r"^sum 6$", r"^Program received signal SIGSEGV", r"^\$4 = 11$", r"^\$5 = \(void \*\) 0x10$",
           r"^\$6 = 6$", r"^Program terminated with signal SIGSEGV")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="run the tests whose name contains one of these")
    parser.add_argument("--guest", choices=GUESTS, help="only this guest")
    parser.add_argument("--quick", action="store_true", help="nothing: the roots are large")
    options = parser.parse_args()
    tests = {"strace": strace, "strace -f": strace_follows, "strace -p": strace_attaches,
             "gdb": lambda bed: gdb(bed, "off"), "gdb through a shell": lambda bed: gdb(bed, "on")}
    todo = []
    with tempfile.TemporaryDirectory(prefix="dragoman-") as top:
        for guest in GUESTS.values():
            if options.quick or options.guest not in (None, guest.name):
                continue
            for name, test in tests.items():
                folder = Path(top) / guest.name / name.replace(" ", "")
                folder.mkdir(parents=True)
                todo.append((f"{guest.name}/{name}", lambda g=guest, f=folder, t=test, w=why_not(guest): case(g, f, t, w)))
        failures = tap.run_cases(todo, options.only)
    sys.exit(1 if failures else 0)


def why_not(guest):
    """Makes the guest's root if need be; why it cannot be tested, or None."""
    try:
        root.make_kind(guest, "debuggers")
    except root.NoRoot as reason:
        return f"no Debian root: {reason}"
    return None if shutil.which(guest.gcc) else "no cross compiler on this machine"


def case(guest, folder, test, obstacle):
    if obstacle:
        raise tap.Skip(obstacle)
    test(Bed(guest, folder))


if __name__ == "__main__":
    main()
