#!/usr/bin/env python3
"""`dragoman binfmt`: registration with a binfmt_misc that is mounted in a user namespace of the test's own, and starts by the kernel."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lib import tap                                     # noqa: E402
from lib.guests import GUESTS, dragoman                 # noqa: E402
from lib.outcome import run                             # noqa: E402

SETUP = """set -e
mkdir -p "$DIR/misc"; mount -t binfmt_misc none "$DIR/misc"
binfmt() { "$DRAGOMAN" binfmt "$@" --directory "$DIR/misc"; }
"""


def private(folder, program, script, env=None):
    """Runs a bash script in user and mount namespaces of its own; (status, output)."""
    done = run(["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", SETUP + script], cwd=folder,
               env={"DIR": str(folder), "DRAGOMAN": dragoman()[0], "PROGRAM": str(program), **(env or {})})
    if b"mount:" in done.err and not done.out:
        raise tap.Skip(f"no private binfmt_misc: {done.err.decode().strip().splitlines()[-1]}")
    return done.status, done.out.decode() + done.err.decode()


def expect(got, status, text):
    if got != (status, text):
        raise tap.Fail(f"expected {status}, {text!r}, got {got[0]}, {got[1]!r}")


# --- one function a test: (guest, folder, static program, dynamic program)

def starts_by_name(guest, folder, static, dynamic):
    expect(private(folder, static, 'binfmt install; "$PROGRAM" a -b ""'), 4, f"{static}|a|-b|\n")


def keeps_argv0(guest, folder, static, dynamic):
    """HARD_CASES 24: also one that looks like an option."""
    expect(private(folder, static, 'binfmt install; (exec -a -strace "$PROGRAM" a) || (exec -a "" "$PROGRAM")'), 1,
           "-strace|a\n\n")


def dynamic_program_finds_its_libraries(guest, folder, static, dynamic):
    expect(private(folder, dynamic, 'binfmt install; "$PROGRAM"', {"DRAGOMAN_PREFIX": guest.sysroot}), 1, f"{dynamic}\n")


def scripts_have_foreign_interpreters(guest, folder, static, dynamic):
    script = folder / "script"
    script.write_text(f"#!{static} one two\n")
    script.chmod(0o755)
    expect(private(folder, script, 'binfmt install; "$PROGRAM" three'), 4, f"{static}|one two|{script}|three\n")


def bare_chroot(guest, folder, static, dynamic):
    """No /proc, none of our files; and a program there executes another one."""
    root = folder / "root"
    root.mkdir()
    shutil.copy(static, root / "first")
    shutil.copy(static, root / "second")
    expect(private(folder, static, 'binfmt install; /usr/sbin/chroot "$DIR/root" /first /second'), 3, "/first|/second\nrenamed|x|y\n")


def status_and_removal(guest, folder, static, dynamic):
    status, text = private(folder, static, f"""binfmt status {guest.name}; binfmt install; binfmt install {guest.name}
binfmt status {guest.name}; binfmt remove {guest.name}; binfmt status {guest.name}; binfmt remove; ls "$DIR/misc"; "$PROGRAM" """)
    own = dragoman()[0]
    wanted = (rf"{guest.name}: not installed\n{guest.name}: enabled interpreter {re.escape(own)} flags: POCF|"
              rf"{guest.name}: not installed\n{guest.name}: enabled interpreter {re.escape(own)} flags: \w*P\w*F?\w*\n"
              rf"{guest.name}: not installed\nregister\nstatus\n.*(Exec format error|cannot execute).*")
    if status != 126 or not re.match(wanted, text):
        raise tap.Fail(f"status {status}: {text!r}")


def what_the_kernel_would_not_know(guest, folder, static, dynamic):
    """Mistakes get a line."""
    for words, code, say in ((["bogus"], 125, "unknown action"), (["install", "vax"], 125, "unknown guest"),
                             (["print", "--format", "x"], 125, "unknown format"), ([], 125, "usage"),
                             (["install", "--directory", "/nonexistent"], 1, "mount -t binfmt_misc")):
        got = run([*dragoman(), "binfmt", *words])
        if got.status != code or say not in got.err.decode():
            raise tap.Fail(f"{words}: {got.status} {got.err.decode()!r}")


def prints_what_others_read(guest, folder, static, dynamic):
    line = run([*dragoman(), "binfmt", "print", "--interpreter", "/usr/bin/dragoman", guest.name]).out.decode()
    if not re.fullmatch(rf":dragoman-{guest.name}:M::(\\x[0-9a-f]{{2}}){{20}}:(\\x[0-9a-f]{{2}}){{20}}:/usr/bin/dragoman:FP\n", line):
        raise tap.Fail(line)
    text = run([*dragoman(), "binfmt", "print", "--format", "debian", "--credentials", guest.name]).out.decode()
    if "credentials yes\n" not in text or "fix_binary yes\n" not in text:
        raise tap.Fail(text)


def a_program_called_binfmt(guest, folder, static, dynamic):
    shutil.copy(static, folder / "binfmt")
    got = run([*dragoman(), "./binfmt", "print"], cwd=folder)
    if got.out != b"./binfmt|print\n":
        raise tap.Fail(f"{got.out}")


TESTS = [starts_by_name, keeps_argv0, dynamic_program_finds_its_libraries, scripts_have_foreign_interpreters, bare_chroot,
         status_and_removal, what_the_kernel_would_not_know, prints_what_others_read, a_program_called_binfmt]


def case(guest, test):
    if not shutil.which(guest.gcc):
        raise tap.Skip("no cross compiler on this machine")
    with tempfile.TemporaryDirectory(prefix="dragoman-") as name:
        folder = Path(name)
        static, dynamic = folder / "static", folder / "dynamic"
        for output, flags in ((static, ["-static"]), (dynamic, [])):
            subprocess.run([guest.gcc, "-O2", *flags, HERE / "words.c", "-o", output], check=True)
        test(guest, folder, static, dynamic)


if __name__ == "__main__":
    tap.main_by_guest(__doc__, GUESTS.values(), TESTS, case)
