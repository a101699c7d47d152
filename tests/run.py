#!/usr/bin/env python3
"""Runs every test and counts: meson's unit tests, then each folder of tests/ that has a run.py.

Such a run.py prints TAP (lib/tap.py) and understands --quick.  Failures and skips are shown with their
reasons, passes with -v.  The last line is `N passed, N failed, N skipped`; the exit status says the same.
`./check` builds and calls this.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent
NOT_TESTS = {"bench"}


def meson_results(build):
    """Runs meson's tests in `build`; yields (name, result, reason), result one of ok, fail, skip."""
    log = build / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--num-processes", str(os.cpu_count()), "--timeout-multiplier", "3"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if not log.exists():
        yield "meson test", "fail", "meson did not run"
        return
    for line in log.read_text().splitlines():
        row = json.loads(line)
        said = (row.get("stdout") or "") + (row.get("stderr") or "")
        last = said.strip().splitlines()[-1:] or [row["result"]]
        wrong = [text for text in said.splitlines() if "FAILED" in text or "rror" in text][:1] or last
        if row["result"] in ("OK", "EXPECTEDFAIL"):
            yield row["name"], "ok", ""
        elif row["result"] == "SKIP":
            yield row["name"], "skip", last[0]
        else:
            yield row["name"], "fail", f"{row['result']}: {wrong[0]}"


def tap_results(script, quick):
    """Runs a test driver; yields as above.  A driver that breaks off is a failure of its own."""
    child = subprocess.Popen([sys.executable, script] + (["--quick"] if quick else []),
                             stdout=subprocess.PIPE, text=True, errors="replace")
    planned, seen = None, 0
    for line in child.stdout:
        if line.startswith("1.."):
            planned = int(line[3:].split()[0])
            continue
        verdict, _, rest = line.strip().partition("ok ")
        if verdict not in ("", "not ") or not rest:
            continue
        seen += 1
        name, _, reason = rest.partition(" # ")
        if reason.startswith("SKIP"):
            yield name, "skip", reason[5:]
        else:
            yield name, "fail" if verdict else "ok", reason
    child.wait()
    if planned != seen:
        yield script.parent.name, "fail", f"broke off after {seen} of {planned} tests"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a selection that takes under two minutes")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what passed, too")
    parser.add_argument("--build", default="build-check", help="build folder of the unit tests")
    options = parser.parse_args()
    if options.quick:
        os.environ["DRAGOMAN_QUICK"] = "1"
    # What a test does must not depend on what ran before; tests/keep is about exactly that.
    os.environ["DRAGOMAN_DISK_CACHE"] = "off"

    suites = [("unit tests", meson_results(TOP / options.build))]
    suites += [(script.parent.name, tap_results(script, options.quick))
               for script in sorted(HERE.glob("*/run.py")) if script.parent.name not in NOT_TESTS]
    total = {"ok": 0, "fail": 0, "skip": 0}
    for suite, results in suites:
        start, count = time.monotonic(), {"ok": 0, "fail": 0, "skip": 0}
        for name, result, reason in results:
            count[result] += 1
            if result != "ok" or options.verbose:
                print(f"  {result.upper() if result == 'fail' else result} {suite}/{name}"
                      + (f": {reason}" if reason else ""), flush=True)
        print(f"{suite}: {count['ok']} passed, {count['fail']} failed, {count['skip']} skipped"
              f" ({time.monotonic() - start:.0f} s)", flush=True)
        for result, number in count.items():
            total[result] += number
    print(f"{total['ok']} passed, {total['fail']} failed, {total['skip']} skipped")
    return 1 if total["fail"] or not total["ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
