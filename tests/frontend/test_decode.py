#!/usr/bin/env python3
"""Tests of the decode-table generator: tables in decode/ that must work, tables that must not.

succ_*.decode   is generated, compiled without a warning and run on the words of its own comments:
                  #= WORD insn arg=value...     WORD calls trans_insn with these arguments
                  #= WORD undefined
                  #> WORD text                  WORD disassembles as text (at address 0x1000)
                Instructions named no_* refuse (their trans_ function returns false). The Python
                model must agree. Field functions compute 2 * value + 1, printers print <value>.
err_*.decode    holds a comment  #! LINE: words  ; the generator must fail with exactly that line
                number and a message with these words, and write nothing.

usage: test_decode.py [word...]     only cases whose names contain a word
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TOP / 'tests'), str(TOP / 'frontend')]

import decode                                           # noqa: E402
from decode_emit import BUILTIN_PRINTERS, Emitter       # noqa: E402
from lib import tap                                     # noqa: E402

WARNINGS = ['-Wall', '-Wextra', '-Wshadow', '-Wstrict-prototypes', '-Wmissing-prototypes',
            '-Wno-unused-parameter', '-Werror']
MAIN = r'''
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char text[128];
        uint32_t word = (uint32_t)strtoul(argv[i], NULL, 0);
        said[0] = 0;
        if (!t_decode(NULL, word))
            strcpy(said, "undefined");
        int insn = t_disas(word, 0x1000, text, sizeof(text));
        printf("%s\t%s\t%s\n", said, text, insn ? "defined" : "undefined");
    }
    return 0;
}
'''


def generate(folder, path):
    """Runs the generator on the table in path; its result and the three files."""
    files = [folder / name for name in ('gen.h', 'gen.c', 'gen_disas.c')]
    command = [sys.executable, '-B', TOP / 'frontend/decode.py', '--guest', 't', '--enum', 'T',
               '--include', 'gen.h', '--out-h', files[0], '--out-c', files[1],
               '--out-disas', files[2], f't={path}']
    return subprocess.run(command, capture_output=True, text=True, check=False), files


def stubs(path):
    """C of trans_ functions, printers and field functions, and the test's main function."""
    shared = decode.Shared()
    table = decode.parse(path, shared, 't')
    out = ['#include <stdio.h>', '#include <stdlib.h>', '#include <string.h>', '#include "gen.h"',
           '#include "frontend/disas.h"', 'static char said[256];']
    for insn, row in shared.insns.items():
        out += [f'bool trans_{insn}(T_CTX *ctx, const struct arg_{row.argset.name} *a)', '{',
                f'    int n = sprintf(said, "{insn}");']
        out += [f'    n += sprintf(said + n, " {arg}=%lld", (long long)a->{arg});'
                for arg in row.argset.args]
        out += [f'    return n && {"false" if insn.startswith("no_") else "true"};', '}']
    options = type('Options', (), dict(guest='t', enum='T', ctx=None, trans='trans_', include='',
                                       out_h=None))
    for printer in Emitter([table], shared, options).used_printers():
        if printer not in BUILTIN_PRINTERS:
            out += [f'void t_show_{printer}(struct disas_buf *b, int64_t value)', '{',
                    '    disas_printf(b, "<%d>", (int)value);', '}']
    functions = {v.fn for row in table.rows for v in row.fields.values()
                 if isinstance(v, decode.Field) and v.fn}
    out += [f'int64_t t_field_{fn}(int64_t value)\n{{\n    return 2 * value + 1;\n}}'
            for fn in sorted(functions)]
    return '\n'.join(out) + MAIN


def python_says(table, word):
    """What the Python model makes of word, in the form of the #= comments."""
    for row in table.rows:
        if not row.matches(word):
            continue
        if row.reserved:
            break
        if row.insn.startswith('no_'):
            continue
        values = []
        for arg in row.argset.args:
            value = row.fields[arg]
            if isinstance(value, decode.Field):
                value = 2 * value.extract(word) + 1 if value.fn else value.extract(word)
            values.append(f'{arg}={value}')
        return ' '.join([row.insn, *values])
    return 'undefined'


