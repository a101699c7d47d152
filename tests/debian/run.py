#!/usr/bin/env python3
"""Real Debian programs of foreign architectures, run without root rights, chroot or binfmt_misc.

The .toml files hold the scenarios, scenarios.toml says how to write one; each runs for every guest.  The foreign
programs are those of the roots that root.py makes.
"""

import argparse
import datetime
import os
import shutil
import sys
import tempfile
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lib import tap                                     # noqa: E402
from lib.guests import GUESTS, chosen, dragoman, guest_option   # noqa: E402
from lib.outcome import PATIENCE, Outcome, difference, run            # noqa: E402
import root                                             # noqa: E402
from results import Results, Row                        # noqa: E402


class Scenario:
    def __init__(self, row):
        self.name, self.commands = row["name"], row["run"]
        self.files, self.stdin = row.get("files", {}), row.get("stdin", "").encode()
        self.expect, self.status = row.get("expect"), row.get("status", 0)
        self.timeout, self.quick = row.get("timeout", PATIENCE), row.get("quick", False)
        self.relative, self.kind, self.long = row.get("relative", False), row.get("root", "base"), row.get("long", [])
        self.copies, self.guests, self.env = row.get("copy", []), row.get("guests", GUESTS), row.get("env", {})

    def play(self, start, root_folder):
        """Runs the commands through `start`, a function of a command's words that gives the real ones."""
        out, err, outcome = b"", b"", None
        with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
            for name, text in self.files.items():
                (Path(folder) / name).write_text(text.lstrip("\n"))
            for name in self.copies:
                shutil.copy(HERE / "programs" / name, folder)

            def fill(text):
                return text.replace("{root}", str(root_folder)).replace("{here}", folder)

            for number, command in enumerate(self.commands):
                words = [fill(w) for w in command]
                outcome = run(start(words), b"" if number else self.stdin, self.timeout, folder,
                              {"TMPDIR": folder, **{name: fill(value) for name, value in self.env.items()}})
                out, err = out + outcome.out, err + outcome.err
                if outcome.timed_out or (outcome.status and number < len(self.commands) - 1):
                    break
        return Outcome(outcome.status, out, err, outcome.timed_out)

    def test(self, guest, top, results):
        """Plays for `guest` with the programs under `top`, which is what roots() gives; notes the times in `results`."""
        row = Row(guest.name, self.name, datetime.date.today().isoformat())
        try:
            self.compare(guest, top, row)
        except tap.Fail as wrong:
            row.result = str(wrong)
            raise
        finally:
            if row.seconds is not None:
                results.add(row)

    def compare(self, guest, top, row):
        if isinstance(top, root.NoRoot):
            raise tap.Skip(f"no Debian root for {guest.name}: {top}")
        if self.expect is None:
            start = time.monotonic()
            want = self.play(lambda words: ["/usr/bin/" + words[0], *words[1:]], top)
            row.native = time.monotonic() - start
            if want.status != self.status:
                raise tap.Skip(f"the host's own program gave {want.ending()}")
        else:
            text = self.expect.replace("{machine}", guest.name).replace("{elf}", guest.elf)
            want = Outcome(self.status, text.lstrip("\n").encode(), b"")
        # All working folders are in one place, so the way from them to the root is the same.
        where = os.path.relpath(top.resolve(), Path(tempfile.gettempdir()).resolve() / "here") \
            if self.relative else top
        prefix = [*dragoman(), "-L", where]
        start = time.monotonic()
        got = self.play(lambda words: prefix + ([top / "usr/bin" / words[0]] if "/" not in words[0] else [words[0]])
                        + words[1:], top)
        row.seconds = time.monotonic() - start
        if wrong := difference(want, got):
            raise tap.Fail(wrong)


def roots(wanted):
    """Makes the roots that are not there: {(guest's name, kind): folder, or the NoRoot that says why there is none}."""
    made = {}
    for guest, kind in sorted(wanted):
        try:
            made[guest, kind] = root.make_kind(GUESTS[guest], kind)
        except root.NoRoot as reason:
            made[guest, kind] = reason
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help="run the scenarios whose name contains one of these")
    guest_option(parser)
    parser.add_argument("--quick", action="store_true", help="only those marked quick")
    parser.add_argument("--long", action="store_true", help="also those that take long")
    parser.add_argument("--results", type=Path, metavar="FILE",
                        help="write each result into the table of this page, in place of the one that is there")
    options = parser.parse_args()
    results = Results(options.results)
    scenarios = [Scenario(row) for file in sorted(HERE.glob("*.toml")) for row in tomllib.loads(file.read_text())["scenario"]]
    plays = [(f"{guest.name}/{scenario.name}", guest, scenario) for guest in chosen(options) for scenario in scenarios
             if guest.name in scenario.guests and (scenario.quick or not options.quick)
             and (options.long or guest.name not in scenario.long)]
    plays = [play for play in plays if not options.only or any(word in play[0] for word in options.only)]
    tops = roots({(guest.name, scenario.kind) for _, guest, scenario in plays})
    tap.main([(name, lambda g=guest, s=scenario: s.test(g, tops[g.name, s.kind], results)) for name, guest, scenario in plays])


if __name__ == "__main__":
    main()
