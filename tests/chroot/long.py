#!/usr/bin/env python3
"""A foreign Debian in a chroot, from its first package to one that it builds itself: the longer run of tests/chroot.

    long.py [--guest GUEST] [--how HOW] [--folder DIR] [--user NAME] [--results FILE]
    long.py --table FILE

In each guest and each HOW the root that debootstrap --foreign unpacked is configured (--second-stage), installs hello and
build-essential with apt-get, fetches Debian's source package hello, builds it with dpkg-buildpackage and runs what was built.
HOW is the way into the root:

    binfmt   root's chroot(8), and dragoman registered with a binfmt_misc that is mounted in namespaces of the test's own
    qemu     the same with Debian's qemu-user-static
    kept     as binfmt, and translations are kept, in a folder that is empty at first; the others keep none
    chroot   `dragoman chroot` by an ordinary user with ids in /etc/subuid, without binfmt_misc
    reach    in the root of binfmt, by turns under qemu and dragoman: bash that runs /bin/true 100 times, gcc -O2 -c

Times are those of the processor (user and system, of all processes of a step) and of the clock; on a machine that does other
things meanwhile only the first are worth comparing. Needs root, debootstrap, uidmap, a mirror, and 2 GB a root.
"""

import argparse
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "debian"), str(HERE.parent / "bench")]

from lib.guests import GUESTS, chosen, dragoman, guest_option    # noqa: E402
import root                                                      # noqa: E402
import source                                                    # noqa: E402

WAYS = ("binfmt", "kept", "chroot", "qemu", "reach")
TEST_USER = "dragoman-guest"
INSIDE = ["env", "-i", "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
          "DEBIAN_FRONTEND=noninteractive", "container=lxc"]    # the last: debootstrap's word for "mknod is not allowed"
# In user and mount namespaces; $1 is the root, $2 where binfmt_misc goes, $3 the file that says what to register. Dragoman's
# variable is for the first program inside: the others inherit what it was told.
NAMESPACE = """echo ready; read -r mapped; set -e
mount --make-rprivate /; mount -t binfmt_misc none "$2"; cat "$3" >"$2/register"
for d in proc dev sys; do mount --rbind "/$d" "$1/$d"; done
root=$1; DRAGOMAN_DISK_CACHE=$4; export DRAGOMAN_DISK_CACHE; shift 4; exec chroot "$root" "$@"
"""
KEPT = "/var/cache/dragoman-test"       # not the usual folder, which the other ways would take
STEPS = (
    ("second stage", "/debootstrap/debootstrap --second-stage"),
    ("apt-get install", """echo "deb $MIRROR $SUITE main" >/etc/apt/sources.list
        apt-get -q update; apt-get -q -y install --no-install-recommends hello build-essential; hello | grep 'Hello, world!'"""),
    # Mirrors may lack the source files of one suite.
    ("apt-get build-dep", """mkdir -p /root/build; cd /root/build
        for suite in $SUITE bookworm trixie sid; do
            printf 'deb %s %s main\\ndeb-src %s %s main\\n' $MIRROR $SUITE $MIRROR $suite >/etc/apt/sources.list
            apt-get -q update
            apt-get -q source hello && break
        done
        cd hello-*/; apt-get -q -y build-dep ."""),
    ("dpkg-buildpackage", """cd /root/build/hello-*/; dpkg-buildpackage -us -uc -b"""),
    ("the built package", """cd /root/build; dpkg -i hello_*.deb; hello -g 'built here' | grep 'built here'"""),
)
REACH = (
    ("bash, 100 times /bin/true", "bash -c 'for ((i = 0; i < 100; i++)); do /bin/true; done'"),
    ("gcc -O2 -c, 2,000 lines", "gcc -O2 -c /root/big.c -o /tmp/big.o"),
)


class Failed(Exception):
    """One line that says which step ended how."""


def timed(command, log, unshared=False):
    """Runs `command`, output appended to `log`; (seconds of the processor, seconds of the clock). Raises Failed."""
    start = time.monotonic()
    with open(log, "ab") as out:
        child = subprocess.Popen([str(word) for word in command], stderr=out, cwd="/",
                                 stdin=subprocess.PIPE if unshared else subprocess.DEVNULL,
                                 stdout=subprocess.PIPE if unshared else out)
        if unshared:
            map_ids(child)
            shutil.copyfileobj(child.stdout, out)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise Failed(f"status {child.returncode}; the end of {log}:\n" + "".join(log.open(errors="replace").readlines()[-15:]))
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start


