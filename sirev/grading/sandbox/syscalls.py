"""Filter of system calls for programs, on x86-64 and aarch64 (seccomp's BPF).

Own tables instead of libseccomp: its Python binding needs a shared library of the system, and each program gets a new filter
(with its own process number), which may cost only microseconds.
"""

from __future__ import annotations

import struct


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


ALLOWED = _names("""
    read write readv writev pread64 pwrite64 lseek close close_range dup dup2 dup3 pipe pipe2 stat
    fstat lstat newfstatat fstatat statx access faccessat faccessat2 readlink readlinkat getdents getdents64 getcwd chdir
    fchdir statfs fstatfs poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2
    mmap munmap mprotect mremap madvise brk mincore membarrier rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending
    rt_sigsuspend rt_sigtimedwait sigaltstack restart_syscall futex set_tid_address set_robust_list get_robust_list rseq
    gettid getpid getppid getpgrp getpgid getsid exit exit_group arch_prctl nanosleep clock_nanosleep clock_gettime
    clock_getres gettimeofday time times getitimer setitimer alarm pause sched_yield sched_getaffinity getcpu getrusage
    getrlimit setrlimit sysinfo uname getrandom umask getuid geteuid getgid getegid getgroups getresuid getresgid capget
    wait4 waitid
""")
"""Calls that Python, numpy and threads need; they reach only the process itself and files that Landlock lets it read."""

FORBIDDEN = _names("""
    socket socketpair connect bind listen accept accept4 sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg shutdown
    getsockname getpeername setsockopt getsockopt fork vfork execve execveat ptrace process_vm_readv process_vm_writev
    process_madvise kcmp pidfd_open pidfd_getfd pidfd_send_signal tkill rt_sigqueueinfo rt_tgsigqueueinfo mount umount2
    pivot_root chroot unshare setns fsopen fsmount fsconfig fspick move_mount open_tree mount_setattr init_module
    finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff syslog acct quotactl bpf perf_event_open
    userfaultfd keyctl add_key request_key io_uring_setup io_uring_enter io_uring_register fanotify_init open_by_handle_at
    name_to_handle_at shmget shmat shmctl semget semop semctl msgget msgsnd msgrcv msgctl mq_open memfd_create
    memfd_secret setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset personality iopl
    ioperm modify_ldt settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname vhangup nfsservctl
    setpgid setsid sched_setaffinity sched_setscheduler sched_setparam sched_setattr setpriority ioprio_set migrate_pages
    move_pages landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp
""")
"""Other processes, the network, the machine, memory that outlives a process. No honest solution needs these calls."""

REFUSED = _names("""
    mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat mknod mknodat creat
    truncate ftruncate fallocate chmod fchmod fchmodat chown fchown lchown fchownat utime utimes utimensat futimesat
    setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr flock
""")
"""Changes to files fail as in a folder of another user. Landlock alone is not enough: it allows changes to the modes, owners,
times and attributes of the user's own files, and before its third version to their lengths."""

# All other calls fail as missing, above all those of newer kernels (such as clone3): libraries then fall back.

