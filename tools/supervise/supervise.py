#!/usr/bin/env python3
"""Supervises both planes of Sluice with the policy that the systemd units have: restart always, 100 ms later, no limit.

Theory of operation. One loop waits for output of the planes (pipes), for their end (pidfds), for signals and for the next restart.
What must outlive the planes belongs to the supervisor and is inherited by each control plane: the HTTP listening socket as SLUICE_LISTEN_FD,
so that callers queue while it restarts instead of being refused, and the latest data plane's state segment as SLUICE_STATE_FD, which
that one hands over by NOTIFY_SOCKET (fd_store.py). A thread asks /readyz until it answers 200 once; a second one writes to stdout, so that a
terminal that does not read cannot stop a plane. Whoever needs the planes' pids (fault tests) reads STATE_DIR/pids.json.

Ends with 0 after SIGTERM, SIGINT or SIGHUP; with 1 when the planes were not ready in time; with 2 when it could not begin.
"""
import argparse
import collections
import ctypes
import http.client
import json
import os
import queue
import re
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time

from fd_store import FdStore

RESTART_AFTER = 0.1  # seconds
# What DPDK says at every start with a TAP and no 1 GB pages: nothing is wrong. Only the log file has it.
CHATTER = re.compile(r"EAL: No free \d+ kB hugepages reported|tap_nl_dump_ext_ack\(\): Specified qdisc kind|qdisc_create_multiq\(\)|"
                     r"eth_dev_tap_create\(\): .*(multiq qdisc|rte flow support)|tap_mp_req_on_rxtx\(\)")
STOP_TIMEOUT = 5.0  # seconds from SIGTERM to SIGKILL
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def describe_exit(code):
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


class Log:
    """Lines go to the file at once and to stdout when it takes them; the last ones are kept to explain a failed start."""

    def __init__(self, path):
        self.file = open(path, "a", buffering=1, encoding="utf-8", errors="replace")
        self.tail = collections.deque(maxlen=15)
        self.lines = queue.Queue(maxsize=10000)
        self.printer = threading.Thread(target=self.print_lines, daemon=True)
        self.printer.start()

    def print_lines(self):
        while (line := self.lines.get()) is not None:
            try:
                print(line, flush=True)
            except OSError:
                pass  # the reader is gone; the file still has it

    def write(self, name, text):
        line = f"{name:<12} | {text}" if name else text
        if name:
            self.tail.append(line)
        try:
            self.file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {line}\n")
        except OSError:
            pass  # a full disk must not stop the planes
        if name and CHATTER.match(text):
            return
        try:
            self.lines.put_nowait(line)
        except queue.Full:
            pass

    def close(self):
        try:
            self.lines.put(None, timeout=1)
            self.printer.join(1)
        except queue.Full:
            pass


class Plane:
    """One supervised process. Supervisor's loop only. `inherits` gives, at each start, what it inherits: {variable: descriptor}."""

    def __init__(self, name, command, environment, inherits=dict):
        self.name = name
        self.command = command
        self.inherits = inherits
        self.environment = {**os.environ, **environment}
        self.process = None
        self.pidfd = -1
        self.starts = 0
        self.partial = b""
        self.start_at = 0.0  # monotonic; when not running

    def start(self):
        self.starts += 1
        inherited = self.inherits()
        # Its own session: Ctrl-C reaches only the supervisor, which then stops the planes in order.
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            pass_fds=tuple(inherited.values()), env={**self.environment, **{name: str(fd) for name, fd in inherited.items()}},
            preexec_fn=die_with_parent)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.pidfd = os.pidfd_open(self.process.pid)

    def read_lines(self):
        """The complete lines that it has written; None at the end of its output."""
        try:
            data = os.read(self.process.stdout.fileno(), 65536)
        except BlockingIOError:
            return []
        if not data:
            rest, self.partial = self.partial, b""
            return [rest.decode(errors="replace")] if rest else None
        *lines, self.partial = (self.partial + data).split(b"\n")
        if len(self.partial) > 65536:
            lines.append(self.partial)
            self.partial = b""
        return [line.decode(errors="replace").rstrip("\r") for line in lines]


