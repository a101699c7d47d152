"""The guest program around random A64 sequences: a static ELF file without libc.

a64_runtime.S loads a state, runs a sequence, stores the state and the memory around the arena's middle as a record, and does so
for each run of a list.  A run is a sequence and a state: where in the pools of values the registers' and the memory's contents
start, FPCR and NZCV.  A sequence has several runs, so that most of what it does is executed, not translated.

    record: x0..x26, x29, x30, sp, nzcv, fpsr, fpcr, faults, v0..v31 (two words each), memory

`faults` is a hash over what signal handlers were told: siginfo and the whole ucontext.
"""

import random
import struct
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).resolve().parent

TEXT, CODE = 0x400000, 0x401000
DATA = 0x2000000
ARENA, ARENA_BYTES, WINDOW = 0x3000000, 0x20000, 512
MIDDLE = ARENA + ARENA_BYTES // 2
CONTEXT, STACK, STACK_BYTES = ARENA + ARENA_BYTES, ARENA + ARENA_BYTES + 0x1000, 0x8000
BUFFER, BUFFER_BYTES = STACK + STACK_BYTES, 1 << 20
END = BUFFER + BUFFER_BYTES
NOTHING = 0x7000000                     # unmapped

X = [*range(27), 29, 30]
NAMES = [f"x{n}" for n in X] + ["sp", "nzcv", "fpsr", "fpcr", "faults"] + [f"v{n}.{h}" for n in range(32) for h in "lh"] + \
        [f"memory{8 * n - WINDOW // 2:+}" for n in range(WINDOW // 8)]
RECORD = 8 * len(NAMES)
RUN = struct.Struct("<6Q")              # target, arena, vectors, integers, fpcr, nzcv
HEADER = 256                            # of DATA: where the runs are, what signals need
SIGNALS = (4, 5, 7, 8, 11)
SA_SIGINFO, SA_ONSTACK = 4, 0x08000000
LAYOUT = {
    "DATA": DATA, "ARENA": ARENA, "ARENA_BYTES": ARENA_BYTES, "WINDOW": WINDOW, "MIDDLE": MIDDLE, "CONTEXT": CONTEXT,
    "BUFFER": BUFFER, "BUFFER_BYTES": BUFFER_BYTES, "RECORD": RECORD,
    "D_RUNS": 0, "D_RUNS_END": 8, "D_STACK": 16, "D_ACTION": 40, "D_SIGNALS": 72,
    "C_RUN": 0, "C_OUT": 16, "C_FAULTS": 24, "C_TARGET": 32, "C_SAVED": 40,
    "RUN_BYTES": RUN.size, "RUN_TARGET": 0, "RUN_ARENA": 8, "RUN_VECTORS": 16, "RUN_FPCR": 32,
}

MASK = (1 << 64) - 1
INTEGERS = [0, 1, 2, 3, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 32,
            (1 << 63) - 1, 1 << 63, MASK, MASK - 1, 0x0123456789abcdef, 0xffffffff80000000, 0xffffffff00000000]
# Edges of each format: bits, fraction bits.
FORMATS = {"h": (16, 10), "b": (16, 7), "s": (32, 23), "d": (64, 52)}
POOLS = "ihbsdm"                        # integers, the formats, a mixture
POOL_VECTORS, POOL_PAD = 1024, 32       # of 16 bytes; a state takes 32 in a row


def integer(rng, bits=64):
    kind = rng.random()
    if kind < .4:
        value = rng.choice(INTEGERS)
    elif kind < .55:
        value = rng.randrange(-70, 70)
    elif kind < .65:
        value = (1 << rng.randrange(64)) - rng.randrange(3)
    else:
        value = rng.getrandbits(rng.choice((8, 16, 32, 64, 64)))
    return value & (1 << bits) - 1


def floating(rng, form):
    """Bits of a number: special, an edge, near 1, near the limits, halves of integers, anything."""
    bits, frac = FORMATS[form]
    most = (1 << bits - 1 - frac) - 1
    bias = most >> 1
    kind = rng.random()
    fraction = rng.choice((0, 1, (1 << frac) - 1, rng.getrandbits(frac), rng.getrandbits(frac), 1 << frac - 1,
                           rng.getrandbits(4) << frac - 4))
    if kind < .12:
        exponent, fraction = most, rng.choice((0, 0, 1 << frac - 1, 1, fraction, fraction | 1 << frac - 1))
    elif kind < .2:
        exponent, fraction = 0, rng.choice((0, fraction))
    elif kind < .3:
        exponent = rng.choice((0, 1, 1, 2, most - 1, most - 1, most - 2))
    elif kind < .65:
        exponent = bias + rng.randrange(-4, 5)
    elif kind < .85:
        exponent = min(most - 1, bias + rng.choice((frac, 7, 8, 15, 16, 31, 32, 63, 64)) + rng.randrange(-2, 3))
    elif kind < .93:
        exponent = max(0, rng.choice((bias - frac, bias // 2, bias + bias // 2)) + rng.randrange(-3, 4))
    else:
        exponent = rng.randrange(most)
    return rng.getrandbits(1) << bits - 1 | exponent << frac | fraction


def vector(rng, pool):
    if pool == "m":
        pool = rng.choice(POOLS[:-1])
    lanes = 128 // (FORMATS[pool][0] if pool in FORMATS else (width := rng.choice((8, 16, 32, 64))))
    value = 0
    for _ in range(lanes):
        lane = floating(rng, pool) if pool in FORMATS else integer(rng, width)
        value = value << 128 // lanes | lane
    return value


class Pools:
    """The values that states are filled from: x registers, vectors by kind."""

    def __init__(self, rng):
        count = POOL_VECTORS + POOL_PAD
        self.integers = [integer(rng) for _ in range(2 * count)]
        self.vectors = {p: [vector(rng, p) for _ in range(count)] for p in POOLS}
        self.data = struct.pack(f"<{2 * count}Q", *self.integers)
        self.start = {"x": DATA + HEADER}
        for pool, values in self.vectors.items():
            self.start[pool] = DATA + HEADER + len(self.data)
            self.data += b"".join(v.to_bytes(16, "little") for v in values)

    def place(self, rng, pool):
        """The address of 512 bytes of values."""
        return self.start[pool] + 16 * rng.randrange(POOL_VECTORS)


@lru_cache
def runtime(gcc):
    """The machine code of a64_runtime.S, and the address of its signal handler."""
    with tempfile.TemporaryDirectory(prefix="dragoman-diff-") as folder:
        elf, flat = Path(folder) / "runtime", Path(folder) / "flat"
        subprocess.run([gcc, "-nostdlib", "-static", f"-Wl,-Ttext={TEXT:#x},-e0,--build-id=none", *(f"-D{k}={v}" for k, v in LAYOUT.items()),
                        "-o", elf, HERE / "a64_runtime.S"], check=True, capture_output=True)
        tools = gcc.removesuffix("gcc")
        subprocess.run([tools + "objcopy", "-O", "binary", "-j", ".text", elf, flat], check=True)
        symbols = subprocess.run([tools + "nm", elf], check=True, capture_output=True, text=True).stdout
        handler = next(int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(" handler"))
        return flat.read_bytes().ljust(CODE - TEXT, b"\0"), handler


def elf_file(segments, machine, entry):
    """An executable; a segment is (address, content, size in memory, flags)."""
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, machine, 1, entry, 64, 0, 0, 64, 56, len(segments), 64, 0, 0)
    offset, heads, body = 4096, b"", b""
    for address, content, size, flags in segments:
        heads += struct.pack("<IIQQQQQQ", 1, flags, offset, address, address, len(content), size, 4096)
        content += bytes(-len(content) % 4096)
        body += content
        offset += len(content)
    return (header + heads).ljust(4096, b"\0") + body


def build(code, runs, pools, gcc):
    """The program: `code` are the words at CODE, `runs` tuples as RUN has them."""
    text, handler = runtime(gcc)
    where = DATA + HEADER + len(pools.data)
    header = struct.pack("<2Q QIIQ 4Q", where, where + len(runs) * RUN.size, STACK, 0, 0, STACK_BYTES,
                         handler, SA_SIGINFO | SA_ONSTACK, 0, 0) + struct.pack(f"<{len(SIGNALS) + 1}I", *SIGNALS, 0)
    data = header.ljust(HEADER, b"\0") + pools.data + b"".join(RUN.pack(*run) for run in runs)
    return elf_file([(TEXT, text + struct.pack(f"<{len(code)}I", *code), len(text) + 4 * len(code), 5),
                     (DATA, data, len(data), 6), (ARENA, b"", END - ARENA, 6)], 183, TEXT)


def state(rng, pools, vectors):
    """What a run has beside its target."""
    fpcr = 0
    if rng.random() < .6:
        fpcr = rng.randrange(4) << 22 | (rng.random() < .3) << 25 | (rng.random() < .4) << 24 | (rng.random() < .2) << 26 | \
            (rng.random() < .2) << 19
    return (pools.place(rng, rng.choice("ixm")), pools.place(rng, vectors), pools.place(rng, "x"), fpcr, rng.randrange(16) << 28)
