#!/usr/bin/env python3
"""Reads decode tables (grammar: decode.md) and writes decoder and disassembler in C.

As a program:
    decode.py --guest riscv --enum RV --out-h H --out-c C --out-disas D rv64=rv64.decode rvc=rvc.decode
Files given with the same prefix make one decoder.
As a module:
    load(path, ...), load_all(paths) -> Table, for programs that enumerate rows (test generators).

This file holds the model (fields, rows, tables) and the parser with its checks; decode_tree.py
chooses the switches; decode_emit.py writes the C.
"""
import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

TYPES = {'int': 'int', 'i64': 'int64_t', 'u64': 'uint64_t', 'u32': 'uint32_t'}
IDENT = r'[a-z_]\w*'


class TableError(Exception):
    """A fault in a table; str() is 'file:line: error: ...'."""

    def __init__(self, where, message):
        super().__init__(f'{where[0]}:{where[1]}: error: {message}')


@dataclass(frozen=True)
class Segment:
    """len bits of the word from bit pos upward."""
    pos: int
    len: int

    @property
    def mask(self):
        return ((1 << self.len) - 1) << self.pos


@dataclass(frozen=True)
class Field:
    """Segments joined (first on top), sign-extended if signed, << shift, + add, then fn."""
    segments: tuple
    signed: bool = False
    shift: int = 0
    add: int = 0
    fn: str = None

    @property
    def width(self):
        """Bits of the joined segments, before the shift."""
        return sum(s.len for s in self.segments)

    @property
    def mask(self):
        result = 0
        for s in self.segments:
            result |= s.mask
        return result

    def extract(self, word):
        """Value of the field in word; fn is not applied."""
        value = 0
        for s in self.segments:
            value = value << s.len | word >> s.pos & (1 << s.len) - 1
        if self.signed and value >> self.width - 1:
            value -= 1 << self.width
        return (value << self.shift) + self.add

    def insert(self, word, raw):
        """word with the joined segments set to the low bits of raw (no shift, no add)."""
        word &= ~self.mask
        for s in reversed(self.segments):
            word |= (raw & (1 << s.len) - 1) << s.pos
            raw >>= s.len
        return word


@dataclass
class ArgSet:
    name: str
    args: dict          # name -> C type
    where: tuple


@dataclass
class Pattern:
    """A format or a row. Bits neither in fixedmask nor in ignored must be covered by fields."""
    name: str
    where: tuple
    insn: str = None            # the instruction whose trans_ function it calls; None: reserved
    fixedmask: int = 0
    fixedbits: int = 0
    ignored: int = 0
    argset: ArgSet = None
    fields: dict = field(default_factory=dict)     # argument -> Field or int
    flags: list = field(default_factory=list)
    template: str = None
    ext: str = None
    group: int = None           # number of the ordered group it is in
    index: int = None           # place in its table
    operands: dict = field(default_factory=dict)    # names a template may use besides arguments
    excludes: list = field(default_factory=list)    # (mask, value): such words don't match
    stem: bool = False          # the mnemonic ends at the first _

    @property
    def reserved(self):
        return self.insn is None

    @property
    def line(self):
        return self.where[1]

    @property
    def mnemonic(self):
        return self.name.partition('_')[0] if self.stem else self.name.replace('_', '.')

    def matches(self, word):
        return word & self.fixedmask == self.fixedbits and \
            not any(word & mask == value for mask, value in self.excludes)

    def overlaps(self, other):
        """Whether some word may match both."""
        if (self.fixedbits ^ other.fixedbits) & self.fixedmask & other.fixedmask:
            return False
        known, bits = self.fixedmask | other.fixedmask, self.fixedbits | other.fixedbits
        return not any(mask & ~known == 0 and bits & mask == value
                       for mask, value in self.excludes + other.excludes)


