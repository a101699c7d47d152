"""Small ELF files made from nothing, good and damaged ones, so that each rule of the loader has its file.

What differs by guest, a little code, is a row of CODERS.
"""

import struct
from dataclasses import dataclass
from typing import Callable

CODE = 0x10000
EXIT_GROUP = 94                 # generic numbers: include/uapi/asm-generic/unistd.h


def words(*instructions):
    return struct.pack(f"<{len(instructions)}I", *instructions)


def rv64_exit(status):
    """li a0, status ; li a7, 94 ; ecall"""
    return words(status << 20 | 10 << 7 | 0x13, EXIT_GROUP << 20 | 17 << 7 | 0x13, 0x73)


def rv64_load_and_exit(address):
    """lui t1 ; addiw t1 ; lbu a0, 0(t1) ; li a7, 94 ; ecall"""
    upper = (address + 0x800 >> 12) & 0xfffff
    return words(upper << 12 | 6 << 7 | 0x37, (address & 0xfff) << 20 | 6 << 15 | 6 << 7 | 0x1b,
                 6 << 15 | 4 << 12 | 10 << 7 | 0x03, EXIT_GROUP << 20 | 17 << 7 | 0x13, 0x73)


def a64_exit(status):
    """mov x0, #status ; mov x8, #94 ; svc #0"""
    return words(0xd2800000 | status << 5, 0xd2800008 | EXIT_GROUP << 5, 0xd4000001)


def a64_load_and_exit(address):
    """movz x6, #low ; movk x6, #high, lsl #16 ; ldrb w0, [x6] ; mov x8, #94 ; svc #0"""
    return words(0xd2800006 | (address & 0xffff) << 5, 0xf2a00006 | address >> 16 << 5, 0x394000c0,
                 0xd2800008 | EXIT_GROUP << 5, 0xd4000001)


@dataclass(frozen=True)
class Coder:
    machine: int                                # e_machine
    exit_code: Callable                         # (status) -> code that ends the program
    load_and_exit: Callable                     # (address below 2 GiB) -> code whose status is the byte there
    call: str                                   # the system call instruction's name in logs
    register: str                               # a register's


CODERS = {
    "riscv64": Coder(243, rv64_exit, rv64_load_and_exit, "ecall", "a0"),
    "aarch64": Coder(183, a64_exit, a64_load_and_exit, "svc", "x0"),
}
RV64 = CODERS["riscv64"]
exit_code = RV64.exit_code


def segment(vaddr, data, kind=1, flags=5, memsz=None, filesz=None, offset=None, align=0x1000):
    """A program header and the bytes that it wants in the file."""
    return dict(kind=kind, flags=flags, vaddr=vaddr, data=data, align=align, offset=offset,
                filesz=len(data) if filesz is None else filesz,
                memsz=len(data) if memsz is None else memsz)


def elf(segments=None, entry=CODE, machine=RV64.machine, elf_class=2, order=1, kind=2, phnum=None, phoff=64, phentsize=56):
    """The file.  Segments lie on pages of their own, in their order."""
    if segments is None:
        segments = [segment(CODE, exit_code(42))]
    header = b"\x7fELF" + bytes([elf_class, order, 1]) + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", kind, machine, 1, entry, phoff, 0, 5, 64, phentsize,
        len(segments) if phnum is None else phnum, 64, 0, 0)
    table, body = b"", b""
    for s in segments:
        at = 4096 + len(body) + s["vaddr"] % 4096
        body += bytes(s["vaddr"] % 4096) + s["data"]
        body += bytes(-len(body) % 4096)
        offset = at if s["offset"] is None else s["offset"]
        table += struct.pack("<IIQQQQQQ", s["kind"], s["flags"], offset, s["vaddr"], s["vaddr"],
                             s["filesz"], s["memsz"], s["align"])
    head = header + table
    return head + bytes(4096 - len(head)) + body
