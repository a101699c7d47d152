#!/usr/bin/env python3
"""Translations kept on disk: a second run must be like the first, and must only use what is still true.

A file is kept only when its times are older than two seconds, so everything is compiled first, then the
driver waits once.  Every test has a cache folder of its own.
"""

import argparse
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(1, str(HERE.parent / "programs"))

from lib import tap                                     # noqa: E402
from lib.guests import GUESTS, dragoman                 # noqa: E402
from lib.outcome import difference, run                 # noqa: E402

SETTLED = 3.2           # seconds until a file's times can be relied on

spec = importlib.util.spec_from_file_location("programs_run", HERE.parent / "programs" / "run.py")
programs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(programs)


class Cache:
    """A folder of kept translations, and runs that use it."""

    def __init__(self, guest, folder):
        self.guest, self.folder = guest, Path(folder)

    def run(self, program, *args, options=(), stdin=b"", cwd=None):
        return run([*dragoman(), "--disk-cache", self.folder, *options, "-L", self.guest.sysroot, program, *args],
                   stdin, cwd=cwd)

    def counts(self, program, *args, options=()):
        """Runs with --stats: (outcome, units translated, units kept)."""
        got = self.run(program, *args, options=("--stats", *options))
        text = got.err.decode()
        numbers = [int(re.search(rf"^{what} units\s+(\d+)|^{what}\s+(\d+)", text, re.M).group(k))
                   for what, k in (("units", 2), ("kept", 1))]
        return got, *numbers

    def images(self):
        return sorted(self.folder.glob("*.dtc"))


def expect(condition, text):
    if not condition:
        raise tap.Fail(text)


def compile_c(guest, source, output, *flags):
    done = run([guest.gcc, "-O2", "-D_GNU_SOURCE", *flags, source, "-o", output])
    expect(done.status == 0, done.err.decode()[-300:])


# --- one function a test: (guest, folder with the compiled files, the test's own folder)

def second_run_translates_nothing(guest, built, folder):
    cache = Cache(guest, folder)
    first, made, kept = cache.counts(built / "lookup", "a")
    expect(made > 100 and kept == 0, f"first run: {made} units made, {kept} kept")
    second, made, kept = cache.counts(built / "lookup", "a")
    expect(made < 10 and kept > 100, f"second run: {made} units made, {kept} kept")
    expect(first.out == second.out, "outputs differ")


def first_runs_are_for_what_is_not_kept(guest, built, folder):
    """Code that is interpreted would not get into the image."""
    for where, extra, wanted in ((folder / "a", [], False), (folder / "b", ["--first-run", "interpret"], True), ("off", [], True),
                                 ("off", ["-d", "page"], False), ("off", ["--first-run", "translate"], False)):
        got = run([*dragoman(), "--disk-cache", where, "--stats", *extra, "-L", guest.sysroot, built / "lookup", "a"])
        runs = int(re.search(r"^first runs\s+(\d+)", got.err.decode(), re.M).group(1))
        expect(got.status == 0 and (runs > 100 if wanted else runs == 0), f"--disk-cache {where} {extra}: {runs} first runs")


def many_functions(guest, folder, functions):
    """A program of so many functions; its arguments: how often to call all of them, or the first ones, and how many these are."""
    source, program = folder / "many.c", folder / "many"
    lines = [f"__attribute__((noinline)) unsigned f{i}(unsigned x) {{ return x % {i + 3} ? x * {2 * i + 1} ^ x >> 7 : x + {i}; }}"
             for i in range(functions)]
    calls = "".join(f"if (n > {i}) x = f{i}(x);" for i in range(functions))
    source.write_text("\n".join([*lines, "int atoi(const char *); int printf(const char *, ...);",
                                 "int main(int argc, char **argv) {",
                                 f"int n = argc > 2 ? atoi(argv[2]) : {functions}; unsigned x = 1;",
                                 f"for (int k = atoi(argv[1]); k > 0; k--) {{ {calls} }}",
                                 'printf("%u\\n", x); return 0; }']))
    compile_c(guest, source, program, "-O1")
    time.sleep(SETTLED)
    return program


