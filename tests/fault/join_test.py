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


if __name__ == "__main__":
    run_tests()
