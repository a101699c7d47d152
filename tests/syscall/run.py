#!/usr/bin/env python3
"""System calls by table: the calls of table/cases.def, good and bad, as a guest's and natively.

table/table.c is compiled for this machine and for each guest.  A test is one row of syscall/syscall.def: all its calls must
give what the native program gets, a refused row's the errno that the row says.  -strace must log each call with as many
arguments as the row has, and the same result.
"""

import argparse
import re
import shutil
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from lib import tap                                     # noqa: E402
from lib.guests import GUESTS, dragoman                 # noqa: E402
from lib.outcome import run                             # noqa: E402

FLAGS = ["-std=gnu17", "-O1", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-override-init",
         "-Wno-missing-field-initializers", "-I", str(TOP), "-static"]
ROW = re.compile(r'^(PASS|CONV|CALL|DENY)\((\w+), (\w+)(?:, "(?:[^"\\]|\\.)*")?(.*)\)(?: /\*.*)?$', re.M)

# Rows that cannot be called here, and where they are tested.
ELSEWHERE = {
    "rt_sigreturn": "the signal programs", "riscv_hwprobe": "test_syscall.c", "riscv_flush_icache": "programs/jit.c",
}
# Calls that may differ from the native ones: the beginning of their titles, and why.
DIFFER = {
    "mount_setattr - 1 fault": "a path that the kernel would not look at is looked up under -L first",
    "mmap fixed 0 ones": "the kernel takes the address for an errno",
    "mmap noreplace 0 ones": "the kernel takes the address for an errno",
}


def rows():
    """{name: (how, errno or result kind, number of arguments)} of syscall.def."""
    out = {}
    for how, name, second, kinds in ROW.findall((TOP / "syscall" / "syscall.def").read_text()):
        out[name] = how, second, len([k for k in kinds.split(", ") if k])
    return out


def results(text):
    """[(title, result)] of what the program printed; the title begins with the call's name."""
    return [tuple(line.split(" = ", 1)) for line in text.decode(errors="replace").splitlines() if " = " in line]


class Guest:
    """One guest's run of the table, made when the first of its tests asks for it."""

    native, native_lock = None, threading.Lock()

    def __init__(self, guest):
        self.guest, self.done, self.lock = guest, None, threading.Lock()

    @staticmethod
    def outcome(gcc, prefix):
        with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
            folder = Path(folder)
            program = folder / "table"
            built = run([gcc, *FLAGS, "-o", program, HERE / "table" / "table.c"])
            if built.status:
                raise tap.Fail(built.err.decode(errors="replace").splitlines()[0])
            (folder / "cwd").mkdir()
            log = folder / "log"
            got = run([*(w.replace("LOG", str(log)) for w in prefix), program], cwd=folder / "cwd", timeout=600)
            if got.status or got.timed_out:
                raise tap.Fail(f"the program: {got.ending()} {got.err[-200:]}")
            return results(got.out), log.read_text(errors="replace").splitlines() if log.exists() else []

    def get(self):
        with Guest.native_lock:
            if not Guest.native:
                Guest.native = self.outcome("gcc", [])[0]
        with self.lock:
            if not self.done:
                got, log = self.outcome(self.guest.gcc, [*dragoman(), "-strace", "-D", "LOG"])
                self.done = got, log_lines(log)
        return Guest.native, *self.done


def log_lines(log):
    """{title: the line of the call that a write(-1, title) announced}."""
    out, waiting = {}, {}
    for line in log:
        pid, _, rest = line.partition(" ")
        marker = re.match(r'write\(-1, "([^"]*)"', rest)
        if marker:
            waiting[pid] = marker.group(1)
        elif pid in waiting and rest.startswith(waiting[pid].split(" ", 1)[0] + "("):
            out[waiting[pid] if rest.endswith(" = ?") else waiting.pop(pid)] = rest
    return out


def split_arguments(text):
    """The top-level arguments of a logged call's `(...)`."""
    out, depth, quoted, start = [], 0, False, 0
    for i, c in enumerate(text):
        if c == '"' and text[i - 1] != "\\":
            quoted = not quoted
        elif not quoted and c in "([{":
            depth += 1
        elif not quoted and c in ")]}":
            depth -= 1
        elif not quoted and not depth and c == ",":
            out.append(text[start:i])
            start = i + 1
    last = text[start:]
    return out + [last] if last else out


def check_log(title, result, line, row):
    if line is None:
        raise tap.Fail(f"{title}: not in the log")
    call, _, answer = line.rpartition(" = ")
    inside = call[call.index("(") + 1:-1]
    count = len(split_arguments(inside))
    if count != row[2]:
        raise tap.Fail(f"{title}: {count} arguments in {line}, {row[2]} in the row")
    want = result.split(" ")[0].split("[")[0]
    if title.startswith("ioctl") and title.endswith("good") and "0x" in split_arguments(inside)[1]:
        raise tap.Fail(f"{title}: its request has no name in flags.def: {line}")
    if want.startswith("E") and want not in answer:
        raise tap.Fail(f"{title}: {want}, the log says {answer}")
    if want.lstrip("-").isdigit() and row[1] == "DEC" and answer != want:
        raise tap.Fail(f"{title}: {want}, the log says {answer}")


def test(guest, name, row):
    if name in ELSEWHERE:
        raise tap.Skip(f"see {ELSEWHERE[name]}")
    native, got, log = guest.get()
    mine = [(title, result) for title, result in got if title.split(" ")[0] == name]
    theirs = dict(native)
    if not mine:
        raise tap.Fail("no case in cases.def")
    for title, result in mine:
        if any(title.startswith(d) for d in DIFFER):
            continue
        want = row[1] if row[0] == "DENY" else theirs.get(title)
        if result.strip() != (want or "").strip():
            raise tap.Fail(f"{title}: {result}, natively {want}")
        if "exits" not in result and "dies" not in result:
            check_log(title, result, log.get(title), row)


def test_list():
    """--syscalls has a line for each row, with the reason of each refusal."""
    out = run([*dragoman(), "--syscalls"]).out.decode()
    words = {"PASS": "passed on", "CONV": "converted", "CALL": "emulated", "DENY": "refused with "}
    for name, (how, second, _) in rows().items():
        want = words[how] + (second + ": " if how == "DENY" else "")
        if not re.search(rf"^ *\d+  {name} +\S+ +{want}", out, re.M):
            raise tap.Fail(f"{name}: no line that says {want}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help="run the tests whose name contains one of these")
    parser.add_argument("--guest", default=None, choices=GUESTS)
    parser.add_argument("--quick", action="store_true", help="the first guest only")
    options = parser.parse_args()
    todo = [("list", test_list)]
    guests = [GUESTS[options.guest]] if options.guest else list(GUESTS.values())
    for guest in guests[:1] if options.quick else guests:
        runs = Guest(guest)
        for name, row in rows().items():
            todo.append((f"{guest.name}/{name}", lambda r=runs, n=name, w=row: test(r, n, w)))
        if not shutil.which(guest.gcc):
            todo = [(name, skip_no_compiler) for name, _ in todo]
    tap.main(todo, options.only)


def skip_no_compiler():
    raise tap.Skip("no cross compiler on this machine")


if __name__ == "__main__":
    main()