def more_code_than_an_image_holds(guest, built, folder):
    """The first image keeps what came first; later runs use it and leave it as it is."""
    program, cache = many_functions(guest, folder, 1500), Cache(guest, folder / "cache")
    small = ("--cache-size", "1M")
    first, made, kept = cache.counts(program, "1", options=small)
    expect(made > 3000 and kept == 0, f"first run: {made} units made, {kept} kept")
    images = [(image, image.stat().st_mtime_ns) for image in cache.images()]
    expect(len(images) == 1, f"{len(images)} images")
    for _ in range(2):
        again, now, kept = cache.counts(program, "1", options=small)
        expect(kept > 500 and now < made - 500, f"later run: {now} units made, {kept} kept")
        expect(first.out == again.out and again.status == 0, "outputs differ")
    expect(images == [(image, image.stat().st_mtime_ns) for image in cache.images()], "the image was written again")


def more_code_than_the_cache_holds(guest, built, folder):
    """After a while other code is where the image was, and that is found too."""
    program, cache = many_functions(guest, folder, 4000), Cache(guest, folder / "cache")
    small = ("--cache-size", "1M")
    want, usual, _ = Cache(guest, "off").counts(program, "3", options=("--first-run", "translate", *small))
    expect(want.status == 0 and usual > 3 * 4000, f"{usual} units made: the cache is large enough")
    expect(cache.run(program, "1", "1000", options=small).status == 0, "the first run failed")
    got, made, kept = cache.counts(program, "3", options=small)
    expect(kept > 100 and made < usual, f"{made} units made, {kept} kept; {usual} without an image")
    expect(got.out == want.out and got.status == 0, f"{got.ending()} {got.out}, not {want.out}")


def changed_program_is_translated_anew(guest, built, folder):
    cache, program = Cache(guest, folder / "cache"), folder / "program"
    for name, want in (("one", b"one\n"), ("two", b"two\n")):
        shutil.copy(built / name, program)
        time.sleep(SETTLED)
        for _ in range(3):
            expect(cache.run(program).out == want, f"{name} printed something else")
    expect(len(cache.images()) == 2, f"{len(cache.images())} images")


def changed_library_is_translated_anew(guest, built, folder):
    cache, lib = Cache(guest, folder / "cache"), folder / "lib.so"
    for name, want in (("lib1.so", b"1\n"), ("lib2.so", b"2\n"), ("lib1.so", b"1\n")):
        # In place, so that neither the inode nor the size changes.
        with open(built / name, "rb") as source, open(lib, "r+b" if lib.exists() else "wb") as target:
            shutil.copyfileobj(source, target)
        for wait in (SETTLED, 0):
            time.sleep(wait)
            for _ in range(2):
                got = cache.run(built / "plugin", lib)
                expect(got.out == want, f"{name} gave {got.out}")


def two_libraries_at_one_address(guest, built, folder):
    cache = Cache(guest, folder)
    for order in ("12", "12", "21", "21", "1221", "2112"):
        got = cache.run(built / "plugin", *(built / f"lib{n}.so" for n in order))
        expect(got.out == "".join(n + "\n" for n in order).encode(), f"order {order}: {got.out} {got.err}")


def code_of_an_absent_library_faults(guest, built, folder):
    """A kept unit must not run while its file is not mapped."""
    cache = Cache(guest, folder)
    got = cache.run(built / "absent", built / "lib1.so")
    address = got.out.decode().strip()
    expect(got.status == 0 and int(address, 16), f"no address: {got}")
    again = cache.run(built / "absent", built / "lib1.so")
    expect(again.out == got.out, "the layout is not the image's")
    wild = cache.run(built / "absent", "jump", address)
    expect(wild.status == -signal.SIGSEGV, f"a jump there gave {wild.ending()}")


