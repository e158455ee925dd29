"""Environment files as people write them, and how systemd and the agent of a machine read them.

The cases are read by the tests too; the rest runs inside. systemd's side is the real one: a unit
for each file, with it as its EnvironmentFile=, that writes down the environment it was given.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any, NamedTuple

Variables = dict[str, str]

OPEN_QUOTE = "is never closed"
NO_ASSIGNMENT = "a line without '='"
NO_NAME = "is not a variable's name"
EXPORT = "'export' is not a part"
MARK = "byte order mark"
#: Where the agent refuses a file that systemd takes, leaving something of it out.
STRICTER = (OPEN_QUOTE, NO_ASSIGNMENT, NO_NAME, EXPORT, MARK)
NOT_UTF8 = "is not UTF-8"
NONCHARACTER = "contains a code point that is no character"
NUL = "contains a NUL character"


class Case(NamedTuple):
    """One file: what systemd gives to a service, None where it refuses to start one.

    `error` is a part of what the agent says, "" where it has to read the same. `continued` is
    what a systemd before 254 gives, where that is not the same.
    """

    content: bytes
    given: Variables | None
    error: str = ""
    continued: Variables | None = None

    def expected(self, version: int) -> Variables | None:
        """Return what this version of systemd gives."""
        return self.given if version >= 254 or self.continued is None else self.continued


URL = "ecto://mast:p%40w@127.0.0.1:5432/mast?ssl=true&pool_size=10"
_URL = URL.encode()

CASES: dict[str, Case] = {
    # As they should be.
    "empty": Case(b"", {}),
    "blank-lines": Case(b"\n\n  \n\t\n", {}),
    "plain": Case(b"A=1\nB=2\n", {"A": "1", "B": "2"}),
    "no-final-newline": Case(b"A=1\nB=2", {"A": "1", "B": "2"}),
    "url": Case(b"DATABASE_URL=" + _URL + b"\n", {"DATABASE_URL": URL}),
    "url-in-double-quotes": Case(b'DATABASE_URL="' + _URL + b'"\n', {"DATABASE_URL": URL}),
    "url-in-single-quotes": Case(b"DATABASE_URL='" + _URL + b"'\n", {"DATABASE_URL": URL}),
    "base64": Case(b"KEY=q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=\n",
                   {"KEY": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="}),
    "crlf": Case(b"A=1\r\nB='2'\r\n", {"A": "1", "B": "2"}),
    "cr": Case(b"A=1\rB=2\r", {"A": "1", "B": "2"}),
    "later-wins": Case(b"A=1\nB=x\nA=2\n", {"A": "2", "B": "x"}),
    "later-empty-wins": Case(b"A=1\nA=\n", {"A": ""}),
    "empty-value": Case(b"A=\nB=2\n", {"A": "", "B": "2"}),
    "empty-value-at-end": Case(b"A=", {"A": ""}),
    "empty-quotes": Case(b"A=''\nB=\"\"\n", {"A": "", "B": ""}),
    "names": Case(b"_=1\n_A1=2\na_B=3\n", {"_": "1", "_A1": "2", "a_B": "3"}),
    # Blanks.
    "blanks-around": Case(b"  A \t=  b  \n", {"A": "b"}),
    "blanks-inside": Case(b"A=b  \t c\n", {"A": "b  \t c"}),
    "only-blanks": Case(b"A=   \nB=2\n", {"A": "", "B": "2"}),
    "tabs-around": Case(b"\tA\t=\tb\t\n", {"A": "b"}),
    "blanks-in-quotes": Case(b"A='  b  '\n", {"A": "  b  "}),
    "blanks-after-quotes": Case(b"A='b'  \n", {"A": "b"}),
    "no-break-space": Case(b"A=\xc2\xa0b\xc2\xa0\n", {"A": "\xa0b\xa0"}),
    "form-feed-after-value": Case(b"A=b\x0c\nB=2\n", {"A": "b\x0c", "B": "2"}),
    "value-on-next-line": Case(b"A=\n  b=c\n", {"A": "", "b": "c"}),
    # Comments.
    "comments": Case(b"# c\n; c\n  # c\n\t; c\nA=1\n#", {"A": "1"}),
    "comment-with-assignment": Case(b"#A=1\nB=2\n", {"B": "2"}),
    "hash-in-value": Case(b"A=1 # no comment\nB=#2\nC=x#y\n",
                          {"A": "1 # no comment", "B": "#2", "C": "x#y"}),
    "semicolon-in-value": Case(b"A=;1\nB=1; C=2\n", {"A": ";1", "B": "1; C=2"}),
    "hash-after-quotes": Case(b"A='1' # c\n", {"A": "1# c"}),
    "latin-1-comment": Case(b"# caf\xe9\nA=1\n", {"A": "1"}),
    "noncharacter-in-comment": Case(b"# \xef\xbf\xbe\nA=1\n", {"A": "1"}),
    "control-in-comment": Case(b"# \x01\x1b[0m\x7f\nA=1\n", {"A": "1"}),
    "quote-in-comment": Case(b"# it's\nA=1\n", {"A": "1"}),
    "comment-ends-in-backslash": Case(b"# c \\\nA=1\nB=2\n", {"A": "1", "B": "2"},
                                      continued={"B": "2"}),
    "comments-end-in-backslashes": Case(b"; c \\\n# d \\\n# e\nA=1\n", {"A": "1"}),
    "comment-ends-in-backslash-at-end": Case(b"A=1\n# c \\", {"A": "1"}),
    "comment-ends-in-two-backslashes": Case(b"# c \\\\\nA=1\n", {"A": "1"}),
    "comment-ends-in-backslash-crlf": Case(b"# c \\\r\nA=1\n", {"A": "1"}),
    "comment-ends-in-backslash-cr": Case(b"# c \\\rA=1\nB=2\n", {"A": "1", "B": "2"},
                                         continued={"B": "2"}),
    "commented-assignment-continued": Case(b"#A=x \\\nB=2\nC=3\n", {"B": "2", "C": "3"},
                                           continued={"C": "3"}),
    # Quotes.
    "quotes-in-quotes": Case(b"A='b\"c'\nB=\"b'c\"\n", {"A": 'b"c', "B": "b'c"}),
    "quotes-in-the-middle": Case(b"A=b'c'\nB=b\"c\"d\n", {"A": "b'c'", "B": 'b"c"d'}),
    "quotes-side-by-side": Case(b"A=\"b\"'c'\"d\"\n", {"A": "bcd"}),
    "quotes-apart": Case(b"A='b' 'c'\n", {"A": "bc"}),
    "plain-after-quotes": Case(b"A='b'c d \n", {"A": "bc d"}),
    "quotes-after-that": Case(b"A='b'c\"d\"\n", {"A": 'bc"d"'}),
    "newline-in-quotes": Case(b"A='b\nc'\nB=\"d\ne\"\n", {"A": "b\nc", "B": "d\ne"}),
    "private-key": Case(b'KEY="-----BEGIN-----\nq83v\n-----END-----\n"\nB=2\n',
                        {"KEY": "-----BEGIN-----\nq83v\n-----END-----\n", "B": "2"}),
    "crlf-in-quotes": Case(b"A='b\r\nc'\r\nB=2\r\n", {"A": "b\r\nc", "B": "2"}),
    "comment-in-quotes": Case(b"A='b\n# c\n'\n", {"A": "b\n# c\n"}),
    "json": Case(b'A={"b": [1, "c"]}\n', {"A": '{"b": [1, "c"]}'}),
    "open-single-quote": Case(b"A=1\nB='x\nC=2\n", {"A": "1", "B": "x\nC=2\n"}, OPEN_QUOTE),
    "open-double-quote": Case(b'A=1\nB="x\nC=2\n', {"A": "1", "B": "x\nC=2\n"}, OPEN_QUOTE),
    "apostrophe-at-start": Case(b"A='tis\nB=2\n", {"A": "tis\nB=2\n"}, OPEN_QUOTE),
    "apostrophe-inside": Case(b"A=it's\nB=2\n", {"A": "it's", "B": "2"}),
    # Backslashes.
    "escapes": Case(b"A=\\b\\ \\#\\\\\\'\\\"\n", {"A": "b #\\'\""}),
    "windows-path": Case(b"A=C:\\new\\table\n", {"A": "C:newtable"}),
    "no-c-escapes": Case(b"A=\"\\n\\t\\x41\"\nB='\\n'\n", {"A": "\\n\\t\\x41", "B": "\\n"}),
    "escapes-in-double-quotes": Case(b'A="\\"\\\\\\`\\$\\#"\n', {"A": '"\\`$\\#'}),
    "no-escapes-in-single-quotes": Case(b"A='\\\\\\\"'\n", {"A": '\\\\\\"'}),
    "continued": Case(b"A=b\\\nc\nB=2\n", {"A": "bc", "B": "2"}),
    "continued-with-blanks": Case(b"A=b \\\n   c\n", {"A": "b    c"}),
    "continued-from-nothing": Case(b"A=\\\nb\n", {"A": "b"}),
    "continued-into-a-comment": Case(b"A=b\\\n# c\n", {"A": "b# c"}),
    "continued-in-double-quotes": Case(b'A="b\\\nc"\n', {"A": "bc"}),
    "not-continued-in-single-quotes": Case(b"A='b\\\nc'\n", {"A": "b\\\nc"}),
    "continued-crlf": Case(b"A=b\\\r\nB=2\n", {"A": "b", "B": "2"}),
    "continued-in-double-quotes-crlf": Case(b'A="b\\\r\nc"\nB=2\n',
                                            {"A": "b\\\r\nc", "B": "2"}),
    "continued-at-end": Case(b"A=b\\", {"A": "b"}),
    "escaped-blank-at-end": Case(b"A=b\\ \nB=c \\", {"A": "b ", "B": "c "}),
    "escaped-quote-first": Case(b"A=\\'b\n", {"A": "'b"}),
    # Other programs' syntax.
    "no-expansion": Case(b"B=x\nA=$B ${B} `b` $(b) %h %%\n",
                         {"A": "$B ${B} `b` $(b) %h %%", "B": "x"}),
    "export": Case(b"export A=1\nB=2\n", {"B": "2"}, EXPORT),
    "export-tab": Case(b"export\tA=1\nB=2\n", {"B": "2"}, EXPORT),
    "section": Case(b"[mast]\nA=1\n", {"A": "1"}, NO_ASSIGNMENT),
    "yaml": Case(b"A: 1\nB=2\n", {"B": "2"}, NO_ASSIGNMENT),
    "name-alone": Case(b"A\nB=2\n", {"B": "2"}, NO_ASSIGNMENT),
    "name-alone-at-end": Case(b"B=2\nA", {"B": "2"}, NO_ASSIGNMENT),
    "name-with-dash": Case(b"A-B=1\nB=2\n", {"B": "2"}, NO_NAME),
    "name-with-dot": Case(b"a.b=1\nB=2\n", {"B": "2"}, NO_NAME),
    "name-with-digit-first": Case(b"1A=1\nB=2\n", {"B": "2"}, NO_NAME),
    "name-with-blank": Case(b"A B=1\nB=2\n", {"B": "2"}, NO_NAME),
    "name-not-ascii": Case(b"\xc3\x84=1\nB=2\n", {"B": "2"}, NO_NAME),
    "name-in-quotes": Case(b'"A"=1\nB=2\n', {"B": "2"}, NO_NAME),
    "appended": Case(b"A+=1\nB=2\n", {"B": "2"}, NO_NAME),
    "no-name": Case(b"=1\nB=2\n", {"B": "2"}, NO_NAME),
    "no-name-two-equals": Case(b"=1=2\nB=2\n", {"B": "2"}, NO_NAME),
    "spaced-equals": Case(b"A = 1\nB == 2\n", {"A": "1", "B": "= 2"}),
    # Bytes.
    "utf8": Case("A=é☃𝄞\n".encode(), {"A": "é☃𝄞"}),
    "mark-in-value": Case(b"A=\xef\xbb\xbfx\n", {"A": "\ufeffx"}),
    "c1-controls": Case("A=\x80\x9f\u2028\n".encode(), {"A": "\x80\x9f\u2028"}),
    "tab-in-value": Case(b"A='b\tc'\n", {"A": "b\tc"}),
    "byte-order-mark": Case(b"\xef\xbb\xbfA=1\nB=2\n", {"B": "2"}, MARK),
    "byte-order-mark-and-comment": Case(b"\xef\xbb\xbf# c\nB=2\n", {"B": "2"}, MARK),
    "utf-16": Case("A=1\n".encode("utf-16"), None, NUL),
    "latin-1-value": Case(b"A=caf\xe9\nB=2\n", None, NOT_UTF8),
    "latin-1-without-assignment": Case(b"caf\xe9\nB=2\n", {"B": "2"}, NO_ASSIGNMENT),
    "overlong": Case(b"A=\xc0\xaf\n", None, NOT_UTF8),
    "surrogate": Case(b"A=\xed\xa0\x80\n", None, NOT_UTF8),
    "beyond-unicode": Case(b"A=\xf4\x90\x80\x80\n", None, NOT_UTF8),
    "fffe": Case("A=x\ufffe\n".encode(), None, NONCHARACTER),
    "ffff-in-quotes": Case("A='\uffff'\n".encode(), None, NONCHARACTER),
    "fdd0": Case("A=\ufdd0\n".encode(), None, NONCHARACTER),
    "10ffff": Case("A=\U0010ffff\n".encode(), None, NONCHARACTER),
    "fffd": Case("A=\ufffd\ufdf0\n".encode(), {"A": "\ufffd\ufdf0"}),
    "nul-in-value": Case(b"A=1\0\nB=2\n", None, NUL),
    "nul-in-comment": Case(b"# \0\nA=1\n", None, NUL),
    "nul-at-end": Case(b"A=1\n\0", None, NUL),
    "escape-in-value": Case(b"A=\x1b[31m\nB=2\n", {"A": "\x1b[31m", "B": "2"}),
    "delete-in-value": Case(b"A=x\x7f\nB=2\n", {"A": "x\x7f", "B": "2"}),
    "all-controls": Case(b"A='" + bytes(range(1, 32)) + b"'\n",
                         {"A": "".join(map(chr, range(1, 32)))}),
    # Sizes.
    "long-value": Case(b"A=" + b"x" * 100_000 + b"\n", {"A": "x" * 100_000}),
    "long-comment": Case(b"#" + b"x" * 200_000 + b"\nA=1\n", {"A": "1"}),
    "many": Case(b"".join(b"V%d=%d\n" % (i, i) for i in range(2000)),
                 {f"V{i}": str(i) for i in range(2000)}),
}  # fmt: skip

_SEED, _GENERATED = 254, 400
_PIECES = (
    *"AB_= \t\n\r'\"\\`$#;x1é", "A=", "B=", "\nA=", "\nB_1=", "\n# ", "\n; ", "\\\n", "\\\r\n",
    "\r\n", "='", '="', "'\n", '"\n', "\\\\", "\\'", '\\"', "\\$", "export ", "☃", "\ufeff",
    "\ufffe", "\x01", "\x7f",
)  # fmt: skip


def generated() -> dict[str, bytes]:
    """Return some hundreds of small files, made of what matters to a reader; always the same."""
    source = random.Random(_SEED)  # noqa: S311 - no secret
    files = {}
    for number in range(_GENERATED):
        # Mostly one that begins as it should: the others are refused too early to be of use.
        text = source.choice(("", "A=", "# c", "A=1\n#", "A='", 'A="'))
        text += "".join(source.choices(_PIECES, k=source.randrange(1, 14)))
        content = text.encode()
        if source.random() < 0.1:
            content += source.choice((b"\xe9", b"\xff", b"\n#\xe9\nB=2\n"))
        files[f"g{number:03}"] = content
    return files


def contents() -> dict[str, bytes]:
    """Return all files by their names."""
    return {**{name: case.content for name, case in CASES.items()}, **generated()}


_FILES, _GIVEN = Path("/run/environment-files"), Path("/run/environment-given")
_UNIT = Path("/run/systemd/system/environment-file@.service")
_TEMPLATE = f"""\
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
EnvironmentFile={_FILES}/%I
ExecStart=/usr/bin/env -0
StandardOutput=truncate:{_GIVEN}/%I
StandardError=null
"""


def read_all() -> dict[str, Any]:
    """Have systemd and the installed agent read all files; each byte is told as a character."""
    import inside  # noqa: PLC0415 - the tests import the cases only

    for directory in (_FILES, _GIVEN):
        directory.mkdir()
    names = list(contents())
    for name, content in contents().items():
        (_FILES / name).write_bytes(content)
    _UNIT.write_text(_TEMPLATE, encoding="utf-8")
    inside.must("systemctl", "daemon-reload")
    units = {
        name: f"environment-file@{name.replace('-', chr(92) + 'x2d')}.service" for name in names
    }
    inside.run("systemctl", "start", *units.values(), seconds=120)
    facts = {name: _given(name) for name in names}
    # What every service is given; no case has a variable of these names.
    always = set(facts["empty"] or ())
    inside.run("systemctl", "reset-failed")
    _UNIT.unlink()
    inside.must("systemctl", "daemon-reload")
    return {
        "version": int(inside.must("systemctl", "--version").split()[1]),
        "systemd": {
            name: given and {each: value for each, value in given.items() if each not in always}
            for name, given in facts.items()
        },
        **_read_by_agent(names),
    }  # fmt: skip


def _given(name: str) -> Variables | None:
    """Return the environment that the unit for a file was given, None when it was not started."""
    try:
        text = (_GIVEN / name).read_bytes().decode("latin-1")
    except FileNotFoundError:
        return None
    return dict(line.split("=", 1) for line in text.split("\0") if line)


def _read_by_agent(names: list[str]) -> dict[str, Any]:
    sys.path.insert(0, "/usr/share/mast-agent")
    from mast_agent.config import envfile  # noqa: PLC0415 - there only
    from mast_agent.failures.failure import Failure  # noqa: PLC0415 - there only
    from mast_agent.host import service_manager  # noqa: PLC0415 - as above

    read: dict[str, Variables] = {}
    errors: dict[str, str] = {}
    for name in names:
        try:
            found = envfile.read(_FILES / name)
        except Failure as failure:
            errors[name] = failure.message
        else:
            read[name] = {each: value.encode().decode("latin-1") for each, value in found.items()}
    return {"agent": read, "errors": errors, "versions": sorted(service_manager.versions())}
