"""dataplane.port.type = "af_xdp" over veth: media through the XDP filter, everything else of the same address by the kernel.

    here: edge0 10.88.0.1 -------- r0 10.88.0.2 :router: v0 10.89.0.1 -------- v0 10.89.0.2 :viewer
"""
import asyncio
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "lib"), str(TESTS / "fault")]
import sluice  # noqa: E402
from aiortc_peer import Publisher, Viewer  # noqa: E402
from load import Load, assert_mute_viewers_lose_nothing  # noqa: E402
from sluice import QUICK, ROOT, Planes, figure, request, run_tests, wait_until  # noqa: E402
from xdp import attach_foreign  # noqa: E402

# For planes that are built with the sanitizers: what is not ours to mend.
os.environ["LSAN_OPTIONS"] = f"suppressions={TESTS / 'netns' / 'af_xdp_lsan.supp'}:print_suppressions=0"

OURS, ROUTER = "10.88.0.1", "10.88.0.2"
OURS6 = "fd88::1"
MEDIA_PORT = 7882
URL = ("--url", f"http://{OURS}:7880")
SECONDS = 2 if QUICK else 5
VIEWERS = 10
BACK_WITHIN = 3.0  # seconds from the kill of the data plane until everybody has media again
LIMIT = 5 * BACK_WITHIN
CLONE_NEWNET = 0x40000000
sluice.HTTP = (OURS, 7880)


def settings(**port):
    port = {"type": "af_xdp", "interface": "edge0", "address": f"{OURS}/24", "address6": f"{OURS6}/64", **port}
    workers = port.pop("workers", 1)
    keys = "".join(f" {key} = {json.dumps(value)};" for key, value in port.items())
    cores = ",".join(["1", "0"][:workers])
    return f'mode = "development";\ndataplane :\n{{\n  workers = {workers}; cores = "{cores}";\n  port : {{{keys} }};\n}};\n'


def run(command):
    return subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout


def within(netns, function):
    """The function's result, run by a thread in that network namespace."""
    result = []

    def body():
        with open(f"/run/netns/{netns}", encoding="ascii") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
                result.append(OSError(ctypes.get_errno(), f"setns {netns}"))
                return
        try:
            result.append(function())
        except BaseException as error:  # raised again by the caller
            result.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


def set_up_network():
    for command in f"""ip netns add router
        ip netns add viewer
        ip link add edge0 type veth peer name r0 netns router
        ip -n router link add v0 type veth peer name v0 netns viewer
        ip address add {OURS}/24 dev edge0
        ip -6 address add {OURS6}/64 dev edge0 nodad
        ip -n router address add {ROUTER}/24 dev r0
        ip -n router -6 address add fd88::2/64 dev r0 nodad
        ip -n router address add 10.89.0.1/24 dev v0
        ip -n viewer address add 10.89.0.2/24 dev v0
        ip link set edge0 up
        ip -n router link set r0 up
        ip -n router link set v0 up
        ip -n router link set lo up
        ip -n viewer link set v0 up
        ip -n viewer link set lo up
        ip -n viewer route add default via 10.89.0.1
        ip route add 10.89.0.0/24 via {ROUTER}
        ip netns exec router sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.r0.arp_notify=1 net.ipv6.conf.r0.ndisc_notify=1
        ip netns exec router ethtool -K r0 tx off
        ip netns exec viewer ethtool -K v0 tx off
        {ROOT}/tools/host/media-ports add edge0 {MEDIA_PORT} 1""".splitlines():
        run(command)


def program_on_edge0():
    """The name of the XDP program on the port's interface, or None."""
    found = re.search(r"prog/xdp id \d+ name (\S+)", run("ip -d link show dev edge0"))
    return found[1] if found else None


class Ping:
    """Pings the port's address, 20 times a second, from the router; loss() ends it."""

    def __init__(self, address):
        self.process = subprocess.Popen(["ip", "netns", "exec", "router", "ping", "-i", "0.05", "-w", "120", address],
                                        stdout=subprocess.PIPE, text=True)

    def loss(self):
        self.process.send_signal(signal.SIGINT)
        output = self.process.communicate(timeout=10)[0]
        sent, answered = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", output).groups())
        # The last one may be under way.
        return sent, max(0, sent - answered - 1)


class UdpEcho:
    """A kernel socket on the port's address, on a port that is not media's."""

    PORT = 9001

    def __enter__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((OURS, self.PORT))
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def serve(self):
        try:
            while True:
                data, peer = self.socket.recvfrom(2048)
                self.socket.sendto(data, peer)
        except OSError:
            pass

    def __exit__(self, *_):
        self.socket.close()