class Supervisor:
    def __init__(self, options):
        self.options = options
        self.log = Log(os.path.join(options.state_dir, "sluice.log"))
        self.selector = selectors.DefaultSelector()
        self.stopping = False
        self.ready = False
        self.failed = False
        self.planes = []
        self.store = None
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_write, False)

    def open_listener(self):
        host, port = self.options.listen.rsplit(":", 1)
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), int(port)))
        listener.listen(1024)
        return listener

    def run(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stop())
        try:
            listener = self.open_listener()
        except OSError as error:
            print(f"quickstart: cannot listen on {self.options.listen}: {error.strerror}. Is another Sluice running?", file=sys.stderr)
            return 2
        try:
            store = FdStore(os.path.join(self.options.state_dir, "notify.sock"))
        except OSError as error:
            print(f"quickstart: cannot listen on {self.options.state_dir}/notify.sock: {error.strerror or error}", file=sys.stderr)
            return 2
        self.selector.register(store.socket, selectors.EVENT_READ, ("notify", None))
        self.store = store
        self.selector.register(self.wake_read, selectors.EVENT_READ, ("wake", None))
        build = self.options.build_dir
        arguments = ["--config", self.options.config, "--control-socket", self.options.control_socket]
        environment = {"NOTIFY_SOCKET": store.path}
        self.planes = [
            Plane("dataplane", [os.path.join(build, "dataplane/app/sluice-dataplane"), *arguments], environment),
            Plane("controlplane", [os.path.join(build, "controlplane/app/sluice-controlplane"), *arguments], environment,
                  lambda: {"SLUICE_LISTEN_FD": listener.fileno(), **({"SLUICE_STATE_FD": store.fds["state"]} if "state" in store.fds else {})}),
        ]
        threading.Thread(target=self.wait_until_ready, daemon=True).start()
        while not self.stopping:
            self.start_due()
            due = [plane.start_at for plane in self.planes if plane.process is None]
            self.turn(max(0.0, min(due) - time.monotonic()) if due else None)
        self.stop_planes()
        listener.close()
        store.close()
        if self.failed:
            self.log.write("", f"not ready after {self.options.start_timeout} s; the last lines were:")
            for line in list(self.log.tail):
                self.log.write("", f"  {line}")
        self.log.close()
        return 1 if self.failed else 0

    def start_due(self):
        changed = False
        for plane in self.planes:
            if plane.process is not None or plane.start_at > time.monotonic():
                continue
            try:
                plane.start()
            except OSError as error:
                self.log.write(plane.name, f"cannot be started: {plane.command[0]}: {error.strerror}")
                plane.process = None
                plane.start_at = time.monotonic() + 1.0
                continue
            self.selector.register(plane.process.stdout, selectors.EVENT_READ, ("output", plane))
            self.selector.register(plane.pidfd, selectors.EVENT_READ, ("end", plane))
            changed = True
        if changed:
            self.write_pids()

    def turn(self, timeout):
        for key, _ in self.selector.select(timeout):
            what, plane = key.data
            if what == "wake":
                os.read(self.wake_read, 4096)
            elif what == "notify":
                self.store.receive()
            elif what == "output" and plane.process is not None:
                self.take_output(plane)
            elif what == "end" and plane.process is not None:
                self.reap(plane)

    def take_output(self, plane):
        lines = plane.read_lines()
        if lines is None:
            self.selector.unregister(plane.process.stdout)
            return False
        for line in lines:
            self.log.write(plane.name, line)
        return bool(lines)

    def reap(self, plane):
        code = plane.process.wait()
        while plane.process.stdout in self.selector.get_map() and self.take_output(plane):
            pass
        if plane.process.stdout in self.selector.get_map():
            self.selector.unregister(plane.process.stdout)
        plane.process.stdout.close()
        self.selector.unregister(plane.pidfd)
        os.close(plane.pidfd)
        plane.process = None
        plane.start_at = time.monotonic() + RESTART_AFTER
        if not self.stopping:
            self.log.write(plane.name, f"ended ({describe_exit(code)}); starting it again")

    def wait_until_ready(self):
        """Own thread. Ends when both planes have been ready once, or the time is over."""
        address, port = self.options.listen.rsplit(":", 1)
        deadline = time.monotonic() + self.options.start_timeout
        while not self.stopping and time.monotonic() < deadline:
            connection = http.client.HTTPConnection(address.strip("[]"), int(port), timeout=1)
            try:
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    self.ready = True
                    self.write_pids()
                    self.log.write("", f"ready {self.options.url}")
                    return
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.02)
        if not self.stopping:
            self.failed = True
            self.stop()

    def write_pids(self):
        state = {
            "version": 1,
            "supervisor": os.getpid(),
            "planes": {plane.name: {"pid": plane.process.pid if plane.process else None, "starts": plane.starts} for plane in self.planes},
            "ready": self.ready,
            "url": self.options.url,
            "config": self.options.config,
            "control_socket": self.options.control_socket,
            "log": self.log.file.name,
        }
        path = os.path.join(self.options.state_dir, "pids.json")
        temporary = f"{path}.{threading.get_ident()}"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(state, file, indent=1)
        os.replace(temporary, path)

    def stop(self):
        self.stopping = True
        try:
            os.write(self.wake_write, b"x")
        except OSError:
            pass

    def stop_planes(self):
        """The control plane first, so that nothing is programmed into a data plane that goes away."""
        for plane in reversed(self.planes):
            if plane.process is not None:
                plane.process.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT
        while any(plane.process for plane in self.planes):
            if time.monotonic() >= deadline:
                for plane in self.planes:
                    if plane.process is not None:
                        self.log.write(plane.name, "does not stop; killing it")
                        plane.process.kill()
                deadline = time.monotonic() + STOP_TIMEOUT
            self.turn(max(0.0, deadline - time.monotonic()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--state-dir", required=True)
    parser.add_argument("--build-dir", required=True)
    parser.add_argument("--config", required=True)
    parser.add_argument("--control-socket", required=True)
    parser.add_argument("--listen", required=True, help="ADDRESS:PORT of HTTP")
    parser.add_argument("--url", required=True, help="what to print when ready")
    parser.add_argument("--start-timeout", type=float, default=30.0, help="seconds")
    die_with_parent()
    return Supervisor(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
