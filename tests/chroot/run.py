#!/usr/bin/env python3
"""`dragoman chroot` and `dragoman rootfs`: foreign Debian roots as root and as an ordinary user.

long.py beside this file is the longer run: debootstrap, apt-get and dpkg-buildpackage inside.
"""

import os
import pwd
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(1, str(HERE.parent / "debian"))

from lib import tap                                     # noqa: E402
from lib.guests import GUESTS, dragoman                 # noqa: E402
from lib.outcome import run                             # noqa: E402
import root                                             # noqa: E402

USER = ["setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups"]


def inside(folder, *words, options=(), user=False, env=None):
    prefix = USER if user and os.geteuid() == 0 else []
    return run([*prefix, *dragoman(), "chroot", *options, folder, *words], cwd="/", env=env)


def expect(got, status, out, err=""):
    if got.status != status or got.out.decode() != out or err not in got.err.decode():
        raise tap.Fail(f"{got.ending()}, {got.out!r}, {got.err.decode()[-300:]!r}")


# --- one function a test: (guest, root, a folder of its own)

def commands_as_root(guest, top, folder):
    if os.geteuid():
        raise tap.Skip("not root")
    expect(inside(top, "bash", "-c", "uname -m; id -u; exit 7"), 7, f"{guest.name}\n0\n")


def commands_as_user(guest, top, folder):
    expect(inside(top, "bash", "-c", "uname -m; id -u; cat /proc/self/uid_map | tr -s ' '; exit 7", user=True), 7,
           f"{guest.name}\n0\n 0 {1234 if os.geteuid() == 0 else os.geteuid()} 1\n")


def children_are_translated(guest, top, folder):
    expect(inside(top, "bash", "-c", "seq 3 | sort -r | tr '\\n' ' '; python3 -c 'import os; print(os.uname().machine)'", user=True),
           0, f"3 2 1 {guest.name}\n")


def devices_and_proc(guest, top, folder):
    expect(inside(top, "bash", "-c", "head -c 3 /dev/zero | wc -c; readlink /proc/self/exe; "
                  "[ -d /sys/kernel ] && echo sys", user=True), 0, "3\n/usr/bin/readlink\nsys\n")


def without_mounts(guest, top, folder):
    got = inside(top, "bash", "-c", "echo /proc/*; uname -m", options=["--no-mounts"], user=True)
    expect(got, 0, f"/proc/*\n{guest.name}\n")


def binds(guest, top, folder):
    (folder / "file").write_text("from outside\n")
    folder.chmod(0o755)
    expect(inside(top, "cat", "/mnt/file", options=["--bind", f"{folder}:/mnt"], user=False), 0, "from outside\n")


def native_programs_are_native(guest, top, folder):
    """Started first, and by a translated program."""
    source = folder / "native.c"
    source.write_text('#include <sys/utsname.h>\n#include <stdio.h>\n'
                      'int main(void) { struct utsname u; uname(&u); return puts(u.machine) < 0; }\n')
    if run(["gcc", "-static", source, "-o", folder / "native"]).status:
        raise tap.Fail("gcc")
    folder.chmod(0o755)
    machine = os.uname().machine + "\n"
    options = ["--bind", f"{folder}:/mnt"]
    expect(inside(top, "/mnt/native", options=options), 0, machine)
    expect(inside(top, "bash", "-c", "/mnt/native; uname -m", options=options), 0, f"{machine}{guest.name}\n")


def kept_translations_stay_outside(guest, top, folder):
    """Their folder is found from inside, and none appears there."""
    cache = folder / "kept"
    for _ in range(2):
        expect(inside(top, "uname", "-m", env={"DRAGOMAN_DISK_CACHE": str(cache)}), 0, f"{guest.name}\n")
    if not list(cache.glob("*.dtc")):
        raise tap.Fail("nothing was kept")
    if (top / str(cache).lstrip("/")).exists():
        raise tap.Fail("a folder appeared in the root")


def mistakes(guest, top, folder):
    expect(inside(top, "no-such-command"), 127, "", "no-such-command: not found")
    expect(inside("/nonexistent", "true"), 125, "", "/nonexistent")
    expect(run([*dragoman(), "chroot"]), 125, "", "usage")
    expect(inside(top, "/etc/passwd-not-there"), 127, "", "No such file")


