"""kill -9 of the data plane while it streams: media is back by itself, and no index is ever used for two packets."""
import pathlib
import random
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from load import Load, Recording  # noqa: E402
from sluice import QUICK, Quickstart, figure, run_tests  # noqa: E402

KILLS = 10 if QUICK else 14
VIEWERS = 10 if QUICK else 30
TARGET = 3.0  # seconds until everybody has media again
LIMIT = 5 * TARGET  # times are reported, and fail beyond five times the target
FLOWING = 250  # ms without video at most, for a viewer to count as served


class DataPlaneKill(unittest.TestCase):
    def kill_once(self, sluice, load, in_keyframe, again_after=None):
        """Seconds from the kill until the last viewer has video again. `again_after`: seconds into its new life it is killed again."""
        starts = sluice.starts("dataplane")
        load.command("mark")
        if in_keyframe:
            load.command("keyframe")
            time.sleep(0.02)  # a frame interval: the burst is being sent
        killed = time.monotonic_ns()
        sluice.kill("dataplane")
        sluice.wait_restarted("dataplane", starts)
        if again_after is not None:
            time.sleep(again_after)
            sluice.kill("dataplane")
            sluice.wait_restarted("dataplane", starts + 1)
        restarted = time.monotonic_ns()
        # Served: the last packet of every viewer is younger than the new process.
        load.wait_status(lambda s: s["silent_ms"] < min(FLOWING, (s["now_ns"] - restarted) / 1e6), LIMIT + 5, "media is back for every viewer")
        gap = load.status()["max_gap_ms"] / 1000
        self.assertGreater(gap, (restarted - killed) / 1e9 - 0.2, "the fault did not interrupt anything: the test is wrong")
        return gap

    def test_media_is_back_and_indices_never_repeat(self):
        with tempfile.TemporaryDirectory(prefix="sluice-record-") as directory:
            record = pathlib.Path(directory) / "packets"
            # The publisher's ROC rolls during the run, so a restart that forgets it is noticed.
            with Quickstart() as sluice, Load("lives", VIEWERS, "--audio", "--record", record, "--keyframe-packets", 60, "--keyframe-interval-s", 0,
                                              "--start-sequence", 64800, "--join-timeout", 60) as load:
                load.wait_joined(60)
                load.wait_status(lambda s: s["viewers_with_media"] == VIEWERS, 15, "every viewer has media")
                seconds = []
                choose = random.Random(7)
                for kill in range(KILLS):
                    # Soon after the media is back, and later; every third kill falls into a key frame.
                    time.sleep(choose.choice((0.3, 0.7, 1.5, 2.5)))
                    # In its first half second a data plane starts and is programmed again.
                    again = choose.choice((0.1, 0.25, 0.35, 0.5)) if kill % 4 == 3 else None
                    seconds.append(self.kill_once(sluice, load, in_keyframe=kill % 3 == 0, again_after=again))
                    print(f"kill {kill + 1}{', twice' if again else ''}: media back after {seconds[-1]:.2f} s", flush=True)
                time.sleep(1)
                self.assertEqual(load.status()["viewers_stalled"], 0)
                lives = sluice.starts("dataplane") - 1
                report = load.finish()
            recording = Recording(record)
        figure("kills", lives)
        figure("seconds until media is back, sorted", " ".join(f"{s:.2f}" for s in sorted(seconds)))
        figure("within the target of 3 s", f"{sum(s < TARGET for s in seconds)} of {KILLS}")
        figure("recorded packets", recording.packets)
        figure("viewers that resumed inside a picture", report["resumed_without_keyframe"])
        self.assertLess(max(seconds), LIMIT)

        self.assertEqual(recording.violations[:5], [], f"{len(recording.violations)} violations")
        for protocol in ("srtp", "srtcp"):
            peers = {peer for peer, p, _ in recording.streams if p == protocol}
            self.assertGreaterEqual(len(peers), VIEWERS, f"the recording lacks {protocol} of some viewers")
        for key in ("index_reuse", "rtcp_index_reuse", "index_regressions", "rtcp_index_regressions", "auth_failures", "content_errors",
                    "malformed", "viewers_failed", "socket_drops"):
            self.assertEqual(report[key], 0, f"{key}: {report['failures']} {report['errors']}")
        self.assertEqual(report["publishers_connected"], 1)
        self.assertEqual(report["viewers_connected"], VIEWERS)
        # A jump per track and life at the most: one that ended before it sent anything leaves none of its own.
        self.assertLessEqual(report["index_jumps"], 2 * VIEWERS * lives)
        self.assertGreater(report["index_jumps"], 0)


class Analysis(unittest.TestCase):
    """The analysis of a recording finds what it should."""

    def violations(self, *lines):
        with tempfile.NamedTemporaryFile("w", suffix=".packets") as file:
            file.write("".join(f"{i} {line}\n" for i, line in enumerate(lines)))
            file.flush()
            return Recording(file.name).violations

    def test_accepts_jumps_and_identical_repetitions(self):
        self.assertEqual(self.violations("1 r 0a 5 aa", "1 r 0a 6 bb", "1 R 0a 5 aa", "1 r 0a 600 cc", "1 c 0a 5 dd", "2 r 0a 5 ee"), [])

    def test_finds_a_reuse(self):
        self.assertEqual(len(self.violations("1 r 0a 5 aa", "1 x 0a 5 bb")), 1)
        self.assertEqual(len(self.violations("1 r 0a 5 aa", "1 r 0a 5 bb")), 1)
        self.assertEqual(len(self.violations("1 c 0a 5 aa", "1 X 0a 5 bb")), 1)

    def test_finds_a_regression(self):
        self.assertEqual(len(self.violations("1 r 0a 5 aa", "1 r 0a 7 bb", "1 r 0a 6 cc")), 1)


if __name__ == "__main__":
    run_tests()
