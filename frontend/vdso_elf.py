#!/usr/bin/env python3
"""Makes a vdso: an ELF image that dragoman maps into every guest process.  A guest's vdso.py says what is in it.

    vdso.py OUTPUT.c

The functions are those of the guest's kernel.  A function is a list of instructions: words, labels (strings) and forward
branches, pairs of a label and a function that encodes the distance to it in bytes.  Most functions are a system call. Those
that tell the time read it with one undefined instruction that the translator knows (frontend/vdso.h).  The first
function is what a signal handler returns to; unwinders know it by its instructions.
"""

import dataclasses
import struct
import sys

SONAME = "linux-vdso.so.1"


@dataclasses.dataclass
class Vdso:
    guest: str               # prefix of the C names, folder of the header
    machine: int             # e_machine
    flags: int               # e_flags
    version: str             # symbol version of the functions
    functions: tuple         # pairs of name and instructions
    clock: int               # the instruction that reads a clock


SHT = {"PROGBITS": 1, "STRTAB": 3, "HASH": 5, "DYNAMIC": 6, "DYNSYM": 11, "VERDEF": 0x6ffffffd,
       "VERSYM": 0x6fffffff}
DT = {"HASH": 4, "STRTAB": 5, "SYMTAB": 6, "STRSZ": 10, "SYMENT": 11, "SONAME": 14,
      "VERSYM": 0x6ffffff0, "VERDEF": 0x6ffffffc, "VERDEFNUM": 0x6ffffffd}


def elf_hash(name):
    """The System V hash function (gABI, "Hash Table")."""
    h = 0
    for byte in name.encode():
        h = (h << 4) + byte
        h ^= (h >> 24) & 0xf0
        h &= 0x0fffffff
    return h


def assemble(insns):
    """The bytes of a function."""
    labels, at = {}, 0
    for insn in insns:
        if isinstance(insn, str):
            labels[insn] = at
        else:
            at += 4
    words = []
    for insn in insns:
        if isinstance(insn, tuple):
            label, encode = insn
            words.append(encode(labels[label] - 4 * len(words)))
        elif not isinstance(insn, str):
            words.append(insn)
    return struct.pack(f"<{len(words)}I", *words)


class Strings:
    def __init__(self):
        self.data = bytearray(1)

    def add(self, text):
        at = len(self.data)
        self.data += text.encode() + b"\0"
        return at


def hash_section(names):
    """One bucket for each name is plenty; symbol 0 is the null symbol."""
    count = len(names)
    buckets, chains = [0] * count, [0] * (count + 1)
    for index, name in enumerate(names, 1):
        bucket = elf_hash(name) % count
        chains[index], buckets[bucket] = buckets[bucket], index
    return struct.pack(f"<{2 + len(buckets) + len(chains)}I", count, len(chains), *buckets, *chains)


def verdef_section(soname, version, version_name):
    def entry(flags, index, name, offset, following):
        return struct.pack("<HHHHIII", 1, flags, index, 1, elf_hash(name), 20, following) + \
            struct.pack("<II", offset, 0)
    return entry(1, 1, SONAME, soname, 28) + entry(0, 2, version_name, version, 0)


