"""What no client sends: frames, texts and packets made at random out of what ones of the protocol are made of."""

import random
from collections.abc import Callable

import msgspec

from tests.security.test_sockets import FRAMES
from tests.security.test_sockets_refused import STOCK_ATTACKS

_TYPES = ("auth", "auth.refresh", "subscribe", "unsubscribe", "ping", "pong", "activity", "leaderboard.update", "", "x")
_NAMES = ("type", "channels", "since", "token", "auth", "timestamp", "__proto__", "data", "seq", "epoch")
_PIECES = ("board:main", "me", "board:*", "player:1", "\x00", "é" * 40, "x" * 3000, "null", "../..", "'; --", "\ud7ff")
_PACKETS = ("42", "40", "41", "43", "451-", "4", "2probe", "5", "6", "1", "0", "45999-", "42/x,", "429999")
_KIB = 1024


def _value(rng: random.Random, depth: int = 0) -> object:
    kind = rng.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return rng.choice((None, True, False))
    if kind == 1:
        return rng.choice((0, -1, 2**31, 2**63 - 1, -(2**63), rng.random() * 1e300, rng.randrange(1000)))
    if kind in (2, 3, 4):
        return rng.choice(_PIECES)
    if kind == 5:
        return rng.choice(_TYPES)
    if kind == 6:
        return [_value(rng, depth + 1) for _ in range(rng.randrange(40))]
    return {rng.choice(_NAMES): _value(rng, depth + 1) for _ in range(rng.randrange(6))}


def _text(rng: random.Random) -> bytes:
    """A message, often a spoilt one."""
    message = {"type": rng.choice(_TYPES), **{rng.choice(_NAMES): _value(rng) for _ in range(rng.randrange(4))}}
    content = bytearray(msgspec.json.encode(message))
    spoil = rng.randrange(6)
    if spoil == 0:
        del content[rng.randrange(len(content)) :]
    elif spoil == 1:
        for _ in range(rng.randrange(1, 9)):
            content[rng.randrange(len(content))] = rng.randrange(256)
    elif spoil == 2:
        content = bytearray((b"[" if rng.random() < 0.5 else b'{"type":') * rng.randrange(1, 2000))
    return bytes(content)


def _packet(rng: random.Random) -> bytes:
    """Of Socket.IO, with something behind it."""
    if rng.random() < 0.3:
        chosen = rng.choice(rng.choice(list(STOCK_ATTACKS.values())))
        return chosen.encode() if isinstance(chosen, str) else chosen
    return rng.choice(_PACKETS).encode() + msgspec.json.encode(["message", _value(rng)])


def _framed(rng: random.Random, content: bytes) -> bytes:
    """In a frame that is good, mostly."""
    opcode = rng.choice((1, 1, 1, 1, 1, 2, 2, 0, 8, 9, 10, rng.randrange(16)))
    head = bytes(
        [(0x80 if rng.random() < 0.95 else 0) | (rng.randrange(8) << 4 if rng.random() < 0.02 else 0) | opcode]
    )
    masked = 0x80 if rng.random() < 0.97 else 0
    if len(content) < 126:
        length = bytes([masked | len(content)])
    elif len(content) < 65536:
        length = bytes([masked | 126]) + len(content).to_bytes(2)
    else:
        length = bytes([masked | 127]) + len(content).to_bytes(8)
    if not masked:
        return head + length + content
    mask = rng.randbytes(4)
    covered = bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))
    return head + length + mask + covered


def _large(rng: random.Random) -> bytes:
    return b'{"type":"ping","x":"' + b"x" * rng.choice((8 * _KIB, 70 * _KIB, 1024 * _KIB)) + b'"}'


def garbage(rng: random.Random) -> list[bytes]:
    """What one connection sends, piece by piece."""
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: _framed(rng, _text(rng)),
        lambda: _framed(rng, _text(rng)),
        lambda: _framed(rng, _packet(rng)),
        lambda: _framed(rng, rng.randbytes(rng.randrange(2000))),
        lambda: rng.choice(list(FRAMES.values())),
        lambda: rng.randbytes(rng.randrange(1, 400)),
    )
    if rng.random() < 0.03:
        return [_plainly_masked(_large(rng))]
    if rng.random() < 0.1:
        return [_framed(rng, b'{"type":"activity"}')] * 300  # a flood
    return [rng.choice(kinds)() for _ in range(rng.randrange(1, 12))]


def _plainly_masked(content: bytes) -> bytes:
    """A large frame with a mask of zeros: to cover a megabyte byte by byte would only heat the attacker."""
    return b"\x81\xff" + len(content).to_bytes(8) + bytes(4) + content
