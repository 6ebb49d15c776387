# SPDX-License-Identifier: Apache-2.0
"""malformed.py URL: sends what no client should, a connection each, to exoprof on plain HTTP or HTTPS
(with a certificate that nobody checks). Each case says which answers are right; "end" is the end of
the connection without one. After each case a request as it should be is answered. What is left open
on purpose must be ended by the server within PATIENCE seconds."""

import contextlib
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse

# h2o's own timers are 10 s; no whole request for 20 s is the bound, looked at each second.
PATIENCE = 24
HOST = b"Host: localhost\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


SETTINGS = frame(4, 0, 0)
START = PREFACE + SETTINGS
# GET / by the static table, :authority localhost.
HEADERS = b"\x82\x84\x86\x41\x09localhost"


def get(path=b"/healthz", headers=b"", version=b"HTTP/1.1"):
    return b"GET " + path + b" " + version + b"\r\n" + HOST + headers + b"\r\n"


def post(headers, body=b""):
    return b"POST /debug/pprof/symbol HTTP/1.1\r\n" + HOST + headers + b"\r\n" + body


# What is sent, the statuses of the answers in their order, or sets of them; half: then our side ends.
CASES = {
    "nothing but ends of lines": (b"\r\n\r\n", ["end"]),
    "noise": (os.urandom(4096).replace(b"PRI", b"---"), [400]),
    "zeros": (bytes(1 << 16), [400]),
    "a method alone": (b"GET\r\n\r\n", [400]),
    "no path": (b"GET  HTTP/1.1\r\n\r\n", [{200, 400, 404}]),
    "version 9.9": (get(version=b"HTTP/9.9"), [400]),
    "no version": (b"GET /healthz\r\n\r\n", [400]),
    "a lower-case version": (get(version=b"http/1.1"), [400]),
    "a method that nobody knows": (b"BREW /healthz HTTP/1.1\r\n" + HOST + b"\r\n", [405]),
    "TRACE": (b"TRACE /healthz HTTP/1.1\r\n" + HOST + b"\r\n", [405]),
    "CONNECT": (b"CONNECT example.com:443 HTTP/1.1\r\n" + HOST + b"\r\n", [{400, 404, 405}]),
    "OPTIONS *": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", [{400, 404, 405}]),
    "a whole URL as path": (get(b"http://evil.example/metrics"), [{400, 404}]),
    "a path upwards": (get(b"/../../../../etc/passwd"), [404]),
    "a path upwards, encoded": (get(b"/%2e%2e/%2e%2e/etc/passwd%00"), [404]),
    "a path of 100 KiB": (get(b"/" + b"a" * (100 << 10)), [404]),
    "100 KiB of parameters": (get(b"/debug/pprof/heap?seconds=1" + b"0" * (100 << 10)), [400]),
    "101 headers": (get(headers=b"X: y\r\n" * 101), [400]),
    "a header of half a megabyte": (get(headers=b"X: " + b"y" * (512 << 10) + b"\r\n"), [{400, "end"}]),
    "a header without a name": (get(headers=b": y\r\n"), [400]),
    "a blank in front of the colon": (get(headers=b"X : y\r\n"), [400]),
    "a zero in a header": (get(headers=b"X: a\0b\r\n"), [400]),
    "a folded header": (get(headers=b"X: a\r\n b\r\n"), [{200, 400}]),
    "two hosts, the second foreign": (get(headers=b"Host: evil.example\r\n"), [421]),
    "an empty host": (b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", [421]),
    "a host of 64 KiB": (b"GET /healthz HTTP/1.1\r\nHost: " + b"a" * (1 << 16) + b"\r\n\r\n", [421]),
    "a negative length": (post(b"Content-Length: -1\r\n"), [400]),
    "a length that is none": (post(b"Content-Length: 1e3\r\n"), [400]),
    "a length of 30 digits": (post(b"Content-Length: " + b"9" * 30 + b"\r\n"), [{400, 413}]),
    "a length of 2 GiB": (post(b"Content-Length: 2147483648\r\n"), [413]),
    "an encoding that is none": (post(b"Transfer-Encoding: xchunked\r\n"), [400]),
    "a chunk without a length": (post(b"Transfer-Encoding: chunked\r\n", b"zz\r\n"), [400]),
    "a chunk of 2^64": (post(b"Transfer-Encoding: chunked\r\n", b"ffffffffffffffff1\r\n"), [{400, 413}]),
    "a chunk that does not end": (post(b"Transfer-Encoding: chunked\r\n", b"1\r\nab\r\n"), [400]),
    "chunks of 4 MiB": (post(b"Transfer-Encoding: chunked\r\n",
                             (b"10000\r\n" + b"+" * (1 << 16) + b"\r\n") * 64), [{413, "end"}]),
    # Chunks decide (RFC 9112, 6.3): what is behind them is a request of its own.
    "a length and chunks": (post(b"Content-Length: 40\r\nTransfer-Encoding: chunked\r\n",
                                 b"0\r\n\r\n" + get(b"/nosuch")), [200, 404]),
    "chunks and a length": (post(b"Transfer-Encoding: chunked\r\nContent-Length: 40\r\n",
                                 b"0\r\n\r\n" + get(b"/nosuch")), [{200, 400}, {404, "end"}]),
    "two lengths": (post(b"Content-Length: 0\r\nContent-Length: 5\r\n", get(b"/nosuch")),
                    [{200, 400}, {404, 400, "end"}]),
    "an expectation that nobody knows": (post(b"Content-Length: 1\r\nExpect: a-miracle\r\n"), [417]),
    "200 requests at once": (get() * 200, [200] * 200),
    "a request, and then noise": (get() + b"\x00\x01\x02\r\n\r\n", [200, 400]),
    "a request, and our end": (get(), [200], "half"),
    "half a request, and our end": (b"GET /heal", ["end"], "half"),
    "half a request": (b"GET /healthz HTTP/1.1\r\nHo", ["end"]),
    "half a body": (post(b"Content-Length: 10\r\n", b"0x1"), ["end"]),
    "an upgrade that is none": (get(headers=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                                    b"HTTP2-Settings: !!!\r\n"), [{200, 101}, "end"]),
    "HTTP/2: a preface that goes wrong": (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + bytes(64), ["end"]),
    "HTTP/2: noise": (START + os.urandom(65536), ["end"]),
    "HTTP/2: a frame of 16 MiB": (START + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + bytes(1000), ["end"]),
    "HTTP/2: data without a stream": (START + frame(0, 0, 0, b"x"), ["end"]),
    "HTTP/2: data of a stream that is not open": (START + frame(0, 0, 5, b"x"), ["end"]),
    "HTTP/2: headers of an even stream": (START + frame(1, 5, 2, HEADERS), ["end"]),
    "HTTP/2: headers that are none": (START + frame(1, 5, 1, b"\xff" * 64), ["end"]),
    "HTTP/2: an index that is not in the table": (START + frame(1, 5, 1, b"\xff\xff\xff\xff\x0f"), ["end"]),
    "HTTP/2: padding that is longer than the frame": (START + frame(1, 13, 1, b"\xff" + HEADERS), ["end"]),
    "HTTP/2: a stream that depends on itself": (START + frame(1, 37, 1, struct.pack(">IB", 1, 1) + HEADERS),
                                               ["end"]),
    "HTTP/2: headers go on without a beginning": (START + frame(9, 4, 1, HEADERS), ["end"]),
    "HTTP/2: headers that do not go on": (START + frame(1, 1, 1, HEADERS) + frame(6, 0, 0, bytes(8)), ["end"]),
    "HTTP/2: headers that never end": (START + frame(1, 1, 1, HEADERS) + frame(9, 0, 1, b"\x00" * 16384) * 64,
                                      ["end"]),
    "HTTP/2: settings of half a length": (START + frame(4, 0, 0, b"abc"), ["end"]),
    "HTTP/2: settings of a stream": (START + frame(4, 0, 1), ["end"]),
    "HTTP/2: a window that grows by 0": (START + frame(8, 0, 0, bytes(4)), ["end"]),
    "HTTP/2: a window that overflows": (START + frame(8, 0, 0, b"\x7f\xff\xff\xff") * 2, ["end"]),
    "HTTP/2: an end of a stream that never was": (START + frame(3, 0, 9, bytes(4)), ["end"]),
    "HTTP/2: an end without a reason": (START + frame(3, 0, 1), ["end"]),
    "HTTP/2: a promise": (START + frame(5, 4, 1, bytes(8)), ["end"]),
    "HTTP/2: a PING of 7 bytes": (START + frame(6, 0, 0, bytes(7)), ["end"]),
    "HTTP/2: 100,000 PINGs": (START + frame(6, 0, 0, bytes(8)) * 100000, ["end"]),
    "HTTP/2: 10,000 settings": (START + frame(4, 0, 0, b"\0\4\0\0\0\0") * 10000, ["end"]),
    "HTTP/2: 1,000 streams by priority": (START + b"".join(frame(2, 0, n, struct.pack(">IB", 0, 1))
                                                           for n in range(1, 2000, 2)), ["end"]),
    "HTTP/2: our end after the preface": (START, ["end"], "half"),
    "TLS where there is none, or none within": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500),
                                                [{400, "end"}]),
}