_X86_64 = """
    read=0 write=1 open=2 close=3 stat=4 fstat=5 lstat=6 poll=7 lseek=8 mmap=9 mprotect=10 munmap=11 brk=12
    rt_sigaction=13 rt_sigprocmask=14 rt_sigreturn=15 ioctl=16 pread64=17 pwrite64=18 readv=19 writev=20 access=21 pipe=22
    select=23 sched_yield=24 mremap=25 mincore=27 madvise=28 shmget=29 shmat=30 shmctl=31 dup=32 dup2=33 pause=34
    nanosleep=35 getitimer=36 alarm=37 setitimer=38 getpid=39 socket=41 connect=42 accept=43 sendto=44 recvfrom=45
    sendmsg=46 recvmsg=47 shutdown=48 bind=49 listen=50 getsockname=51 getpeername=52 socketpair=53 setsockopt=54
    getsockopt=55 clone=56 fork=57 vfork=58 execve=59 exit=60 wait4=61 kill=62 uname=63 semget=64 semop=65 semctl=66
    msgget=68 msgsnd=69 msgrcv=70 msgctl=71 fcntl=72 flock=73 truncate=76 ftruncate=77 getdents=78 getcwd=79 chdir=80
    fchdir=81 rename=82 mkdir=83 rmdir=84 creat=85 link=86 unlink=87 symlink=88 readlink=89 chmod=90 fchmod=91 chown=92
    fchown=93 lchown=94 umask=95 gettimeofday=96 getrlimit=97 getrusage=98 sysinfo=99 times=100 ptrace=101 getuid=102
    syslog=103 getgid=104 setuid=105 setgid=106 geteuid=107 getegid=108 setpgid=109 getppid=110 getpgrp=111 setsid=112
    setreuid=113 setregid=114 getgroups=115 setgroups=116 setresuid=117 getresuid=118 setresgid=119 getresgid=120
    getpgid=121 setfsuid=122 setfsgid=123 getsid=124 capget=125 capset=126 rt_sigpending=127 rt_sigtimedwait=128
    rt_sigqueueinfo=129 rt_sigsuspend=130 sigaltstack=131 utime=132 mknod=133 personality=135 statfs=137 fstatfs=138
    setpriority=141 sched_setparam=142 sched_setscheduler=144 vhangup=153 modify_ldt=154 pivot_root=155 prctl=157
    arch_prctl=158 adjtimex=159 setrlimit=160 chroot=161 acct=163 settimeofday=164 mount=165 umount2=166 swapon=167
    swapoff=168 reboot=169 sethostname=170 setdomainname=171 iopl=172 ioperm=173 init_module=175 delete_module=176
    quotactl=179 nfsservctl=180 gettid=186 setxattr=188 lsetxattr=189 fsetxattr=190 removexattr=197 lremovexattr=198
    fremovexattr=199 tkill=200 time=201 futex=202 sched_setaffinity=203 sched_getaffinity=204 epoll_create=213
    getdents64=217 set_tid_address=218 restart_syscall=219 clock_settime=227 clock_gettime=228 clock_getres=229
    clock_nanosleep=230 exit_group=231 epoll_wait=232 epoll_ctl=233 tgkill=234 utimes=235 mq_open=240 kexec_load=246
    waitid=247 add_key=248 request_key=249 keyctl=250 ioprio_set=251 migrate_pages=256 openat=257 mkdirat=258 mknodat=259
    fchownat=260 futimesat=261 newfstatat=262 unlinkat=263 renameat=264 linkat=265 symlinkat=266 readlinkat=267
    fchmodat=268 faccessat=269 pselect6=270 ppoll=271 unshare=272 set_robust_list=273 get_robust_list=274 move_pages=279
    utimensat=280 epoll_pwait=281 fallocate=285 accept4=288 eventfd2=290 epoll_create1=291 dup3=292 pipe2=293
    rt_tgsigqueueinfo=297 perf_event_open=298 recvmmsg=299 fanotify_init=300 prlimit64=302 name_to_handle_at=303
    open_by_handle_at=304 clock_adjtime=305 sendmmsg=307 setns=308 getcpu=309 process_vm_readv=310 process_vm_writev=311
    kcmp=312 finit_module=313 sched_setattr=314 renameat2=316 seccomp=317 getrandom=318 memfd_create=319
    kexec_file_load=320 bpf=321 execveat=322 userfaultfd=323 membarrier=324 statx=332 rseq=334 pidfd_send_signal=424
    io_uring_setup=425 io_uring_enter=426 io_uring_register=427 open_tree=428 move_mount=429 fsopen=430 fsconfig=431
    fsmount=432 fspick=433 pidfd_open=434 close_range=436 pidfd_getfd=438 faccessat2=439 process_madvise=440
    mount_setattr=442 landlock_create_ruleset=444 landlock_add_rule=445 landlock_restrict_self=446 memfd_secret=447
"""

