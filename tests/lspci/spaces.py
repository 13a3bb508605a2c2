# SPDX-License-Identifier: GPL-2.0-or-later
"""Config spaces with IDE capabilities of every kind, sound and broken; the same each time."""

import random
import struct

SIZE = 4096
IDE = 0x30
OTHERS = (0x7e, 0x7d, 0x7c)  # extended capabilities that nobody decodes
LINK, SELECTIVE = 1, 2


class Space:
    def __init__(self, kind, size=SIZE):
        self.kind = kind
        self.bytes = bytearray(SIZE)
        self.size = size
        self.put(0x00, 0x290110de)
        self.put(0x04, 0x00100006)  # a capability list
        self.put(0x08, 0x03020000)
        self.bytes[0x34] = 0x40
        self.put(0x40, 0x00020010)  # PCI Express, endpoint: extended capabilities may follow
        self.put(0x44, 0x10008000 | 1 << 30)

    def put(self, at, value):
        if at + 4 <= SIZE:
            struct.pack_into("<I", self.bytes, at, value & 0xffffffff)

    def get(self, at):
        return struct.unpack_from("<I", self.bytes, at)[0]

    def header(self, at, number, following):
        self.put(at, number | 1 << 16 | following << 20)

    def image(self):
        return bytes(self.bytes[:self.size])

    def dump(self, address):
        """As lspci -F wants it."""
        lines = [f"{address} 0302: 10de:2901"]
        for at in range(0, self.size, 16):
            row = self.image()[at:at + 16]
            lines.append(f"{at:02x}: " + " ".join(f"{byte:02x}" for byte in row))
        return "\n".join(lines) + "\n\n"


def chain(rng, space, at):
    """One or two other capabilities before the one at @at, unless that is the first."""
    if at == 0x100:
        return
    middle = rng.randrange(0x110, at, 4) if at > 0x120 and rng.random() < 0.5 else None
    space.header(0x100, OTHERS[0], middle or at)
    if middle:
        space.header(middle, OTHERS[1], at)


def some_bits(rng):
    """A register: nothing, a few bits, or anything."""
    return rng.choice((0, 1 << rng.randrange(32), rng.getrandbits(32), rng.getrandbits(32)))


def status(rng):
    return rng.choice((0, 2, 2, 2, 1, 3, rng.randrange(16))) | rng.choice((0, 0, 1 << 31))


def control(rng):
    if rng.random() < 0.5:
        return rng.randrange(256) << 24 | rng.choice((0, 1)) | rng.choice((0, 1 << 22)) | \
            rng.choice((0, 1 << 9)) | rng.choice((0, 1 << 23))
    return some_bits(rng)


def put_address(rng, space, at):
    if rng.random() < 0.3:
        return
    space.put(at, some_bits(rng) | rng.choice((0, 1)))
    space.put(at + 4, rng.choice((0, 0x7f, rng.getrandbits(32))))
    space.put(at + 8, rng.choice((0, 0x60, rng.getrandbits(32))))


def put_ide(rng, space, at, links, associations, announced=None):
    """@links blocks (0: none), one selective block for each of @associations."""
    n = len(associations) if announced is None else announced
    chain(rng, space, at)
    space.header(at, IDE, 0)
    capability = some_bits(rng) & 0x03001ffc
    if links:
        capability |= LINK | (links - 1) << 13
    else:
        capability |= rng.randrange(8) << 13
    if n:
        capability |= SELECTIVE | (n - 1) << 16
    else:
        capability |= rng.randrange(256) << 16
    space.put(at + 4, capability)
    space.put(at + 8, rng.choice((0, 4, rng.getrandbits(32))))
    at += 12
    for _ in range(links):
        space.put(at, control(rng))
        space.put(at + 4, status(rng))
        at += 8
    for count in associations:
        space.put(at, count | rng.choice((0, rng.getrandbits(28) << 4)))
        space.put(at + 4, control(rng))
        space.put(at + 8, status(rng))
        space.put(at + 12, rng.choice((0, 0xffff00, rng.getrandbits(32))))
        space.put(at + 16, rng.choice((0, 1, rng.getrandbits(32))))
        for i in range(count):
            put_address(rng, space, at + 20 + 12 * i)
        at += 20 + 12 * count
    return at


def offset(rng, room):
    return rng.randrange(0x100, max(0x104, SIZE - room), 4)


def sound(rng):
    associations = [rng.choice((0, 1, 3, 3, rng.randrange(16)))
                    for _ in range(rng.choice((0, 1, 1, 2, 4, 8, rng.randrange(1, 13))))]
    links = rng.choice((0, 0, 0, 1, 2, 8, rng.randrange(9)))
    room = 12 + 8 * links + sum(20 + 12 * n for n in associations)
    space = Space("sound")
    put_ide(rng, space, offset(rng, room), links, associations)
    return space


def many(rng):
    """As many blocks as there is room for."""
    space = Space("many")
    n = rng.randrange(100, 192)
    put_ide(rng, space, 0x100, 0, [0] * n)
    return space


def overrun(rng):
    space = Space("overrun")
    associations = [rng.randrange(16) for _ in range(8)]
    put_ide(rng, space, rng.randrange(SIZE - 0x200, SIZE - 12, 4), rng.choice((0, 1, 8)),
            associations, announced=rng.choice((None, 256)))
    return space


def cut(rng):
    """What could be read ends somewhere: after 64 and 256 bytes, or later."""
    space = sound(rng)
    space.kind = "cut"
    space.size = rng.choice((64, 256, rng.randrange(272, SIZE, 16)))
    return space


def loop(rng):
    space = Space("loop")
    space.header(0x100, OTHERS[0], 0x200)
    space.header(0x200, OTHERS[1], rng.choice((0x100, 0x200, 0x300)))
    space.header(0x300, OTHERS[2], rng.choice((0x100, 0x200, 0x300)))
    return space


def none(rng):
    space = Space("none")
    space.header(0x100, OTHERS[0], rng.choice((0, 0x400)))
    return space


def noise(rng):
    """A header, and behind it anything at all."""
    space = Space("noise")
    at = rng.choice((0x100, offset(rng, 64)))
    for i in range(at, SIZE, 4):
        space.put(i, rng.getrandbits(32))
    chain(rng, space, at)
    space.header(at, IDE, 0)
    return space


def ones(rng):
    space = Space("ones")
    space.bytes[0x100:] = b"\xff" * (SIZE - 0x100)
    return space


def spaces(seed=7):
    rng = random.Random(seed)
    for make, count in ((sound, 240), (many, 10), (overrun, 40), (cut, 50), (loop, 10),
                        (none, 5), (noise, 60), (ones, 1)):
        for _ in range(count):
            yield make(rng)
