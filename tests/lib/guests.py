"""The guest architectures, one row each, and where their programs come from.

A row says how a guest is called by dragoman, by Debian, by the cross compiler and by QEMU.  Nothing
else in the drivers names an architecture: a new guest is a new row.
"""

import os
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("DRAGOMAN_TEST_CACHE") or TOP / ".cache")


@dataclass(frozen=True)
class Guest:
    name: str       # what we call it
    debian: str     # Debian's architecture name
    suite: str      # Debian release that has it
    triplet: str    # prefix of the cross tools
    libc: str       # package with the cross compiler's C library
    qemu: str       # user-mode QEMU to compare with
    tuned: str      # compiler flag that allows more than the base instructions
    elf: str        # readelf's name of the machine

    @property
    def gcc(self):
        return self.triplet + "-gcc"

    @property
    def sysroot(self):
        """Folder for -L: the C library that the cross compiler links with."""
        return "/usr/" + self.triplet

    def root(self, kind="base"):
        """Folder of a Debian root that the Debian tests use; the kinds are those of debian/root.py."""
        return CACHE / (f"root-{self.debian}" if kind == "base" else f"root-{self.debian}-{kind}")


GUESTS = {g.name: g for g in (
    Guest("riscv64", "riscv64", "trixie", "riscv64-linux-gnu", "libc6-dev-riscv64-cross",
          "qemu-riscv64", "-march=rv64gc_zba_zbb_zbs", "RISC-V"),
    Guest("aarch64", "arm64", "bookworm", "aarch64-linux-gnu", "libc6-dev-arm64-cross",
          "qemu-aarch64", "-march=armv8.2-a+crypto", "AArch64"),
)}


def guest_option(parser):
    """Adds --guest to a driver that runs its cases for every guest; chosen() gives what it asks for."""
    parser.add_argument("--guest", action="append", choices=GUESTS, help="only this one; may be repeated")


def chosen(options):
    """The guests, in the table's order."""
    return [guest for name, guest in GUESTS.items() if name in (options.guest or GUESTS)]


def dragoman():
    """The command under test: DRAGOMAN in the environment, else the release build."""
    return (os.environ.get("DRAGOMAN") or str(TOP / "build" / "dragoman")).split()
