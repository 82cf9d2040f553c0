"""Runs ./quickstart for a test, inside the namespaces that tests/lib/isolate made, and runs the tests of a file.

Example:
    class Restart(unittest.TestCase):
        def test_a_killed_plane_comes_back(self):
            with Quickstart() as sluice:
                sluice.kill("dataplane")
                sluice.wait_restarted("dataplane", 1)
    if __name__ == "__main__":
        run_tests()
"""
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARTIFACTS = pathlib.Path(os.environ.get("SLUICE_ARTIFACTS", ROOT / "artifacts"))
BUILD = ROOT / os.environ.get("SLUICE_BUILD_DIR", "build")
QUICK = os.environ.get("SLUICE_QUICK") == "1"
HTTP = (os.environ.get("SLUICE_HTTP_HOST", "127.0.0.1"), 7880)


def wait_until(condition, seconds, what):
    """Asks every 10 ms until `condition` gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {what}")


def request(method, path, body=None, headers=None, timeout=5):
    """(status, headers without regard to case, body) of one HTTP request to the control plane."""
    connection = http.client.HTTPConnection(*HTTP, timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode(errors="replace")
    finally:
        connection.close()


def is_ready():
    try:
        return request("GET", "/readyz", timeout=1)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


class Quickstart:
    """A running ./quickstart with a state directory of its own. Its output is kept in `lines`."""

    def __init__(self, *arguments, environment=None):
        self.state_dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-test-"))
        self.arguments = arguments
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        self.lines = []
        self.seconds_to_ready = None

    def command(self):
        return [ROOT / "quickstart", "--no-setup", "--state-dir", self.state_dir, *self.arguments]

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    def start(self, ready_within=30):
        begun = time.monotonic()
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL,
            stdout=open(self.state_dir / "stdout", "wb"), stderr=subprocess.STDOUT, env=self.environment)
        try:
            wait_until(lambda: "ready http" in self.output() or self.process.poll() is not None, ready_within, "ready")
            if self.process.poll() is not None:
                raise AssertionError(f"{self.process.args[0]} ended with {self.process.returncode}")
        except AssertionError as error:
            output = self.output()
            self.stop()
            raise AssertionError(f"{error}\n{output}") from None
        self.seconds_to_ready = time.monotonic() - begun
        return self

    def output(self):
        return (self.state_dir / "stdout").read_text(errors="replace")

    def log(self):
        path = self.state_dir / "sluice.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def pids(self):
        return json.loads((self.state_dir / "pids.json").read_text())

    def pid(self, plane):
        return self.pids()["planes"][plane]["pid"]

    def starts(self, plane):
        return self.pids()["planes"][plane]["starts"]

    def observe(self, verb):
        """The data of one of sluicectl's verbs."""
        ran = subprocess.run([BUILD / "tools/sluicectl", "--json", "--control-socket", self.state_dir / "dataplane.sock", *verb.split()],
                             capture_output=True, text=True, check=False, timeout=20)
        document = json.loads(ran.stdout)
        if ran.returncode != 0:
            raise AssertionError(f"sluicectl {verb}: {document}")
        return document["data"]

    def drops(self):
        """What the workers dropped since their start, by reason; 0 for what they did not."""
        return {drop["name"]: drop["count"] for drop in self.observe("drops --all --interval 0.05")["drops"]}

    def kill(self, plane, number=signal.SIGKILL):
        os.kill(self.pid(plane), number)

    def wait_restarted(self, plane, starts_before, seconds=10):
        wait_until(lambda: self.starts(plane) > starts_before, seconds, f"{plane} is started again")

    def wait_ready(self, seconds=10):
        wait_until(is_ready, seconds, "/readyz answers 200")

    def stop(self, number=signal.SIGTERM):
        """Stops it, and returns its exit code. The log stays in artifacts/logs; a sanitizer's finding in it is a failure."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        code = self.process.returncode
        self.process = None
        (ARTIFACTS / "logs").mkdir(parents=True, exist_ok=True)
        with open(ARTIFACTS / "logs" / f"{pathlib.Path(sys.argv[0]).stem}.sluice.log", "a", encoding="utf-8") as file:
            file.write(self.log())
        findings = [line for line in self.log().splitlines() if "Sanitizer: " in line or "runtime error: " in line]
        shutil.rmtree(self.state_dir, ignore_errors=True)
        if findings:
            raise AssertionError("\n".join(findings[:10]))
        return code


class Planes(Quickstart):
    """Both planes, supervised as quickstart does, with a configuration of the test's own: for ports that are no TAP.

    `settings` is the text of a configuration file without http.listen and dataplane.control_socket.
    """

    def __init__(self, settings, listen):
        super().__init__()
        self.settings = settings
        self.listen = listen

    def command(self):
        build = pathlib.Path(os.environ.get("SLUICE_BUILD_DIR", "build"))
        config, control_socket = self.state_dir / "sluice.conf", self.state_dir / "dataplane.sock"
        dataplane = self.settings.replace("dataplane :\n{", f'dataplane :\n{{\n  control_socket = "{control_socket}";', 1)
        config.write_text(f'http : {{ listen = "{self.listen}"; port = {HTTP[1]}; }};\n{dataplane}')
        return ["/usr/bin/python3", ROOT / "tools/supervise/supervise.py", "--state-dir", self.state_dir, "--build-dir", ROOT / build,
                "--config", config, "--control-socket", control_socket, "--listen", f"{self.listen}:{HTTP[1]}",
                "--url", f"http://{self.listen}:{HTTP[1]}"]


class Result(unittest.TextTestResult):
    def addSuccess(self, test):
        super().addSuccess(test)
        print(f"ok {test.id()}", flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print(f"not ok {test.id()}", flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        print(f"not ok {test.id()}", flush=True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"skipped {test.id()}: {reason}", flush=True)


def figure(name, value):
    """A measured value that the run reports and nothing fails by."""
    print(f"figure {name}: {value}", flush=True)


def run_tests():
    """Runs the tests of the calling file; the last line is what ./check reads."""
    if os.environ.get("SLUICE_ISOLATED") != "1":
        sys.exit(f"run it as tests/lib/isolate /usr/bin/python3 {sys.argv[0]}: it makes interfaces and must not do so on this machine's network")
    program = unittest.main(module="__main__", exit=False, testRunner=unittest.TextTestRunner(resultclass=Result, stream=sys.stderr))
    result = program.result
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    print(f"{max(0, result.testsRun - failed - skipped)} passed, {failed} failed, {skipped} skipped", flush=True)
    sys.exit(1 if failed else 0)
