"""Corrupts edge-list messages at random and decodes them: an edge list that holds together, or MalformedMessageError.

    cd tests && python -m integration.corrupt_messages --count 100000

What fails is named by its number; `--only NUMBER` makes that one again and prints it. At the end stands how much memory
the greediest took, and how long the slowest.
"""

import argparse
import json
import time
import tracemalloc
import zlib
from collections.abc import Callable
from random import Random

import msgpack
from integration.corrupt import CHANGES

from flowedge.codec import MAX_MESSAGE_OCTETS, decode, encode_part
from flowedge.edges import Column, EdgeList, Node
from flowedge.edges.column import LETTERS
from flowedge.errors import MalformedMessageError

PATIENCE = 10  # seconds for one message, of which the largest takes some milliseconds
MEMORY_AN_OCTET = 32  # the most that an octet of a message may cost, once it is inflated
MEMORY_ALWAYS = 3 * MAX_MESSAGE_OCTETS  # for inflating
NUMBERS = (0, 1, -1, 255, 1 << 16, 1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1, (1 << 64) - 1, 0.5, float("inf"))

Message = dict[str, object]


def window() -> EdgeList:
    """With a column of every type, and columns of lists."""
    columns = {name: Column.of("<u1", [0, 1, 2, 1]) for name in ("src", "dst")}
    columns |= {f"column_{code[1:]}": Column.of(code, [0, 1, 2, 100]) for code in LETTERS}
    columns["server_ports"] = Column.of_lists("<u2", [[53, 443], [], [80], [1, 2, 3]])
    nodes: list[Node] = [bytes([10, 0, 0, 1]), bytes(15) + b"\1", (bytes([10, 0, 0, 0]), 8)]
    return EdgeList(
        site="default",
        node="gateway",
        iface="eth0",
        boot="0b9c1f52-6e7d-4a57-9d0c-3f6f5f0a8c11",
        seq=7,
        start_ns=10**18,
        end_ns=10**18 + 1,
        kind="pair",
        nodes=nodes,
        columns=columns,
        drop={"dropped": 2},
    )


GOOD = {
    (form, compress): encode_part(window(), encoding=form, compress=compress)
    for form in ("msgpack", "json")
    for compress in (False, True)
}


def flipped(random: Random) -> bytes:
    """A message with some octets changed, cut, left out or repeated."""
    octets = bytearray(random.choice(list(GOOD.values())))
    for _ in range(random.choice((1, 1, 2, 5))):
        random.choice(CHANGES)(octets, random.randrange(len(octets) or 1), random) if octets else None
    return bytes(octets)


def deflated(random: Random) -> bytes:
    """The same, deflated afterwards."""
    return zlib.compress(flipped(random))


def spliced(random: Random) -> bytes:
    """The beginning of one message and the end of another."""
    one, other = random.choice(list(GOOD.values())), random.choice(list(GOOD.values()))
    return one[: random.randrange(len(one))] + other[random.randrange(len(other)) :]


def exchanged(random: Random) -> bytes:
    """A message some of whose values, names or columns are of another kind."""
    form = random.choice(("msgpack", "json"))
    octets = GOOD[form, False]
    message = msgpack.unpackb(octets) if form == "msgpack" else json.loads(octets)
    for _ in range(random.randrange(1, 4)):
        _exchange(message, random)
    return (
        bytes(msgpack.packb(message)) if form == "msgpack" else json.dumps(message, skipkeys=True, default=str).encode()
    )


def _exchange(value: object, random: Random) -> None:
    """Goes down to some place in the message and puts something else there."""
    places = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not places:
        return
    place = random.choice(places)
    inner = value[place]  # type: ignore[index]
    if isinstance(inner, dict | list) and random.random() < 0.7:
        _exchange(inner, random)
    elif isinstance(value, dict) and random.random() < 0.2:
        value[_anything(random, hashable=True)] = value.pop(place)
    else:
        value[place] = _anything(random)  # type: ignore[index]


def _anything(random: Random, *, hashable: bool = False) -> object:
    number, code, octets = random.choice(NUMBERS), random.choice(list(LETTERS)), random.randbytes(12)
    scalars: tuple[object, ...] = (None, True, "", "src", "\0", "x" * 300, number, code)
    others: tuple[object, ...] = (b"", bytes(4), bytes(16), octets, [], {}, ["<u1", b"\0\1\2\3"], [[]] * 9, {"x": [1]})
    return random.choice(scalars if hashable else scalars + others)


