"""Viewers move between two workers while they watch: none loses a packet, gets one twice or out of order, and all keep their port.

Low rate, as both workers share the machine's cores with everything else; counts are hard.
"""
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import media_test  # noqa: E402
from load import Load  # noqa: E402
from sluice import QUICK, Quickstart, figure, run_tests, wait_until  # noqa: E402

VIEWERS = 8
ROUNDS = 3 if QUICK else 6


class Move(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sluice = Quickstart()
        path = cls.sluice.state_dir / "two-workers.conf"
        path.write_text(f'mode = "development"; dataplane : {{ control_socket = "{cls.sluice.state_dir}/dataplane.sock"; workers = 2; cores = "0-1"; }};\n')
        cls.sluice.arguments = ["--config", path]
        try:
            cls.sluice.start()
        except BaseException:
            cls.sluice.stop()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.sluice.stop()

    def workers(self):
        return self.sluice.observe("top --once --interval 0.2")["workers"]

    def viewers(self):
        """Of the room, as the control plane has them: by transport, the worker that serves it."""
        return {t["id"]: t for t in self.sluice.observe(f"show room {self.id()}")["transports"] if t["role"] == "viewer"}

    def stream_while_moving(self, *arguments):
        with Load(self.id(), VIEWERS, "--join-timeout", 20, *arguments) as load:
            load.wait_joined(30)
            load.wait_status(lambda s: s["viewers_with_media"] == VIEWERS, 10, "every viewer has media")
            before = self.workers()
            ports = {t: v["local"] for t, v in self.viewers().items()}
            self.assertEqual(len(ports), VIEWERS)
            moves = 0
            for number in range(ROUNDS):
                to = 1 - number % 2
                for transport in ports:
                    self.sluice.observe(f"move {transport} {to}")
                    moves += 1
                wait_until(lambda to=to: self.workers()[to]["legs"] >= VIEWERS, 10, f"all viewers are with worker {to}")
                time.sleep(0.3)
            after = self.workers()
            self.assertEqual({t: v["local"] for t, v in self.viewers().items()}, ports, "a viewer's port changed")
            report = load.finish()
        for key in media_test.NO_FAULT:
            self.assertEqual(report[key], 0, f"{key}: {report['failures']} {report['errors']}")
        self.assertEqual(report["exit_code"], 0, report["failures"])
        moved = [after[w]["moved_in"] - before[w]["moved_in"] for w in range(2)]
        # Those who were there already when they were asked for the first time did not move.
        self.assertGreaterEqual(sum(moved), moves - VIEWERS)
        self.assertEqual(sum(moved), sum(after[w]["moved_out"] - before[w]["moved_out"] for w in range(2)))
        self.assertGreater(sum(w["handed_on"] for w in after), 0, "nothing came to a port whose worker is not the owner")
        self.assertEqual(self.sluice.drops()["move_gap"], 0)
        figure(self.id(), f"{sum(moved)} moves, {report['rtp_received']} packets, longest gap {report['max_gap_ms']} ms, "
                          f"latency {report['latency_us']}")

    def test_video_and_audio_with_aes_gcm(self):
        self.stream_while_moving("--audio")

    def test_aes_cm_with_hmac_sha1(self):
        self.stream_while_moving("--suite", "cm", "--audio")

    def test_owners_outlive_a_kill_of_either_plane(self):
        with Load(self.id(), VIEWERS, "--join-timeout", 20) as load:
            load.wait_joined(30)
            load.wait_status(lambda s: s["viewers_with_media"] == VIEWERS, 10, "every viewer has media")
            for transport in self.viewers():
                self.sluice.observe(f"move {transport} 1")
            wait_until(lambda: self.workers()[1]["legs"] >= VIEWERS, 10, "all viewers are with worker 1")
            starts = self.sluice.starts("controlplane")
            self.sluice.kill("controlplane")
            self.sluice.wait_restarted("controlplane", starts)
            self.sluice.wait_ready()
            self.assertEqual({v["worker"] for v in self.viewers().values()}, {1})
            lost = load.status()["rtp_lost"]
            self.assertEqual(lost, 0, "the control plane's death cost packets")
            starts = self.sluice.starts("dataplane")
            self.sluice.kill("dataplane")
            self.sluice.wait_restarted("dataplane", starts)
            self.sluice.wait_ready()
            wait_until(lambda: self.workers()[1]["legs"] >= VIEWERS, 10, "all viewers are with worker 1 again")
            seen = load.status()["rtp_received"]
            load.wait_status(lambda s: s["rtp_received"] > seen + 50 * VIEWERS, 10, "media goes on")
            report = load.finish()
        for key in ("index_reuse", "rtcp_index_reuse", "auth_failures", "content_errors"):
            self.assertEqual(report[key], 0, key)


if __name__ == "__main__":
    run_tests()
