#!/usr/bin/env python3
"""Core files in the guest's format, what the parent is told of them, and the crash report."""

import argparse
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lib import tap                                              # noqa: E402
from lib.guests import chosen, dragoman, guest_option            # noqa: E402

MACHINES = {"riscv64": 243, "aarch64": 183}
REGISTERS = {"riscv64": (32, 0), "aarch64": (34, 32)}            # 8-byte words in the set, which is the pc
NT_PRSTATUS, NT_FPREGSET, NT_PRPSINFO, NT_AUXV, NT_FILE, NT_SIGINFO = 1, 2, 3, 6, 0x46494c45, 0x53494749


class Core:
    """An ELF core file, taken apart."""

    def __init__(self, path):
        self.bytes = path.read_bytes()
        kind, self.machine, _, _, phoff, _, _, _, phentsize, phnum = struct.unpack_from("<HHIQQQIHHH", self.bytes, 16)
        if kind != 4:
            raise tap.Fail("not a core file")
        self.loads, self.notes = [], []
        for i in range(phnum):
            type_, _, offset, address, _, filesz, memsz, _ = struct.unpack_from("<IIQQQQQQ", self.bytes, phoff + i * phentsize)
            if type_ == 4:
                self.read_notes(offset, offset + filesz)
            else:
                self.loads.append((address, offset, filesz, memsz))

    def read_notes(self, at, end):
        while at < end:
            namesz, size, kind = struct.unpack_from("<III", self.bytes, at)
            at += 12 + (namesz + 3 & ~3)
            self.notes.append((kind, self.bytes[at:at + size]))
            at += size + 3 & ~3

    def all(self, kind):
        return [data for k, data in self.notes if k == kind]

    def memory(self, address, size):
        for start, offset, filesz, _ in self.loads:
            if start <= address < start + filesz:
                return self.bytes[offset + address - start:][:size]
        return b""


def check(condition, what):
    if not condition:
        raise tap.Fail(what)


def build(guest, folder):
    program = Path(folder) / "crash"
    subprocess.run([guest.gcc, "-O1", "-fno-omit-frame-pointer", "-pthread", "-static", "-D_GNU_SOURCE", "-o", program,
                    HERE / "programs/crash.c"], check=True)
    return program