def check_succ(path):
    lines = re.findall(r'^\s*#([=>]) (\S+) (.*)$', path.read_text(), re.M)
    if not lines:
        raise tap.Fail('the table expects nothing')
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result, files = generate(folder, path)
        if result.returncode or result.stderr:
            raise tap.Fail(result.stderr)
        (folder / 'main.c').write_text(stubs(path))
        gcc = subprocess.run(['gcc', '-std=gnu17', '-O1', *WARNINGS, '-I', folder, '-I', TOP,
                              folder / 'main.c', *files[1:], TOP / 'frontend/disas.c',
                              '-o', folder / 'main'], capture_output=True, text=True, check=False)
        if gcc.returncode:
            raise tap.Fail(gcc.stderr[:1000])
        got = subprocess.run([folder / 'main', *(word for _, word, _ in lines)], check=True,
                             capture_output=True, text=True).stdout.splitlines()
    table = decode.load(path)
    for (kind, word, want), line in zip(lines, got, strict=True):
        said, text, _ = line.split('\t')
        model = python_says(table, int(word, 0))
        if kind == '=' and said != want.strip():
            raise tap.Fail(f'{word}: {said}; wanted {want}')
        if said != model:
            raise tap.Fail(f'{word}: C says {said}, Python {model}')
        if kind == '>' and ' '.join(text.split()) != want.strip():
            raise tap.Fail(f'{word}: prints {text}; wanted {want}')


def check_err(path):
    line, want = re.search(r'^#! (\d+): (.*)$', path.read_text(), re.M).groups()
    with tempfile.TemporaryDirectory() as name:
        result, files = generate(Path(name), path)
        if any(f.exists() for f in files):
            raise tap.Fail('files were written')
    start = f'{path}:{line}: error: '
    if result.returncode != 1:
        raise tap.Fail(f'exit status {result.returncode}: {result.stderr}')
    if not result.stderr.startswith(start) or result.stderr.count('\n') != 1:
        raise tap.Fail(f'said {result.stderr}; wanted {start}…{want}')
    if want.strip() not in result.stderr:
        raise tap.Fail(f'said {result.stderr}; wanted …{want}')


def check_missing_file():
    try:
        decode.load(HERE / 'decode' / 'none.decode')
    except decode.TableError as e:
        if 'none.decode:0: error: No such file' in str(e):
            return
    raise tap.Fail('a missing file is not reported')


def check_several_files():
    """Two files of one prefix are one decoder; what overlaps is told with the file's name."""
    first = '.ext X\n%f 0:2\n&f f\na 0000000000000000000000000000 00.. &f %f\n'
    second = '.ext Y\n%f 2:2\nb 0000000000000000000000000001 ..00 &f %f\n'
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [folder / 'one.decode', folder / 'two.decode']
        paths[0].write_text(first)
        paths[1].write_text(second)
        files = [folder / f for f in ('gen.h', 'gen.c', 'gen_disas.c')]
        command = [sys.executable, '-B', TOP / 'frontend/decode.py', '--guest', 't', '--enum', 'T',
                   '--include', 'gen.h', '--prefix', 't', '--out-h', files[0], '--out-c', files[1],
                   '--out-disas', files[2], *paths]
        subprocess.run(command, check=True)
        text = files[1].read_text()
        if text.count('t_decode(') != 1 or 'trans_a(' not in text or 'trans_b(' not in text:
            raise tap.Fail('not one decoder of both files')
        table = decode.load_all(paths)
        if [table.match(w) and table.match(w).name for w in (3, 0x14, 4)] != ['a', 'b', None]:
            raise tap.Fail('load_all() differs')
        paths[1].write_text(second + 'c 0000000000000000000000000000 --00 &f f=0\n')
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if "'c' overlaps 'a' of line 4 of one.decode" not in result.stderr:
            raise tap.Fail(f'said {result.stderr}')


def check_insert():
    """Field.insert() is the inverse of extract(), for all fields of the RISC-V tables."""
    tables = TOP / 'frontend/riscv'
    for table in (decode.load(tables / 'rv64.decode'),
                  decode.load(tables / 'rvc.decode', tables / 'rv64.decode')):
        for name, f in table.fields.items():
            for raw in range(0, 1 << f.width, max(1, (1 << f.width) // 999)):
                for word in (0, (1 << table.width) - 1):
                    made = f.insert(word, raw)
                    value = raw - (1 << f.width) if f.signed and raw >> f.width - 1 else raw
                    if f.extract(made) != (value << f.shift) + f.add or (made ^ word) & ~f.mask:
                        raise tap.Fail(f'%{name}: {raw:#x} into {word:#x} gives {made:#x}')


def main():
    cases = [(p.stem, lambda p=p: check_succ(p)) for p in sorted(HERE.glob('decode/succ_*.decode'))]
    cases += [(p.stem, lambda p=p: check_err(p)) for p in sorted(HERE.glob('decode/err_*.decode'))]
    cases += [('missing_file', check_missing_file), ('several_files', check_several_files),
              ('field_insert', check_insert)]
    tap.main(cases, sys.argv[1:])


if __name__ == '__main__':
    main()
