"""The table in a page of documentation that says how each scenario went when it was last run.

    | guest | scenario | date | result | seconds | the host's own program |

A row is found by guest and scenario, so a run of a few scenarios renews only theirs.  The rest of the page is left as it is.
"""

import threading
from dataclasses import dataclass
from typing import Optional

HEAD = ["| guest | scenario | date | result | seconds | the host's own program |", "| --- | --- | --- | --- | --- | --- |"]


@dataclass
class Row:
    guest: str
    scenario: str
    date: str
    result: str = "passed"
    seconds: Optional[float] = None
    native: Optional[float] = None      # what the host's own programs took

    def line(self):
        native = "" if self.native is None else f"{self.native:.1f}"
        result = self.result.replace("|", "\\|").replace("\n", " ")
        return f"| {self.guest} | {self.scenario} | {self.date} | {result} | {self.seconds:.1f} | {native} |"


def key(line):
    """What a row is found by: (guest, scenario)."""
    return tuple(cell.strip() for cell in line.split("|")[1:3])


def renewed(lines, row):
    """The page's lines with `row` in its table, which is sorted; a page without a table gets one at its end."""
    if HEAD[1] not in lines:
        lines = [*lines, *HEAD]
    begin = end = lines.index(HEAD[1]) + 1
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    rows = {key(line): line for line in lines[begin:end]}
    rows[row.guest, row.scenario] = row.line()
    return [*lines[:begin], *(rows[k] for k in sorted(rows)), *lines[end:]]


class Results:
    """Where the results go: a file, or nowhere if that is None."""

    def __init__(self, file):
        self.file, self.lock = file, threading.Lock()

    def add(self, row):
        """Writes the row at once: a long run that is broken off has told what it did."""
        if self.file is None:
            return
        with self.lock:
            lines = self.file.read_text().splitlines() if self.file.exists() else []
            self.file.write_text("\n".join(renewed(lines, row)) + "\n")