class Client:
    def __init__(self, url):
        place = urllib.parse.urlsplit(url)
        self.address = place.hostname, place.port
        self.context = None
        if place.scheme == "https":
            self.context = ssl.create_default_context()
            self.context.check_hostname = False
            self.context.verify_mode = ssl.CERT_NONE

    def connect(self):
        connection = socket.create_connection(self.address, timeout=PATIENCE)
        return self.context.wrap_socket(connection) if self.context else connection

    def talk(self, data, half):
        """All that comes, to the end of the connection, and whether that came in time."""
        connection = self.connect()
        connection.setblocking(False)
        deadline = time.monotonic() + PATIENCE
        left, received, sends = memoryview(data), b"", True
        with connection:
            while time.monotonic() < deadline:
                try:
                    piece = self.receive(connection)
                except OSError:
                    return received, True
                if piece == b"":
                    return received, True
                received += piece or b""
                if sends:
                    left = left[self.send(connection, left):]
                    sends = bool(left)
                    if not sends and half and not self.context:
                        with contextlib.suppress(OSError):
                            connection.shutdown(socket.SHUT_WR)
                if piece is None:
                    select.select([connection], [connection] if sends else [], [], 1)
        return received, False

    # One thread for both: a TLS connection of Python's is not for two at once.
    @staticmethod
    def receive(connection):
        """b"" at the end, None: nothing yet."""
        try:
            return connection.recv(1 << 16)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    @staticmethod
    def send(connection, data):
        """How much of it is done with: all of it, where nobody takes it any more."""
        try:
            return connection.send(data[:1 << 16])
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError:
            return len(data)