def build(vdso):
    strings = Strings()
    soname, version = strings.add(SONAME), strings.add(vdso.version)
    names = [name for name, _ in vdso.functions]
    name_at = [strings.add(name) for name in names]

    text, values = bytearray(), []
    for _, insns in vdso.functions:
        values.append((len(text), assemble(insns)))
        text += values[-1][1]
        text += b"\0" * (-len(text) % 16)

    # name, type, contents (made later where they need addresses), size, alignment, link, info, entry size
    sizes = {".hash": len(hash_section(names)), ".dynsym": 24 * (1 + len(names)),
             ".dynstr": len(strings.data), ".gnu.version": 2 * (1 + len(names)),
             ".gnu.version_d": 56, ".dynamic": 16 * (len(DT) + 1), ".text": len(text)}
    align = {".gnu.version": 2, ".dynstr": 1, ".text": 16}
    order = list(sizes)
    address, at = {}, 64 + 2 * 56
    for name in order:
        a = align.get(name, 8)
        at = (at + a - 1) // a * a
        address[name] = at
        at += sizes[name]
    end = at

    index = {name: i for i, name in enumerate(order, 1)}
    symbols = bytes(24)
    for offset, (value, code) in zip(name_at, values):
        symbols += struct.pack("<IBBHQQ", offset, 0x12, 0, index[".text"], address[".text"] + value, len(code))
    dynamic_values = {"HASH": address[".hash"], "STRTAB": address[".dynstr"], "SYMTAB": address[".dynsym"],
                      "STRSZ": sizes[".dynstr"], "SYMENT": 24, "SONAME": soname,
                      "VERSYM": address[".gnu.version"], "VERDEF": address[".gnu.version_d"], "VERDEFNUM": 2}
    contents = {
        ".hash": hash_section(names), ".dynsym": symbols, ".dynstr": bytes(strings.data),
        ".gnu.version": struct.pack(f"<{1 + len(names)}H", 0, *[2] * len(names)),
        ".gnu.version_d": verdef_section(soname, version, vdso.version),
        ".dynamic": b"".join(struct.pack("<qQ", DT[k], v) for k, v in dynamic_values.items()) + bytes(16),
        ".text": bytes(text),
    }

    section_names = Strings()
    rows = [bytes(64)]
    kinds = {".hash": ("HASH", ".dynsym", 0, 4), ".dynsym": ("DYNSYM", ".dynstr", 1, 24),
             ".dynstr": ("STRTAB", None, 0, 0), ".gnu.version": ("VERSYM", ".dynsym", 0, 2),
             ".gnu.version_d": ("VERDEF", ".dynstr", 2, 0), ".dynamic": ("DYNAMIC", ".dynstr", 0, 16),
             ".text": ("PROGBITS", None, 0, 0)}
    for name in order:
        kind, link, info, entry = kinds[name]
        rows.append(struct.pack("<IIQQQQIIQQ", section_names.add(name), SHT[kind],
                                6 if name == ".text" else 2, address[name], address[name], sizes[name],
                                index[link] if link else 0, info, align.get(name, 8), entry))
    shstrtab = section_names.add(".shstrtab")
    rows.append(struct.pack("<IIQQQQIIQQ", shstrtab, SHT["STRTAB"], 0, 0, end, len(section_names.data), 0, 0, 1, 0))
    table = end + len(section_names.data)
    table += -table % 8

    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 3, vdso.machine, 1, address[".text"], 64, table, vdso.flags, 64, 56, 2, 64,
        len(rows), len(rows) - 1)
    total = table + 64 * len(rows)
    header += struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, total, total, 4096)              # PT_LOAD, r-x
    header += struct.pack("<IIQQQQQQ", 2, 4, *[address[".dynamic"]] * 3,               # PT_DYNAMIC, r
                          *[sizes[".dynamic"]] * 2, 8)
    image = bytearray(total)
    image[:len(header)] = header
    for name in order:
        image[address[name]:address[name] + sizes[name]] = contents[name]
    image[end:end + len(section_names.data)] = section_names.data
    image[table:] = b"".join(rows)
    return bytes(image), address[".text"] + values[0][0]


def main(vdso):
    """Writes the image as C into the file that the command line names: a struct guest_vdso called <guest>_vdso."""
    path = sys.argv[1]
    image, sigreturn = build(vdso)
    lines = [", ".join(f"{byte:#04x}" for byte in image[i:i + 16]) for i in range(0, len(image), 16)]
    with open(path, "w", encoding="ascii") as out:
        out.write(f"/* Made by frontend/{vdso.guest}/vdso.py. */\n"
                  f'#include "frontend/{vdso.guest}/vdso.h"\n\n'
                  "static const uint8_t image[] = {\n    " + ",\n    ".join(lines) + ",\n};\n\n"
                  f"const struct guest_vdso {vdso.guest}_vdso = {{\n"
                  f"    .image = image, .size = sizeof image, .sigreturn = {sigreturn:#x}, .clock_insn = {vdso.clock:#x},\n}};\n")
