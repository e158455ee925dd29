"""Cutting a child's output into lines in bounded memory. Children are an integration test's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from mast_agent.host import process
from mast_agent.host.process import Line, _Splitter


def _split(*chunks: bytes) -> tuple[list[Line], int]:
    lines: list[Line] = []
    splitter = _Splitter("stdout", lines.append)
    for chunk in chunks:
        splitter.feed(chunk)
    splitter.close()
    return lines, splitter.dropped


@given(content=st.binary(max_size=300).map(lambda b: b.replace(b"\xf0", b"\n")), data=st.data())
def test_chunks_do_not_matter(content: bytes, data: st.DataObject) -> None:
    """However the output arrives in pieces, the lines are those of the whole."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    pieces = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    lines, dropped = _split(*pieces)
    expected = content.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert [line.content for line in lines] == expected
    assert not any(line.cut for line in lines)
    assert dropped == 0


def test_long_lines() -> None:
    """Of a long line the beginning is kept, and what is dropped is counted."""
    for chunk in (1000, 8192, 8193, 65536):
        content = b"x" * 200_000 + b"\nshort"
        pieces = [content[at : at + chunk] for at in range(0, len(content), chunk)]
        lines, dropped = _split(*pieces)
        assert [(len(line.content), line.cut) for line in lines] == [
            (process.LINE_BYTES, True),
            (5, False),
        ]
        assert dropped == 200_000 - process.LINE_BYTES


def test_a_line_that_just_fits() -> None:
    """A line of exactly the length that is kept is not cut."""
    lines, dropped = _split(b"x" * process.LINE_BYTES + b"\n")
    assert [line.cut for line in lines] == [False]
    assert dropped == 0


def test_nothing() -> None:
    """Without output there are no lines; an empty line is one."""
    assert _split() == ([], 0)
    assert [line.content for line in _split(b"\n")[0]] == [b""]
