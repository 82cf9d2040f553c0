"""The port types that need no network: sluice-dataplane starts on each, says what it is, runs and ends on SIGTERM."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from sluice import ROOT, run_tests, wait_until  # noqa: E402

BUILD = ROOT / os.environ.get("SLUICE_BUILD_DIR", "build")


class PortTypes(unittest.TestCase):
    def start(self, port, workers=1):
        """(process, control socket, what it printed until it served)."""
        directory = tempfile.TemporaryDirectory(prefix="sluice-port-")
        self.addCleanup(directory.cleanup)
        socket = f"{directory.name}/dataplane.sock"
        config = pathlib.Path(directory.name) / "sluice.conf"
        cores = "0" if workers == 1 else f"0-{workers - 1}"
        config.write_text(f'dataplane : {{ control_socket = "{socket}"; workers = {workers}; cores = "{cores}"; hugepages = "off"; limits : {{ history_mb = 8; }};\n'
                          f"  port : {{ {port} }}; }};\n")
        log = open(f"{directory.name}/log", "w+b")
        self.addCleanup(log.close)
        process = subprocess.Popen([BUILD / "dataplane/app/sluice-dataplane", "--config", config], stdout=log, stderr=subprocess.STDOUT)
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))

        def output():
            log.seek(0)
            return log.read().decode(errors="replace")

        wait_until(lambda: "serves" in output() or process.poll() is not None, 20, "it serves or ends")
        return process, socket, output()

    def port(self, socket):
        output = subprocess.run([BUILD / "tools/sluicectl", "--json", "--interval", "0.3", "--control-socket", socket, "ports"], capture_output=True, text=True,
                                timeout=20).stdout
        return json.loads(output)["data"]["ports"][0]

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(10), 0)

    def test_null_receives_nothing(self):
        process, socket, output = self.start('type = "null";', workers=2)
        self.assertIn("no rte_flow steering", output, "two workers on a port without rte_flow: the log says that they hand over")
        port = self.port(socket)
        self.assertEqual(port["name"], "net_null0")
        self.assertEqual(port["counters"]["rx_packets"], 0)
        self.assertNotIn("rte_flow", port["offloads"])
        self.stop(process)

    def test_ring_hears_itself(self):
        process, socket, _ = self.start('type = "ring";')
        port = wait_until(lambda: (p := self.port(socket))["counters"]["rx_packets"] > 0 and p, 5, "its own announcements come back")
        self.assertEqual(port["name"], "net_ring0")
        self.assertGreater(port["counters"]["tx_packets"], 0)
        self.stop(process)

    def test_memif_waits_for_its_peer(self):
        with tempfile.TemporaryDirectory(prefix="sluice-memif-") as directory:
            process, socket, _ = self.start(f'type = "memif"; vdev_args = "role=server,socket-abstract=no,socket={directory}/memif.sock";')
            self.assertEqual(self.port(socket)["name"], "net_memif0")
            self.assertTrue(os.path.exists(f"{directory}/memif.sock"))
            self.stop(process)

    def test_a_host_interface_that_nobody_made_is_refused_with_what_to_do(self):
        process, _, output = self.start('type = "vdev"; device = "net_null0,no-rx=1"; host_interface = "nohost0";')
        self.assertEqual(process.wait(10), 1)
        self.assertIn("ip tuntap add dev nohost0 mode tap", output)

    def test_a_device_that_does_not_exist_is_refused(self):
        process, _, output = self.start('type = "vdev"; device = "net_af_packet0,iface=nowhere0";')
        self.assertNotEqual(process.wait(10), 0)
        self.assertIn("EAL", output)


if __name__ == "__main__":
    run_tests()
