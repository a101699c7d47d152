#!/usr/bin/env python3
"""The dragoman executable's outside: options, what it says of files that it can't run, how it places programs.

Files are made by image.py, so no cross compiler is needed.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True
from lib import tap                                         # noqa: E402
from lib.guests import dragoman                             # noqa: E402
from lib.outcome import PATIENCE                            # noqa: E402
from loader.image import CODE, CODERS, RV64, elf, exit_code, segment      # noqa: E402

TMP = tempfile.TemporaryDirectory(prefix="dragoman-loader-")


def run(*words, data=None, env=None, name="program", **more):
    """Runs dragoman with `words`; with `data`, a file of that content is the last of them."""
    words = list(words)
    if data is not None:
        path = Path(tempfile.mkdtemp(dir=TMP.name)) / name
        path.write_bytes(data)
        path.chmod(0o755)
        words.append(str(path))
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DRAGOMAN_", "QEMU_"))}
    return subprocess.run(dragoman() + words, capture_output=True, text=True, errors="replace",
                          env=clean | (env or {}), timeout=PATIENCE, **more)


def expect(result, status, err=None, out=None):
    """Exit status, and a text that the only line of stderr (or stdout) holds."""
    said = result.stderr.strip()
    if result.returncode != status:
        raise tap.Fail(f"exit status {result.returncode} instead of {status}; {said[:200]}")
    if err is not None and (err not in said or "\n" in said or not said.startswith("dragoman: ")):
        raise tap.Fail(f"expected one line with '{err}', got '{said[:300]}'")
    if err is None and said:
        raise tap.Fail(f"unexpected on stderr: {said[:300]}")
    if out is not None and out not in result.stdout:
        raise tap.Fail(f"'{out}' is missing in '{result.stdout[:300]}'")


# --- files that cannot be run: name, file, exit status, what the line says

GOOD = elf()
BAD_FILES = (
    ("empty", b"", 126, "not an ELF file"),
    ("text", b"hello\n", 126, "not an ELF file"),
    ("magic_only", b"\x7fELF", 126, "not an ELF file"),
    ("half_header", GOOD[:40], 126, "ELF"),
    ("header_only", GOOD[:64], 126, "program headers"),
    ("truncated", GOOD[:4100], 126, "truncated: a segment ends at byte 4108, the file at 4100"),
    ("wrong_class", elf(elf_class=1), 126, ""),
    ("wrong_order", elf(order=2), 126, "big-endian"),
    ("wrong_machine", elf(machine=8), 126, "machine 8"),
    ("relocatable", elf(kind=1), 126, "not an executable (ELF type 1)"),
    ("core", elf(kind=4), 126, "not an executable (ELF type 4)"),
    ("no_segments", elf(phnum=0), 126, "no program headers"),
    ("phdrs_beyond_file", elf(phoff=1 << 40), 126, "program headers"),
    ("too_large", elf([segment(CODE, exit_code(1), memsz=1 << 60)]), 126, "too large"),
    ("pie_too_large", elf([segment(0, exit_code(1), memsz=81 << 40)], entry=0, kind=3), 126, "too large"),
    ("wraps", elf([segment(CODE, exit_code(1), memsz=(1 << 64) - 4096)]), 126, "too large"),
    ("above_the_top", elf([segment(0x7fff00000000, exit_code(1))]), 126, "too large"),
    ("file_larger_than_memory", elf([segment(CODE, exit_code(1), memsz=4)]), 126, "larger in the file"),
    ("offset_wraps", elf([segment(CODE, exit_code(1), offset=(1 << 64) - 4096)]), 126, "truncated"),
    ("misplaced", elf([segment(CODE, exit_code(1), offset=4097)]), 126, "within a page"),
    ("overlap", elf([segment(CODE, exit_code(1), memsz=0x3000), segment(CODE + 0x1000, b"x")]), 126, "overlap"),
    ("out_of_order", elf([segment(CODE + 0x1000, b"x"), segment(CODE, exit_code(1))]), 126, "out of order"),
    ("interpreter_missing", elf([segment(0x1000, b"/no/such/ld.so\0", kind=3), segment(CODE, exit_code(1))]),
     127, "interpreter /no/such/ld.so: No such file"),
    ("interpreter_unended", elf([segment(0x1000, b"/no/such", kind=3), segment(CODE, exit_code(1))]),
     126, "interpreter's name does not end"),
    ("interpreter_huge", elf([segment(0x1000, b"/ld\0", kind=3, filesz=1 << 40, memsz=1 << 40),
                              segment(CODE, exit_code(1))]), 126, "interpreter's name has"),
    ("interpreter_foreign", elf([segment(0x1000, b"/bin/sh\0", kind=3), segment(CODE, exit_code(1))]),
     126, "/bin/sh: a 64-bit program for ELF machine"),
    ("script_without_interpreter", b"#!/no/such/shell\n", 127, "/no/such/shell: No such file"),
)


def bad_file(data, status, text):
    def body():
        result = run(data=data)
        expect(result, status, text)
        if "/program: " not in result.stderr and "/no/such" not in result.stderr and "/bin/sh" not in result.stderr:
            raise tap.Fail(f"the file is not named: {result.stderr}")
    return body


def script_loop():
    path = Path(tempfile.mkdtemp(dir=TMP.name)) / "loop"
    path.write_text(f"#!{path}\n")
    expect(run(str(path)), 126, "too many scripts")


# --- files that run: name, file, options, exit status

DATA = CODE + 0x10000


def layouts(coder):
    """Files for one guest, each laid out in another way."""
    def pie(status, **more):
        return elf([segment(0, coder.exit_code(status), **more)], entry=0, kind=3, machine=coder.machine)

    def fixed(status, at):
        return elf([segment(at, coder.exit_code(status))], entry=at, machine=coder.machine)

    def data(offset, *segments):
        return elf([segment(CODE, coder.load_and_exit(DATA + offset)), *segments], machine=coder.machine)

    return (
        ("fixed", fixed(42, CODE + 0x1000), 42),
        ("position_independent", pie(43), 43),
        ("aligned_2M", pie(44, align=2 << 20), 44),
        ("page_of_data", data(0x123, segment(DATA + 0x123, b"\x2d", flags=6)), 45),
        ("bss_in_the_last_page_is_clear", data(5, segment(DATA, b"\x01\x02", flags=6, memsz=0x3000),
                                               segment(DATA + 0x10000, b"\xff" * 64, flags=6)), 0),
        ("bss_pages", data(0x2fff, segment(DATA, b"\x01", flags=6, memsz=0x3000)), 0),
        ("bss_only", data(0x2fff, segment(DATA, b"", flags=6, memsz=0x3000)), 0),
        ("lowest_address", fixed(46, 0x10000), 46),
        ("position_independent_huge", pie(49, memsz=70 << 40), 49),
        ("highest", fixed(47, 0x4fff00000000), 47),
    )


def layout(data, status):
    return lambda: expect(run(data=data), status)


def other_layouts():
    """The kernel's two other address space layouts: no randomisation, and bottom-up (unlimited stack)."""
    for prefix in (["setarch", "-R"], ["sh", "-c", 'ulimit -s unlimited && exec "$@"', "sh"]):
        for name, data, status in layouts(RV64):
            if "huge" in name:                              # there is something of the host's in the middle
                continue
            path = Path(tempfile.mkdtemp(dir=TMP.name)) / "program"
            path.write_bytes(data)
            result = subprocess.run(prefix + dragoman() + [str(path)], capture_output=True, text=True, timeout=PATIENCE)
            if "Operation not permitted" in result.stderr:
                raise tap.Skip("setarch or ulimit is not permitted")
            expect(result, status)


