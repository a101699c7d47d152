"""Chooses the switches of a decoder: rows of a table to a tree of nodes (see decode.md, The tree)."""
from dataclasses import dataclass

MAX_SWITCH_BITS = 8
MAX_CHAIN = 4


@dataclass
class Switch:
    """Switch on width bits from pos upward; cases: value -> node; no case: undefined."""
    pos: int
    width: int
    cases: dict


@dataclass
class Guard:
    """The word & mask must be value, else undefined; then inner."""
    mask: int
    value: int
    inner: object


@dataclass
class Chain:
    """Rows to try in order: (row, mask of the bits still to compare)."""
    tests: list


def build(rows, tested=0):
    """The node for rows (in table order), tested being the bits that switches above fixed."""
    if len(rows) > 1:
        same = agreed(rows, tested)
        if same:
            return Guard(same, rows[0].fixedbits & same, build(rows, tested | same))
        window = best_window(rows, tested)
        if window:
            return switch(rows, tested, *window)
        if len(rows) > MAX_CHAIN:
            pos = best_bit(rows, tested)
            if pos is not None:
                return switch(rows, tested, pos, 1)
    return Chain([(row, row.fixedmask & ~tested) for row in rows])


def agreed(rows, tested):
    """Bits that all rows fix to the same value and that nothing has tested."""
    mask = rows[0].fixedmask & ~tested
    for row in rows:
        mask &= row.fixedmask & ~(row.fixedbits ^ rows[0].fixedbits)
    return mask


def switch(rows, tested, pos, width):
    """A Switch; a row that doesn't fix all of the bits goes to every case it is compatible with."""
    mask = (1 << width) - 1
    if all(row.fixedmask >> pos & mask == mask for row in rows):
        values = sorted({row.fixedbits >> pos & mask for row in rows})
    else:
        values = range(1 << width)
    cases = {}
    for value in values:
        inside = [row for row in rows
                  if not (row.fixedbits >> pos ^ value) & row.fixedmask >> pos & mask]
        if inside:
            cases[value] = build(inside, tested | mask << pos)
    return Switch(pos, width, cases)


def best_window(rows, tested):
    """(pos, width) of the neighbouring bits, fixed in all rows, with most distinct values."""
    common = ~tested
    for row in rows:
        common &= row.fixedmask
    best, found = 1, None
    for width in range(1, MAX_SWITCH_BITS + 1):
        mask = (1 << width) - 1
        for pos in range(common.bit_length() - width + 1):
            if common >> pos & mask != mask:
                continue
            distinct = len({row.fixedbits >> pos & mask for row in rows})
            if distinct > best:
                best, found = distinct, (pos, width)
    return found


def best_bit(rows, tested):
    """The bit that leaves fewest rows in its larger half, or None if none divides them."""
    best, found = len(rows), None
    for pos in range(max(row.fixedmask for row in rows).bit_length()):
        if tested >> pos & 1:
            continue
        zeros = sum(row.fixedmask >> pos & 1 and not row.fixedbits >> pos & 1 for row in rows)
        ones = sum(row.fixedbits >> pos & 1 for row in rows)
        larger = len(rows) - min(zeros, ones)
        if larger < best:
            best, found = larger, pos
    return found
