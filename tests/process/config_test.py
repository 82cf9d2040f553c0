"""The configuration of running planes: reloaded over the admin socket and by SIGHUP, JSON logs of both, and starts that are refused."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from sluice import ROOT, Quickstart, request, run_tests, wait_until  # noqa: E402

BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD_DIR", ROOT / "build"))
BASE = 'mode = "development";\ndataplane : { control_socket = "%s/dataplane.sock"; };\nlog : { format = "json"; };\n'


def run(program, *arguments):
    return subprocess.run([BUILD / program, *arguments], capture_output=True, text=True, timeout=30)


class Running(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="sluice-config-")
        cls.file = pathlib.Path(cls.directory.name) / "sluice.conf"
        cls.base = BASE % cls.directory.name
        cls.file.write_text(cls.base)
        cls.sluice = Quickstart("--config", cls.file)
        cls.sluice.start()

    @classmethod
    def tearDownClass(cls):
        cls.sluice.stop()

    def reload(self, text):
        self.file.write_text(text)
        result = run("tools/sluicectl", "--control-socket", f"{self.directory.name}/dataplane.sock", "--json", "config", "reload")
        return result.returncode, json.loads(result.stdout)

    def test_a_reload_says_what_is_in_force_and_what_waits(self):
        code, answer = self.reload(self.base + "limits : { room_name_bytes = 3; };\nhttp : { port = 7999; };\n")
        self.assertEqual(code, 0, answer)
        changes = {change["key"]: change for change in answer["data"]["changes"]}
        self.assertEqual(set(changes), {"limits.room_name_bytes", "http.port"})
        self.assertTrue(changes["limits.room_name_bytes"]["applied"])
        self.assertEqual(changes["http.port"]["restart"], ["control plane"])
        status, _, body = request("POST", "/whep/abcd", "v=0", {"Content-Type": "application/sdp"})
        self.assertEqual(status, 400)
        self.assertIn("1 to 3 bytes", body)
        code, answer = self.reload(self.base)
        self.assertEqual((code, [c["key"] for c in answer["data"]["changes"]]), (0, ["limits.room_name_bytes"]))

    def test_a_bad_file_keeps_what_runs(self):
        code, answer = self.reload(self.base + "limits : { room_name_bytes = 0; sdp = 1; };\n")
        self.assertEqual(code, 1)
        self.assertEqual([d["line"] for d in answer["data"]["diagnostics"]], [4, 4])
        self.assertIn(f"{self.file}:4: limits.room_name_bytes: 0 is out of range", answer["error"])
        code, answer = self.reload(self.base)
        self.assertEqual((code, answer["data"]["changes"]), (0, []))

    def test_sighup_reads_the_file_too(self):
        self.file.write_text(self.base + 'node : { region = "by-signal"; };\n')
        os.kill(self.sluice.pid("controlplane"), signal.SIGHUP)
        wait_until(lambda: 'region="by-signal"' in request("GET", "/metrics")[2], 5, "the region is in the metrics")
        self.file.write_text(self.base)
        os.kill(self.sluice.pid("controlplane"), signal.SIGHUP)
        wait_until(lambda: 'region=""' in request("GET", "/metrics")[2], 5, "it is gone again")

    def test_both_planes_log_json(self):
        lines = []
        for line in self.sluice.log().splitlines():
            # "2026-01-31T12:00:00 dataplane    | {...}", as the supervisor writes it.
            _, bar, text = line.partition(" | ")
            if bar:
                lines.append(json.loads(text))
        self.assertEqual({line["process"] for line in lines}, {"dataplane", "controlplane"})
        for line in lines:
            self.assertLessEqual({"time", "level", "node", "process", "component", "message"}, set(line))
        self.assertTrue(any("serves" in line["message"] for line in lines))


class Starting(unittest.TestCase):
    def refused(self, text):
        """What both planes say of a configuration, and that they end for it."""
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(text)
            file.flush()
            said = []
            for program, code in (("controlplane/app/sluice-controlplane", 3), ("dataplane/app/sluice-dataplane", 1)):
                result = run(program, "--config", file.name)
                self.assertEqual(result.returncode, code, result.stderr)
                said.append(result.stderr)
            return said

    def test_development_mode_binds_no_address_of_the_internet(self):
        for key in ('http : { listen = "0.0.0.0"; };', 'dataplane : { port : { address = "203.0.113.9/24"; host_address = "203.0.113.1"; }; };'):
            for said in self.refused(key):
                self.assertIn("development mode refuses the non-private address", said)

    def test_production_mode_refuses_the_keys_that_everybody_knows(self):
        for said in self.refused('mode = "production"; keys : { devkey = "secret"; };'):
            self.assertIn("the secret of devkey is shorter than 32 bytes", said)
        for said in self.refused('mode = "production";'):
            self.assertIn("production mode needs at least one key", said)


if __name__ == "__main__":
    if not os.path.exists("/dev/net/tun") and "tun" in os.environ.get("SLUICE_ALLOW_MISSING", "").replace(",", " ").split():
        print("skipped: no /dev/net/tun, which SLUICE_ALLOW_MISSING allows\n0 passed, 0 failed, 1 skipped")
        sys.exit(77)
    run_tests()