def map_ids(child):
    """Inside, ids 0 to 65535 are what they are outside."""
    if child.stdout.readline() != b"ready\n":
        return
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{child.pid}/{name}").write_text("0 0 65536\n")
    child.stdin.write(b"mapped\n")
    child.stdin.close()


class Journey:
    """One guest, one way into its root."""

    def __init__(self, guest, how, folder, user, qemu):
        self.guest, self.how, self.user = guest, how, user
        self.folder = folder / f"{guest.name}-{how}"
        self.top, self.log = self.folder / "root", folder / f"{guest.name}-{how}.log"
        self.registration, self.misc = self.folder / "registration", self.folder / "binfmt_misc"
        self.interpreter = qemu if how == "qemu" else dragoman()[0]
        self.kept = KEPT if how == "kept" else "off"

    def as_user(self, *words):
        return ["setpriv", "--reuid", self.user.pw_name, "--regid", str(self.user.pw_gid), "--init-groups",
                "env", "-i", f"HOME={self.user.pw_dir}", f"PATH={os.environ['PATH']}", *words]

    def register(self, interpreter):
        line = subprocess.run([*dragoman(), "binfmt", "print", "--interpreter", interpreter, self.guest.name],
                              capture_output=True, check=True).stdout
        self.registration.write_bytes(line)

    def enter(self, *words):
        """(The command line that runs `words` inside, whether it wants its ids mapped)."""
        if self.how == "chroot":
            return self.as_user("DRAGOMAN_DISK_CACHE=off", self.folder / "dragoman", "chroot", self.top, *INSIDE, *words), False
        return ["unshare", "--user", "--mount", "bash", "-c", NAMESPACE, "bash", self.top, self.misc, self.registration, self.kept,
                *INSIDE, *words], True

    def unpack(self):
        """debootstrap's first stage; it wants root, which an ordinary user is in `dragoman chroot /`."""
        self.misc.mkdir(parents=True)
        command = ["debootstrap", "--foreign", "--variant=minbase", f"--arch={self.guest.debian}", self.guest.suite, self.top]
        if root.mirror():
            command.append(root.mirror())
        if self.how == "chroot":
            shutil.copy(self.interpreter, self.folder / "dragoman")     # where the user may read it
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
            command = self.as_user(self.folder / "dragoman", "chroot", "--no-mounts", "/", "env", "container=lxc", *command)
        timed(command, self.log)
        self.register(self.interpreter)
        resolver = self.top / "etc/resolv.conf"
        shutil.copy("/etc/resolv.conf", resolver)

    def run(self, steps):
        """Yields (step, its times) of the first `steps`."""
        self.unpack()
        setting = f"set -e; MIRROR={root.mirror() or 'http://deb.debian.org/debian'} SUITE={self.guest.suite}\n"
        for name, script in STEPS[:steps]:
            command, unshared = self.enter("sh", "-c", setting + script)
            yield name, timed(command, self.log, unshared)

    def remove(self):
        if self.how == "chroot":
            subprocess.run([str(w) for w in self.as_user(self.folder / "dragoman", "chroot", "--no-mounts", "/", "rm", "-rf", self.top)])
        shutil.rmtree(self.folder, ignore_errors=True)


def reach(journey, qemu, rounds):
    """Yields (step, how, the least times of `rounds`), all hows by turns; the kept translations are those of a first run."""
    (journey.top / "root/big.c").write_text(source.text())
    hows = (("qemu", qemu, "off"), ("binfmt", dragoman()[0], "off"), ("kept", dragoman()[0], KEPT))
    for step, script in REACH:
        best = {}
        for number in range(rounds + 1):
            for how, interpreter, journey.kept in hows:
                journey.register(interpreter)
                command, unshared = journey.enter("sh", "-c", script)
                times = timed(command, journey.log, unshared)
                if number:      # the first one fills the caches
                    best[how] = tuple(map(min, times, best.get(how, times)))
        for how, times in best.items():
            yield step, how, times


