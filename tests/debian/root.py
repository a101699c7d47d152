#!/usr/bin/env python3
"""Makes the folder of foreign Debian programs that the tests run: .cache/root-ARCH.

The packages come from the mirror that the machine's own apt uses.  Nothing in them is run: mmdebstrap
only unpacks.  A finished root has a stamp file with its package list, so a changed list makes a new one.
"""

import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.guests import CACHE, GUESTS    # noqa: E402

PACKAGES = ["bash", "coreutils", "python3", "perl", "gcc", "libc6-dev", "sqlite3", "xz-utils", "openssl"]


class NoRoot(Exception):
    """Why there is no root."""


def mirror():
    """Address of the mirror with Debian's main archive that apt uses here; None if it has none."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL) $(COMPONENT)",
               "Created-By: Packages"]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return next((line.split()[0] for line in lines if line.split()[1:] == ["Debian", "main"]), None)


def make(guest, packages, folder):
    """Makes `folder` with `packages` for `guest` unless it is there; raises NoRoot."""
    stamp = folder / ".packages"
    wanted = f"{guest.suite} {' '.join(packages)}\n"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not shutil.which("mmdebstrap"):
        raise NoRoot("mmdebstrap is not installed")
    address = mirror()
    command = ["mmdebstrap", "--variant=extract", f"--arch={guest.debian}",
               f"--include={','.join(packages)}", guest.suite, str(folder)]
    if address:
        command.append(f"deb {address} {guest.suite} main")
    CACHE.mkdir(exist_ok=True)
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
            make(guest, PACKAGES, guest.root)
    except NoRoot as reason:
        sys.exit(f"no Debian root: {reason}")
