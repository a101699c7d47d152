#!/usr/bin/env python3
"""Real Debian programs of a foreign architecture, run without root rights, chroot or binfmt_misc.

scenarios.toml holds the scenarios and says how to write one.  The foreign programs are those of the
root that root.py makes, or of DRAGOMAN_TEST_ROOT.
"""

import argparse
import os
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lib import tap                                     # noqa: E402
from lib.guests import GUESTS, dragoman                 # noqa: E402
from lib.outcome import Outcome, difference, run            # noqa: E402
import root                                             # noqa: E402


class Scenario:
    def __init__(self, row):
        self.name, self.commands = row["name"], row["run"]
        self.files, self.stdin = row.get("files", {}), row.get("stdin", "").encode()
        self.expect, self.status = row.get("expect"), row.get("status", 0)
        self.timeout, self.quick = row.get("timeout", 60), row.get("quick", False)
        self.relative = row.get("relative", False)

    def play(self, start, root_folder):
        """Runs the commands through `start`, a function of a command's words that gives the real ones."""
        out, err, outcome = b"", b"", None
        with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
            for name, text in self.files.items():
                (Path(folder) / name).write_text(text.lstrip("\n"))
            for number, command in enumerate(self.commands):
                words = [w.replace("{root}", str(root_folder)).replace("{here}", folder) for w in command]
                outcome = run(start(words), b"" if number else self.stdin, self.timeout, folder,
                              {"TMPDIR": folder})
                out, err = out + outcome.out, err + outcome.err
                if outcome.timed_out or (outcome.status and number < len(self.commands) - 1):
                    break
        return Outcome(outcome.status, out, err, outcome.timed_out)

    def test(self, guest):
        if self.expect is None:
            want = self.play(lambda words: ["/usr/bin/" + words[0], *words[1:]], guest.root)
            if want.status != self.status:
                raise tap.Skip(f"the host's own program gave {want.ending()}")
        else:
            want = Outcome(self.status, self.expect.lstrip("\n").encode(), b"")
        # All working folders are in one place, so the way from them to the root is the same.
        where = os.path.relpath(guest.root.resolve(), Path(tempfile.gettempdir()).resolve() / "here") \
            if self.relative else guest.root
        prefix = [*dragoman(), "-L", where]
        got = self.play(lambda words: prefix + ([guest.root / "usr/bin" / words[0]] if "/" not in words[0]
                                                else [words[0]]) + words[1:], guest.root)
        if wrong := difference(want, got):
            raise tap.Fail(wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help="run the scenarios whose name contains one of these")
    parser.add_argument("--guest", default="riscv64", choices=GUESTS)
    parser.add_argument("--quick", action="store_true", help="only those marked quick")
    options = parser.parse_args()
    guest = GUESTS[options.guest]
    scenarios = [Scenario(row) for row in tomllib.loads((HERE / "scenarios.toml").read_text())["scenario"]]
    todo = [(s.name, lambda s=s: s.test(guest)) for s in scenarios if s.quick or not options.quick]
    try:
        if not (guest.root / "usr/bin").exists() or guest.root.parent.name == ".cache":
            root.make(guest, root.PACKAGES, guest.root)
    except root.NoRoot as reason:
        text = f"no Debian root for {guest.name}: {reason}"
        todo = [(name, lambda: skip(text)) for name, _ in todo]
    tap.main(todo, options.only)


def skip(reason):
    raise tap.Skip(reason)


if __name__ == "__main__":
    main()