def nested(random: Random) -> bytes:
    """Arrays and maps within each other, in place of a value or of the message."""
    depth = random.choice((10, 500, 1100, 5000, 100_000))
    key = random.choice(["nodes", "cols", "drop", "n", "unknown"]).encode()
    if random.random() < 0.5:
        opening = random.choice((b"\x91", b"\x81\xa1a", b"\x93", b"\xdd\x00\x3f\xff\xff", b"\xdf\x00\x3f\xff\xff\xa1a"))
        return b"\x81" + bytes([0xA0 + len(key)]) + key + opening * depth + random.choice((b"", b"\xc0"))
    opening, closing = random.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'["",[', b"]]")))
    return b'{"' + key + b'":' + opening * depth + b"0" + random.choice((b"", closing * depth)) + b"}"


def crowded(random: Random) -> bytes:
    """Many small things, each of which costs more memory than its octets."""
    count = random.choice((10, 1000, 50_000, 300_000))
    key = random.choice(["nodes", "cols", "drop", "site", "unknown"]).encode()
    if random.random() < 0.5:
        item = random.choice(
            (b"\x90", b"\x80", b"\xc0", b"\xc4\x00", b"\xa0", b"\xa1a", b"\xca\0\0\0\0", b"\xd4\x00\x00")
        )
        return b"\x81" + bytes([0xA0 + len(key)]) + key + b"\xdd" + count.to_bytes(4, "big") + item * count
    item = random.choice((b"[]", b"{}", b'""', b"0", b"1e5", b"null", b'"10.0.0.1"', '"\N{SNOWMAN}"'.encode(), b'"ab"'))
    return b'{"' + key + b'":[' + b",".join([item] * count) + b"]}"


def keys(random: Random) -> bytes:
    """An object of many names."""
    names = b",".join(b'"%x":0' % number for number in range(random.choice((1000, 300_000))))
    return b'{"%b":{%b}}' % (random.choice((b"drop", b"cols", b"unknown")), names)


def bomb(random: Random) -> bytes:
    """Little that inflates to much."""
    zeros = random.choice((b"\xde", b"{", b"\0", b"[")) + bytes(random.choice((1 << 20, 1 << 25)))
    return zlib.compress(random.choice((zeros, crowded(random), keys(random))))


def noise(random: Random) -> bytes:
    return random.choice((b"", b"\x80", b"\xde", b"{", b"\x78\x9c")) + random.randbytes(random.randrange(200))


KINDS: tuple[Callable[[Random], bytes], ...] = (
    *(flipped,) * 30,
    *(deflated,) * 5,
    *(spliced,) * 10,
    *(exchanged,) * 40,
    *(noise,) * 10,
    nested,
    crowded,
)
RARE = 500
"""One in so many is a bomb, which takes its time."""
MEASURED = 5
"""Memory is measured for one in so many, because that takes longer than decoding."""


def corrupted(number: int) -> bytes:
    random = Random(number)
    return bomb(random) if number % RARE == 0 else random.choice(KINDS)(random)


def check(payload: bytes) -> bool:
    """Whether the payload is still an edge list; then that must hold together."""
    try:
        edges = decode(payload)
    except MalformedMessageError:
        return False
    assert len(edges.to_dicts()) == len(edges)
    assert all(len(column) == len(edges) for column in edges.columns.values())
    assert decode(encode_part(edges)).to_dicts().__repr__() == edges.to_dicts().__repr__()
    return True


def memory_share(payload: bytes) -> float:
    """How much of what the payload may cost it does cost at most at a time."""
    tracemalloc.start()
    check(payload)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / (MEMORY_ALWAYS + MEMORY_AN_OCTET * inflated_size(payload))


def inflated_size(payload: bytes) -> int:
    try:
        return len(zlib.decompressobj().decompress(payload, MAX_MESSAGE_OCTETS))
    except zlib.error:
        return len(payload)


def run(count: int) -> str:
    """Raises AssertionError, or whatever decode() should not."""
    decoded, slowest, greediest = 0, 0.0, 0.0
    for number in range(count):
        payload = corrupted(number)
        began = time.perf_counter()
        try:
            decoded += check(payload)
            slowest = max(slowest, time.perf_counter() - began)
            if number % MEASURED == 0:
                greediest = max(greediest, memory_share(payload))
            assert slowest < PATIENCE
            assert greediest < 1
        except Exception as error:
            raise AssertionError(f"corruption {number}: {error!r}") from error
    return (
        f"{count} corruptions, {decoded} still edge lists; slowest {slowest:.3f} s, memory {greediest:.2f} of the bound"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--only", type=int)
    arguments = parser.parse_args()
    if arguments.only is not None:
        print(corrupted(arguments.only))
        check(corrupted(arguments.only))
    else:
        print(run(arguments.count))


if __name__ == "__main__":
    main()
