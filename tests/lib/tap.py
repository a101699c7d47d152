"""Test cases run two at a time and reported in TAP, the format that tests/run.py counts.

A case is a name and a function of no arguments that returns normally when all is well, raises Fail
with one line that says what is wrong, or raises Skip with the reason why it cannot run here.
"""

import argparse
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor


# A shell starts background jobs with these ignored, which the programs under test would inherit.
for number in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)


class Fail(Exception):
    pass


class Skip(Exception):
    pass


def run_case(name, body):
    """Runs one case; returns its TAP line."""
    start = time.monotonic()
    try:
        body()
        line = f"ok {name}"
    except Skip as reason:
        return f"ok {name} # SKIP {reason}"
    except Fail as reason:
        line = f"not ok {name} # {reason}"
    except Exception as error:  # a broken test is a failed test
        line = f"not ok {name} # {type(error).__name__}: {error}"
    return f"{line.replace(chr(10), ' ')} # {time.monotonic() - start:.1f} s"


def run_cases(cases, only=(), jobs=None):
    """Runs `cases` (pairs of name and function), prints a TAP line for each in the given order.

    `only` keeps the cases whose name contains one of its words.  Returns the number of failures.
    """
    cases = [c for c in cases if not only or any(word in c[0] for word in only)]
    failures = 0
    print(f"1..{len(cases)}", flush=True)
    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        for line in pool.map(lambda case: run_case(*case), cases):
            failures += line.startswith("not ok")
            print(line, flush=True)
    return failures


def main_by_guest(description, guests, tests, case):
    """The command line of a driver that runs `case(guest, test)` for each guest and each of its test functions."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("only", nargs="*", help="run the tests whose name contains one of these")
    parser.add_argument("--quick", action="store_true", help="the same")
    options = parser.parse_args()
    main([(f"{g.name}/{t.__name__}", lambda g=g, t=t: case(g, t)) for g in guests for t in tests], options.only)


def main(cases, only=()):
    """Runs `cases` and leaves with 1 if one failed."""
    sys.exit(1 if run_cases(cases, only) else 0)
