"""Prints the shell completion of mast-agent, made from the command line's own help.

The words are written out, so that pressing Tab starts no Python.
Usage: completions.py bash|zsh|fish
"""

# ruff: noqa: INP001 - not a package: package.mk runs these with packaging/ on the path

from __future__ import annotations

import sys

import command_tree


def bash(program: command_tree.Program) -> str:
    """Return the completion for bash, by programmable completion alone."""
    function = "_" + program.name.replace("-", "_")
    cases = "\n".join(
        f"        {each.name}) words='{_words(each)}' ;;" for each in program.commands
    )
    names = " ".join(each.name for each in program.commands)
    commands = "|".join(each.name for each in program.commands)
    paths = _spelled(program, paths=True)
    values = _spelled(program, paths=False)
    return f"""\
# bash completion for {program.name}
{function}() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
    local command='' words word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in {commands}) command=$word; break ;; esac
    done
    case $previous in
        {paths}) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        {values}) COMPREPLY=(); return ;;
    esac
    case $command in
{cases}
        *) words='{names} {_words(program)}' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -o filenames -F {function} {program.name}
"""


def zsh(program: command_tree.Program) -> str:
    """Return the completion for zsh: an autoloaded function that calls _arguments."""
    commands = " ".join(f"{_quote(f'{each.name}:{each.summary}')}" for each in program.commands)
    cases = "\n".join(
        f"        {each.name}) _arguments {_zsh_options(each)} ;;" for each in program.commands
    )
    return f"""\
#compdef {program.name}
local line state
local -a commands
commands=({commands})
_arguments -C {_zsh_options(program)} '1: :->command' '*:: :->rest'
case $state in
    command) _describe command commands ;;
    rest)
        case $line[1] in
{cases}
        esac ;;
esac
"""


def fish(program: command_tree.Program) -> str:
    """Return the completion for fish: one line for each word."""
    prefix = f"complete -c {program.name}"
    lines = [f"{prefix} -f"]
    lines += [
        f"{prefix} -n __fish_use_subcommand -a {each.name} -d {_quote(each.summary)}"
        for each in program.commands
    ]
    for command in program.commands:
        for option in command.options:
            value = {True: " -r -F", False: " -x"}[option.is_path] if option.metavar else ""
            spelled = " ".join(
                f"-l {each[2:]}" if each.startswith("--") else f"-s {each[1:]}"
                for each in option.names
            )
            lines.append(
                f"{prefix} -n '__fish_seen_subcommand_from {command.name}' {spelled}{value}"
                f" -d {_quote(option.help)}"
            )
    return "\n".join(lines) + "\n"


def _words(command: command_tree.Command) -> str:
    return " ".join(name for option in command.options for name in option.names)


def _spelled(program: command_tree.Program, *, paths: bool) -> str:
    """Return the options with a value that is, or is not, a path, as a pattern of bash."""
    found = {
        name: None
        for command in (program, *program.commands)
        for option in command.options
        if option.metavar and option.is_path == paths
        for name in option.names
    }
    return "|".join(found) or "''"


def _zsh_options(command: command_tree.Command) -> str:
    specs = []
    for option in command.options:
        explained = option.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
        value = f":{option.metavar}:{'_files' if option.is_path else ' '}" if option.metavar else ""
        specs += [_quote(f"{name}[{explained}]{value}") for name in option.names]
    return " ".join(specs)


def _quote(text: str) -> str:
    """Quote for zsh and fish, which agree on everything but the quote itself: it is replaced."""
    return "'" + text.replace("\\", "\\\\").replace("'", "’").replace("\n", " ") + "'"  # noqa: RUF001


if __name__ == "__main__":
    shells = {"bash": bash, "zsh": zsh, "fish": fish}
    sys.stdout.write(shells[sys.argv[1]](command_tree.read("mast-agent")))
