"""sluice-load against a WHIP and WHEP server that is not ours: werift's ICE (a full agent), DTLS, SRTP and SDP, in a small forwarder.

So peers can be measured with the same tool: bearer tokens, a relative Location, an answer in chunks, several candidates.
"""
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))
from load import PROGRAM  # noqa: E402
from sluice import ROOT, figure, run_tests  # noqa: E402

SERVER = ROOT / "tests/browser/lib/werift_sfu.mjs"
VIEWERS = 3


class OtherServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = subprocess.Popen(["node", SERVER], stdout=subprocess.PIPE, text=True)
        line = cls.server.stdout.readline().split()
        if line[:1] != ["ready"]:
            cls.tearDownClass()
            raise AssertionError("the other server does not start")
        cls.url = f"http://127.0.0.1:{line[1]}"

    @classmethod
    def tearDownClass(cls):
        cls.server.kill()
        cls.server.wait()
        cls.server.stdout.close()

    def load(self, *arguments):
        command = [PROGRAM, "--whip-url", f"{self.url}/whip/{{room}}", "--whep-url", f"{self.url}/whep/{{room}}", "--json", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
        return ran.returncode, json.loads(ran.stdout.splitlines()[-1])

    def test_publishers_and_viewers_work_there_too(self):
        code, report = self.load("--token", "letmein", "--viewers", str(VIEWERS), "--audio", "--seconds", "3", "--join-timeout", "30")
        figure("another server's join and latency", {key: report[key] for key in ("join_ms", "picture_wait_ms", "latency_us")})
        self.assertEqual(code, 0, f"{report['failures']} {report['errors']}")
        self.assertEqual(report["viewers_connected"], VIEWERS)
        self.assertEqual(report["viewers_without_picture"], 0)
        self.assertGreater(report["rtp_checked"], VIEWERS * 100)
        for key in ("rtp_lost", "content_errors", "auth_failures", "consent_failures", "unknown_ssrc", "malformed"):
            self.assertEqual(report[key], 0, key)

    def test_a_refusal_is_told(self):
        code, report = self.load("--token", "wrong", "--publishers", "0", "--viewers", "1", "--seconds", "0.1", "--linger", "0")
        self.assertEqual(code, 1)
        self.assertIn("POST: 401", report["errors"][0])


if __name__ == "__main__":
    os.environ.pop("NODE_OPTIONS", None)
    run_tests()