def static_qemu(guest, folder):
    """Debian's qemu-ARCH-static: a chroot has no libraries for another."""
    name = guest.qemu + "-static"
    if not shutil.which(name) and not (folder / "usr/bin" / name).exists():
        subprocess.run(["apt-get", "-q", "download", "qemu-user-static"], cwd=folder, check=True)
        subprocess.run(["dpkg", "-x", next(folder.glob("qemu-user-static_*.deb")), folder], check=True)
    return shutil.which(name) or str(folder / "usr/bin" / name)


def the_user(name):
    """An ordinary user with ids of his own; (his row of passwd, whether he was made for this run)."""
    made = name is None
    if made:
        subprocess.run(["useradd", "--create-home", TEST_USER], check=True)
    return pwd.getpwnam(name or TEST_USER), made


def note(results, guest, step, how, times, options):
    results.append({"guest": guest.name, "step": step, "how": how, "cpu": round(times[0], 2), "clock": round(times[1], 2)})
    print(f"ok {guest.name}/{how}/{step}: {times[0]:.1f} s of the processor, {times[1]:.1f} s", flush=True)
    if options.results:
        with open(options.results, "a", encoding="utf-8") as file:
            file.write(json.dumps(results[-1]) + "\n")


def run(guest, how, folder, user, options, results):
    qemu = static_qemu(guest, folder) if how in ("qemu", "reach") else None
    if how == "reach":
        for step, way, times in reach(Journey(guest, "binfmt", folder, user, qemu), qemu, options.rounds):
            note(results, guest, step, way, times, options)
        return
    for step, times in Journey(guest, how, folder, user, qemu).run(options.steps):
        note(results, guest, step, how, times, options)


def table(rows):
    """The results as Markdown: seconds of the processor, and how many times as long qemu takes."""
    columns = {"qemu": "qemu-user", "binfmt": "dragoman, binfmt_misc", "kept": "the same, kept translations",
               "chroot": "`dragoman chroot`"}
    print("| | " + " | ".join(columns.values()) + " |\n" + "| --- " * (len(columns) + 1) + "|")
    for guest in GUESTS:
        for step, _ in STEPS + REACH:
            cells = {row["how"]: row["cpu"] for row in rows if (row["guest"], row["step"]) == (guest, step)}
            if cells:
                print(f"| {guest}: {step} | " + " | ".join(cell(cells, how) for how in columns) + " |")


def cell(cells, how):
    if how not in cells:
        return ""
    ratio = f", {cells['qemu'] / cells[how]:.1f}x" if how != "qemu" and "qemu" in cells else ""
    return f"{cells[how]:.2f} s{ratio}" if cells[how] < 10 else f"{cells[how]:.0f} s{ratio}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    guest_option(parser)
    parser.add_argument("--how", action="append", choices=WAYS, help="only this one; may be repeated")
    parser.add_argument("--folder", type=Path, help="where the roots go and stay (default: a temporary one)")
    parser.add_argument("--user", help=f"the ordinary user (default: {TEST_USER}, made for this run)")
    parser.add_argument("--steps", type=int, default=len(STEPS), help="only so many of them")
    parser.add_argument("--rounds", type=int, default=3, help="of reach")
    parser.add_argument("--results", type=Path, help="append each time to this file")
    parser.add_argument("--table", type=Path, help="only print the table of such a file")
    options = parser.parse_args()
    if options.table:
        return table([json.loads(line) for line in options.table.read_text(encoding="utf-8").splitlines()])
    if os.geteuid() or not all(map(shutil.which, ("debootstrap", "newuidmap", "setpriv", "unshare"))):
        sys.exit("needs root, debootstrap, and newuidmap (package uidmap)")
    folder = options.folder or Path(tempfile.mkdtemp(prefix="dragoman-", dir="/var/tmp"))
    folder.mkdir(exist_ok=True, parents=True)
    folder.chmod(0o755)
    hows = options.how or WAYS
    user, made = the_user(options.user) if "chroot" in hows else (None, False)
    results, failures = [], 0
    try:
        for guest in chosen(options):
            for how in sorted(hows, key=WAYS.index):
                try:
                    run(guest, how, folder, user, options, results)
                except (Failed, OSError, subprocess.SubprocessError) as reason:
                    failures += 1
                    print(f"not ok {guest.name}/{how}: {reason}", flush=True)
    finally:
        for guest in chosen(options) if not options.folder else ():
            for how in hows:
                Journey(guest, how, folder, user, None).remove()
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
        if made:
            subprocess.run(["userdel", "--remove", TEST_USER], stderr=subprocess.DEVNULL)
    table(results)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
