#!/usr/bin/env python3
"""Runs the Linux Test Project's system call tests under dragoman, with the native run as the judge.

    ltp.py build SOURCE WORK            SOURCE is an LTP tree; builds it for this machine and each guest in WORK
    ltp.py run WORK [--guest G] [NAME…] runs the tests whose name contains one of NAME (all without), here and as
                                        each guest, and prints those whose exit status differs

README.md beside this file says more.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import queue
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lib.guests import GUESTS, chosen, dragoman, guest_option     # noqa: E402

FOLDERS = ["lib", "libs", "testcases/kernel/syscalls", "testcases/lib"]
STATUS = {0: "pass", 1: "fail", 2: "broken", 4: "warning", 32: "skipped", 124: "timeout"}
# Private namespaces, so that a test can do no harm: kill(-1), mounts, host name, loopback, System V IPC. LTP refuses to
# be process 1.
ISOLATED = ["unshare", "-m", "-u", "-i", "-n", "-p", "-f", "--kill-child", "--mount-proc", "sh", "-c",
            'ip link set lo up 2>/dev/null; "$@"; exit $?', "sh"]


def newer_numbers(source):
    """Compiler flags for the calls that every architecture numbers alike, from 424 on: LTP has no table for RISC-V, and the
    cross compiler's headers do not know the newest."""
    table = source / "include" / "lapi" / "syscalls" / "x86_64.in"
    rows = (line.split() for line in table.read_text().splitlines() if line and not line.startswith("#"))
    return [f"-D__NR_{name}={number}" for name, number in rows if 424 <= int(number) < 512]


def build_one(source, folder, triplet):
    """Configures and compiles one copy of the tree; what does not compile is left out."""
    if not folder.exists():
        shutil.copytree(source, folder, symlinks=True)
    host = ["--host=" + triplet] if triplet else []
    flags = " ".join(["-O1", "-g0", *newer_numbers(source)])
    subprocess.run(["./configure", *host, "--without-tirpc", "CFLAGS=" + flags], cwd=folder, check=True)
    for part in FOLDERS:
        subprocess.run(["make", "-k", f"-j{os.cpu_count()}", "-C", part], cwd=folder)
    link_programs(folder)


def link_programs(folder):
    """One flat folder of all programs and data files, as an installed LTP has it."""
    flat = folder / "testcases" / "bin"
    flat.mkdir(exist_ok=True)
    for part in FOLDERS[2:]:
        for path in (folder / part).rglob("*"):
            if path.is_file() and (os.access(path, os.X_OK) or "datafiles" in path.parts):
                link = flat / path.name
                if not link.is_symlink():
                    link.symlink_to(path)


def build(options):
    source, work = options.source.resolve(), options.work.resolve()
    if not (source / "configure").exists():
        subprocess.run(["make", "autotools"], cwd=source, check=True)
    work.mkdir(parents=True, exist_ok=True)
    build_one(source, work / "native", None)
    for guest in GUESTS.values():
        if shutil.which(guest.gcc):
            build_one(source, work / guest.name, guest.triplet)


def listed(file, guest=None):
    """Names in skip.txt or differs.txt: a line is a name (or the beginning of names, with *), [GUEST] if it is of one guest
    alone, and why."""
    lines = [line.split() for line in (HERE / file).read_text().splitlines() if line and not line.startswith("#")]
    return [words[0] for words in lines if not words[1].startswith("[") or words[1] == f"[{guest}]"]


def matches(name, patterns):
    return any(name.startswith(p[:-1]) if p.endswith("*") else name == p for p in patterns)


def tests(work, only):
    """(name, command words) of LTP's list of system call tests."""
    patterns = listed("skip.txt")
    for line in (work / "native" / "runtest" / "syscalls").read_text().splitlines():
        words = shlex.split(line, comments=True)
        if len(words) < 2 or matches(words[0], patterns) or "=" in words[1]:
            continue
        if not only or any(o in words[0] for o in only):
            yield words[0], words[1:]


DEVICE_SIZE = 320 << 20     # LTP asks for 300 MB
devices = queue.SimpleQueue()