def statuses(received):
    """Of HTTP/1.1 answers one behind the other, none of which is longer than it says."""
    found = []
    while received.startswith(b"HTTP/1.1 "):
        head, _, rest = received.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        length = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                  if line.startswith(b"content-length:")]
        if status == 101:
            return found + [101]
        received = rest[length[0]:] if length else rest
        found.append(status)
    # HTTP/2 begins with settings.
    return found + ([] if not received or received[3] == 4 else ["garbage"])


def check(client, name, data, expected, half=None):
    began = time.monotonic()
    received, ended = client.talk(data, half)
    found = statuses(received)
    # Whose host it is is what the certificate says, where there is one.
    expected = [200 if one == 421 and client.context else one for one in expected]
    found += ["end"] * (len(expected) - len(found))
    good = ended and len(found) == len(expected) and all(
        one in (want if isinstance(want, set) else {want}) for one, want in zip(found, expected))
    answer, _ = client.talk(get(headers=b"Connection: close\r\n"), None)
    alive = statuses(answer) == [200]
    shown = found if len(found) < 5 else f"{len(found)} answers"
    sys.stdout.write(f"{'ok' if good and alive else 'NOT OK'} {name}: {shown}, {time.monotonic() - began:.1f} s"
                     f"{'' if ended else ', not ended'}{'' if alive else ', no answer after it'}\n")
    return good and alive


def main():
    client = Client(sys.argv[1])
    results = []
    threads = [threading.Thread(target=lambda case=case: results.append(check(client, *case)))
               for case in ((name, *case) for name, case in CASES.items())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{sum(results)} of {len(CASES)} as they should be")
    sys.exit(sum(results) != len(CASES))


main()
