"""The seccomp filters of a worker: one for all its processes, and two stricter ones for candidates.

The candidate's filter allows what an interpreter needs once all its modules are loaded (memory, exit, and writing to
the pipes that it has), and refuses everything else: files, clocks, counters, signals, and every call that is not in the
list. In front of a live model a candidate may also read its replies, and has no prints: it reads one descriptor and
writes one. The filter for all processes is a list of refused calls, for the process that starts the candidates. It
contains the calls that Docker's default profile refuses, and further calls that would enlarge the attack surface of the
kernel, leave something behind after the process has ended, or reach outside its namespaces, as some sockets do. The
numbers come from the tables of the kernel (arch/x86/entry/syscalls, include/uapi/asm-generic/unistd.h).
"""

from __future__ import annotations

import struct
from typing import TypeAlias

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_REFUSED = {  # name: number on x86_64, on aarch64 (None: there is no such call)
    "socket": (41, 198), "socketpair": (53, 199), "ptrace": (101, 117), "syslog": (103, 116),
    "setpgid": (109, 154), "setsid": (112, 157), "vhangup": (153, 58), "modify_ldt": (154, None),
    "pivot_root": (155, 41), "chroot": (161, 51), "settimeofday": (164, 170), "mount": (165, 40),
    "umount2": (166, 39), "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142),
    "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None),
    "init_module": (175, 105), "delete_module": (176, 106), "quotactl": (179, 60), "acct": (163, 89),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "msgget": (68, 186),
    "mknod": (133, None), "mknodat": (259, 33), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "mbind": (237, 235), "set_mempolicy": (238, 237), "mq_open": (240, 180), "kexec_load": (246, 104),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "migrate_pages": (256, 238),
    "unshare": (272, 97), "move_pages": (279, 239), "perf_event_open": (298, 241), "fanotify_init": (300, 262),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "setns": (308, 268),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272), "finit_module": (313, 273),
    "kexec_file_load": (320, 294), "bpf": (321, 280), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "clone3": (435, 435),
    "pidfd_getfd": (438, 438), "mount_setattr": (442, 442), "landlock_create_ruleset": (444, 444),
    "memfd_secret": (447, 447), "memfd_create": (319, 279),
    "personality": (135, 92), "lookup_dcookie": (212, 18), "get_mempolicy": (239, 236), "fspick": (433, 433),
    "quotactl_fd": (443, 443), "set_mempolicy_home_node": (450, 450), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424),
    "statmount": (457, 457), "listmount": (458, 458), "open_tree_attr": (467, 467), "uselib": (134, None),
    "ustat": (136, None), "sysfs": (139, None), "_sysctl": (156, None), "nfsservctl": (180, 42),
    # with these calls a process could leave data with its parent, where a later process could read it
    "setpriority": (141, 140), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274), "ioprio_set": (251, 30),
    # with these calls two candidates that share a file could communicate
    "flock": (73, 32), "inotify_init": (253, None), "inotify_init1": (294, 26),
}  # fmt: skip
_FCNTL = (72, 25)
_LOCKS = (5, 6, 7, 36, 37, 38, 1024, 1026)  # F_GETLK to F_OFD_SETLKW, F_SETLEASE, F_NOTIFY: as flock and inotify
_DESCRIPTOR_FLAGS = (4, 8, 10, 15, 1031, 1036, 1038)  # F_SETFL, F_SETOWN, F_SETSIG, ...: state of shared descriptors
_IOCTL = (16, 29)
_MODES = (0x5421, 0x5452, 0x8901, 0x8902)  # FIONBIO, FIOASYNC, FIOSETOWN, SIOCSPGRP: the same through ioctl
_PRLIMIT = (302, 261)
_CLONE = (56, 220)
_NAMESPACES = 0x7E020080  # every CLONE_NEW... flag

Line = tuple[int, int, int, int]
"""Code, lines to skip if true, if false, and operand."""

_LOAD, _EQUAL, _GREATER_OR_EQUAL, _ANY_BIT, _RETURN, _AND = 0x20, 0x15, 0x35, 0x45, 0x06, 0x54
_ALLOW, _REFUSE, _UNKNOWN, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000  # EPERM, ENOSYS
_BUSY = 0x0005000B  # EAGAIN


MACHINES = tuple(_ARCHITECTURES)
"""The processors for which there are filters, under their names in `platform.machine`."""


def program(machine: str) -> bytes:
    """Return the worker's filter for one of `MACHINES` as an array of struct sock_filter."""
    audit, column = _ARCHITECTURES[machine]
    lines = _opening(audit)
    lines += [(_GREATER_OR_EQUAL, 0, 1, 0x40000000), (_RETURN, 0, 0, _REFUSE)]  # the x32 calls
    for name, numbers in _REFUSED.items():
        if (number := numbers[column]) is not None:
            answer = _UNKNOWN if name == "clone3" else _REFUSE  # the C library then uses clone
            lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer)]
    lines += _where(_PRLIMIT[column], 0, [(_EQUAL, 1, 0, 0), (_RETURN, 0, 0, _REFUSE)])  # allowed for itself
    for call, commands in ((_FCNTL, _LOCKS + _DESCRIPTOR_FLAGS), (_IOCTL, _MODES)):
        for command in commands:
            lines += _where(call[column], 1, [(_EQUAL, 0, 1, command), (_RETURN, 0, 0, _REFUSE)])
    lines += _where(_CLONE[column], 0, [(_ANY_BIT, 0, 1, _NAMESPACES), (_RETURN, 0, 0, _REFUSE)])
    return _packed([*lines, (_RETURN, 0, 0, _ALLOW)])


