#!/usr/bin/env python3
"""The benchmark: the same C programs native, under dragoman and under qemu-user, interleaved.

Every program of programs/ is compiled with `gcc -O2` for the host and for the guest, and run N rounds in
turn; the best time of each counts, since other work on the machine only adds.  Outputs must be equal.
A program whose comment has lines `native: FLAGS` and `GUEST: FLAGS` uses instructions that the flags name, by
the compilers' intrinsics: the same algorithm on both sides. It is left out for guests without such a line.
Two further tests measure what a C program cannot: starting (50 times a program that does nothing, static
and dynamic) and compiling (cc1 of Debian's gcc on the file that source.py writes; native is the same
version of gcc for this machine if its packages can be had, else the machine's own).  Both are measured twice
under dragoman: without translations kept on disk, and ("kept") with those of an earlier run.

    run.py                          everything, table on the terminal
    run.py --only fft,start         programs or classes by name
    run.py --json out.json          keep the figures; --from out.json shows them again
    run.py --guest aarch64 --chart docs/bench-aarch64.svg --readme README.md      redraw a guest's chart and table
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE.parent / "debian"))

from lib.guests import CACHE, GUESTS, Guest, dragoman   # noqa: E402
from lib.outcome import run                             # noqa: E402
import chart                                            # noqa: E402
import root                                             # noqa: E402
import source                                           # noqa: E402

CLASSES = ["integer", "floating point", "crypto", "memory", "start", "compiler"]
WAYS = ["native", "dragoman", "kept", "qemu"]
STARTS = 50
SETTLED = 3.2       # seconds until translations of a file that was just made are kept


class Bench:
    """Builds the tests in a folder and runs them; a test is (name, class, repeats, {way: command})."""

    def __init__(self, guest, qemu, folder):
        self.guest, self.folder = guest, folder
        self.translators = {"dragoman": dragoman(), "qemu": [qemu]}
        self.kept = folder / "kept"
        self.launch = folder / "launch"
        self.build("gcc", HERE / "launch.c", self.launch)

    def build(self, gcc, path, output, *flags):
        done = run([gcc, "-O2", "-D_GNU_SOURCE", *flags, path, "-o", output, "-lm"], timeout=120)
        if done.status:
            sys.exit(f"{gcc} {path.name}: {done.err.decode()}")

    def ways(self, native, foreign, prefix):
        """Commands for the native and the foreign words; `prefix` is the folder for -L."""
        return {"native": native, **{way: [*command, "-L", prefix, *foreign]
                                     for way, command in self.translators.items()}}

    def with_kept(self, commands):
        """The same with a way more: translations kept on disk."""
        words = self.translators["dragoman"]
        return {**commands, "kept": [*words, "--disk-cache", self.kept, *commands["dragoman"][len(words):]]}

    def tests(self, only):
        for path in sorted((HERE / "programs").glob("*.c")):
            comment = path.read_text().partition("*/")[0]
            kind = re.search(r"^ \* class: ([a-z ]*[a-z])", comment, re.M).group(1)
            own = {word: flags.split() for word, flags in re.findall(r"^ \* (native|%s): (.*)$" % "|".join(GUESTS), comment, re.M)}
            if own and self.guest.name not in own:
                continue
            if only and not {path.stem, kind} & only:
                continue
            for name, flags, repeats in ([("start static", ["-static"], STARTS), ("start dynamic", [], STARTS)]
                                         if kind == "start" else [(path.stem, [], 1)]):
                stem = self.folder / name.replace(" ", "-")
                native, foreign = f"{stem}.native", f"{stem}.guest"
                self.build("gcc", path, native, *flags, *own.get("native", []))
                self.build(self.guest.gcc, path, foreign, *flags, *own.get(self.guest.name, []))
                commands = self.ways([native], [foreign], self.guest.sysroot)
                yield name, kind, repeats, self.with_kept(commands) if kind == "start" else commands
        if not only or only & {"cc1", "compiler"}:
            yield from self.compiler()

    def compiler(self):
        """cc1 of the same gcc, for this machine and for the guest; nothing when there is no root."""
        text = self.folder / "source.c"
        text.write_text(source.text())
        options = ["-quiet", "-O2", text, "-o", "/dev/stdout"]
        try:
            folder = root.make_kind(self.guest, "base")
            foreign = next(folder.glob("usr/libexec/gcc/*/*/cc1"))
        except (root.NoRoot, StopIteration) as reason:
            print(f"cc1: left out, no foreign gcc: {reason}", file=sys.stderr)
            return
        machine = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True).stdout.strip()
        here = CACHE / f"gcc-{machine}"
        try:
            root.make(Guest("host", machine, self.guest.suite, "", "", "", "", ""), ["gcc"], here)
            loader = next(here.glob("usr/lib*/ld-linux*.so.*"))
            libraries = ":".join(str(folder) for folder in here.glob("usr/lib/*-linux-gnu"))
            native = [loader, "--library-path", libraries, next(here.glob("usr/libexec/gcc/*/*/cc1"))]
        except (root.NoRoot, StopIteration):
            native = [subprocess.run(["gcc", "-print-prog-name=cc1"], capture_output=True, text=True).stdout.strip()]
        abi = ["-march=rv64gc", "-mabi=lp64d"] if self.guest.name == "riscv64" else []
        yield "cc1", "compiler", 1, self.with_kept(self.ways([*native, *options], [foreign, *abi, *options], folder))

    def measure(self, command, repeats):
        """One run: (seconds for one start, resident KB, output); exits when the program fails."""
        report = self.folder / "report"
        report.unlink(missing_ok=True)
        done = run([self.launch, report, repeats, *command], timeout=600)
        words = report.read_text().split() if report.exists() else []
        if done.status or not words or words[4] != "0":
            raise RuntimeError(f"{command[0]}: {done.ending()}, wait status {words[4:]}, {done.err.decode()[-300:]}")
        return int(words[0]) / 1e9 / repeats, int(words[3]), done.out

    def row(self, name, kind, repeats, commands, rounds):
        """Best times and resident sizes of a test: {"name", "class", "native": s, ..., "rss": {way: KB}}."""
        row = {"name": name, "class": kind, "rss": {}}
        outputs = {}
        if "kept" in commands:
            time.sleep(SETTLED)
            self.measure(commands["kept"], 1)
        for _ in range(rounds):
            for way in commands:
                if way in row and row[way] is None:
                    continue
                try:
                    seconds, rss, out = self.measure(commands[way], repeats)
                except RuntimeError as error:
                    print(f"{name}: {error}", file=sys.stderr)
                    row[way] = None
                    continue
                row[way] = min(seconds, row.get(way) or seconds)
                row["rss"][way] = max(rss, row["rss"].get(way, 0))
                outputs[way] = out
        if kind == "compiler":
            outputs.pop("native", None)     # it compiles for another machine
        if len(set(outputs.values())) > 1:
            print(f"{name}: outputs differ between {', '.join(outputs)}", file=sys.stderr)
            row["wrong"] = True
        return row

    def stats(self, commands):
        """What `dragoman --stats` prints about the cc1 run."""
        command = commands["dragoman"]
        done = run([*self.translators["dragoman"], "--stats", *command[len(self.translators["dragoman"]):]], timeout=600)
        return [] if done.status else done.err.decode(errors="replace").strip().splitlines()[-30:]


def machine():
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text()).group(1))
    gcc = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True).stdout.strip()
    return (f"{cpu.group(1) if cpu else os.uname().machine}, {os.cpu_count()} CPUs, {memory / 2**20:.0f} GB, "
            f"Linux {os.uname().release.split('-')[0]}, gcc {gcc} -O2")


def qemu_version(qemu):
    words = subprocess.run([qemu, "-version"], capture_output=True, text=True).stdout.split()
    return words[2] if len(words) > 2 else "?"


def ratio(row, above, below):
    return row[above] / row[below] if row.get(above) and row.get(below) else None


def mean(values):
    values = [v for v in values if v]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def classes(rows):
    """(class, its rows) in order, for classes that have rows."""
    return [(kind, found) for kind in CLASSES if (found := [r for r in rows if r["class"] == kind])]


def cell(value, form):
    return form.format(value) if value else "-"


def seconds(value):
    return cell(value and (value * 1000 if value < 0.1 else value), "{:.2f} ms" if value and value < 0.1 else "{:.3f} s")


def table(result):
    """Lines for the terminal."""
    line = "{:<16}{:>11}{:>12}{:>12}{:>14}{:>14}{:>12}"
    yield line.format("", "native", "dragoman", "qemu", "dragoman/nat.", "qemu/native", "qemu/drag.")
    for kind, rows in classes(result["rows"]):
        for r in rows:
            yield line.format(r["name"], *map(seconds, (r["native"], r["dragoman"], r["qemu"])),
                              cell(ratio(r, "dragoman", "native"), "{:.2f}"), cell(ratio(r, "qemu", "native"), "{:.2f}"),
                              cell(ratio(r, "qemu", "dragoman"), "{:.2f}")) + \
                (f"  kept {seconds(r['kept'])}" if r.get("kept") else "") + ("  WRONG OUTPUT" if r.get("wrong") else "")
        yield line.format(f"= {kind}", "", "", "", *(cell(mean([ratio(r, a, b) for r in rows]), "{:.2f}") for a, b in
                          (("dragoman", "native"), ("qemu", "native"), ("qemu", "dragoman"))))
        yield ""
    for r in result["rows"]:
        if r["class"] == "start":
            sizes = ", ".join(f"{way} {kb / 1024:.1f} MB" for way, kb in r["rss"].items())
            yield f"resident size, {r['name']}: {sizes}"
    yield from (["dragoman --stats of cc1:"] + ["  " + text for text in result["stats"]] if result["stats"] else [])
    yield f"{result['machine']}; qemu-user {result['qemu']}; best of {result['rounds']}"


def markdown(result):
    """The chart and table of the README: geometric means by class."""
    yield f"![{result['guest']}: time over native, program by program](docs/bench-{result['guest']}.svg)"
    yield ""
    yield f"| {result['guest']} | dragoman | qemu-user | dragoman is faster by | with kept translations |"
    yield "| --- | --- | --- | --- | --- |"
    for kind, rows in classes(result["rows"]):
        means = [mean([ratio(r, a, b) for r in rows]) for a, b in
                 (("dragoman", "native"), ("qemu", "native"), ("qemu", "dragoman"))]
        if kind == "start":
            for r in rows:
                yield (f"| {r['name']} | {seconds(r['dragoman'])} | {seconds(r['qemu'])} | {cell(ratio(r, 'qemu', 'dragoman'), '{:.1f}x')} "
                       f"| {seconds(r.get('kept'))}, {cell(ratio(r, 'qemu', 'kept'), '{:.1f}x')} |")
        else:
            count = f" ({len(rows)} programs)" if len(rows) > 1 else " (cc1)" if kind == "compiler" else ""
            kept = [mean([ratio(r, a, b) for r in rows]) for a, b in (("kept", "native"), ("qemu", "kept"))]
            with_kept = f"{kept[0]:.2f}x, {kept[1]:.1f}x" if all(kept) else ""
            yield (f"| {kind}{count} | {cell(means[0], '{:.2f}x')} | {cell(means[1], '{:.2f}x')} | {cell(means[2], '{:.1f}x')} "
                   f"| {with_kept} |")
    yield ""
    yield (f"Time over native, geometric means; for starting, the time itself; last column: the same with translations kept on disk by "
           f"an earlier run, and how much faster than qemu-user that is. {result['machine']}; "
           f"qemu-user {result['qemu']}; best of {result['rounds']} interleaved runs. `tests/bench/run.py` measures again.")


def put_into(path, guest, lines):
    """Replaces what is between the markers <!-- bench GUEST --> and <!-- /bench --> of a Markdown file."""
    text = path.read_text()
    new = re.sub(rf"(<!-- bench {guest} -->\n).*?(<!-- /bench -->)",
                 lambda m: m.group(1) + "\n".join(lines) + "\n" + m.group(2), text, flags=re.S)
    path.write_text(new)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--guest", default="riscv64", choices=GUESTS)
    parser.add_argument("--qemu", help="qemu-user to compare with (qemu-ARCH of the PATH)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="names or classes, with commas between")
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--from", metavar="FILE", type=Path, dest="source")
    parser.add_argument("--chart", metavar="FILE", type=Path)
    parser.add_argument("--readme", metavar="FILE", type=Path)
    options = parser.parse_args()
    guest = GUESTS[options.guest]
    if options.source:
        result = json.loads(options.source.read_text())
    else:
        qemu = options.qemu or guest.qemu
        result = {"machine": machine(), "qemu": qemu_version(qemu), "guest": guest.name, "rounds": options.rounds,
                  "rows": [], "stats": []}
        only = {word for word in options.only.split(",") if word}
        with tempfile.TemporaryDirectory(prefix="dragoman-bench-") as folder:
            bench = Bench(guest, qemu, Path(folder))
            for name, kind, repeats, commands in bench.tests(only):
                result["rows"].append(bench.row(name, kind, repeats, commands, options.rounds))
                print(f"{name}: " + ", ".join(f"{way} {seconds(result['rows'][-1][way])}"
                                          for way in WAYS if way in result['rows'][-1]), file=sys.stderr)
                if name == "cc1":
                    result["stats"] = bench.stats(commands)
    for text in table(result):
        print(text)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.chart:
        options.chart.write_text(chart.svg(result, CLASSES))
    if options.readme:
        put_into(options.readme, result["guest"], list(markdown(result)))
    return 1 if any(r.get("wrong") or not r["dragoman"] for r in result["rows"]) else 0


if __name__ == "__main__":
    sys.exit(main())