def a_program_called_chroot(guest, top, folder):
    got = run([*dragoman(), "./chroot", "x"], cwd=folder)
    if got.status != 127 or b"./chroot" not in got.err:
        raise tap.Fail(f"{got.ending()} {got.err!r}")


# --- dragoman rootfs

def rootfs(*words, prefix=(), env=None, timeout=900):
    return run([*prefix, *dragoman(), "rootfs", *words], timeout=timeout, cwd="/", env={**env} if env else None)


def need_mmdebstrap():
    if not shutil.which("mmdebstrap"):
        raise tap.Skip("mmdebstrap is not installed")


# A user that only the processes below it know of: its /etc is theirs alone.
MADE_UP, MADE_UP_IDS = 54321, 1 << 30
BECOME_MADE_UP = ('for name in passwd group subuid subgid; do mount --bind "$0/$name" /etc/$name || exit 99; done; '
                  f'exec setpriv --reuid {MADE_UP} --regid {MADE_UP} --clear-groups "$@"')


def made_up_user(folder):
    """Its id and group, and the words before a command that make a mount namespace and become that user; for root."""
    etc = folder / "etc"
    etc.mkdir()
    for name, line in (("passwd", f"madeup:x:{MADE_UP}:{MADE_UP}::/nonexistent:/bin/sh"), ("group", f"madeup:x:{MADE_UP}:"),
                       ("subuid", f"madeup:{MADE_UP_IDS}:65536"), ("subgid", f"madeup:{MADE_UP_IDS}:65536")):
        theirs = Path("/etc") / name
        if not theirs.exists():
            raise tap.Skip(f"no {theirs} to put another one over")
        (etc / name).write_text(theirs.read_text() + line + "\n")
    prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", BECOME_MADE_UP, etc]
    if run([*prefix, "true"]).status:
        raise tap.Skip("no mount namespace for a user of its own")
    return (MADE_UP, MADE_UP), prefix


def user_with_ids(folder):
    """An ordinary user with ids in /etc/subuid and /etc/subgid, and the words before a command to become that user: for root one that is
    made up, else whoever runs this."""
    if not shutil.which("newuidmap"):
        raise tap.Skip("newuidmap is not installed")
    if os.geteuid() == 0:
        return made_up_user(folder)
    user = pwd.getpwuid(os.geteuid())
    owners = [{line.split(":")[0] for line in open(name, encoding="utf-8")} for name in ("/etc/subuid", "/etc/subgid")]
    if not all({user.pw_name, str(user.pw_uid)} & names for names in owners):
        raise tap.Skip("this user has no ids in /etc/subuid and /etc/subgid")
    return (user.pw_uid, user.pw_gid), []


def make_and_use(guest, folder, prefix):
    """A root whose packages are configured: their users exist, and its own dpkg is content."""
    top = folder / "made"
    got = rootfs("--arch", guest.debian, top, "hello", prefix=prefix)
    if got.status or f"{guest.name} is ready" not in got.out.decode():
        raise tap.Fail(f"{got.ending()}: {got.err.decode()[-600:]!r}")
    got = run([*prefix, *dragoman(), "chroot", top, "sh", "-c", "hello; dpkg --audit; stat -c %G /etc/shadow; "
               "ls /var/cache/apt/archives/*.deb /usr/sbin/policy-rc.d 2>&1 | wc -l; "
               "dpkg-query -W -f '${db:Status-Status}\\n' | sort -u; ls /var/cache/dragoman"], cwd="/")
    expect(got, 0, "Hello, world!\nshadow\n2\ninstalled\n")


def rootfs_as_root(guest, top, folder):
    need_mmdebstrap()
    if os.geteuid():
        raise tap.Skip("not root")
    folder.chmod(0o755)
    make_and_use(guest, folder, [])


def rootfs_as_user(guest, top, folder):
    need_mmdebstrap()
    user, prefix = user_with_ids(folder)
    os.chown(folder, *user)
    folder.chmod(0o755)
    try:
        make_and_use(guest, folder, prefix)
    finally:
        run([*prefix, *dragoman(), "chroot", "--no-mounts", "/", "rm", "-rf", folder / "made"])


