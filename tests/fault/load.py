"""Drives build/tools/load/sluice-load (packet-level publishers and viewers) and reads what its --record file shows.

Example:
    with Load("room", viewers=200) as load:
        load.wait_joined(60)
        load.command("mark")
        ...
        self.assertEqual(load.status()["rtp_lost"], 0)
        report = load.finish()
"""
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from sluice import ARTIFACTS, ROOT, figure  # noqa: E402

BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD_DIR", ROOT / "build"))
PROGRAM = pathlib.Path(os.environ.get("SLUICE_LOAD", (BUILD if BUILD.is_absolute() else ROOT / BUILD) / "tools/load/sluice-load"))


class Load:
    """A running sluice-load. It streams until finish()."""

    def __init__(self, room, viewers, *arguments, netns=None):
        within = ["ip", "netns", "exec", netns] if netns else []
        self.arguments = [*within, str(PROGRAM), "--room", room, "--viewers", str(viewers), "--seconds", "0", "--json", *map(str, arguments)]
        self.events = queue.Queue()
        self.process = None
        self.reader = None
        self.joined = None

    def __enter__(self):
        self.process = subprocess.Popen(self.arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join(5)
        self.process.stdin.close()
        self.process.stdout.close()

    def read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))
        self.events.put({"event": "end"})

    def wait_event(self, name, seconds):
        deadline = time.monotonic() + seconds
        while True:
            try:
                event = self.events.get(timeout=max(0.001, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"sluice-load said nothing of \"{name}\" within {seconds} s") from None
            if event["event"] == name:
                return event
            if event["event"] == "end":
                raise AssertionError(f"sluice-load ended with {self.process.wait()} instead of saying \"{name}\"")
            if event["event"] == "error":
                raise AssertionError(f"sluice-load: {event}")

    def wait_joined(self, seconds):
        """All viewers are connected, or the test fails and says why not."""
        self.joined = self.wait_event("joined", seconds)
        if self.joined["viewers_connected"] != self.joined["viewers"] or self.joined["publishers_connected"] != self.joined["publishers"]:
            raise AssertionError(f"{self.joined['viewers_connected']} of {self.joined['viewers']} viewers joined: {self.joined['errors']}")
        return self.joined

    def command(self, line, event=None, seconds=10):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.wait_event(event or line.split()[0], seconds)

    def status(self):
        return self.command("status")

    def detail(self):
        return self.command("detail")

    def wait_status(self, condition, seconds, what):
        """Asks every 50 ms until the status fulfils the condition, and returns that status."""
        deadline = time.monotonic() + seconds
        while True:
            status = self.status()
            if condition(status):
                return status
            if time.monotonic() > deadline:
                keys = ("viewers", "viewers_connected", "viewers_with_media", "viewers_stalled", "silent_ms", "rtp_lost", "consent_age_ms", "errors")
                raise AssertionError(f"not within {seconds} s: {what}: {({key: status[key] for key in keys})}")
            time.sleep(0.05)

    def finish(self, seconds=60):
        """Stops the publishers, waits for the rest, deletes the sessions; the final report, also in artifacts/logs."""
        self.process.stdin.write("quit\n")
        self.process.stdin.flush()
        report = self.wait_event("report", seconds)
        report["exit_code"] = self.process.wait(30)
        (ARTIFACTS / "logs").mkdir(parents=True, exist_ok=True)
        path = ARTIFACTS / "logs" / f"{pathlib.Path(sys.argv[0]).stem}.load.json"
        path.write_text(json.dumps(report, indent=1) + "\n")
        return report


def assert_mute_viewers_lose_nothing(test, load, viewers, what):
    """`viewers` of `load` cannot be heard any more, and something has just changed: media reaches them all the same, by nothing that they sent."""
    time.sleep(0.2)  # what was under way
    before = load.status()
    time.sleep(1.5)
    after = load.status()
    received = after["rtp_received"] - before["rtp_received"]
    figure(f"packets to mute viewers in 1.5 s after {what}", f"{received}, lost {after['rtp_lost']}")
    test.assertEqual(after["consent_answered"], before["consent_answered"], "the viewers are not mute: the test is wrong")
    test.assertGreater(received, viewers * 60)
    test.assertEqual(after["rtp_lost"], before["rtp_lost"])


class Recording:
    """What a --record file shows of each (peer, SSRC), SRTP and SRTCP apart.

    Lines are "ns peer kind ssrc index hash": r and c are fresh packets, R and C byte-identical repetitions, x and X another packet
    under a used index (sluice-load proves by opening it that it is no forgery).
    """

    def __init__(self, path):
        self.packets = {"srtp": 0, "srtcp": 0}
        self.repetitions = 0
        self.streams = {}  # (peer, protocol, ssrc) -> packets
        self.violations = []
        highest, hashes = {}, {}
        with open(path, encoding="ascii") as file:
            for number, line in enumerate(file, 1):
                fields = line.split()
                if len(fields) != 6:
                    continue  # the last line of a killed writer
                _, peer, kind, ssrc, index, digest = fields
                index = int(index)
                protocol = "srtp" if kind in "rRx" else "srtcp"
                key = (int(peer), protocol, ssrc)
                used = hashes.setdefault(key, {})
                if kind in "RC" and used.get(index) == digest:
                    self.repetitions += 1
                elif kind in "RCxX" or index in used:
                    self.violations.append(f"line {number}: index {index} of {key} is used for two different packets")
                elif index <= highest.get(key, -1):
                    self.violations.append(f"line {number}: index {index} of {key} comes after {highest[key]}")
                used[index] = digest
                highest[key] = max(index, highest.get(key, -1))
                self.packets[protocol] += 1
                self.streams[key] = self.streams.get(key, 0) + 1
