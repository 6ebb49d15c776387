#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# code_intact.py PID: whether the process' code in memory is byte for byte what its files have. A uprobe
# is a changed byte in the process' own copy of a page. Says where it is not, and exits with 1.
import sys

pid = sys.argv[1]
changed = 0
with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
    for line in maps:
        fields = line.split(maxsplit=5)
        if len(fields) < 6 or "x" not in fields[1] or not fields[5].startswith("/"):
            continue
        begin, end = (int(x, 16) for x in fields[0].split("-"))
        with open(f"/proc/{pid}/map_files/{begin:x}-{end:x}", "rb") as file:
            file.seek(int(fields[2], 16))
            expected = file.read(end - begin)
        memory.seek(begin)
        actual = memory.read(end - begin)[: len(expected)]
        if actual == expected[: len(actual)]:
            continue
        for at, (a, b) in enumerate(zip(actual, expected)):
            if a != b:
                changed += 1
                print(f"{fields[5].strip()} at {begin + at:#x}: {a:02x}, not {b:02x}")
sys.exit(changed > 0)