def answers(port, count):
    """How many of so many datagrams to that port of ours are answered, or "refused" after an ICMP error."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((OURS, port))
        client.settimeout(0.3)
        answered = 0
        for number in range(count):
            try:
                client.send(b"\xff%d" % number)
                client.recv(2048)
                answered += 1
            except ConnectionRefusedError:
                return "refused"
            except TimeoutError:
                pass
        return answered


class Media(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.planes = Planes(settings(), OURS).start()

    @classmethod
    def tearDownClass(cls):
        cls.planes.stop()

    def test_no_packet_is_lost_while_the_kernel_serves_the_same_address(self):
        pings = [Ping(OURS), Ping(OURS6)]
        with UdpEcho(), Load("clean", VIEWERS, *URL, "--audio", "--expect-no-loss", netns="viewer") as load:
            load.wait_joined(30)
            load.wait_status(lambda s: s["viewers_with_media"] == VIEWERS, 15, "every viewer has media")
            deadline = time.monotonic() + SECONDS
            requests = 0
            while time.monotonic() < deadline:
                self.assertEqual(within("router", lambda: request("GET", "/healthz"))[0], 200)
                requests += 1
                self.assertEqual(within("router", lambda: answers(UdpEcho.PORT, 10)), 10)
            report = load.finish()
        losses = [ping.loss() for ping in pings]
        figure("af_xdp", f"{report['rtp_received']} packets to {VIEWERS} viewers, {report['rtp_lost']} lost; beside them {requests} requests over TCP, "
                         f"{requests * 10} datagrams echoed, {losses[0][0]} + {losses[1][0]} pings")
        self.assertEqual([lost for _, lost in losses], [0, 0])
        self.assertEqual(report["exit_code"], 0, report["failures"])
        for key in ("rtp_lost", "auth_failures", "malformed", "content_errors", "send_errors"):
            self.assertEqual(report[key], 0, key)
        self.assertGreater(report["rtp_received"], VIEWERS * SECONDS * 60)

    def test_ipv6_loses_nothing_either(self):
        with Load("six", 3, *URL, "--ipv6", "--expect-no-loss", netns="router") as load:
            load.wait_joined(30)
            load.wait_status(lambda s: s["rtp_received"] > 200, 15, "media flows")
            report = load.finish()
        self.assertEqual((report["exit_code"], report["rtp_lost"]), (0, 0), report["failures"])

    def test_aiortc_publishes_and_watches(self):
        async def scene():
            async with Publisher("aiortc"), Viewer("aiortc") as viewer:
                await viewer.wait_frames(30)
                return await viewer.lost()

        self.assertEqual(within("router", lambda: asyncio.run(scene())), 0)

    def test_a_killed_data_plane_removes_its_stale_filter_and_media_is_back(self):
        ping = Ping(OURS)
        with Load("killed", VIEWERS, *URL, netns="viewer") as load:
            load.wait_joined(30)
            load.wait_status(lambda s: s["viewers_with_media"] == VIEWERS, 15, "every viewer has media")
            for _ in range(1 if QUICK else 3):
                starts, stale = self.planes.starts("dataplane"), self.planes.log().count("removed the XDP filter")
                load.command("mark")
                self.planes.kill("dataplane")
                self.planes.wait_restarted("dataplane", starts)
                restarted = time.monotonic_ns()
                load.wait_status(lambda s: s["silent_ms"] < min(250, (s["now_ns"] - restarted) / 1e6), LIMIT, "media is back for every viewer")
                gap = load.status()["max_gap_ms"] / 1000
                figure("seconds until media is back after kill -9 of the data plane", f"{gap:.2f}")
                self.assertGreater(gap, 0.05, "the fault did not interrupt anything: the test is wrong")
                self.assertLess(gap, LIMIT)
                self.assertEqual(self.planes.log().count("removed the XDP filter"), stale + 1)
            report = load.finish()
        self.assertEqual(ping.loss()[1], 0, "the kernel's part was disturbed")
        for key in ("index_reuse", "rtcp_index_reuse", "auth_failures", "viewers_failed"):
            self.assertEqual(report[key], 0, key)

    def test_a_gateway_that_changes_its_mac_is_followed_though_the_viewers_are_mute(self):
        with Load("gateway", 0, *URL, netns="router") as publisher, \
                Load("gateway", VIEWERS, *URL, "--publishers", 0, netns="viewer") as viewers:
            publisher.wait_joined(30)
            viewers.wait_joined(30)
            viewers.wait_status(lambda s: s["viewers_with_media"] == VIEWERS, 15, "every viewer has media")
            run("ip -n router rule add from 10.89.0.2 lookup 100")
            run("ip -n router route add blackhole default table 100")
            try:
                old = re.search(r"link/ether (\S+)", run("ip -n router link show dev r0"))[1]
                run("ip -n router link set dev r0 address 02:00:5e:00:01:07")
                run("ip -n router link set dev r0 address 02:00:5e:00:01:08")
                assert_mute_viewers_lose_nothing(self, viewers, VIEWERS, "the gateway's failover")
            finally:
                run("ip -n router rule delete from 10.89.0.2 lookup 100")
                run("ip -n router route delete blackhole default table 100")
                run(f"ip -n router link set dev r0 address {old}")
            viewers.finish()
            publisher.finish()


class Start(unittest.TestCase):
    def refusal(self, configuration):
        """What a data plane says that does not start."""
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "sluice.conf"
            path.write_text(configuration)
            build = ROOT / os.environ.get("SLUICE_BUILD_DIR", "build")
            ran = subprocess.run([build / "dataplane/app/sluice-dataplane", "--config", path, "--control-socket", f"{directory}/socket"],
                                 capture_output=True, text=True, check=False, timeout=30)
        self.assertEqual(ran.returncode, 1, ran.stdout + ran.stderr)
        return ran.stderr

    def test_the_filter_is_there_while_it_runs_and_gone_after_a_clean_stop(self):
        self.assertIsNone(program_on_edge0())
        with Planes(settings(), OURS) as planes:
            self.assertEqual(program_on_edge0(), "sluice_media")
            self.assertIn("another Sluice data plane", self.refusal(settings()))
            self.assertEqual(program_on_edge0(), "sluice_media")
            self.assertEqual(planes.stop(), 0)
        self.assertIsNone(program_on_edge0())

    def test_an_interface_that_vanishes_is_named_and_served_again_when_it_is_back(self):
        def add():
            run("ip link add gone0 type veth peer name gone1")
            run("ip address add 10.91.0.1/24 dev gone0")
            run("ip link set gone0 up")

        add()
        with Planes(settings(interface="gone0", address="10.91.0.1/24", address6=""), OURS) as planes:
            run("ip link delete gone0")
            wait_until(lambda: "interface has been removed" in planes.log(), 10, "the data plane says why it ends")
            wait_until(lambda: 'no interface "gone0"' in planes.log(), 10, "it is started again, in vain")
            add()
            wait_until(lambda: "name sluice_media" in run("ip -d link show dev gone0"), 10, "it serves the interface again")
            planes.wait_ready()
            self.assertEqual(planes.stop(), 0)
        run("ip link delete gone0")

    def test_four_capabilities_are_enough_also_to_remove_a_stale_filter(self):
        capabilities = ",".join(f"+{name}" for name in ("net_admin", "net_raw", "ipc_lock", "sys_admin"))
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory)
            # Where the unprivileged may not look, the tree may lie.
            program = shutil.copy(ROOT / os.environ.get("SLUICE_BUILD_DIR", "build") / "dataplane/app/sluice-dataplane", path)
            (path / "sluice.conf").write_text(settings())
            path.chmod(0o777)
            for life, end in (("first", signal.SIGKILL), ("second", signal.SIGTERM)):
                with open(path / life, "wb") as output:
                    process = subprocess.Popen(
                        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set", f"-all,{capabilities}",
                         "--inh-caps", f"-all,{capabilities}", "--ambient-caps", f"-all,{capabilities}", program, "--config",
                         path / "sluice.conf", "--control-socket", path / "socket"],
                        stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "XDG_RUNTIME_DIR": directory})
                said = (path / life).read_text
                try:
                    wait_until(lambda: "serves" in said() or process.poll() is not None, 15, "it serves")
                    self.assertIsNone(process.poll(), said())
                    self.assertEqual(program_on_edge0(), "sluice_media")
                finally:
                    process.send_signal(end)
                    process.wait(15)
                self.assertEqual("removed the XDP filter" in said(), life == "second")
        self.assertIsNone(program_on_edge0())

    def test_somebody_elses_program_is_refused_and_kept(self):
        descriptor = attach_foreign("edge0")
        try:
            self.assertIn('already has the XDP program "foreign"', self.refusal(settings()))
            self.assertIn("name foreign", run("ip -d link show dev edge0"))
        finally:
            os.close(descriptor)

    def test_what_cannot_work_is_refused_with_what_to_do(self):
        for change, reason in (({"interface": "nosuch0"}, 'no interface "nosuch0"'),
                               ({"address": "10.88.0.9/24"}, f"which has {OURS}/24"),
                               ({"address6": "fd99::1/64"}, f"which has {OURS6}/64"),
                               ({"mtu": 9000}, "takes 1500 bytes"),
                               ({"mac": "02:00:00:00:00:01"}, "leave the key empty"),
                               ({"workers": 2}, "lower dataplane.workers")):
            with self.subTest(change):
                self.assertIn(reason, self.refusal(settings(**change)))
        self.assertIsNone(program_on_edge0())

    def test_a_port_with_more_queues_than_workers_is_refused(self):
        run("ip link add many0 numrxqueues 4 numtxqueues 4 type veth peer name many1 numrxqueues 4 numtxqueues 4")
        try:
            run("ip link set many0 up")
            run("ip address add 10.90.0.1/24 dev many0")
            self.assertIn("ethtool -L many0 rx 1", self.refusal(settings(interface="many0", address="10.90.0.1/24", address6="")))
        finally:
            run("ip link delete many0")

    def test_the_kernel_does_not_answer_media_with_icmp_while_the_data_plane_is_down(self):
        self.assertEqual(within("router", lambda: answers(MEDIA_PORT + 50, 3)), "refused")
        self.assertEqual(within("router", lambda: answers(MEDIA_PORT, 3)), 0)


if __name__ == "__main__":
    if os.environ.get("SLUICE_ISOLATED") == "1":
        set_up_network()
    run_tests()
