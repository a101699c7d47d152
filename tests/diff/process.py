"""Runs a guest program that is made from bytes."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Run:
    out: bytes
    status: object          # exit status as subprocess has it, or "timed out"
    err: str


def run(command, elf, timeout):
    """Runs an ELF file under `command`; output through files, since there is much of it."""
    with tempfile.TemporaryDirectory(prefix="dragoman-diff-") as folder:
        path = Path(folder) / "guest"
        path.write_bytes(elf)
        path.chmod(0o755)
        with open(path.with_suffix(".out"), "w+b") as out, open(path.with_suffix(".err"), "w+b") as err:
            child = subprocess.Popen([*command, str(path)], stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            try:
                status = child.wait(timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                status = "timed out"
            out.seek(0)
            err.seek(0)
            return Run(out.read(), status, err.read()[-2000:].decode(errors="replace").strip())