@contextlib.contextmanager
def loop_devices(work, count):
    """Fills `devices` with loop devices, one for each test that runs at a time.  LTP's own search would find the same one for
    two tests, or one without a node in /dev.  Where there are too few, tests that need one are broken, natively too."""
    made = []
    for node in sorted(Path("/dev").glob("loop[0-9]*"), reverse=True):
        if len(made) < count and not (Path("/sys/block") / node.name / "loop").exists():
            image = work / (node.name + ".img")
            with open(image, "wb") as file:
                file.truncate(DEVICE_SIZE)
            if subprocess.run(["losetup", node, image]).returncode == 0:
                made.append(str(node))
    for node in made + [None] * (count - len(made)):
        devices.put(node)
    try:
        yield
    finally:
        for node in made:
            subprocess.run(["losetup", "-d", node])


# What tests set for the whole machine and put back, unless they are killed.
SETTINGS = ["fs/nr_open", "fs/pipe-max-size", "kernel/core_pattern", "kernel/io_uring_disabled", "kernel/keys/maxbytes",
            "kernel/keys/maxkeys", "kernel/msgmni", "kernel/pid_max", "kernel/printk", "kernel/sem", "kernel/shmmax",
            "user/max_user_namespaces", "vm/nr_hugepages", "vm/swappiness", "vm/vfs_cache_pressure"]
alone = threading.Lock()


def settings():
    files = (Path("/proc/sys") / name for name in SETTINGS)
    return {file: file.read_text() for file in files if file.exists()}


@contextlib.contextmanager
def settings_kept():
    """Puts the machine's settings back at the end."""
    before = settings()
    try:
        yield
    finally:
        for file, value in settings().items():
            if value != before[file]:
                print(f"{file} was left as {value.strip()}, is {before[file].strip()} again")
                file.write_text(before[file])


def programs_with_settings(work):
    """Names of the programs that look at such settings or change them: two at a time would put back each other's."""
    marks = re.compile(r"\.save_restore|\.hugepages|/proc/sys/|PATH_(FS|KERN|VM|USER)_")
    return {file.stem for file in (work / "native" / "testcases" / "kernel" / "syscalls").rglob("*.c")
            if marks.search(file.read_text(errors="replace"))}


def wait_until_free(device):
    """What was mounted goes with the last process of a namespace, a moment after the test."""
    for _ in range(200):
        try:
            os.close(os.open(device, os.O_RDONLY | os.O_EXCL))
            return
        except OSError:
            time.sleep(0.05)