@dataclass
class Table:
    """One decoder: the rows of one file or several, in order."""
    paths: list = field(default_factory=list)
    width: int = 32
    rows: list = field(default_factory=list)
    prefix: str = None
    groups: int = 0
    fields: dict = field(default_factory=dict)      # of all its files; a name's last declaration

    @property
    def names(self):
        """The files' names, for comments."""
        return ', '.join(Path(p).name for p in self.paths)

    def match(self, word):
        """The row that decodes word (trans_ functions taken to accept), or None if undefined."""
        for row in self.rows:
            if row.matches(word):
                return None if row.reserved else row
        return None


@dataclass
class Shared:
    """What all tables of one run have in common."""
    argsets: dict = field(default_factory=dict)
    printers: dict = field(default_factory=dict)
    insns: dict = field(default_factory=dict)       # instruction -> its first row


class Parser:
    """Appends one file to a Table. One method a kind of line."""

    def __init__(self, path, shared, table):
        self.table = table
        self.shared = shared
        self.path = str(path)
        self.where = (self.path, 0)
        self.ext = None
        self.group = None
        self.stem = False
        self.fields = {}
        self.formats = {}
        self.first = len(table.rows)

    def fail(self, message):
        raise TableError(self.where, message)

    def run(self, text):
        for number, line in logical_lines(text):
            self.where = (self.path, number)
            words = self.split(line)
            if words:
                self.line(words)
        if self.group is not None:
            self.fail('group { is not closed')
        check_overlaps(self.table.rows, self.first)
        self.table.fields.update(self.fields)

    def split(self, line):
        """Words of a line; a template keeps its quotes; the comment goes."""
        words = []
        rest = line.strip()
        while rest and rest[0] != '#':
            if rest[0] == '"':
                end = rest.find('"', 1)
                if end < 0:
                    self.fail('template is not closed')
                end += 1
            else:
                end = re.search(r'[\s#]|$', rest).start()
            words.append(rest[:end])
            rest = rest[end:].strip()
        return words

    def line(self, words):
        head, rest = words[0], words[1:]
        if head in ('.width', '.ext', '.mnemonic'):
            self.directive(head, rest)
        elif head in ('{', '}'):
            self.brace(head, rest)
        elif head[0] == '%':
            name = self.ident(head[1:], 'field')
            self.declare(self.fields, name, self.parse_field(rest), 'field')
        elif head[0] == '&':
            self.argset(self.ident(head[1:], 'argument set'), rest)
        elif head[0] == '$':
            self.printer(self.ident(head[1:], 'operand'), rest)
        elif head[0] == '@':
            name = self.ident(head[1:], 'format')
            self.declare(self.formats, name, self.pattern(name, rest, True), 'format')
        else:
            self.row(head, rest)

    def ident(self, name, what):
        if not re.fullmatch(IDENT, name):
            self.fail(f"'{name}' is no name for a {what}")
        return name

    def declare(self, where, name, value, what):
        if name in where:
            self.fail(f"{what} '{name}' is declared twice")
        where[name] = value

    def directive(self, head, rest):
        if len(rest) != 1:
            self.fail(f'{head} wants one word')
        if head == '.ext':
            if not re.fullmatch(r'[A-Z]\w*', rest[0]):
                self.fail(f"'{rest[0]}' is no name for an extension")
            self.ext = rest[0]
            return
        if head == '.mnemonic':
            if rest[0] not in ('stem', 'dots'):
                self.fail('.mnemonic must be stem or dots')
            self.stem = rest[0] == 'stem'
            return
        if rest[0] not in ('16', '32'):
            self.fail('.width must be 16 or 32')
        if self.table.rows or self.formats or self.fields:
            self.fail('.width must come first')
        self.table.width = int(rest[0])

    def brace(self, head, rest):
        if rest:
            self.fail(f'{head} must be alone on its line')
        if head == '{':
            if self.group is not None:
                self.fail('groups do not nest')
            self.group = self.table.groups
            self.table.groups += 1
        else:
            if self.group is None:
                self.fail('} without {')
            self.group = None

    def argset(self, name, rest):
        args = {}
        for word in rest:
            arg, _, kind = word.partition(':')
            self.ident(arg, 'argument')
            if kind and kind not in TYPES:
                self.fail(f"'{kind}' is no argument type")
            self.declare(args, arg, TYPES[kind or 'int'], 'argument')
        self.declare(self.shared.argsets, name, ArgSet(name, args, self.where), 'argument set')

    def printer(self, name, rest):
        if len(rest) != 1:
            self.fail('$operand wants one printer')
        self.declare(self.shared.printers, name, self.ident(rest[0], 'printer'), 'printer of')

    def parse_field(self, words):
        segments, signed, shift, add, fn = [], False, 0, 0, None
        for word in words:
            if m := re.fullmatch(r'(\d+):(s?)(\d+)', word):
                if m[2]:
                    if segments:
                        self.fail('only the first part of a field may be signed')
                    signed = True
                segments.append(self.segment(int(m[1]), int(m[3])))
            elif m := re.fullmatch(r'<<(\d+)', word):
                shift = int(m[1])
            elif m := re.fullmatch(r'\+(\d+)', word):
                add = int(m[1])
            elif m := re.fullmatch(rf'!fn=({IDENT})', word):
                fn = m[1]
            else:
                self.fail(f"'{word}' is no part of a field")
        if not segments:
            self.fail('a field wants at least one part')
        if sum(s.len for s in segments) + shift > 63:
            self.fail('field is wider than 63 bits')
        return Field(tuple(segments), signed, shift, add, fn)

    def segment(self, pos, length):
        if length < 1 or pos + length > self.table.width:
            self.fail(f'{pos}:{length} is outside of the {self.table.width} bits')
        return Segment(pos, length)

    def row(self, head, rest):
        name, _, insn = head.partition(':')
        self.ident(name, 'row')
        row = self.pattern(name, rest, False)
        row.group = self.group
        row.index = len(self.table.rows)
        row.stem = self.stem
        if name == 'reserved':
            if insn or row.fields or row.argset or row.template or row.flags or row.excludes:
                self.fail('a reserved row has bits alone')
        else:
            row.insn = self.ident(insn or name, 'instruction')
            self.complete(row)
        if not row.fixedmask:
            self.fail('row fixes no bit')
        self.table.rows.append(row)

    def complete(self, row):
        """The checks and defaults of a row that decodes."""
        if not row.argset:
            self.fail(f"'{row.name}' has no argument set")
        for arg in row.fields:
            if arg not in row.argset.args:
                self.fail(f"argument set '{row.argset.name}' has no '{arg}'")
        for arg in row.argset.args:
            if arg not in row.fields:
                self.fail(f"argument '{arg}' gets no value")
        covered = row.fixedmask | row.ignored
        for value in [*row.fields.values(), *row.operands.values()]:
            covered |= value.mask if isinstance(value, Field) else 0
        missing = ~covered & (1 << self.table.width) - 1
        if missing:
            self.fail(f'no field covers bit {missing.bit_length() - 1}')
        row.ext = row.ext or self.ext
        if not row.ext:
            self.fail(f"'{row.name}' belongs to no extension")
        first = self.shared.insns.setdefault(row.insn, row)
        if first.argset is not row.argset:
            self.fail(f"'{row.insn}' has argument set '{first.argset.name}' in line {first.line}")
        if row.template is None:
            row.template = ' '.join(['%n', ','.join('%' + a for a in row.argset.args)]).strip()
        row.operands = {**self.fields, **row.operands}
        self.check_template(row)

    def check_template(self, row):
        for kind, text, _ in template_parts(row.template):
            if kind == 'bad':
                self.fail(f"bad template at '{text}'")
            if kind == 'operand' and text not in row.fields and text not in row.operands:
                self.fail(f"template names '{text}', which is neither argument nor field")

    def pattern(self, name, words, is_format):
        """A format or row from its bits and columns."""
        p = Pattern(name, self.where)
        words = self.bits(p, words)
        base = None
        for word in words:
            if word[0] == '@' and not is_format:
                if base:
                    self.fail('a row has one format at most')
                base = self.formats.get(word[1:])
                if not base:
                    self.fail(f"format '{word}' is not declared")
            else:
                self.column(p, word)
        if base:
            self.merge(p, base)
        return p

    def bits(self, p, words):
        """Reads the bits into p; returns the words that are left."""
        width = self.table.width
        pos = width
        for i, word in enumerate(words):
            inline = re.fullmatch(rf'({IDENT}):(s?)(\d+)', word)
            if inline:
                pos -= int(inline[3])
                if pos >= 0:
                    value = Field((self.segment(pos, int(inline[3])),), bool(inline[2]))
                    self.assign(p, inline[1], value)
            elif re.fullmatch(r'[01.-]+', word):
                for c in word:
                    pos -= 1
                    if pos >= 0 and c in '01':
                        p.fixedmask |= 1 << pos
                        p.fixedbits |= int(c) << pos
                    elif pos >= 0 and c == '-':
                        p.ignored |= 1 << pos
            else:
                words = words[i:]
                break
        else:
            words = []
        if pos:
            self.fail(f'{width - pos} bits where {width} belong')
        return words

    def column(self, p, word):
        if word[0] == '&':
            if p.argset:
                self.fail('two argument sets')
            p.argset = self.shared.argsets.get(word[1:])
            if not p.argset:
                self.fail(f"argument set '{word}' is not declared")
        elif word[0] == '%':
            self.assign(p, word[1:], self.field_named(word[1:]))
        elif m := re.fullmatch(rf'({IDENT})!=(\d+(,\d+)*)', word):
            self.exclude(p, self.field_named(m[1]), m[2].split(','))
        elif m := re.fullmatch(rf'({IDENT})=%({IDENT})', word):
            self.assign(p, m[1], self.field_named(m[2]))
        elif m := re.fullmatch(rf'({IDENT})=(-?(0x[0-9a-fA-F]+|\d+))', word):
            self.assign(p, m[1], int(m[2], 0))
        elif word[0] == '"':
            if p.template is not None:
                self.fail('two templates')
            p.template = word[1:-1]
            for kind, text, _ in template_parts(p.template):
                if kind == 'operand' and text in self.fields:
                    p.operands[text] = self.fields[text]
        elif re.fullmatch(rf'!{IDENT}', word):
            p.flags.append(word[1:])
        elif re.fullmatch(r'[A-Z]\w*', word):
            if p.ext:
                self.fail('two extensions')
            p.ext = word
        else:
            self.fail(f"'{word}' is no column")

    def exclude(self, p, where, values):
        """Words in which field where is one of values (its bits as they are) don't match p."""
        for value in map(int, values):
            if value >> where.width:
                self.fail(f'{value} is wider than the field')
            p.excludes.append((where.mask, where.insert(0, value)))

    def assign(self, p, arg, value):
        self.declare(p.fields, arg, value, 'argument')

    def field_named(self, name):
        if name not in self.fields:
            self.fail(f"field '%{name}' is not declared")
        return self.fields[name]

    def merge(self, p, base):
        """Adds to row p what its format says."""
        if not p.overlaps(base):
            self.fail(f"bits contradict those of format '@{base.name}' in line {base.line}")
        p.fixedmask |= base.fixedmask
        p.fixedbits |= base.fixedbits
        p.ignored |= base.ignored
        if p.argset and base.argset:
            self.fail('row and format both name an argument set')
        p.argset = p.argset or base.argset
        for arg, value in base.fields.items():
            self.assign(p, arg, value)
        p.flags = base.flags + p.flags
        p.excludes = base.excludes + p.excludes
        if p.template is None:
            p.template = base.template
            p.operands = dict(base.operands)
        p.ext = p.ext or base.ext


