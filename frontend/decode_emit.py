"""Writes the C of decode tables: header, decoder, disassembler."""
from decode import Field, TableError, template_parts
from decode_tree import Guard, Switch, build

NOTE = '/* Made by frontend/decode.py from {}; changes belong there. */\n'
MAX_NAME, MAX_TEXT, MAX_OPERANDS = 23, 63, 8      # as in frontend/decode.h
BUILTIN_PRINTERS = ('dec', 'hex', 'target')


class Emitter:
    """The output of one run. tables: in command line order; shared: what they have in common."""

    def __init__(self, tables, shared, args):
        self.tables = tables
        self.shared = shared
        self.guest = args.guest
        self.ctx = args.ctx or f'{args.guest}_ctx'
        self.enum = args.enum
        self.trans = args.trans
        self.include = args.include or args.out_h or 'decode.h'
        self.note = NOTE.format(', '.join(t.names for t in tables))
        self.rows = [r for t in tables for r in t.rows if not r.reserved]
        self.flags = unique(f for r in self.rows for f in r.flags)
        self.exts = unique(r.ext for r in self.rows)
        self.trees = {id(t): build(t.rows) for t in tables}

    # ---- header ----

    def header(self):
        g, e = self.guest, self.enum
        out = [self.note, '#pragma once', '#include <stdbool.h>', '#include <stddef.h>',
               '#include <stdint.h>', '#include "frontend/decode.h"', '',
               f'struct {self.ctx};', 'struct disas_buf;', '']
        out += self.lists()
        for argset in self.shared.argsets.values():
            out.append(f'struct arg_{argset.name} {{')
            out += [f'    {kind} {arg};' for arg, kind in argset.args.items()]
            if not argset.args:
                out.append('    int unused; /* no arguments */')
            fields = ' '.join(f'X({arg})' for arg in argset.args)
            out += ['};', f'#define {e}_ARGS_{argset.name}(X) {fields}'.rstrip(), '']
        out.append('/* Translates one instruction; false: these operands are not this instruction. */')
        for insn, row in self.shared.insns.items():
            out.append(f'bool {self.trans}{insn}(struct {self.ctx} *ctx, '
                       f'const struct arg_{row.argset.name} *a);')
        out.append('')
        for fn in unique(v.fn for r in self.rows for v in r.fields.values()
                         if isinstance(v, Field) and v.fn):
            out.append(f'int64_t {g}_field_{fn}(int64_t value);')
        for printer in self.used_printers():
            if printer not in BUILTIN_PRINTERS:
                out.append(f'void {g}_show_{printer}(struct disas_buf *out, int64_t value);')
        out += ['', f'/* By enum {g}_insn: what the tables say of an instruction. */',
                f'extern const struct decode_insn {g}_insns[{e}_COUNT];',
                f'extern const char {g}_ext_names[{e}_EXT_COUNT][16];', '']
        for t in self.tables:
            p = t.prefix
            out += [f'/* {t.names}: {t.width}-bit words. */',
                    '/** Decodes insn and translates it; false: undefined. */',
                    f'bool {p}_decode(struct {self.ctx} *ctx, uint32_t insn);',
                    '/** Index of the row of insn in the rows, or -1: undefined. */',
                    f'int {p}_row(uint32_t insn);',
                    f'/** Prints insn, at address pc, to buf; its enum {g}_insn, or 0: undefined. */',
                    f'int {p}_disas(uint32_t insn, uint64_t pc, char *buf, size_t len);',
                    f'#define {p.upper()}_ROW_COUNT {len(t.rows)}',
                    f'extern const struct decode_row {p}_rows[{p.upper()}_ROW_COUNT];', '']
        return '\n'.join(out)

    def lists(self):
        """Enums of instructions, extensions, flags, and the list of instructions for macros."""
        e = self.enum
        out = [f'enum {self.guest}_insn {{', f'    {e}_NONE, /* undefined */']
        out += [f'    {e}_{i.upper()},' for i in self.shared.insns]
        out += [f'    {e}_COUNT', '};', '', f'enum {self.guest}_ext {{']
        out += [f'    {e}_EXT_{x.upper()},' for x in self.exts]
        out += [f'    {e}_EXT_COUNT', '};', '']
        if self.flags:
            out.append(f'enum {self.guest}_flag {{')
            out += [f'    {e}_F_{f.upper()} = 1 << {i},' for i, f in enumerate(self.flags)]
            out += ['};', '']
        out += ['/* What trans_ functions get; for generic stubs. */', f'#define {e}_CTX struct {self.ctx}', '']
        out.append('/* X(name, NAME, argument set) */')
        out.append(f'#define {e}_INSNS(X) \\')
        for insn, row in self.shared.insns.items():
            out.append(f'    X({insn}, {insn.upper()}, {row.argset.name}) \\')
        out += ['    /* end */', '']
        return out

    # ---- decoder ----

    def decoder(self):
        out = [self.note, f'#include "{self.include}"', '']
        for t in self.tables:
            getters = self.getters(t, out)
            used = unique(r.argset.name for r in t.rows if not r.reserved and r.argset.args)
            out += [f'bool {t.prefix}_decode(struct {self.ctx} *ctx, uint32_t insn)', '{']
            if used:
                out.append('    union {')
                out += [f'        struct arg_{name} {c_name(name)};' for name in used]
                out.append('    } u;')
                out.append('')

            def leaf(row, certain):
                if row.reserved:
                    return ['return false;']
                arg = f'&u.{c_name(row.argset.name)}'
                if not row.argset.args:
                    arg = f'&(const struct arg_{row.argset.name}){{0}}'
                call = f'{self.trans}{row.insn}(ctx, {arg})'
                get = getters[row.index]
                lines = [f'{get}({arg}, insn);'] if get else []
                if certain:
                    return lines + [f'return {call};']
                return lines + [f'if ({call})', '    return true;']

            self.tree(self.trees[id(t)], t, leaf, 'false', '    ', out)
            out += ['}', '']
        return '\n'.join(out)

    def getters(self, t, out):
        """One function for each distinct way to fill an argument set; row index -> its name."""
        names, by_row = {}, {}
        for row in t.rows:
            if row.reserved or not row.argset.args:
                by_row[row.index] = None
                continue
            key = (row.argset.name, tuple(self.value(row.fields[a]) for a in row.argset.args))
            if key not in names:
                names[key] = f'{t.prefix}_get_{row.argset.name}_{len(names)}'
                out += [f'static inline void {names[key]}(struct arg_{row.argset.name} *a, '
                        'uint32_t insn)', '{']
                out += [f'    a->{a} = {v};' for a, v in zip(row.argset.args, key[1])]
                if not any('insn' in v for v in key[1]):
                    out.append('    (void)insn;')
                out += ['}', '']
            by_row[row.index] = names[key]
        return by_row

    def value(self, value):
        """C expression of an argument: a constant or a field of insn."""
        if not isinstance(value, Field):
            return str(value)
        wide = value.width + value.shift > (32 if value.signed else 31)
        kind = '64' if wide else '32'
        parts, at = [], value.width + value.shift
        for i, s in enumerate(value.segments):
            at -= s.len
            get = 'decode_sbits' if i == 0 and value.signed else 'decode_bits'
            part = f'{get}(insn, {s.pos}, {s.len})'
            if at:
                part = f'(uint{kind}_t){part} << {at}'
            parts.append(part)
        text = parts[0]
        if len(parts) > 1 or value.shift:
            text = f'(int{kind}_t)(' + ' | '.join(parts) + ')'
        elif not value.signed:
            text = f'(int{kind}_t){text}'
        if value.add:
            text = f'{text} + {value.add}'
        return f'{self.guest}_field_{value.fn}({text})' if value.fn else text

    # ---- disassembler ----

    def disassembler(self):
        g, e = self.guest, self.enum
        out = [self.note, f'#include "{self.include}"', '#include "frontend/disas.h"', '',
               f'const char {g}_ext_names[{e}_EXT_COUNT][16] = {{']
        out += [f'    "{x}",' for x in self.exts]
        out += ['};', '', f'const struct decode_insn {g}_insns[{e}_COUNT] = {{',
                f'    [{e}_NONE] = {{"undefined", 0, 0}},']
        for insn, row in self.shared.insns.items():
            flags = ' | '.join(f'{e}_F_{f.upper()}' for f in unique(row.flags)) or '0'
            name = insn.replace('_', '.')
            out.append(f'    [{e}_{insn.upper()}] = {{"{name}", {e}_EXT_{row.ext.upper()}, {flags}}},')
        out += ['};', '']
        for t in self.tables:
            self.disas_table(t, out)
        return '\n'.join(out)

    def disas_table(self, t, out):
        p, e = t.prefix, self.enum
        shows, rows = {}, []
        for row in t.rows:
            bits = f'{row.fixedmask:#x}, {row.fixedbits:#x}, {row.line}'
            if row.reserved:
                rows.append(f'    {{"reserved", {bits}, {e}_NONE, 0, "", {{0}}}},')
                continue
            text, operands = self.compile_template(row, shows)
            rows.append(f'    {{"{row.name}", {bits}, {e}_{row.insn.upper()}, '
                        f'{e}_EXT_{row.ext.upper()}, "{text}", '
                        f'{{{", ".join(map(str, operands)) or "0"}}}}},')
        out += [f'const struct decode_row {p}_rows[{p.upper()}_ROW_COUNT] = {{', *rows, '};', '',
                f'static void {p}_show(struct disas_buf *out, unsigned operand, uint32_t insn)', '{',
                '    (void)insn;', '    switch (operand) {']
        for (value, printer), number in shows.items():
            out += [f'    case {number}:', f'        {printer}(out, {value});', '        break;']
        out += ['    default:', '        (void)out;', '        break;', '    }', '}', '',
                f'int {p}_row(uint32_t insn)', '{']

        def leaf(row, certain):
            return [f'return {-1 if row.reserved else row.index}; /* {row.name} */']

        self.tree(self.trees[id(t)], t, leaf, '-1', '    ', out)
        out += ['}', '', f'int {p}_disas(uint32_t insn, uint64_t pc, char *buf, size_t len)', '{',
                f'    int row = {p}_row(insn);',
                f'    struct disas_buf out = {{.text = buf, .len = len, .pc = pc}};',
                f'    return disas_print(&out, row < 0 ? NULL : &{p}_rows[row], {p}_show, insn, '
                f'{t.width});', '}', '']

    def compile_template(self, row, shows):
        """(text with a % for each operand, their numbers). shows: (value, printer) -> number."""
        text, operands = '', []
        for kind, part, printer in template_parts(row.template):
            if kind == 'name':
                text += row.mnemonic
            elif kind == 'text':
                text += part.replace('\\', '\\\\')
            else:
                value = self.value(row.fields[part] if part in row.fields else row.operands[part])
                key = (value, self.printer_name(part, printer))
                operands.append(shows.setdefault(key, len(shows)))
                text += '%'
        if max(len(row.name), len(row.insn)) > MAX_NAME or len(text) > MAX_TEXT or \
                len(operands) > MAX_OPERANDS:
            raise TableError(row.where, 'name or template is too long for struct decode_row')
        return text, operands

    def printer_name(self, operand, printer):
        printer = printer or self.shared.printers.get(operand, 'dec')
        return f'disas_show_{printer}' if printer in BUILTIN_PRINTERS else \
            f'{self.guest}_show_{printer}'

    def used_printers(self):
        return unique(printer or self.shared.printers.get(part, 'dec') for row in self.rows
                      for kind, part, printer in template_parts(row.template) if kind == 'operand')

    # ---- the tree, in both ----

    def tree(self, node, t, leaf, undefined, indent, out):
        """C of node. leaf(row, certain): lines for a match; certain: nothing is tried after it."""
        if isinstance(node, Guard):
            out += [f'{indent}if ((insn & {node.mask:#x}) != {node.value:#x})',
                    f'{indent}    return {undefined};']
            self.tree(node.inner, t, leaf, undefined, indent, out)
            return
        if isinstance(node, Switch):
            mask = (1 << node.width) - 1
            out.append(f'{indent}switch (insn >> {node.pos} & {mask:#x}) {{')
            for value, inner in node.cases.items():
                out.append(f'{indent}case {value:#x}:')
                self.tree(inner, t, leaf, undefined, indent + '    ', out)
            if len(node.cases) <= mask:
                out += [f'{indent}default:', f'{indent}    return {undefined};']
            out.append(f'{indent}}}')
            if len(node.cases) > mask:
                out.append(f'{indent}return {undefined};')
            return
        for i, (row, mask) in enumerate(node.tests):
            last = i == len(node.tests) - 1
            tests = [f'(insn & {mask:#x}) == {row.fixedbits & mask:#x}'] if mask else []
            tests += [f'(insn & {m:#x}) != {v:#x}' for m, v in row.excludes]
            if not tests:
                lines = leaf(row, last)
                out += [indent + line for line in lines]
                if lines[-1].startswith('return'):
                    return
                continue
            out.append(f'{indent}if ({" && ".join(tests)}) {{')
            out += [f'{indent}    {line}' for line in leaf(row, last)]
            out.append(f'{indent}}}')
        out.append(f'{indent}return {undefined};')


def unique(items):
    return list(dict.fromkeys(items))


def c_name(name):
    """Member of the union for an argument set; sets may be called what C reserves."""
    return 'set_' + name
