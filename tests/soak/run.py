#!/usr/bin/env python3
"""A thousand processes, four at a time: nothing may grow or stay behind.

soak.c makes them, with kept translations on; from outside this looks at its host process after each tenth: open descriptors,
mappings, threads and memory must be at the end what they were after the first tenths. Afterwards no process is left, no file in the folder that
was the working folder, in /tmp (one of its own, where the system allows that), or under a temporary name among the kept translations.

    tests/soak/run.py [--count N]      default 1000; --quick 100
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lib import tap                                     # noqa: E402
from lib.guests import chosen, dragoman, guest_option   # noqa: E402
from lib.outcome import CLEAN_ENV, PATIENCE                       # noqa: E402

WARM = 3                # tenths until memory pools have their size
# KiB, and a number: threads that meet for the first time take another block of the pool, 1 MiB in four mappings.
MAY_GROW = {"VmSize": 6 << 10, "RssAnon": 512, "mappings": 16}
SETTLED = 4             # s: of a file that was written just now nothing is kept
ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}   # else how many there are depends on which threads meet: the guest's libc, and the translator's

# Gives the command an empty /tmp, then lists what it left there.
OWN_TMP = ["sh", "-c", 'mount -t tmpfs tmpfs /tmp && { "$@"; status=$?; ls -A /tmp >&2; exit $status; }', "sh"]


def own_tmp():
    """Words in front of a command that give it a /tmp of its own; none where that is not allowed."""
    for unshare in (["unshare", "-m"], ["unshare", "-rm"]):
        if shutil.which("unshare") and subprocess.run([*unshare, *OWN_TMP, "true"], capture_output=True).returncode == 0:
            return [*unshare, *OWN_TMP]
    return []


def children_of(pid):
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def find(pid, program):
    """The process below `pid` whose host command line names `program`, or its guest's."""
    for child in [pid, *children_of(pid)]:
        if program in Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace").split("\0")[0:1]:
            return child
    for child in children_of(pid):
        if (found := find(child, program)):
            return found
    return None


def status_of(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return {key: int(re.search(rf"^{key}:\s+(\d+)", status, re.M).group(1)) for key in ("Threads", "VmSize", "RssAnon")}


def measure(pid):
    """What the host knows about a process whose threads have ended: {name: number}."""
    for _ in range(100):    # a thread that was joined may still be on its way out
        if (values := status_of(pid))["Threads"] == 1:
            break
        time.sleep(0.02)
    values["descriptors"] = len(os.listdir(f"/proc/{pid}/fd"))
    values["mappings"] = len(Path(f"/proc/{pid}/maps").read_text().splitlines())
    return values


def compare(first, last):
    for key in ("Threads", "descriptors"):
        if last[key] != first[key]:
            raise tap.Fail(f"{key}: {first[key]} became {last[key]}")
    for key, more in MAY_GROW.items():
        if last[key] > first[key] + more:
            raise tap.Fail(f"{key}: {first[key]} became {last[key]}")


def left_processes(program):
    """Those whose command line still names the program."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if program.encode() in (entry / "cmdline").read_bytes():
                yield entry.name
        except OSError:
            pass


def soak(command, program, count, folder):
    """Runs it; measurements at each step, and what it says on stderr."""
    child = subprocess.Popen([*command, program, str(count), str(count // 10)], cwd=folder, text=True, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**CLEAN_ENV, **ONE_ARENA, "TMPDIR": str(folder)})
    seen = []
    try:
        for line in child.stdout:
            if line.startswith("at "):
                pid = find(child.pid, program)
                if not pid:
                    raise tap.Fail("the process is not to be found in /proc")
                seen.append(measure(pid))
                child.stdin.write("\n")
                child.stdin.flush()
            elif line != "done, 0 failures\n":
                raise tap.Fail(line)
        _, err = child.communicate(timeout=PATIENCE)
    finally:
        if child.poll() is None:
            child.kill()
    if child.returncode:
        raise tap.Fail(f"exit status {child.returncode}: {err}")
    return seen, err


def case(guest, count):
    if not shutil.which(guest.gcc):
        raise tap.Skip("no cross compiler on this machine")
    with tempfile.TemporaryDirectory(prefix="dragoman-soak-", dir="/var/tmp") as top:
        folder, cache, program = Path(top) / "work", Path(top) / "cache", f"{top}/soak-{guest.name}"
        folder.mkdir()
        cache.mkdir(mode=0o700)
        subprocess.run([guest.gcc, "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-pthread", "-o", program, HERE / "soak.c"],
                       check=True)
        time.sleep(SETTLED)
        translator = shutil.copy(dragoman()[0], top)    # this tree may be in the /tmp that the program does not see
        prefix = own_tmp()
        seen, err = soak([*prefix, translator, *dragoman()[1:], "--disk-cache", cache, "-L", guest.sysroot], program, count, folder)
        if len(seen) != 10:
            raise tap.Fail(f"{len(seen)} measurements")
        if os.environ.get("SOAK_SHOW"):
            for values in seen:
                print(f"# {values}", file=sys.stderr)
        compare(seen[WARM], seen[-1])
        if prefix and err:
            raise tap.Fail(f"left in /tmp, or said: {err}")
        if (left := os.listdir(folder)):
            raise tap.Fail(f"left in the working folder: {left}")
        images = sorted(p.name for p in cache.iterdir())
        if not images or (wrong := [name for name in images if not name.endswith(".dtc")]):
            raise tap.Fail(f"among the kept translations: {wrong if images else 'nothing'}")
        if (left := list(left_processes(program))):
            raise tap.Fail(f"processes are left: {left}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help="run the tests whose name contains one of these")
    parser.add_argument("--quick", action="store_true", help="a hundred processes")
    parser.add_argument("--count", type=int, default=1000, help="that many processes, a multiple of 10")
    guest_option(parser)
    options = parser.parse_args()
    count = 100 if options.quick else options.count
    tap.main([(f"{guest.name}/{count} processes", lambda g=guest: case(g, count)) for guest in chosen(options)], options.only)


if __name__ == "__main__":
    main()
