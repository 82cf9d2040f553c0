"""Sluice has a whole NIC, and the kernel behind it keeps working: ARP, ping and TCP pass the host port beside the media.

The NIC is one end of a veth pair, taken by DPDK's af_packet driver (dataplane.port.type = "vdev"); the other end is a peer in a
namespace of its own. The kernel's view of the NIC is closed, so that whatever the peer gets from the host's kernel came through Sluice.
"""
import asyncio
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

os.environ["SLUICE_HTTP_HOST"] = "10.99.0.1"
TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "lib"), str(TESTS / "fault")]
from aiortc_peer import Publisher, Viewer  # noqa: E402
from load import Load, assert_mute_viewers_lose_nothing  # noqa: E402
from sluice import QUICK, ROOT, Quickstart, figure, run_tests, wait_until  # noqa: E402

HOST, HOST6, PEER = "10.99.0.1", "fd99::1", "10.99.0.2"
ECHO_PORT = 2222  # in the place of ssh
SECONDS = 4 if QUICK else 10
VIEWERS = 5
# What the viewers send ends at the router, which goes on to bring them what comes.
MUTE = ("ip -n peer rule add from 10.98.0.2 lookup 100", "ip -n peer route add blackhole default table 100")
BUILD = ROOT / os.environ.get("SLUICE_BUILD_DIR", "build")

CONFIG = f"""
mode = "development";
http : {{ listen = "{HOST}"; }};
dataplane :
{{
  control_socket = "SOCKET";
  port : {{ type = "vdev"; device = "net_af_packet0,iface=nic0"; address = "{HOST}/24"; address6 = "{HOST6}/64"; host_interface = "host0"; }};
}};
"""

NETWORK = f"""
ip netns add peer
ip link add nic0 type veth peer name peer0 netns peer
sysctl -qw net.ipv6.conf.nic0.disable_ipv6=1 net.ipv4.conf.nic0.arp_ignore=8 net.ipv4.conf.nic0.rp_filter=1
ip link set nic0 up
ip tuntap add dev host0 mode tap
ip address add {HOST}/24 dev host0
ip -6 address add {HOST6}/64 dev host0 nodad
ip link set host0 up
ip -n peer link set lo up
ip -n peer address add {PEER}/24 dev peer0
ip -n peer -6 address add fd99::2/64 dev peer0 nodad
ip -n peer link set peer0 up
ip netns exec peer ethtool -K peer0 tx off
ip netns exec peer sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.peer0.arp_notify=1
ip netns add viewer
ip link add v0 netns peer type veth peer name v0 netns viewer
ip -n peer address add 10.98.0.1/24 dev v0
ip -n peer link set v0 up
ip -n viewer address add 10.98.0.2/24 dev v0
ip -n viewer link set v0 up
ip -n viewer link set lo up
ip -n viewer route add default via 10.98.0.1
ip netns exec viewer ethtool -K v0 tx off
ip route add 10.98.0.0/24 via 10.99.0.2 dev host0
"""


def run(*command, timeout=60):
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


def in_order(*lines):
    for line in lines:
        done = run(*line.split())
        if done.returncode != 0:
            raise AssertionError(f"{line}: {done.stderr}")


def in_peer(*command):
    return ["nsenter", "--net=/run/netns/peer", *command]


def received_of(ping):
    """Of a ping's output."""
    return int(ping.stdout.split(" received")[0].split()[-1]) if " received" in ping.stdout else 0


class Planes(Quickstart):
    """Both planes under the supervisor, with the configuration above; the host is set up by the test."""

    def command(self):
        config = self.state_dir / "sluice.conf"
        control_socket = self.state_dir / "dataplane.sock"
        config.write_text(CONFIG.replace("SOCKET", str(control_socket)))
        return ["/usr/bin/python3", ROOT / "tools/supervise/supervise.py", "--state-dir", self.state_dir, "--build-dir", BUILD, "--config", config,
                "--control-socket", control_socket, "--listen", f"{HOST}:7880", "--url", f"http://{HOST}:7880"]

    def port(self):
        output = run(str(BUILD / "tools/sluicectl"), "--json", "--control-socket", str(self.state_dir / "dataplane.sock"), "ports")
        return json.loads(output.stdout)["data"]["ports"][0]


