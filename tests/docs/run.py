#!/usr/bin/env python3
"""The documents against the tree.

The man page has every option, its variable and whether children inherit it, every log item and the subcommands'
options; the shells' completions have those too. The files that the documents name exist.
"""

import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2] / "binfmt")]
sys.dont_write_bytecode = True
from lib import tap                             # noqa: E402
from lib.guests import TOP                      # noqa: E402
import completions                              # noqa: E402

STRING = r'(?:"([^"]*)"|NULL)'
OPTION = re.compile(rf'^OPT\((\w+),\s*(\w+),\s*{STRING},\s*{STRING},\s*{STRING},\s*([01]),\s*\w+,\s*{STRING},', re.M)
LOG = re.compile(r'^LOG\(\w+,\s*"(\w+)",\s*"(.*)"\)', re.M)
DOCUMENTS = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]
FOLDERS = sorted(p.name for p in TOP.iterdir() if p.is_dir() and not p.name.startswith((".", "build")))


def plain(page):
    """The man page without its markup: a paragraph begins at each .TP."""
    text = re.sub(r'\\f[BIRP]|\\"[^\n]*', "", page).replace(r"\-", "-").replace(r"\(lq", "").replace(r"\(rq", "")
    return re.sub(r"^\.(B|I|BI|BR|RB|IR|RI)\s+", "", text, flags=re.M).replace('"', "")


def option_paragraphs(page):
    """{name of an option: (its first line, the paragraph)}."""
    found = {}
    for paragraph in re.split(r"^\.TP.*\n|^\.S[HS].*\n|^\.RE\n", plain(page), flags=re.M):
        head = paragraph.split("\n", 1)[0]
        for name in re.findall(r"(?:^|, )--?([\w-]+)", head):
            found[name] = head, paragraph
    return found


def check_option(paragraphs, row):
    field, _, short, long, variable, inherit, argument = row
    for name in filter(None, (short, long)):
        if name not in paragraphs:
            raise tap.Fail(f"docs/dragoman.1 lacks -{name}")
        head, text = paragraphs[name]
        if short and long and not {short, long} <= set(re.findall(r"(?:^|, )--?([\w-]+)", head)):
            raise tap.Fail(f"-{short} and --{long} are one option")
        if argument and argument not in head.split():
            raise tap.Fail(f"its argument is {argument}; docs/dragoman.1 says '{head}'")
        if variable and variable not in text:
            raise tap.Fail(f"the variable {variable} is missing")
        if inherit == "1" and not re.search(r"Inherited|same under", text):
            raise tap.Fail("children inherit it")
        if inherit == "0" and "Inherited" in text:
            raise tap.Fail("children do not inherit it")


def check_log_item(page, name, doc):
    match = re.search(rf"^\.B {name}\n(.*?)^\.(?:TP|RE)", page, re.M | re.S)
    if not match:
        raise tap.Fail(f"docs/dragoman.1 lacks the log item {name}")
    said = " ".join(plain(match.group(1)).split())
    if not re.sub(r"\W", "", said).startswith(re.sub(r"\W", "", doc)):
        raise tap.Fail(f"docs/dragoman.1 says '{said}', debug/log.def '{doc}'")


def check_subcommand(page, name):
    """What its usage message lists is in its section of the man page and in the completions."""
    code = "".join((TOP / folder / f"{name}.c").read_text() for folder in ("binfmt", "chroot")
                   if (TOP / folder / f"{name}.c").exists())
    options = set(re.findall(r'^ *(?:fputs\()?"(?:\\n)?  (--[\w-]+)', code, re.M))
    section = re.search(rf"^\.SH {name.upper()}\n(.*?)^\.SH", page, re.M | re.S)
    if not options or not section:
        raise tap.Fail("no options, or no section in docs/dragoman.1")
    if {head.replace("\\", "") for head in re.findall(r'^\.IP "\\fB([\w\\-]+)\\fR', section.group(1), re.M)} != options:
        raise tap.Fail(f"docs/dragoman.1 has other options than {sorted(options)}")
    if set(completions.COMMANDS.get(name, ("", ""))[1].split()) != options:
        raise tap.Fail(f"binfmt/completions.py has other options than {sorted(options)}")


def named_files(document):
    """Relative links, and words in backquotes that look like a path of the tree. <guest> and * stand for any name."""
    text = re.sub(r"^    .*$", "", document.read_text(), flags=re.M)
    for target in re.findall(r"\]\(([^):#]+)[^)]*\)", text):
        yield document.parent, target
    for word in re.findall(r"`([\w./<>*-]+)`", text):
        if word.split("/")[0] in FOLDERS and "/" in word:
            yield TOP, word


def check_files(document):
    missing = sorted({name for base, name in named_files(document)
                      if not list(base.glob(re.sub(r"<\w+>", "*", name).rstrip("/"))) and not (base / name).exists()})
    if missing:
        raise tap.Fail("no such file: " + ", ".join(missing))


def main():
    page = (TOP / "docs" / "dragoman.1").read_text()
    rows = OPTION.findall((TOP / "loader" / "options.def").read_text())
    items = LOG.findall((TOP / "debug" / "log.def").read_text())
    paragraphs = option_paragraphs(page)
    tests = [(f"option {row[0]}", lambda row=row: check_option(paragraphs, row)) for row in rows]
    tests += [(f"log item {name}", lambda name=name, doc=doc: check_log_item(page, name, doc)) for name, doc in items]
    commands = re.findall(r'strcmp\(argv\[1\], "(\w+)"\)', (TOP / "loader" / "main.c").read_text())
    tests += [(f"subcommand {name}", lambda name=name: check_subcommand(page, name)) for name in commands]
    tests += [(f"files named in {d.relative_to(TOP)}", lambda d=d: check_files(d)) for d in DOCUMENTS]

    def tables_read():
        """The patterns above understand every row."""
        if len(rows) != (TOP / "loader" / "options.def").read_text().count("\nOPT("):
            raise tap.Fail("a row of options.def is of another form")
        if len(items) != (TOP / "debug" / "log.def").read_text().count("\nLOG("):
            raise tap.Fail("a row of log.def is of another form")
    tap.main([("tables are read whole", tables_read), *tests])


if __name__ == "__main__":
    main()