def script_runs():
    interpreter = Path(tempfile.mkdtemp(dir=TMP.name)) / "interpreter"
    interpreter.write_bytes(elf())
    expect(run("-L", "/", data=b"#!%s -x\n" % str(interpreter).encode()), 42)


def interpreter_under_prefix():
    """PT_INTERP's path is looked up under -L; an absolute link there stays inside."""
    root = Path(tempfile.mkdtemp(dir=TMP.name))
    (root / "lib").mkdir()
    (root / "lib/real.so").write_bytes(elf([segment(0, exit_code(48))], entry=0, kind=3))
    (root / "lib/ld.so").symlink_to("/lib/real.so")
    program = elf([segment(0x1000, b"/lib/ld.so\0", kind=3), segment(CODE, exit_code(1))])
    expect(run("-L", str(root), data=program), 48)
    expect(run(data=program, env={"DRAGOMAN_PREFIX": str(root)}), 48)
    expect(run(data=program, env={"QEMU_LD_PREFIX": str(root)}), 48)
    expect(run("-L", "/nonexistent", data=program, env={"DRAGOMAN_PREFIX": str(root)}), 127,
           "interpreter /lib/ld.so")


# --- options: words before the program, exit status, stderr's line, part of stdout

OPTIONS = (
    ("unknown", ["-nonsense"], 125, "unknown option '-nonsense'; try 'dragoman -help'", None),
    ("missing_value", ["-L"], 125, "'-L' needs a value: PATH", None),
    ("no_program", [], 125, "no program given", None),
    ("no_value_wanted", ["--stats=1"], 125, "takes no value", None),
    ("bad_number", ["-s", "many"], 125, "-s: 'many' is not a number", None),
    ("number_overflow", ["-s", "99999999999999999999"], 125, "is not a number", None),
    ("size_overflow", ["--cache-size=99999999999T"], 125, "--cache-size: '99999999999T' is not a number", None),
    ("small_stack", ["-s", "1"], 125, "too small", None),
    ("page_size", ["-p", "65536"], 125, "only 4096", None),
    ("guest_base", ["-B", "0x1000"], 125, "not possible", None),
    ("gdb", ["-g", "1234"], 125, "not available yet", None),
    ("log_item", ["-d", "in_asm,nonsense"], 125, "unknown log item 'nonsense'", None),
    ("first_run", ["--first-run", "maybe"], 125, "'interpret' or 'translate', not 'maybe'", None),
    ("bad_setting", ["-E", "FOO"], 125, "not VAR=VALUE", None),
    ("cpu", ["-cpu", "cortex-a8"], 125, "unknown CPU", None),
    ("pass", ["--disable-pass", "nonsense"], 125, "unknown pass", None),
    ("log_help", ["-d", "help"], 0, None, "in_asm"),
    ("pass_help", ["--disable-pass", "help"], 0, None, "regs"),
    ("cpu_help", ["-cpu", "help"], 0, None, "max"),
    ("version", ["-version"], 0, None, "dragoman "),
    ("version_two_dashes", ["--version"], 0, None, "dragoman "),
    ("help", ["-help"], 0, None, "DRAGOMAN_STACK_SIZE"),
    ("not_found", ["/no/such/program"], 127, "/no/such/program: No such file or directory", None),
    ("directory", ["/tmp"], 126, "/tmp: is a directory", None),
    ("below_a_file", ["/etc/passwd/x"], 127, "Not a directory", None),
)
ACCEPTED = (
    ["-s", "64k"], ["-s", "0x100000"], ["--stack-size=1G"], ["-stack-size", "16M"], ["-p", "4096"], ["-B", "0"], ["-cpu", "max"],
    ["-0", "other"], ["-E", "A=B", "-E", "C=", "-U", "HOME"], ["-seed", "7"], ["-one-insn-per-tb"], ["-singlestep"],
    ["--unit-limit", "3"], ["--cache-size", "1M"], ["--first-run", "interpret"], ["--first-run", "translate"], ["--disable-pass", "dce"], ["--"],
)


