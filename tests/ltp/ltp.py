#!/usr/bin/env python3
"""Runs the Linux Test Project's system call tests under dragoman, with the native run as the judge.

    ltp.py build SOURCE WORK            SOURCE is an LTP tree; builds it for this machine and each guest in WORK
    ltp.py run WORK [--guest G] [NAME…] runs the tests whose name contains one of NAME (all without), here and as
                                        a guest, and prints those whose exit status differs

README.md beside this file says more.
"""

import argparse
import concurrent.futures
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lib.guests import GUESTS, dragoman     # noqa: E402

FOLDERS = ["lib", "libs", "testcases/kernel/syscalls", "testcases/lib"]
STATUS = {0: "pass", 1: "fail", 2: "broken", 4: "warning", 32: "skipped", 124: "timeout"}
# Private namespaces, so that a test can do no harm: kill(-1), mounts, host name, loopback, System V IPC. LTP refuses to
# be process 1.
ISOLATED = ["unshare", "-m", "-u", "-i", "-n", "-p", "-f", "--kill-child", "--mount-proc", "sh", "-c",
            'ip link set lo up 2>/dev/null; "$@"; exit $?', "sh"]


def build_one(source, folder, triplet):
    """Configures and compiles one copy of the tree; what does not compile is left out."""
    if not folder.exists():
        shutil.copytree(source, folder, symlinks=True)
    host = ["--host=" + triplet] if triplet else []
    subprocess.run(["./configure", *host, "--without-tirpc", "CFLAGS=-O1 -g0"], cwd=folder, check=True)
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


def listed(file):
    """Names in skip.txt or differs.txt: a line is a name (or the beginning of names, with *) and why."""
    return [line.split()[0] for line in (HERE / file).read_text().splitlines() if line and not line.startswith("#")]


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


def run_one(folder, prefix, words, timeout):
    """Exit status (124 after a timeout, 128 + N after signal N) and output."""
    flat = folder / "testcases" / "bin"
    program = flat / words[0]
    if not program.exists() or program.read_bytes()[:4] != b"\x7fELF":
        return None, ""
    with tempfile.TemporaryDirectory(prefix="dragoman-ltp-") as tmp:
        os.chmod(tmp, 0o777)
        env = {"PATH": f"{flat}:/usr/sbin:/usr/bin:/sbin:/bin", "LTPROOT": str(folder), "TMPDIR": tmp, "HOME": "/root",
               "LTP_SINGLE_FS_TYPE": "tmpfs", "KCONFIG_SKIP_CHECK": "1", "LTP_COLORIZE_OUTPUT": "0",
               "LTP_TIMEOUT_MUL": "2", "LANG": "C"}
        child = subprocess.Popen([*ISOLATED, *prefix, program, *words[1:]], cwd=tmp, env=env, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            out, _ = child.communicate(timeout=timeout)
            status = child.returncode
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out, _ = child.communicate()
            status = 124
    return 128 - status if status < 0 else status, out.decode(errors="replace")


def words_for(status):
    if status is None:
        return "not built"
    if status >= 128:
        return f"killed by {status - 128}"
    return "+".join(STATUS[bit] for bit in (1, 2, 4, 32) if status & bit) if 0 < status < 64 else STATUS.get(status, str(status))


def run(options):
    work = options.work.resolve()
    guest = GUESTS[options.guest]
    cache_path = work / "native.json"
    native = json.loads(cache_path.read_text()) if cache_path.exists() else {}
    logs = work / f"log-{guest.name}"
    logs.mkdir(exist_ok=True)

    def one(test):
        name, words = test
        if options.again or native.get(name, 124) == 124:
            native[name] = run_one(work / "native", [], words, options.timeout)[0]
        if native[name] is None:
            return name, None, None
        status, out = run_one(work / guest.name, [*dragoman(), "-L", guest.sysroot], words, 3 * options.timeout)
        (logs / name).write_text(out)
        return name, native[name], status

    known = listed("differs.txt")
    counts = {"same": 0, "known": 0, "different": 0, "not built": 0}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, want, got in pool.map(one, tests(work, options.only)):
            kind = "not built" if got is None else "same" if want == got else "different"
            if kind == "different" and matches(name, known):
                kind = "known"
            counts[kind] += 1
            if kind == "different":
                print(f"{name}: {words_for(got)}, natively {words_for(want)}", flush=True)
    cache_path.write_text(json.dumps(native, indent=0, sort_keys=True))
    passed = sum(1 for status in native.values() if status == 0)
    print(f"{guest.name}: {counts['same']} as natively (where {passed} pass), {counts['different']} differ, "
          f"{counts['known']} are known to (differs.txt), {counts['not built']} not built; output is in {logs}")
    return 1 if counts["different"] else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    sub = commands.add_parser("build")
    sub.add_argument("source", type=Path)
    sub.add_argument("work", type=Path)
    sub = commands.add_parser("run")
    sub.add_argument("work", type=Path)
    sub.add_argument("only", nargs="*")
    sub.add_argument("--guest", default="riscv64", choices=GUESTS)
    sub.add_argument("--jobs", type=int, default=1)
    sub.add_argument("--timeout", type=int, default=20, help="seconds for a native test; a guest's gets three times that")
    sub.add_argument("--again", action="store_true", help="run natively even what was run before")
    options = parser.parse_args()
    return build(options) if options.command == "build" else run(options)


if __name__ == "__main__":
    sys.exit(main())
