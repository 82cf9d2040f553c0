"""Makes one thread of a process spin for ever where it stands, as a bug would: nothing in the product helps with it.

The thread is stopped by ptrace inside clock_nanosleep (where an idle worker is, and no other thread that matters), the instruction
behind the system call is replaced by a jump to itself in this process's private copy of the page, and the thread is let go. It still
takes signals, as a spinning thread does.
"""
import ctypes
import os
import pathlib
import time

PTRACE_PEEKTEXT, PTRACE_POKETEXT, PTRACE_GETREGS, PTRACE_ATTACH, PTRACE_DETACH = 1, 4, 12, 16, 17
WALL = 0x40000000
CLOCK_NANOSLEEP = 230
SYSCALL = b"\x0f\x05"
JUMP_TO_ITSELF = 0xFEEB
RIP, ORIG_RAX = 16, 15  # in struct user_regs_struct, in words

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, tid, address=0, data=0):
    ctypes.set_errno(0)
    result = libc.ptrace(request, tid, address, data)
    if result == -1 and ctypes.get_errno() != 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} of {tid}: {os.strerror(ctypes.get_errno())}")
    return result


def thread_named(pid, name):
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int(task.name)
    raise AssertionError(f"no thread {name} in {pid}")


def fake_stall(tid, seconds=5):
    """True once the thread spins."""
    registers = (ctypes.c_ulong * 27)()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ptrace(PTRACE_ATTACH, tid)
        os.waitpid(tid, WALL)
        try:
            ptrace(PTRACE_GETREGS, tid, 0, ctypes.addressof(registers))
            behind = registers[RIP]
            before = (ptrace(PTRACE_PEEKTEXT, tid, behind - 2) & 0xFFFF).to_bytes(2, "little")
            if registers[ORIG_RAX] == CLOCK_NANOSLEEP and before == SYSCALL:
                word = ptrace(PTRACE_PEEKTEXT, tid, behind) & ~0xFFFF & (2**64 - 1)
                ptrace(PTRACE_POKETEXT, tid, behind, word | JUMP_TO_ITSELF)
                return True
        finally:
            ptrace(PTRACE_DETACH, tid)
        time.sleep(0.001)
    return False