def run_with(folder, command, timeout, device):
    """Runs a program of LTP in a fresh folder; gives its returncode, 124 after a timeout, and its output."""
    with tempfile.TemporaryDirectory(prefix="dragoman-ltp-") as tmp:
        os.chmod(tmp, 0o777)
        env = {"PATH": f"{folder}/testcases/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LTPROOT": str(folder), "TMPDIR": tmp,
               "HOME": "/root", "LTP_SINGLE_FS_TYPE": "ext4", "KCONFIG_SKIP_CHECK": "1", "LTP_COLORIZE_OUTPUT": "0",
               "LTP_TIMEOUT_MUL": "2", "LANG": "C"}
        if device:
            env["LTP_DEV"] = device
        child = subprocess.Popen([*ISOLATED, *command], cwd=tmp, env=env, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            out, _ = child.communicate(timeout=timeout)
            return child.returncode, out
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            return 124, child.communicate()[0]


def run_one(folder, prefix, words, timeout):
    """Exit status (124 after a timeout, 128 + N after signal N) and output."""
    flat = folder / "testcases" / "bin"
    program = flat / words[0]
    if not program.exists() or program.read_bytes()[:4] != b"\x7fELF":
        return None, ""
    device = devices.get()
    if device:
        wait_until_free(device)
    try:
        status, out = run_with(folder, [*prefix, program, *words[1:]], timeout, device)
    finally:
        devices.put(device)
    return 128 - status if status < 0 else status, out.decode(errors="replace")


def words_for(status):
    if status is None:
        return "not built"
    if status >= 128:
        return f"killed by {status - 128}"
    return "+".join(STATUS[bit] for bit in (1, 2, 4, 32) if status & bit) if 0 < status < 64 else STATUS.get(status, str(status))


def summary(out):
    """How often each verdict was given, from the lines that a test ends with: two runs with the same exit status may
    still differ in it.  Empty for tests of the old kind."""
    return dict(re.findall(r"^(passed|failed|broken|skipped|warnings) +(\d+)$", out, re.MULTILINE))


class Natively:
    """Exit statuses of the native runs, kept in WORK/native.json, and their output in WORK/log-native."""

    def __init__(self, work, again, timeout):
        self.work, self.again, self.timeout = work, again, timeout
        self.file, self.logs = work / "native.json", work / "log-native"
        self.logs.mkdir(exist_ok=True)
        self.known = json.loads(self.file.read_text()) if self.file.exists() else {}

    def status(self, name, words):
        log = self.logs / name
        if self.again or self.known.get(name, 124) == 124 or not log.exists():
            self.known[name], out = run_one(self.work / "native", [], words, self.timeout)
            log.write_text(out)
        return self.known[name]

    def save(self):
        self.file.write_text(json.dumps(self.known, indent=0, sort_keys=True))


class Tally:
    """What one guest's runs came to."""

    def __init__(self, work, guest, options):
        self.work, self.guest, self.options = work, guest, options
        self.logs = work / f"log-{guest.name}"
        self.logs.mkdir(exist_ok=True)
        self.expected = listed("differs.txt", guest.name)
        self.counts = {"same": 0, "known": 0, "different": 0, "not built": 0}
        self.passed = 0

    def run(self, name, words, want):
        """Runs one test, whose native exit status is `want`, and prints what is not as it should be."""
        prefix = [*dragoman(), "-L", self.guest.sysroot]
        got, out = (None, "") if want is None else run_one(self.work / self.guest.name, prefix, words, 3 * self.options.timeout)
        (self.logs / name).write_text(out)
        known = matches(name, self.expected)
        kind = "not built" if got is None else "same" if want == got else "known" if known else "different"
        self.counts[kind] += 1
        self.passed += kind == "same" and got == 0
        if kind == "different" or (kind == "same" and known):
            remark = ", though listed in differs.txt" if kind == "same" else ""
            print(f"{self.guest.name} {name}: {words_for(got)}, natively {words_for(want)}{remark}", flush=True)
        elif kind == "same" and self.options.verdicts:
            self.compare_verdicts(name, out)

    def compare_verdicts(self, name, out):
        here, there = summary(out), summary((self.work / "log-native" / name).read_text(errors="replace"))
        if here != there:
            print(f"{self.guest.name} {name}: verdicts are {here}, natively {there}", flush=True)

    def report(self):
        counts = self.counts
        print(f"{self.guest.name}: {counts['same']} as natively ({self.passed} of them pass), {counts['different']} differ, "
              f"{counts['known']} are known to (differs.txt), {counts['not built']} not built; output is in {self.logs}")
        return counts["different"]


def run(options):
    work = options.work.resolve()
    native = Natively(work, options.again, options.timeout)
    tallies = [Tally(work, guest, options) for guest in chosen(options)]

    setters = programs_with_settings(work)

    def one(test):
        with alone if re.sub("_(16|64)$", "", test[1][0]) in setters else contextlib.nullcontext():
            want = native.status(*test)
            for tally in tallies:
                tally.run(*test, want)

    with settings_kept(), loop_devices(work, options.jobs), concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for _ in pool.map(one, tests(work, options.only)):
            pass
    native.save()
    return 1 if sum([tally.report() for tally in tallies]) else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    sub = commands.add_parser("build")
    sub.add_argument("source", type=Path)
    sub.add_argument("work", type=Path)
    sub = commands.add_parser("run")
    sub.add_argument("work", type=Path)
    sub.add_argument("only", nargs="*")
    guest_option(sub)
    sub.add_argument("--jobs", type=int, default=1)
    sub.add_argument("--timeout", type=int, default=60, help="seconds for a native test; a guest's gets three times that")
    sub.add_argument("--again", action="store_true", help="run natively even what was run before")
    sub.add_argument("--verdicts", action="store_true", help="print, too, where the exit status is the same but not how "
                     "often a test says passed, failed or skipped")
    options = parser.parse_args()
    return build(options) if options.command == "build" else run(options)


if __name__ == "__main__":
    sys.exit(main())