def option(words, status, err, out):
    return lambda: expect(run(*words), status, err, out)


def accepted():
    for words in ACCEPTED:
        expect(run(*words, data=elf()), 42)


def variables():
    expect(run(data=elf(), env={"DRAGOMAN_STACK_SIZE": "many"}), 125, "'many' is not a number")
    expect(run("-s", "1M", data=elf(), env={"DRAGOMAN_STATS": "0"}), 42)
    if "guest insns" not in run(data=elf(), env={"DRAGOMAN_STATS": "1"}).stderr:
        raise tap.Fail("DRAGOMAN_STATS=1 prints no statistics")


def logs(coder):
    """Each item writes something of its kind, to stderr and to a file."""
    program = elf([segment(CODE, coder.exit_code(42))], machine=coder.machine)
    for item, sign in (("in_asm", coder.call), ("op", "trap syscall"), ("op_opt", "trap syscall"), ("out_asm", "jmp"),
                       ("exec", "0x10000"), ("strace", "exit"), ("page", "[stack]"), ("cpu", coder.register)):
        if sign not in run("-d", item, data=program).stderr:
            raise tap.Fail(f"-d {item} does not show '{sign}'")
        file = Path(tempfile.mkdtemp(dir=TMP.name)) / "log"
        run("-d", item, "-D", str(file), data=program)
        if item != "out_asm" and sign not in file.read_text():
            raise tap.Fail(f"-d {item} -D FILE does not show '{sign}'")
    expect(run("-d", "in_asm", "-D", "/no/such/folder/log", data=elf()), 127, "/no/such/folder/log")


def main():
    cases = [(f"bad/{name}", bad_file(*rest)) for name, *rest in BAD_FILES]
    cases += [("bad/script_loop", script_loop)]
    cases += [(f"layout/{guest}/{name}", layout(*rest)) for guest, coder in CODERS.items()
              for name, *rest in layouts(coder)]
    cases += [("layout/of_the_host", other_layouts), ("script", script_runs), ("prefix", interpreter_under_prefix)]
    cases += [(f"option/{name}", option(*rest)) for name, *rest in OPTIONS]
    cases += [("option/accepted", accepted), ("option/variables", variables)]
    cases += [(f"option/logs/{guest}", lambda c=coder: logs(c)) for guest, coder in CODERS.items()]
    tap.main(cases, [w for w in sys.argv[1:] if not w.startswith("-")])


if __name__ == "__main__":
    main()
