"""Masking of secrets and escaping of control characters."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mast_agent.text.escaping import escape
from mast_agent.text.redact import MASK, Redactor, secrets_of
from support.canaries import CANARY

if TYPE_CHECKING:
    from collections.abc import Callable

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
        ("DB_PASS", "anything"),
        ("DBPASS", "anything"),
        ("MYSQL_PWD", "anything"),
        ("KEY_PASSPHRASE", "anything"),
        ("REDISCLI_AUTH", "anything"),
        ("APIKEY2", "anything"),
        ("SLACK_WEBHOOK_URL", "anything"),
        ("BEARER", "anything"),
        ("SIGNING_JWT", "anything"),
        ("PGPASSWORD", "true"),
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
        ("MAST_KEYBOARD", "de"),
        ("MAST_PASSIVE", "x"),
        ("MAST_AUTHOR", "x"),
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
        # Ecto takes a URL without a scheme, and a plus in a query for a blank.
        (f"//mast:{CANARY}@db/mast", CANARY),
        ("ecto://mast@db/mast?password=a+Zq7", "a Zq7"),
    ],
)
def test_secrets_in_urls(url: str, secret: str) -> None:
    """The credentials in any variable's URL are secrets, by themselves too."""
    assert secret in secrets_of({"BACKUP_TARGET": url})


def test_unencoded_password_of_a_url_without_a_scheme() -> None:
    """It is a secret there too."""
    assert "Zq7/ab" in secrets_of({"DATABASE_URL": "//mast:Zq7/ab@db/mast"})


@pytest.mark.parametrize("password", ["12/ab", "12?ab", "12#ab", "ab@12"])
def test_password_that_is_not_encoded(password: str) -> None:
    """A password that ends the authority too early is a secret all the same, and its parts."""
    secrets = secrets_of({"DATABASE_URL": f"ecto://mast:{password}@db/mast"})
    assert {password, "12", "ab"} <= secrets


@pytest.mark.parametrize("password", ["true", "0", "on"])
def test_password_that_looks_like_a_switch(password: str) -> None:
    """A password is one whatever it looks like."""
    assert password in secrets_of({"DATABASE_URL": f"ecto://mast:{password}@db/x"})


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
    shown = Redactor(secrets_of({"DATABASE_URL": URL})).quote(text)
    assert CANARY not in shown
    assert "else" not in shown
    assert MASK in shown


def test_rest_is_kept() -> None:
    """What surrounds a secret is kept as it was."""
    assert Redactor([CANARY]).quote(f"before {CANARY} after") == f"before {MASK} after"


def test_short_secrets() -> None:
    """A short secret is masked where it stands alone, and not in the middle of words."""
    redactor = Redactor(["ab"])
    assert redactor.quote("password ab!") == f"password {MASK}!"
    assert redactor.quote("table cab abc") == "table cab abc"


@pytest.mark.parametrize(
    ("secret", "masked", "kept"),
    [
        ("postgres", "role postgres!", "systemctl start postgresql"),
        ("22", "port=22,", "line 122, 22ms, 0x22"),
        ("e", "it is 'e'", "everything else"),
        ("127", "ended with 127.", "at 1270"),
        ("version", "old_version", "subversion versions"),
        ("pg17", "(pg17)", "pg170"),
    ],
)
def test_word_as_a_secret(secret: str, masked: str, kept: str) -> None:
    """A secret that is a word or a number is not told by what a mask leaves of a longer word."""
    redactor = Redactor([secret])
    assert redactor.quote(masked) == masked.replace(secret, MASK)
    assert redactor.quote(kept) == kept


@pytest.mark.parametrize("before", ["\\n", "\\x0a", "%20", "\x1b[31m", "\\u0020", "\\t", "\\e[0m"])
@pytest.mark.parametrize("secret", ["postgres", "22"])
def test_word_behind_an_escape(before: str, secret: str) -> None:
    """The letters that end an escape are no part of the word behind it."""
    assert secret not in Redactor([secret]).quote(f"x{before}{secret} y").replace(before, "")


@pytest.mark.parametrize("secret", ["Zq7Canary12", "Zq-7", "abcdefghijklmnopqrst", "1" * 16])
def test_secret_that_is_no_word(secret: str) -> None:
    """What is no word is masked also in the middle of one."""
    assert Redactor([secret]).quote(f"a{secret}b") == f"a{MASK}b"


def test_overlapping_secrets() -> None:
    """Of secrets that overlap nothing is left, and one that is inside the mask does not undo it."""
    assert Redactor(["Zq7-abc", "abc-Xy9"]).quote("= Zq7-abc-Xy9 =") == f"= {MASK} ="
    assert Redactor(["redacted", "Zq7-abc"]).quote("redacted Zq7-abc") == f"{MASK} {MASK}"


