"""The system calls that the filter names, with their numbers on the two architectures that we know.

From the kernel's arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h; -1 where an
architecture has no such call.
"""

from __future__ import annotations

from typing import Final

#: linux/audit.h. Numbers stand in the order of these.
AUDIT_ARCH: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

Numbers = tuple[int, int]

SECCOMP: Final[Numbers] = (317, 277)
CLONE: Final[Numbers] = (56, 220)
CLONE3: Final[Numbers] = (435, 435)
IOCTL: Final[Numbers] = (16, 29)

#: The last call of Linux 6.18: what a filter does not know, a process does not get.
LAST_KNOWN: Final = 469

#: Calls upon a process, their first argument: only this one. For the signals 0 is not a process but the group.
UPON_SELF: Final[dict[str, Numbers]] = {
    "kill": (62, 129),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
}
ZERO_IS_SELF: Final = frozenset({"prlimit64", "sched_setaffinity"})

#: Calls that read or write a descriptor as a file, and which of their arguments are descriptors.
AS_FILES: Final[dict[str, tuple[Numbers, tuple[int, ...]]]] = {
    "read": ((0, 63), (0,)),
    "write": ((1, 64), (0,)),
    "readv": ((19, 65), (0,)),
    "writev": ((20, 66), (0,)),
    "pread64": ((17, 67), (0,)),
    "pwrite64": ((18, 68), (0,)),
    "preadv": ((295, 69), (0,)),
    "pwritev": ((296, 70), (0,)),
    "preadv2": ((327, 286), (0,)),
    "pwritev2": ((328, 287), (0,)),
    "sendfile": ((40, 71), (0, 1)),
    "splice": ((275, 76), (0, 2)),
    "tee": ((276, 77), (0, 1)),
    "copy_file_range": ((326, 285), (0, 2)),
}

#: Calls that always return EPERM.
DENIED: Final[dict[str, Numbers]] = {
    # Programs and processes.
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, -1),
    "vfork": (58, -1),
    "setns": (308, 268),
    "unshare": (272, 97),
    # Sockets: those that were handed over stay; there are no new ones and no new addresses.
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # Other processes.
    "tkill": (200, 130),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    # Queues and memory by names that other processes share.
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    # The tree of mounts, and files by handle, which no rule on paths sees.
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "move_mount": (429, 429),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    # What files have beside their content: Landlock lets it change. The engine needs utimensat, and fchmodat to DETACH
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat2": (452, 452),
    "chown": (92, -1),
    "fchown": (93, 55),
    "lchown": (94, -1),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "utime": (132, -1),
    "utimes": (235, -1),
    "futimesat": (261, -1),
    "inotify_add_watch": (254, 27),
    # The kernel.
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "syslog": (103, 116),
    "lookup_dcookie": (212, 18),
    "personality": (135, 92),
    "modify_ldt": (154, -1),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "uselib": (134, -1),
    "_sysctl": (156, -1),
    "nfsservctl": (180, 42),
    "vhangup": (153, 58),
    "memfd_secret": (447, 447),
    # The machine.
    "reboot": (169, 142),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
}
