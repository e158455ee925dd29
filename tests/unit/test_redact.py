"""Masking of secrets and escaping of control characters."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mast_agent.redact import MASK, Redactor, escape, secrets_of

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "Zq7_Canary"
URL = f"ecto://mast:{CANARY}%21@db.example/mast"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "anything"),
        ("SECRET_KEY_BASE", "anything"),
        ("MAST_VAULT_KEY", "anything"),
        ("RELEASE_COOKIE", "anything"),
        ("PGPASSWORD", "anything"),
        ("SMTP_PASSWD", "anything"),
        ("SENTRY_DSN", "anything"),
        ("api_token", "anything"),
    ],
)
def test_secret_names(name: str, value: str) -> None:
    """A variable with the name of a secret has a secret value."""
    assert value in secrets_of({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PHX_HOST", "mast.example"),
        ("POOL_SIZE", "10"),
        ("ECTO_IPV6", "true"),
        ("MAST_PUBLIC_URL", "https://mast.example/x?y=z"),
        ("MAST_KEY_ROTATION", "true"),
        ("SECRET_EMPTY", " "),
    ],
)
def test_public_values(name: str, value: str) -> None:
    """What is no secret stays readable, and so does a switch whatever its name."""
    assert secrets_of({name: value}) == set()


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        (URL, f"{CANARY}%21"),
        (URL, URL),
        (f"ecto://mast@db/mast?password={CANARY}&ssl=true", CANARY),
        (f"amqp://{CANARY}@queue", CANARY),
    ],
)
def test_secrets_in_urls(url: str, secret: str) -> None:
    """The credentials in any variable's URL are secrets, by themselves too."""
    assert secret in secrets_of({"BACKUP_TARGET": url})


def test_public_words() -> None:
    """A password that is also the role's name is not masked: every mention would tell it."""
    assert "mast" not in secrets_of({"DATABASE_URL": "ecto://mast:mast@db/x"}, ["mast"])
    assert "mast" in secrets_of({"DATABASE_URL": "ecto://mast:mast@db/x"})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"password {CANARY}!", id="decoded"),
        pytest.param(f"password {CANARY}%21", id="encoded"),
        pytest.param(URL, id="whole-url"),
        pytest.param(f"ecto://other:{CANARY}%21@x/y", id="in-another-url"),
        pytest.param("ecto://someone:else@x/y", id="any-userinfo"),
        pytest.param(f'{{"a": "{CANARY}!"}}', id="json"),
        pytest.param(f"{CANARY}!{CANARY}!", id="twice"),
    ],
)
def test_masked(text: str) -> None:
    """A URL's password is masked in every form in which it turns up."""
    shown = Redactor(secrets_of({"DATABASE_URL": URL})).text(text)
    assert CANARY not in shown
    assert "else" not in shown
    assert MASK in shown


def test_rest_is_kept() -> None:
    """What surrounds a secret is kept as it was."""
    assert Redactor([CANARY]).text(f"before {CANARY} after") == f"before {MASK} after"


def test_short_secrets() -> None:
    """A short secret is masked where it stands alone, and not in the middle of words."""
    redactor = Redactor(["ab"])
    assert redactor.text("password ab!") == f"password {MASK}!"
    assert redactor.text("table cab abc") == "table cab abc"


def test_nothing_to_mask() -> None:
    """Without secrets, only credentials in URLs are masked."""
    redactor = Redactor(())
    assert redactor.text("as it was") == "as it was"
    assert redactor.text("ecto://u:p@h/d") == f"ecto://{MASK}@h/d"


def test_repr() -> None:
    """A redactor in a traceback shows no secret."""
    assert CANARY not in repr(Redactor([CANARY]))


@pytest.mark.parametrize("kept", range(1, len(CANARY)))
def test_cut(kept: int) -> None:
    """The beginning of a secret at the end of a text that was cut off is masked."""
    shown = Redactor([CANARY]).text(f"see {CANARY[:kept]}", cut=True)
    assert shown == f"see {MASK}"
    assert Redactor([CANARY]).text("see you", cut=True) == "see you"


def _elixir(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


_SPELL: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "percent": lambda text: quote(text, safe="", errors="surrogateescape"),
    "json": lambda text: json.dumps(text)[1:-1],
    "json-utf8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "elixir": _elixir,
    "escaped": escape,
}
# Also what os.environ makes of bytes that are not UTF-8.
_SECRETS = st.text(
    st.one_of(
        st.characters(codec="utf-8", exclude_characters="\0[]"),
        st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF),
        st.sampled_from("\\\"'%+/@: é☃\u202e\x1b\t\n"),
    ),
    min_size=4,
    max_size=30,
)


@pytest.mark.parametrize("spell", _SPELL.values(), ids=_SPELL.keys())
@given(secret=_SECRETS)
def test_no_spelling_survives(spell: Callable[[str], str], secret: str) -> None:
    """In no spelling that a program may print does a secret survive, nor after escaping."""
    assume(len(secret.strip()) >= 4)
    assume(secret not in MASK)
    redactor = Redactor([secret])
    spelled = spell(secret)
    text = f"= {spelled} ="
    shown = redactor.text(escape(redactor.text(text)))
    assert spelled not in shown
    assert secret not in shown
    assert escape(spelled) not in shown


@given(secret=_SECRETS.filter(lambda text: "\n" not in text), data=st.data())
def test_no_part_survives_a_cut(secret: str, data: st.DataObject) -> None:
    """Wherever a text is cut off, no beginning of a secret is left at its end."""
    assume(len(secret.strip()) >= 4)
    kept = data.draw(st.integers(1, len(secret) - 1))
    shown = Redactor([secret]).text(f"\0{secret[:kept]}", cut=True)
    assert shown == f"\0{MASK}"


@given(secret=st.text("abcdef", min_size=10, max_size=30), lines=st.integers(2, 3))
def test_secrets_of_several_lines(secret: str, lines: int) -> None:
    """A secret of several lines is masked also when it is printed line by line."""
    size = len(secret) // lines
    parts = [secret[:size], secret[size : 2 * size], secret[2 * size :]]
    assume(all(len(part) >= 4 for part in parts if part))
    redactor = Redactor(["\n".join(parts)])
    for part in filter(None, parts):
        assert redactor.text(f"1 {part} 2") == f"1 {MASK} 2"


@given(st.text(st.characters(), max_size=60))
def test_escape_is_one_printable_line(text: str) -> None:
    """Whatever the text is, escaped it is one line that makes no terminal do anything."""
    shown = escape(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(char) in _ACTIVE for char in shown)
    shown.encode()  # and it can be written


_ACTIVE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("héllo ☃", "héllo ☃"),
        ("a\tb", "a b"),
        ("a\nb\rc", "a\\x0ab\\x0dc"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\x00b\x7f", "a\\x00b\\x7f"),
        ("\x9b", "\\x9b"),
        ("\u202eevil", "\\u202eevil"),
        ("\u2028", "\\u2028"),
        ("\udcff", "\\udcff"),
        ("\U000e0001", "\\U000e0001"),
        ("<0>not urgent", "<0>not urgent"),
    ],
)
def test_escape(text: str, shown: str) -> None:
    """Control and format characters are written out, and all else is kept."""
    assert escape(text) == shown
