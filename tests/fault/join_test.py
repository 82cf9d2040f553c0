"""Joins lose nothing on the way: no handshake datagram meets a worker that does not know its flow yet.

The peer sends its ClientHello as soon as it has the answer to its check, on the same machine within microseconds; a lost flight costs
a join the first DTLS retransmission (50 ms and more).
"""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from load import Load  # noqa: E402
from sluice import QUICK, Quickstart, figure, run_tests  # noqa: E402

JOINS = 120 if QUICK else 240
CROWD = 400 if QUICK else 1000
TARGET_MS = 2000  # p99 of a join, to the first media packet


class Join(unittest.TestCase):
    def test_no_join_loses_its_first_dtls_flight(self):
        with Quickstart() as sluice, Load("crowd", JOINS, "--join-rate", 60, "--join-timeout", 60) as load:
            load.wait_joined(90)
            status = load.wait_status(lambda s: s["viewers_with_media"] == JOINS, 20, "every viewer has media")
            drops = sluice.drops()
            load.finish()
        figure("joins", JOINS + 1)
        figure("first media ms", status["first_media_ms"])
        self.assertEqual(drops["dtls_unknown_flow"], 0, f"of {JOINS} joins")
        for reason in ("dtls_limited", "stun_limited", "punt_ring_full", "rtp_no_keys"):
            self.assertEqual(drops[reason], 0, reason)

    def test_a_crowd_within_a_second_gets_in_whole_and_costs_nobody_a_packet(self):
        with Quickstart() as sluice, Load("crowd", CROWD, "--join-rate", 1000, "--join-timeout", 60) as load:
            load.wait_joined(90)
            status = load.wait_status(lambda s: s["viewers_with_media"] == CROWD, 40, "every viewer has media")
            drops = sluice.drops()
            load.finish()
        figure("crowd", CROWD)
        figure("first media ms", status["first_media_ms"])
        figure("PLIs to the publisher", status["upstream"]["plis"])
        self.assertEqual(status["viewers_failed"], 0)
        for count in ("rtp_lost", "content_errors", "content_lost", "auth_failures", "index_reuse"):
            self.assertEqual(status[count], 0, count)
        for reason in ("dtls_unknown_flow", "dtls_limited", "stun_limited", "punt_ring_full", "rtp_no_keys"):
            self.assertEqual(drops[reason], 0, reason)
        # A keyframe for each of them would be hundreds; the throttle's rate over the crowd's few seconds is not.
        self.assertLess(status["upstream"]["plis"], 20)
        self.assertLess(status["first_media_ms"]["p99"], 5 * TARGET_MS)


if __name__ == "__main__":
    run_tests()