def damaged_images_are_not_used(guest, built, folder):
    cache, program = Cache(guest, folder), built / "lookup"
    want = cache.run(program, "a")
    image, = cache.images()
    whole = image.read_bytes()
    damages = {"empty": b"", "short header": whole[:100], "short": whole[:-4096], "long": whole + bytes(4096),
               "key": whole[:40] + b"\xff" + whole[41:], "zeroed code": whole[:4096] + bytes(len(whole) - 4096),
               "a bit": whole[:9000] + bytes([whole[9000] ^ 1]) + whole[9001:]}
    for name, data in damages.items():
        image.write_bytes(data)
        if len(data) == len(whole):
            os.utime(image, (0, 0))     # from before the system's start: its sum is looked at
        got, made, kept = cache.counts(program, "a")
        expect(got.out == want.out and got.status == 0, f"{name}: {got.ending()} {got.out} {got.err[-200:]}")
        expect(kept == 0 and made > 100, f"{name}: {kept} units were used")
    image.write_bytes(whole)
    os.utime(image, (0, 0))
    expect(cache.counts(program, "a")[2] > 100, "an old image whose sum is right was not used")


def images_of_others_are_not_used(guest, built, folder):
    cache, program = Cache(guest, folder), built / "lookup"
    cache.run(program, "a")
    image, = cache.images()
    image.chmod(0o620)
    expect(cache.counts(program, "a")[2] == 0, "an image that others may write was used")
    image.chmod(0o600)
    expect(cache.counts(program, "a")[2] > 0, "the image is not used at all")
    folder.chmod(0o777)
    expect(cache.counts(program, "a")[2] == 0, "a folder that others may write was used")


def other_options_other_image(guest, built, folder):
    cache, program = Cache(guest, folder), built / "lookup"
    for options in ((), ("--plain-cpu",), ("--disable-pass", "fold"), ("--unit-limit", "7")):
        expect(cache.counts(program, "a", options=options)[2] == 0, f"{options}: used another's image")
        expect(cache.counts(program, "a", options=options)[2] > 0, f"{options}: no image")
    expect(cache.counts(program, "a", options=("--cache-size", "8M"))[2] == 0, "an image for another cache size")


def many_at_once(guest, built, folder):
    cache = Cache(guest, folder)
    with ThreadPoolExecutor(8) as pool:
        outs = set(pool.map(lambda k: cache.run(built / "lookup", "abcdefgh"[k % 2]).out, range(24)))
    expect(len(outs) == 2 and len(cache.images()) == 1, f"{len(outs)} outputs, {len(cache.images())} images")
    expect(not list(folder.glob("*.tmp")), "something provisional was left")


def folder_stays_small(guest, built, folder):
    cache = Cache(guest, folder)
    for name in ("one", "two", "lookup", "one"):
        cache.run(built / name, "a", options=("--disk-cache-size", "500K"))
        size = sum(image.stat().st_size for image in cache.images())
        expect(size <= 500 << 10, f"{size} bytes after {name}")


def abandoned_files_go(guest, built, folder):
    """A process that is killed while it writes leaves its provisional file."""
    cache = Cache(guest, folder)
    old, young = (cache.folder / f"{digit * 32}.tmp" for digit in "0f")
    for file in (old, young):
        file.write_bytes(b"x")
    os.utime(old, (time.time() - 7200,) * 2)
    cache.run(built / "one", "a")
    expect(cache.images(), "nothing was kept")
    expect(not old.exists() and young.exists(), "old stays, or young goes")


def file_size_limit_is_not_exceeded(guest, built, folder):
    got = subprocess.run(["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *dragoman(), "--disk-cache", folder,
                          "-L", guest.sysroot, built / "lookup", "a"], capture_output=True, check=False)
    expect(got.returncode == 0, f"ended with {got.returncode}")
    expect(not list(folder.iterdir()), "something was written")


def unwritable_folder_is_no_error(guest, built, folder):
    got = run([*dragoman(), "--disk-cache", "/proc/nowhere", "-L", guest.sysroot, built / "lookup", "a"])
    expect(got.status == 0 and not got.err, f"{got.ending()} {got.err}")


def children_find_the_folder(guest, built, folder):
    """Also after a chroot, where its path leads nowhere."""
    cache, root = Cache(guest, folder / "cache"), folder / "root"
    root.mkdir()
    shutil.copy(built / "enter", root / "enter")
    shutil.copy(built / "static", root / "static")
    time.sleep(SETTLED)
    for _ in range(2):
        got = cache.run(root / "enter", root, "/static")
        if got.status == 77:
            raise tap.Skip("chroot is not permitted")
        expect(got.out == b"hello from inside\n", f"{got.ending()} {got.out} {got.err}")
    expect(len(cache.images()) >= 2, f"{len(cache.images())} images")
    expect(sorted(p.name for p in root.iterdir()) == ["enter", "static"], "files appeared in the root")