def logical_lines(text):
    """(number, line) with continued lines joined; number is that of the first."""
    pending, start = '', 0
    for number, line in enumerate(text.split('\n'), 1):
        start = start or number
        if line.endswith('\\'):
            pending += line[:-1] + ' '
            continue
        yield start, pending + line
        pending, start = '', 0
    if pending:
        yield start, pending


def template_parts(template):
    """(kind, text, printer): kind is text, name, operand or bad."""
    pattern = rf'%n(?!\w)|%({IDENT})|%\{{({IDENT})(?::({IDENT}))?\}}|[^%]+|%'
    for m in re.finditer(pattern, template):
        if m[0] == '%n':
            yield 'name', '', None
        elif m[1] or m[2]:
            yield 'operand', m[1] or m[2], m[3]
        elif m[0] == '%':
            yield 'bad', template[m.start():], None
        else:
            yield 'text', m[0], None


def check_overlaps(rows, first):
    """Rows may overlap in one ordered group alone; none may hide behind a reserved one. Looks at the
    rows from number first on, among each other and with the ones before."""
    for row in rows[first:]:
        bits, mask = row.fixedbits, row.fixedmask
        for earlier in rows[:row.index]:
            if (bits ^ earlier.fixedbits) & mask & earlier.fixedmask or not row.overlaps(earlier):
                continue
            if row.group is None or row.group != earlier.group:
                raise TableError(row.where, f"'{row.name}' overlaps '{earlier.name}' of "
                                 f'{place(earlier, row)}; put both in one {{ }} group')
            if earlier.reserved and not earlier.fixedmask & ~row.fixedmask:
                raise TableError(row.where, f"'{row.name}' can never be reached: reserved by "
                                 f'{place(earlier, row)}')


