"""20,000 packets/s of garbage on the TAP port: who watches loses nothing, and each packet of it is dropped by name."""
import json
import pathlib
import random
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from load import Load  # noqa: E402
from sluice import QUICK, Quickstart, figure, run_tests  # noqa: E402

VIEWERS = 5
SECONDS = 4 if QUICK else 10
RATE = 20_000  # packets per second
INTERFACE, OURS, PORT = "sluice0", "10.77.0.1", 7882
COOKIE = bytes.fromhex("2112a442")
NO_FAULT = ("rtp_lost", "rtp_tail_lost", "content_lost", "content_repeats", "content_jumped", "content_errors", "auth_failures", "index_reuse",
            "index_regressions", "rtcp_index_reuse", "rtcp_index_regressions", "malformed", "unknown_ssrc", "duplicates", "consent_failures",
            "viewers_failed", "viewers_stalled", "socket_drops")


def payloads(choose, count):
    """UDP payloads that look like what belongs on the port, and do not."""
    out = []
    for n in range(count):
        noise = choose.randbytes(choose.randrange(1, 400))
        kind = n % 6
        if kind == 0:  # STUN: right cookie and length, nobody's ufrag, or attributes that overrun
            body = struct.pack("!HH", 6, choose.choice((9, 13, 60000))) + b"abcdefgh:peer\0\0\0"
            body += noise[:len(noise) // 4 * 4]
            noise = struct.pack("!HH", 1, len(body)) + COOKIE + choose.randbytes(12) + body
        elif kind == 1:  # DTLS
            noise = bytes((choose.choice((20, 21, 22, 23)), 0xfe, 0xfd)) + noise
        elif kind == 2:  # RTP
            noise = bytes((0x80 | choose.randrange(64), choose.randrange(128))) + noise
        elif kind == 3:  # RTCP
            noise = bytes((0x80, choose.randrange(200, 208))) + noise
        elif kind == 4:  # cut off
            noise = noise[:choose.randrange(1, 4)]
        out.append(noise)
    return out


def checksum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def frames(choose, count, mac):
    """Whole Ethernet frames: broken headers, fragments, other protocols, other people's addresses."""
    out = []
    for n in range(count):
        payload = choose.randbytes(choose.randrange(0, 300))
        udp = struct.pack("!HHHH", choose.randrange(1, 65536), PORT, choose.choice((8 + len(payload), 7, 60000)), 0) + payload
        fragment = choose.choice((0, 0, 0x2000, 0x0001, 0x1fff))
        total = choose.choice((20 + len(udp), 20 + len(udp), 19, 60000))
        protocol = choose.choice((17, 17, 6, 1, 255))
        source = bytes((10, 77, choose.randrange(256), choose.randrange(256)))
        target = choose.choice((socket.inet_aton(OURS), choose.randbytes(4)))
        ip = struct.pack("!BBHHHBBH4s4s", choose.choice((0x45, 0x45, 0x44, 0x4f, 0x65)), 0, total, n & 0xffff, fragment, 64, protocol, 0, source, target)
        ip = ip[:10] + struct.pack("!H", checksum(ip) if n % 4 else 0) + ip[12:]
        ethertype = choose.choice((0x0800, 0x0800, 0x86dd, 0x8100, 0x88cc))
        frame = mac + bytes.fromhex("025300000099") + struct.pack("!H", ethertype) + ip + udp
        out.append(frame[:choose.randrange(14, len(frame) + 1)] if n % 5 == 0 else frame)
    return out


class Flood(threading.Thread):
    """Sends at RATE until stopped; catches up when it was held up, but never faster than twice that."""

    def __init__(self, mac):
        super().__init__(daemon=True)
        choose = random.Random(11)
        self.udp = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.raw.bind((INTERFACE, 0))
        for s in self.udp:
            s.connect((OURS, PORT))
        self.payloads = payloads(choose, 4000)
        self.frames = frames(choose, 1000, mac)
        self.stopping = threading.Event()
        self.sent = 0
        self.refused = 0  # by the kernel: no room on the interface
        self.seconds = 0.0

    def run(self):
        begun = time.monotonic()
        step = RATE // 500
        while not self.stopping.is_set():
            for i in range(step):
                n = self.sent + i
                try:
                    if n % 5 == 4:
                        self.raw.send(self.frames[n % len(self.frames)])
                    else:
                        self.udp[n % len(self.udp)].send(self.payloads[n % len(self.payloads)])
                except OSError:
                    self.refused += 1
            self.sent += step
            time.sleep(max(0.001, begun + self.sent / RATE - time.monotonic()))
        self.seconds = time.monotonic() - begun

    def stop(self):
        self.stopping.set()
        self.join()
        for s in (*self.udp, self.raw):
            s.close()


def refused_by_queue():
    shown = subprocess.run(["ip", "-json", "-statistics", "link", "show", "dev", INTERFACE], capture_output=True, text=True, check=True).stdout
    return json.loads(shown)[0]["stats64"]["tx"]["dropped"]


class Garbage(unittest.TestCase):
    def test_disturbs_nobody_who_watches(self):
        with Quickstart() as sluice, Load("calm", VIEWERS, "--audio", "--join-timeout", 30) as load:
            load.wait_joined(60)
            load.wait_status(lambda s: s["viewers_with_media"] == VIEWERS, 15, "every viewer has media")
            time.sleep(1)
            load.command("mark")
            before, kernel = sluice.drops(), refused_by_queue()
            # The data plane's own MAC, which is not the interface's.
            flood = Flood(bytes.fromhex("02534c550001"))
            flood.start()
            time.sleep(SECONDS)
            flood.stop()
            during = load.status()
            time.sleep(0.5)
            after, kernel = sluice.drops(), refused_by_queue() - kernel
            report = load.finish()
            self.assertEqual(sluice.starts("dataplane"), 1)
            self.assertEqual(sluice.starts("controlplane"), 1)
        named = {name: after[name] - before[name] for name in after if after[name] != before[name]}
        figure("garbage packets per second", round(flood.sent / flood.seconds))
        figure("dropped, by reason", named)
        figure("refused by the interface's queue", kernel + flood.refused)
        figure("longest gap of a viewer, ms", during["max_gap_ms"])
        self.assertGreater(flood.sent / flood.seconds, RATE / 5, "no flood to speak of")
        for key in NO_FAULT:
            self.assertEqual(report[key], 0, f"{key}: {report['failures']} {report['errors']}")
        self.assertGreater(report["rtp_received"], 0)
        # Every packet that the interface took is one drop; what lies on the border (a random ping or ARP) may be answered.
        arrived = flood.sent - flood.refused - kernel
        self.assertGreaterEqual(sum(named.values()), 0.99 * arrived)


if __name__ == "__main__":
    run_tests()