class Echo(threading.Thread):
    """The service that the host's kernel serves: what it gets it sends back."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("::", ECHO_PORT), family=socket.AF_INET6, dualstack_ipv6=True)
        self.start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    @staticmethod
    def serve(connection):
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)


# 802.1Q by raw sockets: not every kernel has VLAN interfaces.
TAG, EXPERIMENTAL = 42, 0x88B5
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 1 << 4


def open_raw(interface):
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))  # ETH_P_ALL
    raw.bind((interface, 3))
    raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    raw.settimeout(10)
    return raw


def tagged_frame(to, payload):
    return bytes.fromhex(to.replace(":", "")) + bytes.fromhex("02aabbccdd02") + struct.pack("!HHH", 0x8100, TAG, EXPERIMENTAL) + payload.ljust(46, b"\0")


def receive_tagged(raw, payload):
    """The VLAN id of the frame with that payload; the kernel hands the tag over beside the frame."""
    while True:
        frame, control, _, address = raw.recvmsg(2048, 256)
        if payload not in frame or address[2] == socket.PACKET_OUTGOING:
            continue
        for level, kind, data in control:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", data[:20])
                return tci & 0xFFF if status & TP_STATUS_VLAN_VALID else None


# ---------------------------------------------------------------- what runs in the peer's namespace


def scene_tcp(count, pause):
    """A long-lived connection: numbered lines there and back. One JSON line per echo."""
    with socket.create_connection((HOST, ECHO_PORT), timeout=30) as connection, connection.makefile("rw") as lines:
        for number in range(int(count)):
            sent = time.monotonic()
            lines.write(f"{number}\n")
            lines.flush()
            echoed = lines.readline()
            print(json.dumps({"number": number, "right": echoed == f"{number}\n", "seconds": time.monotonic() - sent}), flush=True)
            time.sleep(float(pause))


def scene_bulk(host, size):
    """A megabyte or so, of segments that fill the MTU."""
    data = os.urandom(int(size))
    begun = time.monotonic()
    with socket.create_connection((host, ECHO_PORT), timeout=30) as connection:
        threading.Thread(target=connection.sendall, args=(data,), daemon=True).start()
        back = bytearray()
        while len(back) < len(data):
            chunk = connection.recv(65536)
            if not chunk:
                break
            back += chunk
    print(json.dumps({"right": bytes(back) == data, "seconds": time.monotonic() - begun}))


def scene_media(seconds):
    async def scene():
        async with Publisher("nic") as publisher, Viewer("nic") as viewer:
            await viewer.wait_frames(5)
            before = viewer.frames
            await asyncio.sleep(float(seconds))
            frames = viewer.frames - before
            reports = await publisher.stats("remote-inbound-rtp")
            print(json.dumps({"frames": frames, "lost": await viewer.lost(), "energy": viewer.energy, "reports": len(reports),
                              "upstream_lost": sum(row.packetsLost for row in reports)}))

    asyncio.run(scene())


def scene_tagged():
    peer = open_raw("peer0")
    peer.send(tagged_frame("ff:ff:ff:ff:ff:ff", b"from the peer"))
    print(json.dumps({"tag": receive_tagged(peer, b"from the host")}))


def start_scene(name, *arguments):
    return subprocess.Popen(in_peer("/usr/bin/python3", __file__, "scene", name, *map(str, arguments)), stdout=subprocess.PIPE, text=True)


def result_of(scene, seconds=60):
    output, _ = scene.communicate(timeout=seconds)
    if scene.returncode != 0 or not output:
        raise AssertionError(f"the scene in the peer's namespace ended with {scene.returncode}")
    return json.loads(output.splitlines()[-1])


# ---------------------------------------------------------------- the tests


class HostPort(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        in_order(*NETWORK.strip().splitlines())
        # The control of all that follows: without Sluice nobody answers.
        if received_of(run(*in_peer("ping", "-c", "1", "-W", "1", HOST))) != 0:
            raise AssertionError("the kernel answers on the NIC by itself: these tests would prove nothing")
        cls.echo = Echo()
        cls.sluice = Planes().start()

    @classmethod
    def tearDownClass(cls):
        cls.sluice.stop()

    def test_arp_and_ping_of_both_families_in_both_directions(self):
        nic = json.loads(run("ip", "-j", "link", "show", "nic0").stdout)[0]["address"]
        tap = json.loads(run("ip", "-j", "link", "show", "host0").stdout)[0]["address"]
        self.assertEqual(tap, nic, "the host port carries the NIC's MAC")
        before = self.sluice.port()["counters"]
        run(*in_peer("ip", "neigh", "flush", "dev", "peer0"))
        for ping in (in_peer("ping", "-c", "20", "-i", "0.05", HOST), in_peer("ping", "-6", "-c", "20", "-i", "0.05", HOST6),
                     ["ping", "-c", "20", "-i", "0.05", PEER]):
            done = run(*ping)
            self.assertEqual(received_of(done), 20, done.stdout)
            figure(" ".join(ping[-7:]), done.stdout.strip().splitlines()[-1])
        neighbour = [n for n in json.loads(run("ip", "-n", "peer", "-j", "neigh", "show", "dev", "peer0").stdout) if n["dst"] == HOST]
        self.assertEqual(neighbour[0]["lladdr"], nic)
        after = self.sluice.port()["counters"]
        self.assertGreaterEqual(after["to_host"] - before["to_host"], 60)
        self.assertGreaterEqual(after["from_host"] - before["from_host"], 60)
        self.assertEqual(after["host_refused"], 0)

    def test_tcp_of_both_families(self):
        for host in (HOST, HOST6):
            result = result_of(start_scene("bulk", host, 2_000_000))
            self.assertTrue(result["right"], f"TCP to {host} came back altered")
            figure(f"2 MB there and back over TCP to {host}, s", round(result["seconds"], 2))

    def test_media_beside_the_hosts_traffic_loses_nothing(self):
        media = start_scene("media", SECONDS)
        tcp = start_scene("tcp", SECONDS * 10, 0.1)
        result = result_of(media, 60 + SECONDS)
        self.assertEqual(result["lost"], 0)
        self.assertGreaterEqual(result["frames"], 0.9 * 15 * SECONDS)
        self.assertGreater(result["energy"], 0)
        self.assertGreater(result["reports"], 0)
        self.assertEqual(result["upstream_lost"], 0)
        figure("media beside TCP", result)
        self.assertTrue(result_of(tcp)["right"])

    def test_a_router_that_changes_its_mac_is_followed_by_the_kernels_neighbours_though_the_viewers_are_mute(self):
        url = ("--url", f"http://{HOST}:7880")
        with Load("router", 0, *url, netns="peer") as publisher, Load("router", VIEWERS, *url, "--publishers", 0, netns="viewer") as viewers:
            publisher.wait_joined(30)
            viewers.wait_joined(30)
            viewers.wait_status(lambda s: s["viewers_with_media"] == VIEWERS, 15, "every viewer has media")
            in_order(*MUTE)
            try:
                # Twice, so that whatever remembers only the first is found out.
                in_order("ip -n peer link set dev peer0 address 02:00:5e:00:01:07", "ip -n peer link set dev peer0 address 02:00:5e:00:01:08")
                assert_mute_viewers_lose_nothing(self, viewers, VIEWERS, "the router's new MAC")
            finally:
                in_order(*(line.replace(" add ", " delete ") for line in MUTE))
            viewers.finish()
            publisher.finish()

    def test_a_connection_of_the_hosts_survives_kill_9_of_the_data_plane(self):
        scene = start_scene("tcp", 100, 0.05)
        lines = iter(scene.stdout)
        for _ in range(10):
            next(lines)
        starts = self.sluice.starts("dataplane")
        self.sluice.kill("dataplane")
        self.sluice.wait_restarted("dataplane", starts)
        rest = [json.loads(line) for line in lines]
        self.assertEqual(scene.wait(60), 0, "the connection broke")
        scene.stdout.close()
        self.assertEqual(rest[-1]["number"], 99)
        self.assertTrue(all(line["right"] for line in rest))
        figure("longest echo across kill -9, s", round(max(line["seconds"] for line in rest), 2))
        wait_until(lambda: received_of(run(*in_peer("ping", "-c", "1", "-W", "1", HOST))) == 1, 10, "ping answers again")
        self.sluice.wait_ready(20)

    def test_tagged_frames_pass_with_their_tag(self):
        host = open_raw("host0")
        scene = start_scene("tagged")
        self.assertEqual(receive_tagged(host, b"from the peer"), TAG, "the tag did not reach the host port")
        host.send(tagged_frame("ff:ff:ff:ff:ff:ff", b"from the host"))
        self.assertEqual(result_of(scene)["tag"], TAG, "the tag did not reach the wire")

    def test_the_hosts_interface_may_be_deleted_and_media_goes_on(self):
        url = ("--url", f"http://{HOST}:7880")
        with Load("deleted", VIEWERS, *url, netns="peer") as load:
            load.wait_joined(30)
            load.wait_status(lambda s: s["viewers_with_media"] == VIEWERS, 15, "every viewer has media")
            before = load.status()
            in_order("ip link delete host0")
            try:
                time.sleep(1.5)
                after = load.status()
                self.assertGreater(after["rtp_received"] - before["rtp_received"], VIEWERS * 60)
                self.assertEqual(after["rtp_lost"], 0)
                self.assertIn("the kernel behind the host port is lost", self.sluice.log())
            finally:
                in_order(*(line for line in NETWORK.strip().splitlines() if "dev host0" in line or "set host0" in line))
                starts = self.sluice.starts("dataplane")
                self.sluice.kill("dataplane")
                self.sluice.wait_restarted("dataplane", starts)
                self.sluice.wait_ready(20)
            load.finish()
        self.assertEqual(received_of(run(*in_peer("ping", "-c", "3", "-i", "0.2", HOST))), 3, "the host answers again")


if __name__ == "__main__":
    if sys.argv[1:2] == ["scene"]:
        {"tcp": scene_tcp, "bulk": scene_bulk, "media": scene_media, "tagged": scene_tagged}[sys.argv[2]](*sys.argv[3:])
        sys.exit(0)
    run_tests()