_AARCH64 = """
    setxattr=5 lsetxattr=6 fsetxattr=7 removexattr=14 lremovexattr=15 fremovexattr=16 getcwd=17 eventfd2=19
    epoll_create1=20 epoll_ctl=21 epoll_pwait=22 dup=23 dup3=24 fcntl=25 ioctl=29 ioprio_set=30 flock=32 mknodat=33
    mkdirat=34 unlinkat=35 symlinkat=36 linkat=37 renameat=38 umount2=39 mount=40 pivot_root=41 nfsservctl=42 statfs=43
    fstatfs=44 truncate=45 ftruncate=46 fallocate=47 faccessat=48 chdir=49 fchdir=50 chroot=51 fchmod=52 fchmodat=53
    fchownat=54 fchown=55 openat=56 close=57 vhangup=58 pipe2=59 quotactl=60 getdents64=61 lseek=62 read=63 write=64
    readv=65 writev=66 pread64=67 pwrite64=68 pselect6=72 ppoll=73 readlinkat=78 newfstatat=79 fstatat=79 fstat=80
    utimensat=88 acct=89 capget=90 capset=91 personality=92 exit=93 exit_group=94 waitid=95 set_tid_address=96 unshare=97
    futex=98 set_robust_list=99 get_robust_list=100 nanosleep=101 getitimer=102 setitimer=103 kexec_load=104
    init_module=105 delete_module=106 clock_settime=112 clock_gettime=113 clock_getres=114 clock_nanosleep=115 syslog=116
    ptrace=117 sched_setparam=118 sched_setscheduler=119 sched_setaffinity=122 sched_getaffinity=123 sched_yield=124
    restart_syscall=128 kill=129 tkill=130 tgkill=131 sigaltstack=132 rt_sigsuspend=133 rt_sigaction=134
    rt_sigprocmask=135 rt_sigpending=136 rt_sigtimedwait=137 rt_sigqueueinfo=138 rt_sigreturn=139 setpriority=140
    reboot=142 setregid=143 setgid=144 setreuid=145 setuid=146 setresuid=147 getresuid=148 setresgid=149 getresgid=150
    setfsuid=151 setfsgid=152 times=153 setpgid=154 getpgid=155 getsid=156 setsid=157 getgroups=158 setgroups=159
    uname=160 sethostname=161 setdomainname=162 getrlimit=163 setrlimit=164 getrusage=165 umask=166 prctl=167 getcpu=168
    gettimeofday=169 settimeofday=170 adjtimex=171 getpid=172 getppid=173 getuid=174 geteuid=175 getgid=176 getegid=177
    gettid=178 sysinfo=179 mq_open=180 msgget=186 msgctl=187 msgrcv=188 msgsnd=189 semget=190 semctl=191 semop=193
    shmget=194 shmctl=195 shmat=196 socket=198 socketpair=199 bind=200 listen=201 accept=202 connect=203 getsockname=204
    getpeername=205 sendto=206 recvfrom=207 setsockopt=208 getsockopt=209 shutdown=210 sendmsg=211 recvmsg=212 brk=214
    munmap=215 mremap=216 add_key=217 request_key=218 keyctl=219 clone=220 execve=221 mmap=222 swapon=224 swapoff=225
    mprotect=226 mincore=232 madvise=233 migrate_pages=238 move_pages=239 rt_tgsigqueueinfo=240 perf_event_open=241
    accept4=242 recvmmsg=243 wait4=260 prlimit64=261 fanotify_init=262 name_to_handle_at=264 open_by_handle_at=265
    clock_adjtime=266 setns=268 sendmmsg=269 process_vm_readv=270 process_vm_writev=271 kcmp=272 finit_module=273
    sched_setattr=274 renameat2=276 seccomp=277 getrandom=278 memfd_create=279 bpf=280 execveat=281 userfaultfd=282
    membarrier=283 statx=291 rseq=293 kexec_file_load=294 pidfd_send_signal=424 io_uring_setup=425 io_uring_enter=426
    io_uring_register=427 open_tree=428 move_mount=429 fsopen=430 fsconfig=431 fsmount=432 fspick=433 pidfd_open=434
    close_range=436 pidfd_getfd=438 faccessat2=439 process_madvise=440 mount_setattr=442
    landlock_create_ruleset=444 landlock_add_rule=445 landlock_restrict_self=446 memfd_secret=447
"""


def _numbers(table: str) -> dict[str, int]:
    return {name: int(number) for name, _, number in (entry.partition("=") for entry in table.split())}


ARCHITECTURES = {"x86_64": (0xC000003E, _numbers(_X86_64)), "aarch64": (0xC00000B7, _numbers(_AARCH64))}
"""Machine as in `uname -m` -> (the kernel's AUDIT_ARCH constant, numbers of the calls)."""

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000  # SECCOMP_RET_ALLOW, _KILL_PROCESS, _ERRNO
_EPERM, _EACCES, _ENOTTY, _ENOSYS = 1, 13, 25, 38
_O_WRONLY, _O_RDWR, _O_ACCMODE, _O_TRUNC = 1, 2, 3, 0o1000
_LOAD, _AND, _JUMP, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _JUMP_IF_SET, _RETURN = 0x20, 0x54, 0x05, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data; the low half of an argument's 64 bits comes first

_PID = 0x5A17AB1E  # stands for the process's number
CLONE_THREAD = 0x00010000
CLONE_NAMESPACES = 0x7E020000

Code = list[tuple[int, int, int, int]]
"""Instructions (operation, jump if true, jump if false, constant); jumps count the instructions skipped."""