def place(row, seen_from):
    """Where row is, for a message about seen_from."""
    path = '' if row.where[0] == seen_from.where[0] else f' of {Path(row.where[0]).name}'
    return f'line {row.line}{path}'


def parse(path, shared, prefix=None, table=None):
    """The table in file path; argument sets and printers go to and come from shared. With a table the
    file's rows are appended to that one."""
    table = table or Table(prefix=prefix)
    try:
        text = Path(path).read_text(encoding='utf-8')
    except OSError as e:
        raise TableError((path, 0), e.strerror) from e
    Parser(path, shared, table).run(text)
    table.paths.append(str(path))
    return table


def load(path, *needs):
    """The table in file path. needs: tables whose argument sets it uses (read first)."""
    shared = Shared()
    for need in needs:
        parse(need, shared)
    return parse(path, shared)


def load_all(paths):
    """The table that several files make together."""
    shared, table = Shared(), Table()
    for path in paths:
        parse(path, shared, table=table)
    return table


def main():
    from decode_emit import Emitter
    ap = argparse.ArgumentParser(description='decode tables to C; the grammar is in decode.md')
    ap.add_argument('tables', nargs='+', metavar='[PREFIX=]TABLE')
    ap.add_argument('--prefix', help='of tables that name none; default: the file\'s name')
    ap.add_argument('--guest', required=True, help='prefix of enums and printers')
    ap.add_argument('--ctx', help='struct that trans_ functions get; default: <guest>_ctx')
    ap.add_argument('--enum', required=True, help='prefix of enumerators, such as RV')
    ap.add_argument('--trans', default='trans_', help='prefix of the functions that translate')
    ap.add_argument('--include', default='', help='how generated C includes the header')
    ap.add_argument('--out-h')
    ap.add_argument('--out-c')
    ap.add_argument('--out-disas')
    args = ap.parse_args()
    shared = Shared()
    try:
        tables = {}
        for word in args.tables:
            prefix, _, path = word.rpartition('=')
            prefix = prefix or args.prefix or Path(path).stem
            tables[prefix] = parse(path, shared, prefix, tables.get(prefix))
        emitter = Emitter(list(tables.values()), shared, args)
        outputs = [(args.out_h, emitter.header()), (args.out_c, emitter.decoder()),
                   (args.out_disas, emitter.disassembler())]
    except TableError as e:
        print(e, file=sys.stderr)
        return 1
    for path, text in outputs:
        if path:
            Path(path).write_text(text, encoding='utf-8')
    return 0


if __name__ == '__main__':
    import decode       # so that this file is one module for decode_emit.py too
    sys.exit(decode.main())
