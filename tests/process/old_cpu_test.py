"""The data plane on a CPU without AVX-512, which qemu's user emulation pretends: it starts, seals with what that CPU has, and
refuses by name what it has not. Whatever instruction of our kernels strayed into common code would kill it here."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from sluice import BUILD, run_tests, wait_until  # noqa: E402

QEMU = ["qemu-x86_64", "-cpu", "Westmere"]  # x86-64-v2 with AES-NI: the oldest that we promise
DATAPLANE = str(BUILD / "dataplane/app/sluice-dataplane")


def configuration(directory, sealer):
    path = pathlib.Path(directory) / "sluice.conf"
    path.write_text(f'mode = "development"; dataplane : {{ control_socket = "{directory}/dataplane.sock"; hugepages = "off"; '
                    f'sealer = "{sealer}"; port : {{ type = "null"; address = "10.1.1.1/24"; }}; limits : {{ history_mb = 64; }}; }};\n')
    return str(path)


class OldCpu(unittest.TestCase):
    def test_every_backend_but_ours_gives_the_known_answers(self):
        result = subprocess.run([*QEMU, str(BUILD / "dataplane/srtp/srtp_test"), "--gtest_filter=*EveryBackend*:BestBackend.*"],
                                capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("avx512: the CPU lacks", result.stdout)
        for name in ("Backends/EveryBackend.GivesTheKnownAnswers/ipsec_mb", "Backends/EveryBackend.GivesTheKnownAnswers/libsrtp"):
            self.assertIn(f"[       OK ] {name}", result.stdout)

    def test_auto_takes_ipsec_mb_and_says_so(self):
        with tempfile.TemporaryDirectory() as directory:
            socket = pathlib.Path(directory) / "dataplane.sock"
            plane = subprocess.Popen([*QEMU, DATAPLANE, "--config", configuration(directory, "auto")],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                wait_until(socket.exists, 30, "the data plane serves its socket")
                status = subprocess.run([str(BUILD / "tools/sluicectl"), "--control-socket", str(socket), "--json", "status"],
                                        capture_output=True, text=True, timeout=10)
                self.assertIn('"sealer":"ipsec_mb"', json.dumps(json.loads(status.stdout), separators=(",", ":")))
                self.assertIsNone(plane.poll())
            finally:
                plane.terminate()
                plane.wait(20)

    def test_a_forced_avx512_is_refused_with_the_reason(self):
        with tempfile.TemporaryDirectory() as directory:
            result = subprocess.run([*QEMU, DATAPLANE, "--config", configuration(directory, "avx512")],
                                    capture_output=True, text=True, timeout=60)
            self.assertEqual(result.returncode, 1)
            self.assertIn("dataplane.sealer: avx512 cannot be used: the CPU lacks", result.stdout + result.stderr)


if __name__ == "__main__":
    if shutil.which(QEMU[0]) is None and "qemu" in os.environ.get("SLUICE_ALLOW_MISSING", "").replace(",", " ").split():
        print("skipped: no qemu-x86_64, which SLUICE_ALLOW_MISSING allows\n0 passed, 0 failed, 1 skipped")
        sys.exit(77)
    run_tests()
