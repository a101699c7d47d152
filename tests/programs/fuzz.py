#!/usr/bin/env python3
"""Writes random C programs that are free of undefined behaviour and print checksums.

Shifts and array indexes are masked, divisors are made odd, and signed overflow wraps (-fwrapv), so
the output depends on nothing but C's own rules: a compiler for any machine at any level must agree.  `fuzz.py SEED` prints the program of that seed.
"""

import random
import sys

TYPES = ["uint8_t", "int8_t", "uint16_t", "int16_t", "uint32_t", "int32_t", "uint64_t", "int64_t"]
BINARY = ["+", "-", "*", "&", "|", "^", "+", "^"]
COMPARE = ["<", "<=", ">", ">=", "==", "!="]
GLOBALS, FUNCTIONS, STATEMENTS = 10, 6, 9

HEAD = """\
/* Random program {seed}.
 * build: -w -fwrapv -O0 dynamic; -w -fwrapv -O3 static; -w -fwrapv -O2 tuned dynamic
 */
#include <stdint.h>
#include <stdio.h>

static uint64_t table[64];
static uint64_t sum = 88172645463325252u;

static void mix(uint64_t v)
{{
    sum = (sum ^ v) * 0x9E3779B97F4A7C15u;
    sum ^= sum >> 29;
}}

static double tame(double x)
{{
    return x > -1e30 && x < 1e30 ? x : 1.5;
}}
"""


class Writer:
    def __init__(self, seed):
        self.rnd = random.Random(seed)
        self.types = [self.rnd.choice(TYPES) for _ in range(GLOBALS)]

    def atom(self, names):
        r = self.rnd.random()
        if r < 0.55:
            return self.rnd.choice(names)
        if r < 0.7:
            return f"table[{self.rnd.choice(names)} & 63]"
        size = self.rnd.choice([3, 8, 12, 16, 32, 64])
        value = self.rnd.getrandbits(size)
        return f"{value}u" if size <= 16 else f"0x{value:x}ull"

    def expr(self, names, depth):
        """An expression; operands are cast to a random type, arithmetic is on uint64_t or uint32_t."""
        if depth == 0:
            return self.atom(names)
        wide = self.rnd.choice(["uint64_t", "uint64_t", "uint32_t"])
        a = f"({wide})({self.rnd.choice(TYPES)})({self.expr(names, depth - 1)})"
        b = f"({wide})({self.expr(names, self.rnd.randrange(depth))})"
        kind = self.rnd.random()
        bits = 64 if wide == "uint64_t" else 32
        signed = "int64_t" if bits == 64 else "int32_t"
        if kind < 0.5:
            return f"({a} {self.rnd.choice(BINARY)} {b})"
        if kind < 0.62:
            return f"({a} {self.rnd.choice(['<<', '>>'])} ({b} & {bits - 1}))"
        if kind < 0.68:
            return f"((uint64_t)(({signed})({a}) >> ({b} & {bits - 1})))"
        if kind < 0.75:
            return f"({a} {self.rnd.choice(['/', '%'])} ({b} | 1))"
        if kind < 0.8:
            # The divisor is positive, so that the one overflowing signed division cannot happen.
            op = self.rnd.choice(["/", "%"])
            return f"((uint64_t)(({signed})({a}) {op} ({signed})(({b} & 0xffff) | 1)))"
        if kind < 0.88:
            side = self.rnd.choice([wide, signed])
            return f"((uint64_t)(({side})({a}) {self.rnd.choice(COMPARE)} ({side})({b})))"
        if kind < 0.94:
            return f"({a} {self.rnd.choice(COMPARE)} {b} ? {self.expr(names, depth - 1)} : {b})"
        if kind < 0.97:
            return f"((uint64_t)((unsigned __int128){a} * {b} >> {self.rnd.randrange(1, 64)}))"
        return f"((uint64_t)(int64_t)(tame((double)({signed}){a} * 0.37 + (double)({b} & 4095)) / 1e13))"

    def statement(self, names, depth, index):
        rnd = self.rnd
        target = rnd.choice(names)
        kind = rnd.random()
        pad = "    " * (index + 1)
        if kind < 0.45 or index > 3:
            return f"{pad}{target} {rnd.choice(['=', '+=', '^=', '-='])} {self.expr(names, depth)};\n"
        if kind < 0.6:
            return f"{pad}table[{self.expr(names, 1)} & 63] = {self.expr(names, depth)};\n"
        if kind < 0.75:
            body = "".join(self.statement(names, depth - 1 or 1, index + 1) for _ in range(2))
            other = self.statement(names, 1, index + 1)
            return f"{pad}if ({self.expr(names, 1)} {rnd.choice(COMPARE)} {self.expr(names, 1)}) {{\n" \
                   f"{body}{pad}}} else {{\n{other}{pad}}}\n"
        if kind < 0.88:
            var = f"i{index}"
            body = "".join(self.statement(names + [var], depth - 1 or 1, index + 1) for _ in range(2))
            body = body.replace(f"{var} ^=", "sum ^=").replace(f"{var} +=", "sum +=") \
                       .replace(f"{var} -=", "sum -=").replace(f"{var} =", "sum =")
            return f"{pad}for (uint32_t {var} = 0; {var} < {rnd.randrange(2, 40)}; {var}++) {{\n" \
                   f"{body}{pad}}}\n"
        rows = "".join(f"{pad}case {k}: {rnd.choice(names)} += {self.expr(names, 1)}; break;\n"
                       for k in range(rnd.randrange(3, 9)))
        return f"{pad}switch ({self.expr(names, 1)} & 7) {{\n{rows}{pad}default: sum += 3; break;\n{pad}}}\n"

    def function(self, number):
        names = [f"g{n}" for n in range(GLOBALS)] + ["a", "b", "l0", "l1"]
        rnd = self.rnd
        body = "".join(self.statement(names, 3, 0) for _ in range(STATEMENTS))
        if number:
            body += f"    l1 += f{rnd.randrange(number)}(l0, a);\n"
        return (f"\nstatic {rnd.choice(TYPES)} f{number}({rnd.choice(TYPES)} a, {rnd.choice(TYPES)} b)\n{{\n"
                f"    {rnd.choice(TYPES)} l0 = a + 1, l1 = b;\n{body}"
                f"    mix(l0);\n    mix(l1);\n    return l0 ^ l1;\n}}\n")


def program(seed):
    w = Writer(seed)
    text = HEAD.format(seed=seed) + "\n"
    for n, kind in enumerate(w.types):
        text += f"static {kind} g{n} = ({kind})0x{w.rnd.getrandbits(64):x}ull;\n"
    for n in range(FUNCTIONS):
        text += w.function(n)
    text += "\nint main(void)\n{\n    for (int i = 0; i < 200; i++) {\n"
    text += f"        mix(f{FUNCTIONS - 1}(i, i * 7));\n    }}\n"
    text += "".join(f"    mix(g{n});\n" for n in range(GLOBALS))
    text += '    for (int i = 0; i < 64; i++) {\n        mix(table[i]);\n    }\n'
    text += '    printf("%016llx\\n", (unsigned long long)sum);\n    return 0;\n}\n'
    return text


if __name__ == "__main__":
    print(program(int(sys.argv[1])), end="")
