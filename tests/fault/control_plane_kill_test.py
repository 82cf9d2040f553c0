"""kill -9 of the control plane under load: nobody who watches notices, and the next control plane adopts everybody.

The supervisor is stopped (SIGSTOP) for the outage, so that the control plane stays dead for longer than consent lasts (30 s).
"""
import json
import os
import pathlib
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from load import Load  # noqa: E402
from sluice import QUICK, Quickstart, figure, is_ready, request, run_tests, wait_until  # noqa: E402

VIEWERS = 50 if QUICK else 200
OUTAGE = 12 if QUICK else 42  # seconds
CONSENT = 2.5  # seconds between a viewer's checks
NEWCOMERS = 5


def is_dead(pid):
    """Gone, or a zombie that its stopped parent has not reaped."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Outage:
    """Between the two, there is no control plane and nobody starts one."""

    def __init__(self, sluice):
        self.sluice = sluice
        self.supervisor = sluice.pids()["supervisor"]

    def __enter__(self):
        self.starts = self.sluice.starts("controlplane")
        pid = self.sluice.pid("controlplane")
        os.kill(self.supervisor, signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: is_dead(pid), 5, "the control plane is dead")
        self.began = time.monotonic()
        return self

    def __exit__(self, *_):
        os.kill(self.supervisor, signal.SIGCONT)

    def sleep_until(self, seconds):
        time.sleep(max(0.0, self.began + seconds - time.monotonic()))


def room(name):
    status, _, body = request("GET", f"/api/rooms/{name}")
    return json.loads(body) if status == 200 else {"status": status, "publishers": [], "viewers": 0}


class ControlPlaneKill(unittest.TestCase):
    def test_no_viewer_notices_and_the_next_one_adopts_everybody(self):
        with Quickstart() as sluice, Load("outage", VIEWERS, "--consent-interval", CONSENT, "--join-rate", 50, "--join-timeout", 60) as load:
            load.wait_joined(120)
            load.wait_status(lambda s: s["viewers_with_media"] == VIEWERS, 15, "every viewer has media")
            figure("first media ms", load.status()["first_media_ms"])
            time.sleep(3)
            before = load.command("mark") and load.status()
            self.assertEqual(before["rtp_lost"], 0, "lost before the fault")

            detail = load.detail()["viewers"]
            mover, leaver = detail[1]["peer"], detail[2]["peer"]
            with Outage(sluice) as outage:
                self.assertFalse(is_ready())
                outage.sleep_until(OUTAGE / 4)
                moved = load.command(f"rebind {mover}")
                self.assertTrue(moved["moved"])
                self.assertNotEqual(moved["from"], moved["to"])
                outage.sleep_until(OUTAGE)
                during = load.status()
                rebound = next(v for v in load.detail()["viewers"] if v["peer"] == mover)
            figure("outage seconds", f"{time.monotonic() - outage.began:.1f}")
            figure("longest gap in a viewer's video during the outage, ms", during["max_gap_ms"])
            figure("longest time without an answer to a check, ms", during["consent_max_age_ms"])
            figure("a viewer's gap when its NAT mapping moved, ms", during["rebind_gap_ms"])
            self.assertEqual(during["rtp_lost"], 0, "lost during the outage")
            self.assertEqual(during["content_lost"], 0)
            self.assertEqual(during["consent_failures"], 0, "checks that nobody answered")
            self.assertLess(during["consent_max_age_ms"], 1000 * (2 * CONSENT + 1))
            self.assertEqual(during["viewers_stalled"], 0)
            self.assertEqual(during["publishers_connected"], 1)
            self.assertLess(rebound["silent_ms"], 500, "the viewer whose port moved gets nothing")
            # Its new port is learned by a check and used from the next authenticated packet on.
            self.assertLess(during["rebind_gap_ms"], 1000 * 5 * (CONSENT + 1))

            sluice.wait_restarted("controlplane", outage.starts)
            sluice.wait_ready(30)
            figure("ready again after, s", f"{time.monotonic() - outage.began - OUTAGE:.2f}")
            adopted = wait_until(lambda: (r := room("outage"))["viewers"] == VIEWERS and r["publishers"] and r, 15,
                                 f"the new control plane shows the publisher and all {VIEWERS} viewers: {room('outage')}")
            self.assertEqual(len(adopted["publishers"]), 1)

            load.command(f"viewers {NEWCOMERS}")
            load.wait_status(lambda s: s["viewers_with_media"] == VIEWERS + NEWCOMERS, 30, "newcomers get media")
            self.assertEqual(load.command(f"delete {leaver}", "deleted", 15)["status"], 200)
            wait_until(lambda: room("outage")["viewers"] == VIEWERS + NEWCOMERS - 1, 10, "the one who left is gone from the room")
            # A consent period and more: nobody is swept away late.
            time.sleep(5 if QUICK else 35)
            self.assertEqual(room("outage")["viewers"], VIEWERS + NEWCOMERS - 1)
            report = load.finish()
            for key in ("rtp_lost", "rtp_tail_lost", "content_lost", "content_repeats", "content_jumped", "content_errors", "auth_failures",
                        "index_reuse", "index_regressions", "rtcp_index_reuse", "rtcp_index_regressions", "consent_failures", "socket_drops",
                        "viewers_failed"):
                self.assertEqual(report[key], 0, f"{key}: {report['failures']} {report['errors']}")
            figure("packets received", report["rtp_received"])
            figure("lost", report["rtp_lost"])
            self.assertEqual(sluice.starts("dataplane"), 1, "the data plane was never restarted")


if __name__ == "__main__":
    run_tests()