def filter_for(machine: str) -> tuple[bytes, list[int]]:
    """An array of struct sock_filter, and the offsets in bytes where the number of the program's process belongs.

    Raises KeyError for an unknown machine. Filters of all programs differ only in that number.
    """
    code = _instructions(machine)
    return b"".join(struct.pack("=HBBI", *one) for one in code), [8 * i + 4 for i, one in enumerate(code) if one[3] == _PID]


def _instructions(machine: str) -> Code:
    architecture, numbers = ARCHITECTURES[machine]
    rules: dict[int, Code] = {}
    for names, rule in ((ALLOWED, _ALLOW), (FORBIDDEN, _KILL), (REFUSED, _ERRNO | _EACCES)):
        rules.update({numbers[name]: [_returns(rule)] for name in names if name in numbers})
    rules.update({numbers[name]: code for name, code in _by_argument(_PID).items() if name in numbers})
    return [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_IF_EQUAL, 1, 0, architecture),
        _returns(_KILL),  # on another architecture (32 bit) the numbers are other calls
        (_LOAD, 0, 0, _NR),
        *_search(_ranges(rules)),
    ]


def _by_argument(pid: int) -> dict[str, Code]:
    """The rules of calls whose arguments decide."""
    own = [*_argument(0), (_JUMP_IF_EQUAL, 0, 1, pid), _returns(_ALLOW), _returns(_KILL)]
    return {
        "kill": own,  # a signal to itself
        "tgkill": own,  # one to its own thread, as abort() sends it
        # Threads only, no other children, and no new namespaces.
        "clone": [
            *_argument(0),
            (_JUMP_IF_SET, 0, 2, CLONE_THREAD),
            (_JUMP_IF_SET, 1, 0, CLONE_NAMESPACES),
            _returns(_ALLOW),
            _returns(_KILL),
        ],
        # Names of threads and of memory. Not PR_SET_PDEATHSIG, with which it could outlive its worker.
        "prctl": _one_of(0, (15, 16, 0x53564D41), _ALLOW, _ERRNO | _EPERM),
        "open": _opening(1),
        "openat": _opening(2),
        "prlimit64": _one_of(0, (0, pid), _ALLOW, _ERRNO | _EPERM),  # its own limits
        # F_SETOWN, F_SETSIG, F_SETOWN_EX make the kernel send signals to others; F_SETLEASE and F_NOTIFY disturb their files.
        "fcntl": _one_of(1, (8, 10, 15, 1024, 1026), _KILL, _ALLOW),
        # Terminal or not, its width, bytes to read, close on exec, blocking or not.
        "ioctl": _one_of(1, (0x5401, 0x5413, 0x541B, 0x5450, 0x5451, 0x5421), _ALLOW, _ERRNO | _ENOTTY),
    }


def _opening(flags: int) -> Code:
    """Allow what Landlock decides, but not truncation without opening for writing, which it misses before its third version."""
    return [
        *_argument(flags),
        (_JUMP_IF_SET, 0, 3, _O_TRUNC),
        (_AND, 0, 0, _O_ACCMODE),
        (_JUMP_IF_EQUAL, 1, 0, _O_WRONLY),
        (_JUMP_IF_EQUAL, 0, 1, _O_RDWR),
        _returns(_ALLOW),
        _returns(_ERRNO | _EACCES),
    ]


def _argument(index: int) -> Code:
    return [(_LOAD, 0, 0, _ARGUMENTS + 8 * index)]


def _one_of(index: int, values: tuple[int, ...], then: int, otherwise: int) -> Code:
    tests = [(_JUMP_IF_EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)]
    return [*_argument(index), *tests, _returns(otherwise), _returns(then)]


def _returns(value: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, value)


def _ranges(rules: dict[int, Code]) -> list[tuple[int, Code]]:
    """(first number, rule from there on), ascending. x32 calls of x86-64 lie above all numbers, so they fail as missing."""
    absent = [_returns(_ERRNO | _ENOSYS)]
    found: list[tuple[int, Code]] = [(0, rules.get(0, absent))]
    for number in range(1, max(rules) + 2):
        code = rules.get(number, absent)
        if code != found[-1][1]:
            found.append((number, code))
    return found


def _search(ranges: list[tuple[int, Code]]) -> Code:
    """Binary search: the kernel checks a new filter against every call there is, and each program gets a new one."""
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    below, above = _search(ranges[:middle]), _search(ranges[middle:])
    if len(below) < 256:
        return [(_JUMP_IF_AT_LEAST, len(below), 0, ranges[middle][0]), *below, *above]
    return [(_JUMP_IF_AT_LEAST, 0, 1, ranges[middle][0]), (_JUMP, 0, 0, len(below)), *below, *above]
