"""Which row of servers is this host: every case of the table in docs/decisions.md."""

from __future__ import annotations

import itertools

import pytest
from mast_agent.config.login import Wanted
from mast_agent.enroll import servers
from mast_agent.enroll.servers import Place
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from mast_agent.host.identity import Host
from mast_agent.postgres.snapshot import Server

HOST = Host(
    names=frozenset({"debian", "debian.example.org"}),
    addresses=frozenset({"192.0.2.7", "2001:db8::7"}),
    machine="0" * 32,
)
WANTED = Wanted(host="mast.example.net")
LOOPBACK = (
    *("127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST.", "ip6-localhost", "::1", "[::1]"),
    *("0.0.0.0", "::ffff:127.0.0.1"),
)
OURS = ("192.0.2.7", "2001:db8:0::7", "[2001:DB8::7]", "debian", "Debian.", "debian.lan")
ELSEWHERE = ("10.9.9.9", "192.0.2.70", "2001:db8::8", "web2", "web2.example.org", "example.org")
ADDRESSES: dict[str | None, Place] = {
    **dict.fromkeys(("mast.example.net", "MAST.example.net."), Place.SELF),
    **dict.fromkeys(LOOPBACK, Place.LOOPBACK),
    **dict.fromkeys(("debian.example.org", "Debian.Example.ORG."), Place.NAME),
    **dict.fromkeys(OURS, Place.OURS),
    **dict.fromkeys(ELSEWHERE, Place.ELSEWHERE),
    **dict.fromkeys((None, "", "  "), Place.NOWHERE),
}


def _row(name: str, host: str | None, port: int | None = 22, row_id: str = "") -> Server:
    return Server(id=row_id or f"{name}@{host}:{port}", name=name, host=host, port=port)


def _known(
    rows: list[Server], recorded: str | None = None, wanted: Wanted = WANTED
) -> Server | None:
    return servers.known(rows, recorded, HOST, wanted)


@pytest.mark.parametrize("address", ADDRESSES)
def test_place(address: str | None) -> None:
    """Where each way to write an address leads."""
    assert servers.place(_row("any", address), HOST, WANTED) is ADDRESSES[address]


# The row's name, where its address leads, whether the record has its id: whether it is this host.
TABLE = {
    **{("ours", place, False): place is not Place.ELSEWHERE for place in Place},
    **{("another", place, False): place in {Place.SELF, Place.NAME} for place in Place},
    **{(name, place, True): True for name in ("ours", "another") for place in Place},
}


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("name", ["debian", "DEBIAN", "debian.example.org", "web2"])
@pytest.mark.parametrize("recorded", [False, True])
def test_table(name: str, address: str | None, *, recorded: bool) -> None:
    """Name and address are weighed together, and the record's id over both."""
    row = _row(name, address)
    kind = "another" if name == "web2" else "ours"
    expected = TABLE[kind, ADDRESSES[address], recorded]
    rows = [_row("aaa", "10.1.1.1"), row, _row("zzz", None)]
    assert (_known(rows, row.id if recorded else "gone") == row) is expected
    # The eval's report decides as the record does, and what it does not name is not this host.
    assert servers.enrolled(rows, rows, (row.id, None), HOST, WANTED) == row
    assert servers.enrolled(rows, rows, ("no-such-row", row.id), HOST, WANTED) is None
    if not recorded and kind == "ours" and not expected:
        assert servers.namesake(rows, HOST, WANTED) == row
    else:
        assert recorded or servers.namesake(rows, HOST, WANTED) is None


@pytest.mark.parametrize(
    ("has", "wants", "expected"),
    [(22, None, True), (2222, 2222, True), (None, 2222, True), (2222, None, False)],
)
def test_port_of_another_name(has: int | None, wants: int | None, *, expected: bool) -> None:
    """On another port than Mast's own host has, the same address may be a forwarded one."""
    wanted = Wanted(host="192.0.2.1", port=wants)
    row = _row("mast", "192.0.2.1", has)
    assert (_known([row], wanted=wanted) == row) is expected
    assert _known([_row("debian", "192.0.2.1", has)], wanted=wanted) is not None


BEST_FIRST = [
    _row("debian", "mast.example.net", 2222),
    _row("Debian", "127.0.0.1", 2222),
    _row("debian", "debian.example.org"),
    _row("debian.example.org", "192.0.2.7"),
    _row("debian", None),
    _row("mast", "mast.example.net"),
]


@pytest.mark.parametrize("rows", [*itertools.permutations(BEST_FIRST)][::50])
def test_of_several_the_best(rows: tuple[Server, ...]) -> None:
    """Of several rows that are this host, the one with the better evidence is its."""
    assert servers.candidates(rows, HOST, WANTED) == BEST_FIRST
    assert _known(list(rows)) == BEST_FIRST[0]
    assert _known(list(rows), BEST_FIRST[-1].id) == BEST_FIRST[-1]