def limits(core):
    """What the child does first. A shell starts what it runs in the background with SIGQUIT ignored: not so the program."""
    def set_limits():
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (core, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    return set_limits


def run(words, folder, core=resource.RLIM_INFINITY):
    """Runs a command; (signal, core bit, stdout, stderr)."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    core = core if hard == resource.RLIM_INFINITY else min(core, hard)
    child = subprocess.Popen([str(w) for w in words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             preexec_fn=limits(core))
    out, err = child.stdout.read(), child.stderr.read()
    _, status = os.waitpid(child.pid, 0)
    child.returncode = 0
    return os.WTERMSIG(status), os.WCOREDUMP(status), out.decode(), err.decode(errors="replace")


def core_folder(folder):
    """Where a program that runs in `folder` leaves its core file, by core_pattern."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if "%" in os.path.dirname(pattern) or pattern.startswith(("|", "@")):
        raise tap.Skip(f"core_pattern is {pattern}")
    return Path(folder, pattern).parent     # the folder in the pattern alone, if that is absolute


def mine(path, folder):
    """Whether a core file in a folder for everybody is of a program in `folder`."""
    return path.stat().st_uid == os.geteuid() and folder.encode() in path.read_bytes()


def core_case(guest, how, signal):
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY:
        raise tap.Skip("the hard limit of core files is too low")
    with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
        program = build(guest, folder)
        place = core_folder(folder)
        place.mkdir(exist_ok=True)
        before = set(os.listdir(place))
        got, bit, out, _ = run([*dragoman(), program, how], folder)
        files = {f for f in set(os.listdir(place)) - before if place == Path(folder) or mine(place / f, folder)}
        check(got == signal, f"died of {got}, expected {signal}")
        if signal == 15:
            check(not bit and not files, "SIGTERM left a core")
            return
        check(bit or (place != Path(folder) and os.geteuid()), "the parent is not told of a core")
        check(len(files) == 1, f"left {files}")
        mark, die_here, secret = (int(x, 16) for x in out.split())
        file = place / files.pop()
        core = Core(file)
        file.unlink()
        words, pc_at = REGISTERS[guest.name]
        threads = core.all(NT_PRSTATUS)
        check(core.machine == MACHINES[guest.name], f"machine {core.machine}")
        check(len(threads) == 3, f"{len(threads)} threads")
        check(len(core.all(NT_FPREGSET)) == 3, "FP registers missing")
        check(all(len(t) == 112 + 8 * words + 8 for t in threads), "size of a thread's record")
        check(struct.unpack_from("<h", threads[0], 12)[0] == signal, "signal in the first thread's record")
        pcs = [struct.unpack_from("<Q", t, 112 + 8 * pc_at)[0] for t in threads]
        check(how or die_here <= pcs[0] < die_here + 64, f"pc {pcs[0]:#x} is not in die_here() at {die_here:#x}")
        check(struct.unpack_from("<i", core.all(NT_SIGINFO)[0])[0] == signal, "siginfo")
        check(str(program).encode() in core.all(NT_FILE)[0], "mapped files")
        check(core.all(NT_PRPSINFO)[0][40:56].rstrip(b"\0") == b"crash", "program's name")
        check(core.memory(mark, 16) == b"this is the mark", "memory")
        check(core.memory(secret - 1, 1) == core.memory(secret + 4096, 1) == b"s", "memory around a page with MADV_DONTDUMP")
        check(not core.memory(secret, 1), "MADV_DONTDUMP")
        auxv = struct.unpack(f"<{len(core.all(NT_AUXV)[0]) // 8}Q", core.all(NT_AUXV)[0])
        check(dict(zip(auxv[::2], auxv[1::2]))[6] == 4096, "auxiliary vector")


def limit_case(guest):
    """No core is allowed: none is written, and the parent is not told of one. A small limit: a short file."""
    with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
        program = build(guest, folder)
        got, bit, _, _ = run([*dragoman(), program], folder, core=0)
        check(got == 11 and not bit and os.listdir(folder) == ["crash"], "a core although the limit is 0")


def report_case(guest):
    with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
        program = build(guest, folder)
        _, _, out, err = run([*dragoman(), "--crash-report", program], folder, core=0)
        die_here = int(out.split()[1], 16)
        check("died of signal 11 (Segmentation fault), code 1, address 0" in err, "the first line")
        check(re.search(r"^ pc +", err, re.M), "registers")
        check(re.search(r"^at 0x[0-9a-f]+: (c\.sw|sw|str) ", err, re.M), "the instruction")
        frames = [int(x, 16) for x in re.findall(r"^  #\d+ +(0x[0-9a-f]+)", err, re.M)]
        check(len(frames) >= 2 and die_here <= frames[0] < die_here + 64, f"frames {frames}")


def cases(guest):
    for how, signal in (("", 11), ("abort", 6), ("quit", 3), ("term", 15)):
        yield f"{guest.name}/core-{how or 'segv'}", lambda h=how, s=signal: core_case(guest, h, s)
    yield f"{guest.name}/core-limit", lambda: limit_case(guest)
    yield f"{guest.name}/crash-report", lambda: report_case(guest)


def skip_no_compiler():
    raise tap.Skip("no cross compiler on this machine")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help="run the tests whose name contains one of these")
    guest_option(parser)
    parser.add_argument("--quick", action="store_true", help="all of them: they take a few seconds")
    options = parser.parse_args()
    todo = []
    for guest in chosen(options):
        found = list(cases(guest))
        todo += found if shutil.which(guest.gcc) else [(name, skip_no_compiler) for name, _ in found]
    tap.main(todo, options.only)


if __name__ == "__main__":
    main()
