"""sluicectl looks into a running Sluice: captures that tshark opens, traces, events; while either plane is killed."""
import asyncio
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from aiortc_peer import Publisher, Viewer  # noqa: E402
from sluice import ROOT, Quickstart, figure, request, run_tests, wait_until  # noqa: E402

BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD_DIR", ROOT / "build"))


def drop_every(peer, n):
    """From now on the peer does not see every n-th packet that reaches it: it will ask for them again."""
    transport = peer.connection.getReceivers()[0].transport
    deliver, count = transport._handle_rtp_data, 0

    async def lossy(data, arrival_time_ms):
        nonlocal count
        count += 1
        if count % n:
            await deliver(data, arrival_time_ms)

    transport._handle_rtp_data = lossy


def tshark(file, *arguments):
    """The lines of `tshark -r FILE`."""
    done = subprocess.run(["tshark", "-n", "-r", file, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


class Observe(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sluice = Quickstart().start()
        cls.directory = tempfile.TemporaryDirectory(prefix="sluice-observe-")

    @classmethod
    def tearDownClass(cls):
        cls.sluice.stop()
        cls.directory.cleanup()

    def file(self, name):
        return f"{self.directory.name}/{name}"

    def spawn(self, *arguments):
        command = [BUILD / "tools/sluicectl", "--control-socket", self.sluice.state_dir / "dataplane.sock", *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, process, exit_code=0):
        """(stdout, stderr) of a verb that ends by itself."""
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, exit_code, out + err)
        return out, err

    def ctl(self, *arguments, exit_code=0):
        return self.end(self.spawn(*arguments), exit_code)

    def data(self, *arguments):
        return json.loads(self.ctl("--json", *arguments)[0].splitlines()[-1])["data"]

    def transport(self, room, role):
        return next(t for t in self.data("show", "room", room)["transports"] if t["role"] == role)

    def rtp(self, file, port, *fields):
        """Fields of every RTP packet, as tshark dissects what goes over that port."""
        names = [argument for field in fields for argument in ("-e", field)]
        lines = tshark(file, "-d", f"udp.port=={port},rtp", "-Y", "rtp && !rtcp", "-T", "fields", *names)
        return [line.split("\t") for line in lines]

    def run_scene(self, room, scene):
        async def peers():
            async with Publisher(room) as publisher, Viewer(room) as viewer:
                await viewer.wait_frames(10)
                await scene(publisher, viewer)

        asyncio.run(peers())

    def test_a_capture_is_sealed_as_on_the_wire_and_goes_on_without_the_control_plane(self):
        wire = self.file("wire.pcapng")

        async def scene(publisher, viewer):
            run = self.spawn("capture", "--seconds", 4, "--write", wire, "--json")
            await asyncio.sleep(0.7)
            before = self.sluice.starts("controlplane")
            self.sluice.kill("controlplane")
            sum_ = json.loads((await asyncio.to_thread(self.end, run))[0])["data"]
            self.sluice.wait_restarted("controlplane", before)
            self.assertEqual(sum_["lost"], 0)
            rows = [line.split("\t") for line in tshark(wire, "-T", "fields", "-e", "frame.interface_name",
                                                       "-e", "frame.packet_flags_direction", "-e", "frame.time_epoch")]
            self.assertEqual(len(rows), sum_["frames"], "tshark reads every frame that was counted")
            directions = [row[1] for row in rows]
            self.assertEqual({d[-1:] for d in directions}, {"1", "2"}, "both directions")
            self.assertEqual(sum(d.endswith("1") for d in directions), sum_["rx"])
            self.assertTrue({row[0] for row in rows} <= {f"worker{w['id']}" for w in sum_["workers"]})
            # All through the outage: no half second without a frame.
            times = sorted(float(row[2]) for row in rows)
            self.assertGreater(times[-1] - times[0], 3)
            self.assertLess(max(b - a for a, b in zip(times, times[1:])), 0.5)
            viewing = self.transport("wire", "viewer")
            port = int(viewing["local"].rsplit(":", 1)[1])
            first_bytes = {p[:2] for pt, p in self.rtp(wire, port, "rtp.p_type", "rtp.payload") if p}
            self.assertGreater(len(first_bytes), 60, "ciphertext begins with anything")
            figure("capture", f"{sum_['frames']} frames in 4 s, {sum_['rx']} received, {sum_['tx']} sent")

        self.run_scene("wire", scene)
        self.assertNotIn("audit:", self.sluice.log())

    def test_a_plaintext_capture_dissects_and_is_audited(self):
        clear = self.file("clear.pcapng")

        async def scene(publisher, viewer):
            viewing = self.transport("clear", "viewer")
            port = int(viewing["local"].rsplit(":", 1)[1])
            sum_ = await asyncio.to_thread(self.data, "capture", "--plaintext", "--transport", viewing["id"], "--seconds", 3,
                                           "--write", clear)
            legs = {line["ssrc"]: line["kind"] for line in viewing["lines"]}
            seen = {}
            for ssrc, sequence, payload in self.rtp(clear, port, "rtp.ssrc", "rtp.seq", "rtp.payload"):
                seen.setdefault(legs[int(ssrc, 16)], []).append((int(sequence), payload))
            for kind in ("audio", "video"):
                sequences = [s for s, _ in seen[kind]]
                self.assertGreater(len(sequences), 30)
                self.assertEqual(sequences, list(range(sequences[0], sequences[0] + len(sequences))), "none is missing")
            # The first byte of an Opus packet tells its configuration, which is the same all the time.
            self.assertLessEqual(len({p[:2] for _, p in seen["audio"]}), 3)
            self.assertTrue(tshark(clear, "-d", f"udp.port=={port},rtp", "-Y", "rtcp"), "RTCP is shown opened too")
            self.assertEqual(len(tshark(clear)), sum_["frames"])
            self.assertEqual(self.ctl("capture", "--room", "clear", "--count", 20, "--write", self.file("room.pcapng"))[0][:9],
                             "20 frames")

        self.run_scene("clear", scene)
        self.assertIn("audit: plaintext capture started by uid 0", self.sluice.log())
        self.assertIn("audit: plaintext capture ended by uid 0", self.sluice.log())
        self.assertIn("a plaintext capture of transport", self.ctl("events")[0])

    def test_a_trace_tells_of_loss_and_its_repair(self):
        async def scene(publisher, viewer):
            drop_every(viewer, 15)
            ids = {role: self.transport("trace", role)["id"] for role in ("viewer", "publisher")}
            run = self.spawn("trace", "transport", ids["viewer"], "--seconds", 3, "--json")
            await asyncio.sleep(0.5)
            self.assertIn("another trace runs", self.ctl("trace", ids["viewer"], exit_code=1)[1])
            lines = [json.loads(line) for line in (await asyncio.to_thread(self.end, run))[0].splitlines()]
            self.assertEqual(lines[-1]["data"]["lost"], 0)
            events = [line for line in lines if "event" in line]
            self.assertEqual({e["transport"] for e in events}, {ids["viewer"]})
            kinds = {e["event"] for e in events}
            self.assertLessEqual({"nack_asked", "nack_answered", "rr_received", "sr_sent"}, kinds, kinds)
            self.assertLessEqual({e["sequence"] for e in events if e["event"] == "nack_answered"},
                                 {e["sequence"] for e in events if e["event"] == "nack_asked"})
            text = (await asyncio.to_thread(self.ctl, "trace", ids["publisher"], "--seconds", 2.5))[0]
            self.assertIn("rr_sent", text)
            self.assertIn("sr_received", text)

            leg = next(line["leg"] for line in self.transport("trace", "viewer")["lines"] if line["kind"] == "video")
            counters = self.data("show", "leg", leg)["counters"]
            self.assertGreater(counters["nacks"], 0)
            for field in ("lost", "fraction_lost", "rtt_us", "remb_bps", "jitter", "rtp_reserved", "rtx_reserved"):
                self.assertIn(field, counters)
            self.assertNotEqual(counters["source"], "0" * 16)
            self.assertGreaterEqual(counters["rtp_reserved"] % 65536, 1)
            _, err = self.ctl("--admin-socket", "/nonexistent", "show", "leg", leg)
            self.assertIn("the control plane is down", err)

        self.run_scene("trace", scene)

    def test_events_outlive_the_control_plane(self):
        run = self.spawn("events", "--follow", "--seconds", 6, "--json")

        async def scene(publisher, viewer):
            await asyncio.sleep(0.7)  # the tails are kept twice a second
            before = self.sluice.starts("controlplane")
            self.sluice.kill("controlplane")
            self.sluice.wait_restarted("controlplane", before)
            await asyncio.to_thread(self.sluice.wait_ready)
            async with Viewer("events"):
                pass

        self.run_scene("events", scene)
        lines = [json.loads(line) for line in self.end(run)[0].splitlines()]
        ids = [line["id"] for line in lines if "id" in line]
        self.assertEqual(len(ids), len(set(ids)), "each event once")
        texts = [line["text"] for line in lines if line.get("room") == "events"]
        self.assertEqual(texts.count("publisher connected"), 1)
        self.assertIn("the control plane restarted", texts)
        self.assertEqual(texts.count("viewer connected"), 2)
        remembered = [e["text"] for e in self.data("events", "--room", "events")["events"]]
        self.assertLess(remembered.index("publisher connected"), remembered.index("the control plane restarted"))
        self.assertTrue([line for line in lines if line.get("source") == "sluicectl" and "down" in line["text"]])

    def test_kick_and_drain(self):
        async def scene(publisher, viewer):
            kicked = self.transport("kick", "viewer")["id"]
            self.assertIn("sessions ended: 1", self.ctl("kick", kicked)[0])
            self.assertEqual([t["role"] for t in self.data("show", "room", "kick")["transports"]], ["publisher"])
            self.assertIn("no transport", self.ctl("trace", kicked, exit_code=1)[1])
            self.ctl("drain")
            self.assertEqual(request("POST", "/whep/kick", "v=0\r\n", {"Content-Type": "application/sdp"})[0], 503)
            self.ctl("drain", "--off")
            events = self.ctl("events")[0]
            self.assertIn("viewer left: kicked by the operator", events)
            self.assertIn("draining: new sessions are refused", events)

        self.run_scene("kick", scene)

    def test_zz_a_capture_that_the_data_plane_does_not_survive_is_a_whole_file(self):
        cut = self.file("cut.pcapng")
        run = self.spawn("capture", "--write", cut, "--seconds", 20)
        self.assertIn("capturing", run.stderr.readline())
        for _ in range(3):
            subprocess.run(["ping", "-c", "1", "-W", "1", "10.77.0.1"], check=False, capture_output=True)
        time.sleep(0.1)
        before = self.sluice.starts("dataplane")
        self.sluice.kill("dataplane")
        _, err = self.end(run, exit_code=3)
        self.assertIn("the data plane ended during the capture", err)
        self.assertGreaterEqual(len(tshark(cut, "-Y", "icmp")), 6, "requests and answers")
        self.sluice.wait_restarted("dataplane", before)
        wait_until(lambda: "the data plane restarted" in self.ctl("events")[0], 10, "the restart is an event")
        self.ctl("capture", "--seconds", 0.2, "--write", self.file("again.pcapng"))


if __name__ == "__main__":
    run_tests()
