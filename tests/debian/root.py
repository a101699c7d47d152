#!/usr/bin/env python3
"""Makes the folders of foreign Debian programs that the tests run: .cache/root-ARCH and .cache/root-ARCH-large, or
those in DRAGOMAN_TEST_CACHE.

The packages come from the mirror that the machine's own apt uses.  Nothing in them is run: mmdebstrap
only unpacks.  A finished root has a stamp file with its package list, so a changed list makes a new one.
"""

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.guests import GUESTS    # noqa: E402

# Kind of root: its packages; those with [ARCH...] behind them are only in these architectures, as in debian/control.
PACKAGES = {
    "base": ["bash", "coreutils", "python3", "perl", "gcc", "libc6-dev", "sqlite3", "xz-utils", "openssl"],
    "large": ["bash", "coreutils", "nodejs", "default-jdk-headless", "golang-go", "luajit [arm64]", "git", "stress-ng",
              "openssl", "gcc", "libc6-dev", "procps"],
    "jits": ["coreutils", "pypy3", "sbcl"],
    "debuggers": ["bash", "dash", "coreutils", "strace", "gdb"],
}
# Before trixie, packages have files in /bin and /lib, which must be links into /usr as on every installed system.
MERGED_USR = 'for d in bin sbin lib; do mkdir -p "$1/usr/$d"; ln -s "usr/$d" "$1/$d"; done'


class NoRoot(Exception):
    """Why there is no root."""


def mirror():
    """Address of the mirror with Debian's main archive that apt uses here; None if it has none."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL) $(COMPONENT)",
               "Created-By: Packages"]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return next((line.split()[0] for line in lines if line.split()[1:] == ["Debian", "main"]), None)


def make_kind(guest, kind):
    """The guest's root of this kind, a key of PACKAGES; makes it if it is not there; raises NoRoot."""
    names = [entry.partition(" [") for entry in PACKAGES[kind]]
    make(guest, [name for name, _, only in names if not only or guest.debian in only.strip("]").split()], guest.root(kind))
    return guest.root(kind)


def make(guest, packages, folder):
    """Makes `folder` with `packages` for `guest` unless it is there; raises NoRoot.  Others who want one wait."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_locked(guest, packages, folder)


def make_locked(guest, packages, folder):
    """The same with the lock held."""
    stamp = folder / ".packages"
    wanted = f"{guest.suite} {' '.join(packages)}\n"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not shutil.which("mmdebstrap"):
        raise NoRoot("mmdebstrap is not installed")
    address = mirror()
    command = ["mmdebstrap", "--variant=extract", f"--setup-hook={MERGED_USR}", f"--arch={guest.debian}",
               f"--include={','.join(packages)}", guest.suite, str(folder)]
    if address:
        command.append(f"deb {address} {guest.suite} main")
    for _ in range(2):  # mirrors hiccup: try once more
        shutil.rmtree(folder, ignore_errors=True)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode == 0:
            stamp.write_text(wanted)
            return
    reasons = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["mmdebstrap failed"]
    raise NoRoot(reasons[0])


if __name__ == "__main__":
    # root.py [GUEST [FOLDER PACKAGE...]]
    guest = GUESTS[sys.argv[1] if len(sys.argv) > 1 else "riscv64"]
    try:
        if len(sys.argv) > 2:
            make(guest, sys.argv[3:], Path(sys.argv[2]))
        else:
            for kind in PACKAGES:
                make_kind(guest, kind)
    except NoRoot as reason:
        sys.exit(f"no Debian root: {reason}")
