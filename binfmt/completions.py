#!/usr/bin/env python3
"""Makes the shells' completions from the table of options.

    completions.py bash|zsh|fish loader/options.def
"""

import re
import sys
from pathlib import Path

STRING = r'(?:"((?:[^"\\]|\\.)*)"|NULL)'
ROW = re.compile(rf"^OPT\((\w+),\s*(\w+),\s*{STRING},\s*{STRING},\s*{STRING},\s*[01],\s*\w+,\s*{STRING},\s*{STRING}\)", re.M)
INTERNAL = {"program_fd", "self_fd", "disk_cache_fd", "seccomp_fd", "traced", "child"}
FILES = {"PATH", "FILE", "DIR"}
ACTIONS = "install remove status print"
# The subcommands: what they do, and their options.
COMMANDS = {
    "binfmt": ("register with the kernel", "--directory --interpreter --credentials --by-path --format"),
    "chroot": ("run a command in a foreign system", "--bind --no-mounts"),
    "rootfs": ("make a foreign Debian", "--arch --suite --variant --mirror"),
}


def rows(path):
    """(names with their dashes, argument or None, doc) of the options that people type."""
    for field, _, short, long, _, argument, doc in ROW.findall(Path(path).read_text()):
        if field not in INTERNAL:
            yield [f"-{short}"] * bool(short) + [f"--{long}"] * bool(long), argument, doc.replace("\\", "")


def words_of(command):
    """What may follow a subcommand."""
    return (ACTIONS + " " if command == "binfmt" else "") + COMMANDS[command][1]


def bash(options):
    words = " ".join(name for names, _, _ in options for name in names)
    cases = "\n".join(f"        {name}) COMPREPLY=($(compgen -f -W '{words_of(name)}' -- \"$word\")); return;;" for name in COMMANDS)
    plain = "|".join(name for names, argument, _ in options if argument for name in names)
    return f"""# bash completion of dragoman
_dragoman() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} first=
    if ((COMP_CWORD == 1)); then
        first="{' '.join(COMMANDS)}"
    else
        case ${{COMP_WORDS[1]}} in
{cases}
        esac
    fi
    case $before in {plain}) COMPREPLY=($(compgen -f -- "$word")); return;; esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "{words}" -- "$word"))
    else
        COMPREPLY=($(compgen -f -c -W "$first" -- "$word"))
    fi
}}
complete -o filenames -F _dragoman dragoman
"""


def quoted(text):
    return text.replace("'", "'\\''")


def zsh(options):
    def spec(names, argument, doc):
        text = doc.replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
        kind = f":{argument}:{'_files' if argument in FILES else ''}" if argument else ""
        return [f"    '{name}[{quoted(text)}]{kind}'" for name in names]
    lines = [line for option in options for line in spec(*option)]
    cases = "\n".join(f"    {name}) compadd -- {words_of(name)}; _files; return;;" for name in COMMANDS)
    return f"""#compdef dragoman
if ((CURRENT > 2)); then
    case $words[2] in
{cases}
    esac
fi
((CURRENT == 2)) && compadd -- {' '.join(COMMANDS)}
_arguments -S \\
""" + " \\\n".join(lines) + " \\\n    '1:program:_files' '*::arguments:_normal'\n"


def fish(options):
    lines = [f"complete -c dragoman -n '__fish_seen_subcommand_from binfmt' -f -a '{ACTIONS}'"]
    for command, (doc, words) in COMMANDS.items():
        lines.append(f"complete -c dragoman -n '__fish_is_first_token' -a {command} -d '{doc}'")
        lines += [f"complete -c dragoman -n '__fish_seen_subcommand_from {command}' -l {word[2:]}" for word in words.split()]
    for names, argument, doc in options:
        flags = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-o {n[1:]}" if len(n) > 2 else f"-s {n[1:]}" for n in names)
        lines.append(f"complete -c dragoman {flags}{' -r' if argument else ''} -d '{quoted(doc)}'")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print({"bash": bash, "zsh": zsh, "fish": fish}[sys.argv[1]](list(rows(sys.argv[2]))), end="")