def test_secret_that_contains_the_mask() -> None:
    """A secret that looks as if it were masked already is masked."""
    assert Redactor([f"Zq7{MASK}Xy9"]).quote(f"= Zq7{MASK}Xy9 =") == f"= {MASK} ="
    # What was masked is not masked again, though the secret is a part of the mask.
    assert Redactor(["redacted", "\\x1b"]).quote("redacted \x1b") == f"{MASK} {MASK}"


def test_bound() -> None:
    """What is quoted is short, and cut off only after it was masked."""
    assert Redactor([CANARY]).quote("x" * 235 + CANARY) == "x" * 235 + MASK[:5]
    assert len(Redactor(()).quote("x" * 1000, limit=None)) == 1000


def test_nothing_to_mask() -> None:
    """Without secrets, only credentials in URLs are masked."""
    redactor = Redactor(())
    assert redactor.quote("as it was") == "as it was"
    assert redactor.quote("ecto://u:p@h/d") == f"ecto://{MASK}@h/d"


def test_repr() -> None:
    """A redactor in a traceback shows no secret."""
    assert CANARY not in repr(Redactor([CANARY]))


@pytest.mark.parametrize("kept", range(1, len(CANARY)))
def test_cut(kept: int) -> None:
    """The beginning of a secret at the end of a text that was cut off is masked."""
    shown = Redactor([CANARY]).quote(f"see {CANARY[:kept]}", cut=True)
    assert shown == f"see {MASK}"
    assert Redactor([CANARY]).quote("see you", cut=True) == "see you"


def test_cut_credentials() -> None:
    """Credentials of which the cut has taken the end are masked too, also unknown ones."""
    shown = Redactor(()).quote("see ecto://other:pass", cut=True)
    assert shown == f"see ecto://{MASK}"


def test_cut_word() -> None:
    """A cut inside a longer word leaves the word as it is."""
    assert Redactor(["postgres"]).quote("have a nap", cut=True) == "have a nap"
    assert Redactor(["postgres"]).quote("as postg", cut=True) == f"as {MASK}"


@pytest.mark.parametrize("secret", ["pässwörd!", "\U0001f511é☃x", "\udcff\udcfeab", "ﬀ\udcc3Ä"])
def test_cut_inside_a_character(secret: str) -> None:
    """At whichever byte a secret is cut off, nothing of it is left."""
    data = secret.encode("utf-8", "surrogateescape")
    for kept in range(1, len(data)):
        shown = Redactor([secret]).quote(b"see " + data[:kept], cut=True)
        assert shown == f"see {MASK}", (kept, shown)


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


def test_what_a_mask_leaves_beside_it() -> None:
    """A short secret that only stands alone since another one beside it is masked, is masked."""
    # The first is found when its control character has been escaped.
    redactor = Redactor(["f\x1a", "ff"])
    assert redactor.quote("fff\x1a") == "[redacted][redacted]"
    assert redactor.quote("affix") == "affix"


@pytest.mark.parametrize("spell", _SPELL.values(), ids=_SPELL.keys())
@given(secret=_SECRETS)
def test_no_spelling_survives(spell: Callable[[str], str], secret: str) -> None:
    """In no spelling that a program may print does a secret survive, nor after escaping."""
    assume(len(secret.strip()) >= 4)
    assume(secret not in MASK)
    redactor = Redactor([secret])
    spelled = spell(secret)
    text = f"= {spelled} ="
    for printed in (text, text.encode("utf-8", "surrogateescape")):
        shown = redactor.quote(printed, limit=None)
        assert spelled not in shown
        assert secret not in shown
        assert escape(spelled) not in shown


@given(secret=_SECRETS.filter(lambda text: "\n" not in text), data=st.data())
def test_no_part_survives_a_cut(secret: str, data: st.DataObject) -> None:
    """Wherever a text is cut off, no beginning of a secret is left at its end."""
    assume(len(secret.strip()) >= 4)
    kept = data.draw(st.integers(1, len(secret) - 1))
    shown = Redactor([secret]).quote(f"\0{secret[:kept]}", cut=True)
    assert shown == f"\\x00{MASK}"


@given(secret=st.text("abcdef", min_size=10, max_size=30), lines=st.integers(2, 3))
def test_secrets_of_several_lines(secret: str, lines: int) -> None:
    """A secret of several lines is masked also when it is printed line by line."""
    size = len(secret) // lines
    parts = [secret[:size], secret[size : 2 * size], secret[2 * size :]]
    assume(all(len(part) >= 4 for part in parts if part))
    redactor = Redactor(["\n".join(parts)])
    for part in filter(None, parts):
        assert redactor.quote(f"1 {part} 2") == f"1 {MASK} 2"


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
        ("\udcff", "\\xff"),
        ("\ud800", "\\ud800"),
        ("\U000e0001", "\\U000e0001"),
        ("<0>not urgent", "<0>not urgent"),
    ],
)
def test_escape(text: str, shown: str) -> None:
    """Control and format characters are written out, and all else is kept."""
    assert escape(text) == shown