def candidate_program(machine: str, *, live: bool = False, compiler: bool = False) -> bytes:
    """Return the candidate's filter for one of `MACHINES` as an array of struct sock_filter.

    Memory may be private and anonymous only, and never executable. A futex may be waited for without a time-out only,
    since a time-out tells the time. A new process is refused as if the limit on processes were reached.

    Args:
        machine: the processor.
        live: whether the candidate asks for its actions: it may then read descriptor 0, and write to 3 alone.
        compiler: whether the interpreter compiles while it runs, as PyPy does: new memory may then be executable.
    """
    audit, column = _ARCHITECTURES[machine]
    lines = _opening(audit)
    for numbers in _FREE.values():
        lines += [(_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, _ALLOW)]
    for process in _NEW_PROCESS.values():
        if (number := process[column]) is not None:
            lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _BUSY)]
    rules = _RULES | (_LIVE_RULES if live else {}) | (_COMPILER_RULES if compiler else {})
    for name, numbers in _CHECKED.items():
        lines += _allowed_if(numbers[column], rules[name])
    if live:
        lines += _allowed_if(_READ[column], _LIVE_RULES["read"])
    return _packed([*lines, (_RETURN, 0, 0, _REFUSE)])


_FREE = {"munmap": (11, 215), "brk": (12, 214), "mremap": (25, 216), "exit": (60, 93), "exit_group": (231, 94)}
_NEW_PROCESS = {"clone": (56, 220), "fork": (57, None), "vfork": (58, None), "clone3": (435, 435)}
_CHECKED = {
    "write": (1, 64), "mmap": (9, 222), "mprotect": (10, 226), "madvise": (28, 233), "futex": (202, 98),
    "getrandom": (318, 278),
}  # fmt: skip
_Rules: TypeAlias = dict[str, list[list[tuple[int, int, tuple[int, ...]]]]]
_RULES: _Rules = {
    # name: alternatives; each is a list of (argument, bits that count, values they may have)
    "write": [[(0, 0xFFFFFFFF, (1, 2, 3))]],  # 1 and 2 are the prints, 3 the results
    "mmap": [[(2, 4, (0,)), (3, 0xFFFFBFFF, (0x22,))]],  # no PROT_EXEC; PRIVATE, ANONYMOUS, and maybe NORESERVE
    "mprotect": [[(2, 4, (0,))]],
    "madvise": [[(2, 0xFFFFFFFF, (4, 8))]],  # DONTNEED, FREE: what allocators do with memory of their own
    "futex": [
        [(1, 0xFFFFFFFF, (1, 129))],  # WAKE
        [(1, 0xFFFFFFFF, (0, 128, 9, 137, 265, 393)), (3, 0xFFFFFFFF, (0,)), (-3, 0xFFFFFFFF, (0,))],  # WAIT
    ],
    "getrandom": [[(2, 0xFFFFFFFE, (0,))]],  # not GRND_RANDOM: older kernels keep one count of its bytes for all
}  # fmt: skip
_READ = (0, 63)
_LIVE_RULES: _Rules = {
    "read": [[(0, 0xFFFFFFFF, (0,))]],
    "write": [[(0, 0xFFFFFFFF, (3,))]],
}
_COMPILER_RULES: _Rules = {"mmap": [*_RULES["mmap"], [(2, 0xFFFFFFFF, (7,)), (3, 0xFFFFFFFF, (0x22,))]]}


def _opening(audit: int) -> list[Line]:
    """Return lines that end a process of another architecture, and load the number of the call."""
    return [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]


def _packed(lines: list[Line]) -> bytes:
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


def _allowed_if(call: int, alternatives: list[list[tuple[int, int, tuple[int, ...]]]]) -> list[Line]:
    """Return lines that allow ``call`` if one of the alternatives holds for its arguments, and refuse it otherwise."""
    look: list[Line] = []
    for conditions in alternatives:
        checks: list[Line] = [(_RETURN, 0, 0, _ALLOW)]
        for argument, bits, values in reversed(conditions):
            compare = [
                (_EQUAL, len(values) - 1 - i, 0 if i < len(values) - 1 else len(checks), value)
                for i, value in enumerate(values)
            ]
            checks = [(_LOAD, 0, 0, _place(argument)), (_AND, 0, 0, bits), *compare, *checks]
        look += checks
    look += [(_RETURN, 0, 0, _REFUSE)]
    return [(_EQUAL, 0, len(look), call), *look]


def _place(argument: int) -> int:
    """Return the place of the low half of an argument; of the high half of ``-argument`` if it is negative."""
    return 16 + 8 * argument if argument >= 0 else 20 - 8 * argument


def _where(call: int, argument: int, rule: list[Line]) -> list[Line]:
    """Return lines that apply ``rule`` to the low half of an argument of ``call``; the call's number stays loaded."""
    look = [(_LOAD, 0, 0, 16 + 8 * argument), *rule, (_LOAD, 0, 0, 0)]
    return [(_EQUAL, 0, len(look), call), *look]