def rootfs_only_unpacked(guest, top, folder):
    """Nothing inside was run: dpkg knows of no package."""
    need_mmdebstrap()
    made = folder / "it's made"
    got = rootfs("--variant=extract", "--arch", guest.name, "--suite", guest.suite, made, "hello")
    if got.status:
        raise tap.Fail(f"{got.ending()}: {got.err.decode()[-600:]!r}")
    expect(run([*dragoman(), "-L", made, made / "usr/bin/hello"]), 0, "Hello, world!\n")
    if (made / "var/lib/dpkg/status").read_text() or (made / "usr/bin/dash").exists():
        raise tap.Fail("more than hello was unpacked, or it was configured")


def rootfs_mistakes(guest, top, folder):
    arch = ["--arch", guest.debian]
    (folder / "file").write_text("")
    for words, env, say in (([], None, "usage"), ([folder / "x"], None, "usage"), (["--arch"], None, "usage"),
                            ([*arch, "--colour", "x", folder / "x"], None, "usage"),
                            (["--arch", "vax", folder / "x"], None, "architecture 'vax'"),
                            ([*arch, "--variant", "x", folder / "x"], None, "variant 'x'"),
                            ([*arch, folder / "x", "-y"], None, "'-y' is no package"),
                            ([*arch, folder / "x"], {"PATH": "/nonexistent"}, "mmdebstrap is not installed")):
        expect(rootfs(*words, env=env), 125, "", say)
    need_mmdebstrap()
    expect(rootfs(*arch, folder), 125, "", "is not empty")
    expect(rootfs(*arch, folder / "file"), 125, "", "Not a directory")
    got = rootfs(*arch, "--suite", "no-such-suite", folder / "x")
    if got.status != 125 or "Is there a suite 'no-such-suite'" not in got.err.decode():
        raise tap.Fail(f"{got.ending()}: {got.err.decode()[-300:]!r}")
    if os.geteuid() == 0:
        expect(rootfs(*arch, "/tmp/nothing-here", prefix=USER), 125, "", "/etc/subuid")


def what_mmdebstrap_is_told(guest, top, folder):
    """With another program under its name, which runs the hook; apt-get gets each package as a word, whatever is in it."""
    tools = folder / "tools"
    tools.mkdir()
    for name, script in (("mmdebstrap", 'archives=made/var/cache/apt/archives; mkdir -p $archives; touch $archives/x.deb; '
                          'for word; do echo "$word"; '
                          'case $word in --extract-hook=*) hook=${word#*=};; esac; done; '
                          'MMDEBSTRAP_APT_CONFIG=config sh -c "$hook" hook made; exit 3'),
                         ("apt-get", '[ "$1" = indextargets ] && { echo "Other main http://other/"; echo "Debian main http://here/"; '
                          'exit; }; echo "$APT_CONFIG"; printf "<%s>\\n" "$@"')):
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    odd = "it's; touch oops"
    got = run([*dragoman(), "rootfs", "--arch", guest.debian, "made", "hello", odd], cwd=folder,
              env={"PATH": f"{tools}:/usr/bin:/bin"})
    lines = got.out.decode().splitlines()
    for line in ("--variant=extract", f"--arch={guest.debian}", "--include=?essential", guest.suite, "made", "http://here/",
                 "config", "<--download-only>", "<?priority(required)>", "<hello>", f"<{odd}>"):
        if lines.count(line) != 1:
            raise tap.Fail(f"{line}: {got.out.decode()} {got.err.decode()}")
    if got.status != 125 or "mmdebstrap failed" not in got.err.decode() or (folder / "oops").exists():
        raise tap.Fail(f"{got.ending()}: {got.err.decode()!r}")


TESTS = [commands_as_root, commands_as_user, children_are_translated, devices_and_proc, without_mounts, binds,
         native_programs_are_native, kept_translations_stay_outside, mistakes, a_program_called_chroot, rootfs_mistakes,
         what_mmdebstrap_is_told, rootfs_only_unpacked, rootfs_as_root, rootfs_as_user]
LONG = [rootfs_as_root, rootfs_as_user]


def case(guest, test):
    try:
        top = root.make_kind(guest, "base")
    except root.NoRoot as reason:
        raise tap.Skip(f"no Debian root: {reason}") from None
    with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
        test(guest, top, Path(folder))


if __name__ == "__main__":
    quick = "--quick" in sys.argv or os.environ.get("DRAGOMAN_QUICK")
    tap.main_by_guest(__doc__, GUESTS.values(), [t for t in TESTS if t not in LONG or not quick], case)