# --- every guest program, with an empty cache and with a full one

# What else differs in these runs, by the program's name: the kept code may have to make room for other code.
OPTIONS = [[], ["--cache-size", "1M"], ["--cache-size", "1M", "--unit-limit", "1"], ["--cache-size", "1M", "--hot", "1"]]


def program_case(guest, built, program):
    """Like tests/programs, three times with one cache; the third finds what the second added."""
    options = OPTIONS[zlib.crc32(program.name.encode()) % len(OPTIONS)]
    guest_file, native_file = built / f"p-{program.name}", built / f"n-{program.name}"
    with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
        want = program.expected or program.start([native_file])
        for number in range(3):
            got = program.start([*dragoman(), "--disk-cache", folder, *options, "-L", guest.sysroot, guest_file])
            if wrong := difference(want, got):
                raise tap.Fail(f"run {number + 1} {' '.join(options)}: {wrong}")


TESTS = [
    second_run_translates_nothing, first_runs_are_for_what_is_not_kept, more_code_than_an_image_holds, more_code_than_the_cache_holds, changed_program_is_translated_anew,
    changed_library_is_translated_anew,
    two_libraries_at_one_address, code_of_an_absent_library_faults, damaged_images_are_not_used,
    images_of_others_are_not_used, other_options_other_image, many_at_once, folder_stays_small,
    abandoned_files_go, file_size_limit_is_not_exceeded, unwritable_folder_is_no_error, children_find_the_folder,
]
FILES = {   # output: source and flags
    "lookup": ["lookup.c"], "one": ["name.c", '-DNAME="one"'], "two": ["name.c", '-DNAME="two"'],
    "plugin": ["plugin.c"], "absent": ["absent.c"], "enter": ["enter.c"], "static": ["static.c", "-static"],
    "lib1.so": ["lib.c", "-DANSWER=1", "-shared", "-fPIC"], "lib2.so": ["lib.c", "-DANSWER=2", "-shared", "-fPIC"],
}


def prepare(guest, built, wanted):
    """Compiles everything for one guest, two at a time, and waits until the files' times count."""
    jobs = [lambda o=o, s=s: compile_c(guest, HERE / s[0], built / o, *s[1:]) for o, s in FILES.items()]
    for p in wanted:
        variant = [guest.tuned if w == "tuned" else w for w in p.variants[0]]
        jobs.append(lambda p=p, v=variant: p.compile(guest.gcc, v, built / f"p-{p.name}"))
        if not p.expected:
            jobs.append(lambda p=p: p.compile("gcc", [w for w in p.variants[0] if w != "tuned"], built / f"n-{p.name}"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda job: job(), jobs))
    time.sleep(SETTLED)


def test_case(guest, built, test):
    with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
        test(guest, built, Path(folder))


def skip_no_compiler():
    raise tap.Skip("no cross compiler on this machine")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help="run the tests whose name contains one of these")
    parser.add_argument("--guest", choices=GUESTS, help="only this guest")
    parser.add_argument("--quick", action="store_true", help="leave the guest programs out")
    options = parser.parse_args()
    os.environ.pop("DRAGOMAN_DISK_CACHE", None)
    todo = []
    with tempfile.TemporaryDirectory(prefix="dragoman-keep-") as folder:
        for guest in GUESTS.values():
            if options.guest not in (None, guest.name):
                continue
            have = shutil.which(guest.gcc)
            wanted = [] if options.quick else [p for p in programs.all_programs(False) if p.guest in ("", guest.name)]
            built = Path(folder) / guest.name
            built.mkdir()
            if have:
                prepare(guest, built, wanted)
            todo += [(f"{guest.name}/{test.__name__}", (lambda g=guest, b=built, t=test: test_case(g, b, t))
                      if have else skip_no_compiler) for test in TESTS]
            todo += [(f"{guest.name}/program-{p.name}", (lambda g=guest, b=built, p=p: program_case(g, b, p))
                      if have else skip_no_compiler) for p in wanted]
        # Some wait for the clock most of the time.
        failures = tap.run_cases(todo, options.only, 2 * os.cpu_count())
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
