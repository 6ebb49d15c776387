# SPDX-License-Identifier: Apache-2.0
"""Runs a command as systemd would run it by a unit file, where there is no systemd: without its user's
other groups, with its capabilities and no others, its limits, file system and system calls.

    under_unit.py UNIT-FILE COMMAND [ARGUMENT...]

A setting that it does not know ends it: what a test shows must be the whole unit.
"""

import ctypes
import os
import resource
import subprocess
import sys

import seccomp

# Linux, include/uapi/linux: mount.h, prctl.h, sched.h.
MS_REC, MS_PRIVATE, MS_BIND = 0x4000, 0x40000, 0x1000
AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = -100, 0x8000, 0x1
SYS_mount_setattr = 442
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
CLONE_NEWNS = 0x20000
USER = 65533

libc = ctypes.CDLL(None, use_errno=True)

# What says when and for whom, or cannot be seen by a single process.
NO_MATTER = {
    "Type", "Environment", "EnvironmentFile", "ExecStart", "Restart", "RestartSec",
    "RestartPreventExitStatus", "DynamicUser", "RuntimeDirectory", "CacheDirectory", "UMask",
    "SystemCallErrorNumber", "SystemCallArchitectures", "OOMScoreAdjust",
    # Their capabilities are out of the bounding set, and what else they do @system-service does.
    "ProtectClock", "ProtectHostname", "ProtectKernelModules", "RestrictNamespaces",
    "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality", "PrivateDevices",
    # Of all that is mounted nothing can be written to.
    "ProtectKernelTunables", "ProtectControlGroups",
}


def read_service(path):
    """The lines of [Service], as (name, value)."""
    section = None
    with open(path, encoding="utf-8") as file:
        for line in map(str.strip, file):
            if line.startswith("["):
                section = line
            elif section == "[Service]" and line and line[0] not in "#;":
                yield line.split("=", 1)


def must(result, what):
    if result < 0:
        error = ctypes.get_errno()
        sys.exit(f"under_unit: {what}: {os.strerror(error)}")


class MountAttr(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def shut_files(empty):
    """Everything for reading only, and these folders empty."""
    must(libc.unshare(CLONE_NEWNS), "unshare")
    must(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate /")
    for folder in empty:
        if os.path.isdir(folder):
            must(libc.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, b"mode=0"), folder)
    attr = MountAttr(set=MOUNT_ATTR_RDONLY)
    must(libc.syscall(SYS_mount_setattr, AT_FDCWD, b"/", AT_RECURSIVE, ctypes.byref(attr),
                      ctypes.sizeof(attr)), "mount_setattr /")


def expand(names):
    """System calls, for a list with systemd's @sets."""
    for name in names:
        if not name.startswith("@"):
            yield name
            continue
        out = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True,
                             capture_output=True, text=True).stdout
        lines = [line.strip() for line in out.splitlines()[1:]]
        yield from expand([line for line in lines if line and not line.startswith("#")])


def allowed_calls(settings):
    """In order; a list that begins with ~ takes away."""
    # Whatever is listed, so that the command can be executed at all.
    calls = set(expand(["@default"]))
    for value in settings:
        if value.startswith("~"):
            calls -= set(expand(value[1:].split()))
        else:
            calls |= set(expand(value.split()))
    return calls


def shut_calls(settings, families, no_new_code):
    if no_new_code:
        must(libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0), "PR_SET_MDWE")
    calls = seccomp.SyscallFilter(seccomp.ERRNO(1))
    for name in allowed_calls(settings):
        if name == "socket" and families:
            for family in families:
                number = getattr(__import__("socket"), family)
                calls.add_rule(seccomp.ALLOW, name, seccomp.Arg(0, seccomp.EQ, number))
            continue
        try:
            calls.add_rule(seccomp.ALLOW, name)
        except (RuntimeError, ValueError):
            # Of another architecture.
            pass
    calls.load()


def raise_limit(name, value):
    wanted = int(value)
    hard = resource.getrlimit(getattr(resource, name))[1]
    # Where this machine lets nobody have so much, all there is.
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(getattr(resource, name), (wanted, wanted))


def setpriv(service, command):
    """As the service's user. It begins again behind it, to shut the system calls that this takes."""
    def list_of(name):
        caps = [value[4:].lower() for value in service[name][0].split()]
        return ",".join(["-all"] + ["+" + cap for cap in caps])

    ambient = list_of("AmbientCapabilities")
    argv = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups",
            f"--inh-caps={ambient}", f"--ambient-caps={ambient}",
            f"--bounding-set={list_of('CapabilityBoundingSet')}"]
    if service.get("NoNewPrivileges") == ["yes"]:
        argv.append("--no-new-privs")
    os.execvp("setpriv", argv + [sys.executable, "-B", os.path.abspath(__file__)] + command)


def main():
    unit, command = sys.argv[1], sys.argv[2:]
    service = {}
    for name, value in read_service(unit):
        service.setdefault(name, []).append(value)
    calls = service.pop("SystemCallFilter", [])
    families = service.pop("RestrictAddressFamilies", [""])[0].split()
    no_new_code = service.pop("MemoryDenyWriteExecute", None) == ["yes"]
    if os.getuid():
        shut_calls(calls, families, no_new_code)
        os.execvp(command[0], command)

    empty = []
    if service.pop("ProtectSystem", None) != ["strict"]:
        sys.exit("under_unit: knows no ProtectSystem but strict")
    if service.pop("ProtectHome", None) == ["yes"]:
        empty += ["/home", "/root", "/run/user"]
    if service.pop("PrivateTmp", None) == ["yes"]:
        empty += ["/tmp", "/var/tmp"]
    if "Nice" in service:
        os.nice(int(service.pop("Nice")[0]))
    for name in [name for name in service if name.startswith("Limit")]:
        raise_limit(name.replace("Limit", "RLIMIT_"), service.pop(name)[0])
    unknown = set(service) - NO_MATTER - {"AmbientCapabilities", "CapabilityBoundingSet",
                                          "NoNewPrivileges"}
    if unknown:
        sys.exit(f"under_unit: does not know {', '.join(sorted(unknown))}")
    shut_files(empty)
    setpriv(service, [unit] + command)


main()
