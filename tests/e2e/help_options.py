# SPDX-License-Identifier: Apache-2.0
"""Prints the options of each subcommand, a line each as "SUBCOMMAND OPTION", sorted: as --help tells
them, the manual page, or a shell's completion.

    help_options.py help EXOPROF | man exoprof.1 | bash FILE | fish FILE | zsh FILE
"""

import re
import subprocess
import sys

COMMANDS = "serve record top run convert diff detach check".split()


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def from_help(exoprof):
    listed = re.findall(r"^  (\w+) +\S", run(exoprof, "--help"), re.M)
    if listed != COMMANDS:
        sys.exit(f"exoprof --help has the commands {listed}")
    for command in COMMANDS:
        for line in run(exoprof, command, "--help").splitlines():
            # "  -p, --pid=PID", "      --name=COMM"; what is further right is text.
            match = re.match(r"(?:  (-.), |      )(--[a-z-]+)", line)
            for option in match.groups() if match else ():
                if option:
                    yield command, option


def from_man(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    # Which options there are, and the letters that some have: of OPTIONS. What has no long name
    # there is of all commands.
    described = {}
    for line in re.findall(r"^\.It Fl (.*)", text.split(".Sh OPTIONS")[1], re.M):
        names = re.match(r"(?:(\S) , )?(-[a-z-]+)(?= Ns|$)", line)
        described["-" + names[2]] = "-" + names[1] if names[1] else None
    used = set()
    commands = text.split(".Sh COMMANDS")[1].split(".Sh OPTIONS")[0]
    for block in commands.split(".It Cm ")[1:]:
        command, lines = block.split("\n", 1)
        lines = lines.split("Options:", 1)[1] if "Options:" in lines else ""
        for option in re.findall(r"(?:^\.Fl| ,) (-[a-z-]+)", lines.split("\n.El")[0], re.M):
            option = "-" + option
            if option not in described:
                sys.exit(f"{option} of {command} is not described")
            used.add(option)
            yield command, option
            if described[option]:
                yield command, described[option]
        for option in "-?", "--help", "--usage":
            yield command, option
    if set(described) - used:
        sys.exit(f"described, but of no command: {set(described) - used}")


def from_bash(path):
    # As readline calls it, behind "exoprof COMMAND -".
    script = """. "$1"; COMP_WORDS=(exoprof "$2" -) COMP_CWORD=2
        _exoprof exoprof - "$2"; printf '%s\\n' "${COMPREPLY[@]}" """
    for command in COMMANDS:
        for option in run("bash", "-c", script, "-", path, command).split():
            yield command, option


def from_fish(path):
    for command in COMMANDS:
        # One dash: its letters and long options.
        script = f"source {path}; complete -C 'exoprof {command} -'; complete -C 'exoprof {command} --'"
        for line in run("fish", "-N", "-c", script).splitlines():
            yield command, re.split(r"[\t=]", line)[0]


def from_zsh(path):
    # What it tells _arguments, each a specification such as '(-)*-p+[text]:message:action'.
    script = """_arguments() { print -rl -- "$@" }; _describe() {}
        words=(exoprof "$2" ''); CURRENT=3; source "$1" """
    for command in COMMANDS:
        for line in run("zsh", "-f", "-c", script, "-", path, command).splitlines():
            match = re.match(r"(?:\(-\))?\*?(-[^=\[]+)=?\[", line)
            if match:
                yield command, match[1]


ways = {"help": from_help, "man": from_man, "bash": from_bash, "fish": from_fish, "zsh": from_zsh}
print("\n".join(sorted({" ".join(pair) for pair in ways[sys.argv[1]](sys.argv[2])})))