@pytest.mark.parametrize("name", ["debian", "ubuntu", "nixos", "raspberrypi"])
def test_default_name(name: str) -> None:
    """An address that is only a distribution's default name is nobody's; a given name is its."""
    for names, expected in [({name}, False), ({"web1"}, True)]:
        (called,) = names
        this = Host(names=frozenset(names), addresses=frozenset(), machine=None)
        row = _row("by-hand", called)
        assert (servers.known([row], None, this, Wanted()) == row) is expected


@pytest.mark.parametrize("address", ["192.0.2.7", "127.0.0.1", "debian"])
def test_contradiction_is_named(address: str) -> None:
    """Both rows, both addresses, and what to do; a cause of its own, and final."""
    rows = [_row("debian", "10.9.9.9", row_id="id-1"), _row("web2", address, row_id="id-2")]
    assert _known(rows) is None
    with pytest.raises(Failure) as caught:
        servers.require_no_namesake(rows, HOST, Wanted())
    failure = caught.value
    assert failure.cause is causes.NAME_TAKEN
    assert failure.code is Code.SOFTWARE
    for part in ("'debian'", "id-1", "10.9.9.9", "'web2'", "id-2", address):
        assert part in failure.message
    assert "MAST_SELF_HOST=10.9.9.9" in failure.remedy
    # As the remedy says: then the row is this host's.
    assert _known(rows, wanted=Wanted(host="10.9.9.9")) == rows[0]


@pytest.mark.parametrize("rows", [[], [_row("web2", "192.0.2.7")], [_row("web2", "10.9.9.9")]])
def test_free_name(rows: list[Server]) -> None:
    """Without a row of its name a host can be enrolled, whatever else there is."""
    assert _known(rows) is None
    servers.require_no_namesake(rows, HOST, WANTED)


NAMED = _row("debian", "127.0.0.1")
FORWARDED = _row("mast", "127.0.0.1", 2222)
LOCAL = _row("mast", "localhost")
SECOND = _row("vm", "localhost", 2223)
NAMESAKE = _row("debian", "10.9.9.9")
LEASED = _row("gateway", "192.0.2.7")
OTHER = _row("web2", "192.0.2.8")
NO_HOST = _row("nas", None)


@pytest.mark.parametrize(
    ("before", "after", "ids", "expected"),
    [
        pytest.param([], [OTHER], (OTHER.id, None), OTHER, id="reported"),
        pytest.param([], [OTHER, NAMED], (OTHER.id, NAMED.id), OTHER, id="reported-over-all"),
        pytest.param([], [NAMED], ("lie", None), None, id="reported-but-not-there"),
        pytest.param([], [], (None, None), None, id="nothing-appeared"),
        pytest.param([], [OTHER], (None, None), OTHER, id="the-one-that-appeared"),
        pytest.param([OTHER], [OTHER, NO_HOST], (None, None), NO_HOST, id="appeared-among-others"),
        pytest.param([NAMED], [NAMED, OTHER], (None, None), OTHER, id="appeared-over-name"),
        pytest.param([], [OTHER, NAMED], (None, None), NAMED, id="of-two-the-one-called-so"),
        pytest.param([], [OTHER, NO_HOST], (None, None), None, id="of-two-neither"),
        pytest.param([], [OTHER, LEASED], (None, None), None, id="of-two-an-address-is-not-enough"),
        pytest.param([NAMED], [NAMED], (None, None), NAMED, id="was-there-before"),
        pytest.param([OTHER], [OTHER], (None, None), None, id="only-others"),
        pytest.param([OTHER], [OTHER], (None, OTHER.id), OTHER, id="recorded"),
        pytest.param([LEASED], [LEASED], (None, None), None, id="an-address-is-not-enough"),
        pytest.param([FORWARDED], [FORWARDED, OTHER], (None, None), OTHER, id="appeared-over-port"),
        pytest.param([FORWARDED], [FORWARDED], (None, None), FORWARDED, id="any-port-if-single"),
        pytest.param([LOCAL], [FORWARDED, LOCAL, OTHER], (None, None), LOCAL, id="the-right-port"),
        pytest.param([FORWARDED], [FORWARDED, LOCAL], (None, None), LOCAL, id="appeared-locally"),
        pytest.param([SECOND, FORWARDED], [SECOND, FORWARDED], (None, None), None, id="two-ports"),
        pytest.param([LOCAL, NAMESAKE], [LOCAL, NAMESAKE], (None, None), None, id="namesake"),
        pytest.param([NAMED], [], (None, None), None, id="disappeared"),
    ],
)
def test_enrolled(
    before: list[Server],
    after: list[Server],
    ids: tuple[str | None, str | None],
    expected: Server | None,
) -> None:
    """After an eval: the reported id, the row that appeared, the recorded id, name and address."""
    assert servers.enrolled(before, after, ids, HOST, Wanted()) == expected
