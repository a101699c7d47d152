#!/usr/bin/env python3
"""`dragoman chroot`: foreign Debian roots as root and as an ordinary user."""

import os
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

USER = ["setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups"]


def inside(folder, *words, options=(), user=False, env=None):
    prefix = USER if user and os.geteuid() == 0 else []
    return run([*prefix, *dragoman(), "chroot", *options, folder, *words], timeout=60, cwd="/", env=env)


def expect(got, status, out, err=""):
    if got.status != status or got.out.decode() != out or err not in got.err.decode():
        raise tap.Fail(f"{got.ending()}, {got.out!r}, {got.err.decode()[-300:]!r}")


# --- one function a test: (guest, root, a folder of its own)

def commands_as_root(guest, top, folder):
    if os.geteuid():
        raise tap.Skip("not root")
    expect(inside(top, "bash", "-c", "uname -m; id -u; exit 7"), 7, f"{guest.name}\n0\n")


def commands_as_user(guest, top, folder):
    expect(inside(top, "bash", "-c", "uname -m; id -u; cat /proc/self/uid_map | tr -s ' '; exit 7", user=True), 7,
           f"{guest.name}\n0\n 0 {1234 if os.geteuid() == 0 else os.geteuid()} 1\n")


def children_are_translated(guest, top, folder):
    expect(inside(top, "bash", "-c", "seq 3 | sort -r | tr '\\n' ' '; python3 -c 'import os; print(os.uname().machine)'", user=True),
           0, f"3 2 1 {guest.name}\n")


def devices_and_proc(guest, top, folder):
    expect(inside(top, "bash", "-c", "head -c 3 /dev/zero | wc -c; readlink /proc/self/exe; "
                  "[ -d /sys/kernel ] && echo sys", user=True), 0, "3\n/usr/bin/readlink\nsys\n")


def without_mounts(guest, top, folder):
    got = inside(top, "bash", "-c", "echo /proc/*; uname -m", options=["--no-mounts"], user=True)
    expect(got, 0, f"/proc/*\n{guest.name}\n")


def binds(guest, top, folder):
    (folder / "file").write_text("from outside\n")
    folder.chmod(0o755)
    expect(inside(top, "cat", "/mnt/file", options=["--bind", f"{folder}:/mnt"], user=False), 0, "from outside\n")


def native_programs_are_native(guest, top, folder):
    """Started first, and by a translated program."""
    source = folder / "native.c"
    source.write_text('#include <sys/utsname.h>\n#include <stdio.h>\n'
                      'int main(void) { struct utsname u; uname(&u); return puts(u.machine) < 0; }\n')
    if run(["gcc", "-static", source, "-o", folder / "native"]).status:
        raise tap.Fail("gcc")
    folder.chmod(0o755)
    machine = os.uname().machine + "\n"
    options = ["--bind", f"{folder}:/mnt"]
    expect(inside(top, "/mnt/native", options=options), 0, machine)
    expect(inside(top, "bash", "-c", "/mnt/native; uname -m", options=options), 0, f"{machine}{guest.name}\n")


def kept_translations_stay_outside(guest, top, folder):
    """Their folder is found from inside, and none appears there."""
    cache = folder / "kept"
    for _ in range(2):
        expect(inside(top, "uname", "-m", env={"DRAGOMAN_DISK_CACHE": str(cache)}), 0, f"{guest.name}\n")
    if not list(cache.glob("*.dtc")):
        raise tap.Fail("nothing was kept")
    if (top / str(cache).lstrip("/")).exists():
        raise tap.Fail("a folder appeared in the root")


def mistakes(guest, top, folder):
    expect(inside(top, "no-such-command"), 127, "", "no-such-command: not found")
    expect(inside("/nonexistent", "true"), 125, "", "/nonexistent")
    expect(run([*dragoman(), "chroot"]), 125, "", "usage")
    expect(inside(top, "/etc/passwd-not-there"), 127, "", "No such file")


def a_program_called_chroot(guest, top, folder):
    got = run([*dragoman(), "./chroot", "x"], cwd=folder)
    if got.status != 127 or b"./chroot" not in got.err:
        raise tap.Fail(f"{got.ending()} {got.err!r}")


TESTS = [commands_as_root, commands_as_user, children_are_translated, devices_and_proc, without_mounts, binds,
         native_programs_are_native, kept_translations_stay_outside, mistakes, a_program_called_chroot]


def case(guest, test):
    try:
        top = root.make_kind(guest, "base")
    except root.NoRoot as reason:
        raise tap.Skip(f"no Debian root: {reason}") from None
    with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
        test(guest, top, Path(folder))


if __name__ == "__main__":
    tap.main_by_guest(__doc__, GUESTS.values(), TESTS, case)
