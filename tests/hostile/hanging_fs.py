#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a file system that hangs when told: hanging_fs.py FOLDER MOUNTPOINT COMMAND...

FOLDER's files are at MOUNTPOINT, to be read, in a mount namespace of this process and the command,
and nothing of them stays in the kernel's memory between two openings. At SIGUSR1 it goes on to take
requests from the kernel but answers none, as a server does whose network is gone; at SIGUSR2 it
answers them all, those that have waited first. Speaks the kernel's protocol (linux/fuse.h) itself.
With HANGING_FS_SLOW in the environment each reading takes as many seconds."""

import ctypes
import os
import select
import signal
import stat
import struct
import sys
import time

LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH, INIT, INTERRUPT = (
    1, 2, 3, 14, 15, 17, 18, 25, 26, 36)
BATCH_FORGET = 42
ENOENT, ENOSYS = 2, 38
CLONE_NEWNS, MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 0x20000, 2, 4, 0x4000, 1 << 18
PR_SET_PDEATHSIG = 1
ROOT = 1
MAX_WRITE = 1 << 17

libc = ctypes.CDLL(None, use_errno=True)


def must(result, what):
    if result < 0:
        raise OSError(ctypes.get_errno(), what)


class FileSystem:
    def __init__(self, folder):
        self.folder = folder
        self.names = {}  # by inode, as FOLDER has it
        self.slow_s = float(os.environ.get("HANGING_FS_SLOW", "0"))

    def attributes(self, node):
        st = os.stat(os.path.join(self.folder, self.names[node]) if node != ROOT else self.folder)
        return struct.pack(
            "<QQQQQQIIIIIIIIII", node, st.st_size, (st.st_size + 511) // 512,
            int(st.st_atime), int(st.st_mtime), int(st.st_ctime), 0, 0, 0,
            st.st_mode & ~0o222, 1, 0, 0, 0, 4096, 0)

    def lookup(self, body):
        name = os.fsdecode(body[:-1])
        try:
            node = os.stat(os.path.join(self.folder, name)).st_ino
        except OSError:
            return -ENOENT
        self.names[node] = name
        # A name holds as long as a request; attributes do not hold at all.
        return struct.pack("<QQQQII", node, 0, 0, 0, 0, 0) + self.attributes(node)

    def read(self, node, body):
        _, offset, size = struct.unpack_from("<QQI", body)
        time.sleep(self.slow_s)
        with open(os.path.join(self.folder, self.names[node]), "rb") as file:
            file.seek(offset)
            return file.read(size)

    def answer(self, opcode, node, body):
        """The answer's body, or a negative error number."""
        if opcode == INIT:
            return struct.pack("<IIIIHHIIHHIIIIII", 7, 31, 1 << 17, 0, 16, 12, MAX_WRITE, 1, 32, 0,
                               0, 0, 0, 0, 0, 0)
        if opcode == LOOKUP:
            return self.lookup(body)
        if opcode == GETATTR:
            return struct.pack("<QII", 0, 0, 0) + self.attributes(node)
        if opcode == OPEN:
            return struct.pack("<QII", 0, 0, 0)
        if opcode == READ:
            return self.read(node, body)
        if opcode == STATFS:
            return struct.pack("<QQQQQIIII", 0, 0, 0, 0, 0, 4096, 255, 4096, 0) + bytes(24)
        return b"" if opcode in (RELEASE, FLUSH) else -ENOSYS


def mount(mountpoint):
    fd = os.open("/dev/fuse", os.O_RDWR)
    must(libc.unshare(CLONE_NEWNS), "unshare")
    must(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "making / private")
    options = "fd=%d,rootmode=%o,user_id=0,group_id=0,allow_other" % (fd, stat.S_IFDIR)
    must(libc.mount(b"hanging", os.fsencode(mountpoint), b"fuse.hanging", MS_NOSUID | MS_NODEV,
                    options.encode()), "mount")
    return fd


def send(fd, unique, result):
    error, body = (result, b"") if isinstance(result, int) else (0, result)
    try:
        os.write(fd, struct.pack("<IiQ", 16 + len(body), error, unique) + body)
    except OSError:
        pass  # nobody waits for it any more


def serve(fd, files, child):
    hangs, held = [False], []
    signal.signal(signal.SIGUSR1, lambda *_: hangs.__setitem__(0, True))
    signal.signal(signal.SIGUSR2, lambda *_: hangs.__setitem__(0, False))
    while True:
        ready, _, _ = select.select([fd, child], [], [], 0.05)
        if not hangs[0]:
            for request in held:
                send(fd, request[0], files.answer(*request[1:]))
            held.clear()
        if child in ready:
            return
        if fd not in ready:
            continue
        data = os.read(fd, MAX_WRITE + 4096)
        _, opcode, unique, node = struct.unpack_from("<IIQQ", data)
        request = (unique, opcode, node, data[40:])
        if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
            continue
        if hangs[0]:
            held.append(request)
        else:
            send(fd, unique, files.answer(*request[1:]))


def main():
    folder, mountpoint, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    fd = mount(mountpoint)
    server = os.getpid()
    child = os.fork()
    if not child:
        os.close(fd)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:
            os._exit(1)
        os.execvp(command[0], command)
    # Its end aborts what still waits.
    serve(fd, FileSystem(folder), os.pidfd_open(child))


main()
