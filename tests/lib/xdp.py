"""XDP without tools: loads a program that passes everything, and puts it on an interface.

As a program it says whether this machine has what af_xdp ports need: exit code 0, or an error that names what is missing.
Example: attachment = attach_foreign("eth0"); ...; os.close(attachment)
"""
import ctypes
import os
import platform
import socket
import struct

AF_XDP = 44
BPF_PROG_LOAD, BPF_LINK_CREATE = 5, 28
BPF_PROG_TYPE_XDP, BPF_XDP = 6, 37
XDP_FLAGS_SKB_MODE = 1 << 1
SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    result = libc.syscall(SYS_BPF, command, buffer, len(buffer))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command}): {os.strerror(ctypes.get_errno())}")
    return result


def load_pass(name):
    """The descriptor of a program that is: return XDP_PASS."""
    instructions = struct.pack("<BBhi", 0xB7, 0, 0, 2) + struct.pack("<BBhi", 0x95, 0, 0, 0)
    code = ctypes.create_string_buffer(instructions, len(instructions))
    terms = ctypes.create_string_buffer(b"GPL")
    # type, instruction count, instructions, license, log level, log size, log, kernel version, flags, name
    return bpf(BPF_PROG_LOAD, struct.pack("<IIQQIIQII16s", BPF_PROG_TYPE_XDP, 2, ctypes.addressof(code), ctypes.addressof(terms),
                                          0, 0, 0, 0, 0, name.encode()))


def attach_foreign(interface, name="foreign"):
    """Puts a program of that name on the interface; it stays until the returned descriptor is closed."""
    program = load_pass(name)
    try:
        return bpf(BPF_LINK_CREATE, struct.pack("<IIII", program, socket.if_nametoindex(interface), BPF_XDP, XDP_FLAGS_SKB_MODE))
    finally:
        os.close(program)


if __name__ == "__main__":
    socket.socket(AF_XDP, socket.SOCK_RAW).close()
    os.close(attach_foreign("lo", "probe"))
