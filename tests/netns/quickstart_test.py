"""What ./quickstart promises: ready in time, refusals that say why, restarts, and an undo in every exit path."""
import os
import pathlib
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from sluice import ROOT, Quickstart, figure, is_ready, request, run_tests, wait_until  # noqa: E402


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def host_state():
    """All that quickstart may change on the host."""
    hugepages = pathlib.Path("/proc/sys/vm/nr_hugepages").read_text()
    links = [line.split()[1] for line in output_of("ip", "-o", "link").splitlines()]
    return links, output_of("ip", "-o", "address", "show", "scope", "global"), output_of("ip", "-4", "route"), output_of("ip", "-6", "route"), hugepages


def processes():
    return [line for line in output_of("ps", "-eo", "args").splitlines() if "sluice" in line and "test.py" not in line and "isolate" not in line]


class Ready(unittest.TestCase):
    def test_is_ready_in_five_seconds_on_a_built_tree(self):
        with Quickstart() as sluice:
            figure("seconds to ready", f"{sluice.seconds_to_ready:.2f}")
            self.assertLess(sluice.seconds_to_ready, 5)
            self.assertEqual(request("GET", "/healthz")[0], 200)
            self.assertIn("serves browsers on the same machine", sluice.output())
            # A newcomer reads no warning of what is as it should be; the log file has every line.
            for word in ("qdisc", "EAL", "rte flow", "secondary", "warning"):
                self.assertNotIn(word, sluice.output())
            self.assertIn("qdisc", sluice.log())

    def test_serves_the_page(self):
        with Quickstart():
            status, headers, body = request("GET", "/?room=demo")
            self.assertEqual(status, 200)
            self.assertIn("text/html", headers.get("Content-Type", ""))
            self.assertIn("<title>Sluice", body)

    def test_the_data_plane_answers_pings(self):
        with Quickstart():
            for family, address in (("-4", "10.77.0.1"), ("-6", "fd77:7777::1")):
                ping = lambda: subprocess.run(["ping", family, "-c1", "-W1", address], capture_output=True, check=False).returncode == 0
                wait_until(ping, 5, f"{address} answers")

    def test_runs_without_hugepages_and_says_what_is_lost(self):
        # A view of the kernel in which there are none and none can be had.
        script = f"import sys; sys.path.insert(0, {str(ROOT / 'tests/lib')!r}); from sluice import Quickstart\nwith Quickstart() as s: print(s.output())"
        command = """
            set -e
            sed -E 's/^(HugePages_(Total|Free): +)[0-9]+/\\10/' /proc/meminfo >/run/meminfo
            echo 0 >/run/none
            mount --bind /run/meminfo /proc/meminfo
            for file in /sys/kernel/mm/hugepages/*/free_hugepages; do mount --bind /run/none "$file"; done
            mount --bind /run/none /proc/sys/vm/nr_hugepages
            mount -o remount,ro,bind /proc/sys/vm/nr_hugepages
            exec "$@"
        """
        ran = subprocess.run(["unshare", "--mount", "bash", "-c", command, "bash", sys.executable, "-c", script],
                             capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertIn("slower", ran.stdout)


class Undo(unittest.TestCase):
    def ends_clean(self, number):
        before = host_state()
        sluice = Quickstart()
        with sluice:
            self.assertNotEqual(host_state(), before)
            self.assertIn("blackhole 10.77.0.0/24", output_of("ip", "route"))
            self.assertEqual(sluice.stop(number), 0)
        self.assertEqual(host_state(), before)
        self.assertEqual(processes(), [])

    def test_sigterm_undoes_everything(self):
        self.ends_clean(signal.SIGTERM)

    def test_ctrl_c_undoes_everything(self):
        self.ends_clean(signal.SIGINT)

    def test_hangup_undoes_everything(self):
        self.ends_clean(signal.SIGHUP)

    def test_the_next_start_undoes_what_a_killed_one_left(self):
        before = host_state()
        sluice = Quickstart()
        with sluice:
            supervisor = sluice.pids()["supervisor"]
            sluice.process.send_signal(signal.SIGKILL)
            sluice.process.wait()
            wait_until(lambda: not pathlib.Path(f"/proc/{supervisor}").exists(), 10, "the supervisor ends with its parent")
            self.assertEqual(processes(), [])
            sluice.start()
        self.assertEqual(host_state(), before)

    def test_a_plane_that_cannot_start_fails_with_its_reason_and_undoes(self):
        before = host_state()
        config = pathlib.Path("/run/bad.conf")
        config.write_text('no_such_key = "x";\n')
        ran = subprocess.run([ROOT / "quickstart", "--no-setup", "--state-dir", "/run/bad", "--config", config], capture_output=True, text=True,
                             check=False, timeout=60, env={**os.environ, "SLUICE_START_TIMEOUT": "2"})
        self.assertEqual(ran.returncode, 1)
        self.assertIn("no_such_key", ran.stdout)
        self.assertEqual(host_state(), before)


class Refusals(unittest.TestCase):
    def refusal(self, *arguments):
        ran = subprocess.run([ROOT / "quickstart", *arguments], capture_output=True, text=True, check=False, timeout=30)
        return ran.returncode, ran.stderr

    def test_a_second_one_is_refused(self):
        with Quickstart() as sluice:
            code, why = self.refusal("--no-setup", "--state-dir", str(sluice.state_dir))
            self.assertEqual(code, 1)
            self.assertIn("already running", why)
            self.assertTrue(is_ready())

    def test_a_taken_subnet_is_refused(self):
        for family, address in (("-4", "10.77.0.9/24"), ("-4", "10.77.0.200/28"), ("-6", "fd77:7777::9/64")):
            with self.subTest(address):
                subprocess.run(["ip", "link", "add", "other", "type", "bridge"], check=True)
                try:
                    subprocess.run(["ip", family, "address", "add", address, "dev", "other"], check=True)
                    subprocess.run(["ip", "link", "set", "other", "up"], check=True)
                    before = host_state()
                    code, why = self.refusal("--no-setup", "--state-dir", "/run/taken")
                    self.assertEqual(code, 1)
                    self.assertIn("is taken", why)
                    self.assertIn("other", why)
                    self.assertEqual(host_state(), before)
                finally:
                    subprocess.run(["ip", "link", "delete", "other"], check=True)

    def test_a_foreign_interface_of_that_name_is_refused_and_kept(self):
        subprocess.run(["ip", "link", "add", "sluice0", "type", "bridge"], check=True)
        try:
            code, why = self.refusal("--no-setup", "--state-dir", "/run/foreign")
            self.assertEqual(code, 1)
            self.assertIn("sluice0", why)
            self.assertIn("sluice0", output_of("ip", "link"))
        finally:
            subprocess.run(["ip", "link", "delete", "sluice0"], check=True)

    def test_wrong_usage_is_named(self):
        code, why = self.refusal("--nosuch")
        self.assertEqual(code, 2)
        self.assertIn("--nosuch", why)
        self.assertEqual(self.refusal("--no-setup", "--setup-only")[0], 2)


class Restart(unittest.TestCase):
    def test_a_killed_plane_is_started_again(self):
        with Quickstart() as sluice:
            for plane in ("controlplane", "dataplane"):
                for _ in range(3):
                    starts = sluice.starts(plane)
                    sluice.kill(plane)
                    sluice.wait_restarted(plane, starts)
                    sluice.wait_ready()
            self.assertIn("10.77.0.2", output_of("ip", "address", "show", "dev", "sluice0"))
            self.assertIn("fd77:7777::2", output_of("ip", "address", "show", "dev", "sluice0"))

    def test_callers_queue_while_the_control_plane_restarts(self):
        with Quickstart() as sluice:
            sluice.kill("controlplane")
            self.assertEqual(request("GET", "/healthz", timeout=10)[0], 200)


if __name__ == "__main__":
    run_tests()
