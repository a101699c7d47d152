"""Small RISC-V ELF files made from nothing, good and damaged ones, so that each rule of the loader has its file."""

import struct

CODE = 0x10000


def exit_code(status):
    """li a0, status ; li a7, 94 (exit_group) ; ecall"""
    return struct.pack("<3I", status << 20 | 10 << 7 | 0x13, 94 << 20 | 17 << 7 | 0x13, 0x73)


def segment(vaddr, data, kind=1, flags=5, memsz=None, filesz=None, offset=None, align=0x1000):
    """A program header and the bytes that it wants in the file."""
    return dict(kind=kind, flags=flags, vaddr=vaddr, data=data, align=align, offset=offset,
                filesz=len(data) if filesz is None else filesz,
                memsz=len(data) if memsz is None else memsz)


def elf(segments=None, entry=CODE, machine=243, elf_class=2, order=1, kind=2, phnum=None, phoff=64, phentsize=56):
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
