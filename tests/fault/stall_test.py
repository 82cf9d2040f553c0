"""A worker that hangs is noticed within a second or so, its stack is in the log, and media is back by itself."""
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fake_stall import fake_stall, thread_named  # noqa: E402
from load import Load  # noqa: E402
from sluice import Quickstart, figure, run_tests, wait_until  # noqa: E402

VIEWERS = 10
LIMIT = 1.0  # seconds without progress that the watchdog allows
TARGET = LIMIT + 3.0


class Stall(unittest.TestCase):
    def test_a_stalled_worker_is_shown_and_replaced(self):
        with Quickstart() as sluice, Load("stall", VIEWERS, "--join-timeout", 60) as load:
            load.wait_joined(60)
            load.wait_status(lambda s: s["viewers_with_media"] == VIEWERS, 15, "every viewer has media")
            pid, starts = sluice.pid("dataplane"), sluice.starts("dataplane")
            cores = set(pathlib.Path.cwd().glob("core*"))
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            self.assertRegex(limits, r"Max core file size +0 +0 ", "a core file would hold keys")
            self.assertTrue(fake_stall(thread_named(pid, "rte-worker-1")), "the worker was never seen asleep")
            stalled = time.monotonic()
            sluice.wait_restarted("dataplane", starts, 5 * TARGET)
            restarted = time.monotonic()
            load.wait_status(lambda s: s["silent_ms"] < min(250, 1000 * (time.monotonic() - restarted)), 5 * TARGET, "media is back for every viewer")
            figure("seconds from the stall to the next process", f"{restarted - stalled:.2f}")
            figure("seconds from the stall until everybody has media", f"{time.monotonic() - stalled:.2f}")
            self.assertGreater(restarted - stalled, LIMIT - 0.1, "the watchdog was not what ended it")
            log = wait_until(lambda: (text := sluice.log()) and "watchdog: " in text and text, 5, "the watchdog is in the log")
            stack = log[log.index("watchdog: "):]
            self.assertIn("worker 0 has made no progress", stack)
            self.assertIn("Worker3run", stack, "the log does not show where the worker stood")
            self.assertIn("nanosleep", stack)
            report = load.finish()
            self.assertEqual(set(pathlib.Path.cwd().glob("core*")), cores, "a core file was written")
        for key in ("index_reuse", "index_regressions", "rtcp_index_reuse", "auth_failures", "viewers_failed"):
            self.assertEqual(report[key], 0, f"{key}: {report['failures']} {report['errors']}")


if __name__ == "__main__":
    run_tests()
