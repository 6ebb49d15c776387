# SPDX-License-Identifier: Apache-2.0
"""Clients that a server has to wait for: half of them send their request a byte at a time, half read
the answer so, and then they begin again. An answer of /fast fits into the kernel's buffers, so that
those who read hold no more than a connection. Until SIGTERM; then it says how many whole answers they
had and how many connections the server ended before. Usage: slow_clients.py URL COUNT"""

import asyncio
import signal
import socket
import sys
import urllib.parse

# 60 bytes in 3 seconds: h2o gives a request 10.
GAP_SECONDS = 0.05
REQUEST = b"GET /fast HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"


async def connect(address):
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, address)
    return sock


async def send(sock, request, step):
    loop = asyncio.get_running_loop()
    for at in range(0, len(request), step):
        await loop.sock_sendall(sock, request[at : at + step])
        await asyncio.sleep(GAP_SECONDS if step == 1 else 0)


async def read_all(sock, step):
    loop = asyncio.get_running_loop()
    answer = b""
    while part := await loop.sock_recv(sock, step):
        answer += part
        await asyncio.sleep(GAP_SECONDS if step == 1 else 0)
    return answer


async def client(address, slow_to_send, totals):
    request = REQUEST % address[0].encode()
    while True:
        sock = None
        try:
            sock = await connect(address)
            await send(sock, request, 1 if slow_to_send else len(request))
            answer = await read_all(sock, 65536 if slow_to_send else 1)
            totals["whole" if answer.startswith(b"HTTP/1.1 200") else "ended"] += 1
        except OSError:
            totals["ended"] += 1
            await asyncio.sleep(GAP_SECONDS)
        finally:
            if sock:
                sock.close()


async def main(url, count):
    parts = urllib.parse.urlsplit(url)
    totals = {"whole": 0, "ended": 0}
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    address = (parts.hostname, parts.port or 80)
    tasks = [asyncio.create_task(client(address, i % 2 == 0, totals)) for i in range(count)]
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(f"{totals['whole']} whole answers, {totals['ended']} connections refused or ended early")


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
