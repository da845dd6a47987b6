"""What ../peer and ../check ask of the peers' stores: Redis' protocol, msgpack, psql.

Python's standard library only. Not for threads.
"""

import csv
import io
import re
import socket
import subprocess


class Redis:
    """A connection to a unix socket. Texts go out as UTF-8; what comes back is bytes."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.replies = self.socket.makefile("rb")

    def call(self, *words):
        return self.call_all([words])[0]

    def call_all(self, commands):
        """All in one go."""
        out = []
        for words in commands:
            out.append(b"*%d\r\n" % len(words))
            for word in words:
                word = word if isinstance(word, bytes) else str(word).encode()
                out.append(b"$%d\r\n%s\r\n" % (len(word), word))
        self.socket.sendall(b"".join(out))
        return [self.reply() for _ in commands]

    def reply(self):
        line = self.replies.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(f"redis: {rest.decode()}")
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.replies.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        raise ConnectionError("redis closed the connection")


def pack(value):
    """msgpack of None, whole numbers from 0 on, strings, bytes and lists."""
    if value is None:
        return b"\xc0"
    if isinstance(value, int):
        return bytes([value]) if value < 128 else b"\xcf" + value.to_bytes(8, "big")
    if isinstance(value, list):
        return b"\xdd" + len(value).to_bytes(4, "big") + b"".join(map(pack, value))
    text = value if isinstance(value, bytes) else value.encode()
    if len(text) < 32:
        return bytes([0xa0 + len(text)]) + text
    return b"\xdb" + len(text).to_bytes(4, "big") + text


def unpack(data):
    """The values in msgpack that our stores write, one after the other; strings are bytes."""
    stream = io.BytesIO(data)
    sizes = {0xc4: 1, 0xd9: 1, 0xda: 2, 0xdb: 4}
    lists = {0xdc: 2, 0xdd: 4}
    numbers = {0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8}

    def number(size, signed=False):
        return int.from_bytes(stream.read(size), "big", signed=signed)

    def value():
        first = number(1)
        if first < 0x80:
            return first
        if first < 0x90 or first == 0xc1:
            raise ValueError(f"msgpack: byte {first:#x} is not one of ours")
        if first < 0xa0:
            return [value() for _ in range(first - 0x90)]
        if first < 0xc0:
            return stream.read(first - 0xa0)
        if first in sizes:
            return stream.read(number(sizes[first]))
        if first in lists:
            return [value() for _ in range(number(lists[first]))]
        if first in numbers:
            return number(numbers[first], first >= 0xd0)
        return {0xc0: None, 0xc2: False, 0xc3: True}.get(first, first - 256)

    out = []
    while stream.tell() < len(data):
        out.append(value())
    return out


def psql(folder, sql):
    """The rows that the SQL answers, a list of texts each."""
    done = subprocess.run(
        ["psql", "-h", folder, "-U", "postgres", "-d", "postgres", "-X", "-q", "--csv", "-t",
         "-v", "ON_ERROR_STOP=1"],
        input=sql, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"psql: {done.stderr.strip()}")
    return list(csv.reader(io.StringIO(done.stdout)))


def depot_redis_settings(source):
    """What Depot sets for each Redis of its own, from its source, so as to be the same."""
    found = re.search(r'R"\((daemonize no\n.*?)\)"', source, re.S)
    if not found:
        raise RuntimeError("store/launch.cpp has no settings of Redis any more; mend stores.py")
    return found[1]
