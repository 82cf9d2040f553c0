"""Both planes die at once. Each is the other's memory, so the sessions are gone: what must hold all the same.

  - callers of HTTP wait in the supervisor's listening socket; none is refused
  - clients join again by themselves, as soon as the server says that it does not know them
  - whatever goes on (a data plane that was programmed again before the control plane died) never uses an index twice
  - the supervisor keeps the latest data plane's state segment, and gives it to the next control plane
"""
import asyncio
import os
import pathlib
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from aiortc_peer import Publisher, Viewer  # noqa: E402
from load import Load, Recording  # noqa: E402
from sluice import QUICK, Quickstart, figure, request, run_tests, wait_until  # noqa: E402

# Milliseconds from the moment when the next data plane serves, to the end of the control plane: it is programmed again in about 30 ms.
# None: both die at once.
MOMENTS = (None, 5, 40) if QUICK else (None, 2, 5, 15, 40)
VIEWERS = 30


def kill_both(sluice, moment=None):
    starts = {plane: sluice.starts(plane) for plane in ("dataplane", "controlplane")}
    served = lambda: sluice.log().count("sluice-dataplane serves")
    before = served()
    sluice.kill("dataplane")
    if moment is not None:
        wait_until(lambda: served() > before, 10, "the next data plane serves")
        time.sleep(moment / 1000)
    sluice.kill("controlplane")
    return starts


def wait_for_both(sluice, starts):
    for plane, before in starts.items():
        sluice.wait_restarted(plane, before)
    sluice.wait_ready(15)


def state_segments(pid):
    """The state segments that a process has open: their inodes."""
    found = []
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            if "memfd:sluice-state" in os.readlink(descriptor):
                found.append(os.stat(descriptor).st_ino)
        except FileNotFoundError:
            pass
    return found


def received(load):
    return [viewer["rtp_received"] for viewer in load.detail()["viewers"]]


class Kept(unittest.TestCase):
    def test_the_next_control_plane_inherits_the_segment_of_the_latest_data_plane(self):
        with Quickstart() as sluice:
            supervisor = sluice.pids()["supervisor"]
            wait_until(lambda: len(state_segments(supervisor)) == 1, 5, "the supervisor keeps the state segment")
            first = state_segments(supervisor)
            for again in (False, True):
                if again:
                    starts = sluice.starts("dataplane")
                    sluice.kill("dataplane")
                    sluice.wait_restarted("dataplane", starts)
                    wait_until(lambda: state_segments(supervisor) not in ([], first), 5, "it keeps that of the next life")
                self.assertEqual(len(state_segments(supervisor)), 1, "one is kept, not every life's")
                starts = sluice.starts("controlplane")
                sluice.kill("controlplane")
                sluice.wait_restarted("controlplane", starts)
                sluice.wait_ready()
                environment = pathlib.Path(f"/proc/{sluice.pid('controlplane')}/environ").read_bytes()
                self.assertIn(b"SLUICE_STATE_FD=", environment)
                self.assertIn(state_segments(supervisor)[0], state_segments(sluice.pid("controlplane")))
            self.assertNotIn("unusable", sluice.log())


class Rejoin(unittest.TestCase):
    def test_callers_wait_and_clients_come_back(self):
        async def scene(sluice):
            async with Publisher("again") as publisher, Viewer("again") as viewer:
                await viewer.wait_frames(5)
                self.assertTrue(await publisher.is_known() and await viewer.is_known())
                starts = kill_both(sluice)
                killed = time.monotonic()
                # One asks at once, before anybody is there to answer.
                status, _, _ = await asyncio.to_thread(request, "GET", "/healthz", None, None, 15)
                self.assertEqual(status, 200)
                figure("an HTTP caller waited", f"{time.monotonic() - killed:.2f} s")
                await asyncio.to_thread(wait_for_both, sluice, starts)
                figure("ready again after", f"{time.monotonic() - killed:.2f} s")
                self.assertFalse(await publisher.is_known() or await viewer.is_known())
            self.assertEqual((publisher.deleted, viewer.deleted), (404, 404))
            async with Publisher("again"), Viewer("again") as viewer:
                await viewer.wait_frames(5)
                figure("media again after", f"{time.monotonic() - killed:.2f} s")

        with Quickstart() as sluice:
            asyncio.run(scene(sluice))


class Indices(unittest.TestCase):
    def test_what_goes_on_never_repeats_an_index(self):
        went_on = 0
        with Quickstart() as sluice, tempfile.TemporaryDirectory(prefix="sluice-record-") as directory:
            for number, moment in enumerate(MOMENTS):
                record = pathlib.Path(directory) / str(number)
                with Load(f"both{number}", VIEWERS, "--audio", "--record", record, "--join-rate", 200, "--join-timeout", 20) as load:
                    load.wait_joined(30)
                    wait_until(lambda: min(received(load)) > 50, 15, "every viewer has media")
                    starts = kill_both(sluice, moment)
                    wait_for_both(sluice, starts)
                    before = received(load)
                    time.sleep(1)
                    flowing = sum(after > earlier + 20 for after, earlier in zip(received(load), before))
                    when = "with the data plane" if moment is None else f"{moment} ms after the next data plane served"
                    figure(f"control plane killed {when}", f"{flowing} of {VIEWERS} viewers go on")
                    went_on += flowing > 0
                    if moment is None:
                        self.assertEqual(flowing, 0, "the sessions are gone with both planes, or this test does not kill them")
                    os.kill(load.process.pid, signal.SIGTERM)
                    load.process.wait(30)
                recording = Recording(record)
                self.assertEqual(recording.violations[:5], [], f"{len(recording.violations)} violations, killed {when}")
                self.assertGreater(recording.packets["srtp"], 50 * VIEWERS)
        figure("times that somebody went on", f"{went_on} of {len(MOMENTS)}")
        self.assertGreater(went_on, 0, "the control plane always died too early to program anything: the test proves nothing")


if __name__ == "__main__":
    run_tests()
