"""The strict reading of the one public key that root is asked to trust."""

from __future__ import annotations

import base64
import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent.access import public_key
from mast_agent.access.public_key import InvalidKeyError
from unit.builders import PUBLIC_KEY


def _blob(*fields: bytes) -> str:
    packed = b"".join(struct.pack(">I", len(field)) + field for field in fields)
    return base64.b64encode(packed).decode()


@pytest.mark.parametrize("comment", ["", " mast@web1", " a comment", " a@b.c:d+e_f-g 2"])
def test_key_is_kept_and_comment_is_not(comment: str) -> None:
    """A key with or without a comment is that key alone."""
    assert public_key.parse(PUBLIC_KEY + comment) == PUBLIC_KEY


@given(st.binary(min_size=32, max_size=32))
def test_any_key(point: bytes) -> None:
    """Every 32 bytes are a key, read back as they are printed."""
    key = f"ssh-ed25519 {_blob(b'ssh-ed25519', point)}"
    assert public_key.parse(key) == key


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("ssh-ed25519", id="type alone"),
        pytest.param(f"{PUBLIC_KEY}\n", id="newline at the end"),
        pytest.param(f"{PUBLIC_KEY}\n{PUBLIC_KEY}", id="two keys on two lines"),
        pytest.param(f"{PUBLIC_KEY} {PUBLIC_KEY}", id="two keys on one line"),
        pytest.param(f"{PUBLIC_KEY}\rssh-rsa AAAA", id="carriage return"),
        pytest.param(f"{PUBLIC_KEY[:30]}\n{PUBLIC_KEY[30:]}", id="newline inside"),
        pytest.param(f'command="id" {PUBLIC_KEY}', id="option before"),
        pytest.param(f"no-pty,from=* {PUBLIC_KEY}", id="options before"),
        pytest.param(f" {PUBLIC_KEY}", id="blank before"),
        pytest.param(f"{PUBLIC_KEY} ", id="blank after"),
        pytest.param(PUBLIC_KEY.replace(" ", "  "), id="two blanks"),
        pytest.param(PUBLIC_KEY.replace(" ", "\t"), id="tab"),
        pytest.param(f"{PUBLIC_KEY} a\0b", id="NUL"),
        pytest.param(f"{PUBLIC_KEY} a\u2028b", id="line separator"),
        pytest.param(f"{PUBLIC_KEY} é", id="comment beyond ASCII"),
        pytest.param(f'{PUBLIC_KEY} "quoted"', id="quotes"),
        pytest.param(f"# {PUBLIC_KEY}", id="comment line"),
        pytest.param(f"cert-authority {PUBLIC_KEY}", id="authority"),
        pytest.param(PUBLIC_KEY.replace("ssh-ed25519 ", "ssh-rsa "), id="type differs from body"),
        pytest.param(f"ssh-ed25519 {_blob(b'ssh-rsa', os.urandom(32))}", id="body of another type"),
        pytest.param(f"ssh-ed25519 {_blob(b'ssh-ed25519', b'x' * 31)}", id="short"),
        pytest.param(f"ssh-ed25519 {_blob(b'ssh-ed25519', b'x' * 33)}", id="long"),
        pytest.param(f"ssh-ed25519 {_blob(b'ssh-ed25519', b'x' * 32, b'y')}", id="more after it"),
        pytest.param("ssh-ed25519 AAAA=AAAA", id="no base64"),
        pytest.param("ssh-ed25519-cert-v01@openssh.com AAAA", id="certificate"),
        pytest.param("sk-ssh-ed25519@openssh.com AAAA", id="security key"),
        pytest.param("ecdsa-sha2-nistp256 AAAA", id="ecdsa"),
        pytest.param("-----BEGIN OPENSSH PRIVATE KEY-----", id="private key"),
        pytest.param(PUBLIC_KEY + " " + "x" * 1_000_000, id="1 MB"),
    ],
)
def test_refused(text: str) -> None:
    """Whatever is more, less or other than one key is refused, without being repeated."""
    with pytest.raises(InvalidKeyError) as caught:
        public_key.parse(text)
    assert str(caught.value)
    assert PUBLIC_KEY.split()[1] not in str(caught.value)


@given(st.text(max_size=600))
def test_any_text(text: str) -> None:
    """Any text is refused or becomes one line of two words."""
    try:
        key = public_key.parse(text)
    except InvalidKeyError:
        return
    assert len(key.split(" ")) == 2
    assert key.isprintable()


@given(st.text(max_size=3), st.integers(0, len(PUBLIC_KEY)), st.integers(0, 3))
def test_mutations(inserted: str, at: int, dropped: int) -> None:
    """A key in which something was changed is refused, or still nothing but a key."""
    text = PUBLIC_KEY[:at] + inserted + PUBLIC_KEY[at + dropped :]
    try:
        key = public_key.parse(text)
    except InvalidKeyError:
        return
    assert key.startswith("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI")
    assert len(key) == len(PUBLIC_KEY)
