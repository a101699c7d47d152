"""Runs one program under a time limit, in a clean environment, and tells how it ended."""

import os
import resource
import signal
import subprocess
from dataclasses import dataclass

# Programs that die on purpose leave no core files behind.
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

# What a test does must not depend on what ran before (tests/keep is about exactly that).
CLEAN_ENV = {"DRAGOMAN_DISK_CACHE": "off", "PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}


# Seconds after which a program hangs. Not a measure of speed: on a busy machine what takes one second alone may take thirty.
PATIENCE = 240


@dataclass(frozen=True)
class Outcome:
    """What a run left behind; `status` is -N after death by signal N, as subprocess has it."""
    status: int
    out: bytes
    err: bytes
    timed_out: bool = False

    def ending(self):
        if self.timed_out:
            return "timed out"
        if self.status < 0:
            return f"died of {signal.Signals(-self.status).name}"
        return f"exit status {self.status}"


def run(command, stdin=b"", timeout=PATIENCE, cwd=None, env=None):
    """Runs `command` and returns its Outcome.

    The environment is CLEAN_ENV plus `env`.  After `timeout` seconds the whole process group is
    killed.  A command that cannot be started counts as exit status 127, as in a shell.
    """
    try:
        child = subprocess.Popen([str(word) for word in command], cwd=cwd,
                                 env={**CLEAN_ENV, **(env or {})}, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 start_new_session=True)
    except OSError as error:
        return Outcome(127, b"", str(error).encode())
    timed_out = False
    try:
        out, err = child.communicate(stdin, timeout)
    except subprocess.TimeoutExpired:
        timed_out = True
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
    return Outcome(child.returncode, out, err, timed_out)


def difference(want, got):
    """One line that says how `got` differs from `want` in output and ending; None when equal."""
    def tail(blob):
        lines = blob.decode(errors="replace").strip().splitlines()
        return f"; stderr: {lines[-1][:200]}" if lines else ""

    if got.timed_out or got.status != want.status:
        return f"{got.ending()}, expected {want.ending()}{tail(got.err)}"
    if got.out == want.out:
        return None
    ours, theirs = got.out.split(b"\n"), want.out.split(b"\n")
    for number in range(max(len(ours), len(theirs))):
        a = theirs[number] if number < len(theirs) else None
        b = ours[number] if number < len(ours) else None
        if a != b:
            return f"line {number + 1}: expected {a!r:.200}, got {b!r:.200}{tail(got.err)}"
    return None
