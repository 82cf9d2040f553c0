"""Descriptors that the planes give their supervisor to keep, as systemd's fd store does: see sd_notify(3).

A plane sends datagrams of VARIABLE=VALUE lines to NOTIFY_SOCKET. FDSTORE=1 with FDNAME=name comes with a descriptor, which is kept
under that name in place of the one before; FDSTOREREMOVE=1 gives it up. Everything else (READY=1, STATUS=…) is of no use here.
Only root may send: the socket is a file of mode 0600. Supervisor's loop only.
"""
import os
import socket

MAX_DATAGRAM = 4096


class FdStore:
    def __init__(self, path):
        self.path = path
        self.fds = {}  # name -> descriptor
        if os.path.exists(path):
            os.unlink(path)  # a killed supervisor's
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        mask = os.umask(0o177)
        try:
            self.socket.bind(path)
        finally:
            os.umask(mask)

    def receive(self):
        """Takes all that waits."""
        while True:
            try:
                text, fds, _, _ = socket.recv_fds(self.socket, MAX_DATAGRAM, 4, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                return
            self.take(text.decode(errors="replace"), fds)

    def take(self, text, fds):
        values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        name = values.get("FDNAME", "stored")
        if values.get("FDSTOREREMOVE") == "1":
            self.forget(name)
        if values.get("FDSTORE") == "1" and fds:
            self.forget(name)
            self.fds[name] = fds.pop(0)
        for fd in fds:
            os.close(fd)

    def forget(self, name):
        if name in self.fds:
            os.close(self.fds.pop(name))

    def close(self):
        for name in list(self.fds):
            self.forget(name)
        self.socket.close()
        os.unlink(self.path)
