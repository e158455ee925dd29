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
    values = "\n".join(
        f"        {'|'.join(names)}) {_bash_value(option)}; return ;;"
        for option, names in _by_value(program)
    )
    return f"""\
# bash completion for {program.name}
{function}() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
    local command='' words word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in {commands}) command=$word; break ;; esac
    done
    # bash makes three words of --option=value.
    if [ "$current" = = ]; then
        current=''
    elif [ "$previous" = = ]; then
        previous=${{COMP_WORDS[COMP_CWORD-2]}}
    fi
    case $previous in
{values}
    esac
    case $command in
{cases}
        *) words='{names} {_words(program)}' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -F {function} {program.name}
"""


def _bash_value(option: command_tree.Option) -> str:
    """Return the commands that complete the value of an option."""
    if option.choices:
        offered = f"-W '{' '.join(option.choices)}'"
    else:
        offered = {"FILE": "-f", "DIR": "-d", "NAME": "-u"}.get(option.metavar, "")
    if not offered:
        return "COMPREPLY=()"
    names = "compopt -o filenames 2>/dev/null; " if option.metavar in {"FILE", "DIR"} else ""
    return f'{names}mapfile -t COMPREPLY < <(compgen {offered} -- "$current")'


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
        f"{prefix} -n __fish_use_subcommand -a {each.name} -d {_fish_quote(each.summary)}"
        for each in program.commands
    ]
    for command in program.commands:
        for option in command.options:
            value = _fish_value(option)
            spelled = " ".join(
                f"-l {each[2:]}" if each.startswith("--") else f"-s {each[1:]}"
                for each in option.names
            )
            lines.append(
                f"{prefix} -n '__fish_seen_subcommand_from {command.name}' {spelled}{value}"
                f" -d {_fish_quote(option.help)}"
            )
    return "\n".join(lines) + "\n"


def _words(command: command_tree.Command) -> str:
    return " ".join(name for option in command.options for name in option.names)


def _by_value(
    program: command_tree.Program,
) -> list[tuple[command_tree.Option, list[str]]]:
    """Return one option of each kind of value, with the spellings of all that have this kind."""
    kinds: dict[str, tuple[command_tree.Option, list[str]]] = {}
    for command in (program, *program.commands):
        for option in command.options:
            if option.metavar:
                _, names = kinds.setdefault(option.metavar, (option, []))
                names += [name for name in option.names if name not in names]
    return list(kinds.values())


def _fish_value(option: command_tree.Option) -> str:
    """Return what tells fish about the value of an option."""
    if option.choices:
        return f" -x -a {_fish_quote(' '.join(option.choices))}"
    return {
        "": "",
        "FILE": " -r -F",
        "DIR": " -x -a '(__fish_complete_directories)'",
        "NAME": " -x -a '(__fish_complete_users)'",
    }.get(option.metavar, " -x")


def _zsh_value(option: command_tree.Option) -> str:
    """Return what tells zsh about the value of an option."""
    if option.choices:
        return f"({' '.join(option.choices)})"
    return {"FILE": "_files", "DIR": "_files -/", "NAME": "_users"}.get(option.metavar, " ")


def _zsh_options(command: command_tree.Command) -> str:
    specs = []
    for option in command.options:
        explained = option.help.replace("[", "(").replace("]", ")")
        value = f":{option.metavar}:{_zsh_value(option)}" if option.metavar else ""
        # An equals sign after the name: the value may follow it, or be the next word.
        equals = "=" if option.metavar else ""
        specs += [_quote(f"{name}{equals}[{explained}]{value}") for name in option.names]
    return " ".join(specs)


def _quote(text: str) -> str:
    """Quote for zsh, where a single quote ends before every single quote."""
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quote(text: str) -> str:
    """Quote for fish, which knows two escapes between single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


if __name__ == "__main__":
    shells = {"bash": bash, "zsh": zsh, "fish": fish}
    sys.stdout.write(shells[sys.argv[1]](command_tree.read("mast-agent")))
