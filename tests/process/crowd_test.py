"""A crowd that joins one room at once: everybody is in and has a picture, and nobody who already watched loses a packet.

The same run as perf/run crowd, with fewer viewers; counts are hard, times only where they are beyond five times their target.
"""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "perf/crowd"))
import crowd  # noqa: E402
from sluice import QUICK, figure, run_tests  # noqa: E402

VIEWERS = 80 if QUICK else 150


class Crowd(unittest.TestCase):
    def test_a_crowd_joins_at_once_and_those_who_watch_lose_nothing(self):
        row = crowd.Watch(VIEWERS, hold_s=0.5).run()
        figure(f"{VIEWERS} viewers at once", {key: row[key] for key in (
            "join_p99_ms", "picture_wait_p99_ms", "keyframes", "control_us_per_join", "generator_us_per_join", "watchers_longest_gap_ms", "drops")})
        self.assertFalse(any(row["restarts"].values()), row["restarts"])
        self.assertEqual(row["joined"], VIEWERS, row["errors"])
        self.assertEqual(row["without_picture"], 0)
        self.assertEqual(row["watchers_lost"], 0, row["drops"])
        self.assertEqual(row["crowd_lost"], 0, row["drops"])
        self.assertLess(row["join_p99_ms"], 5 * crowd.TARGETS["join_p99_ms"])
        self.assertLess(row["picture_wait_p99_ms"], 5 * crowd.TARGETS["picture_wait_p99_ms"])


if __name__ == "__main__":
    run_tests()
