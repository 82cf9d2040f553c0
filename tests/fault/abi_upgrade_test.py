"""The control plane is upgraded and rolled back under load: N, the next version, N again, and once more. Nobody who watches notices.

The next version is sluice-controlplane-fake-next (tests/fault/fake_next): it speaks a newer ABI with longer objects beside this one, and
leaves blobs that this version cannot read. The data plane stays the same.
"""
import json
import os
import pathlib
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from load import BUILD, Load  # noqa: E402
from sluice import QUICK, ROOT, Quickstart, figure, request, run_tests, wait_until  # noqa: E402

VIEWERS = 20 if QUICK else 100
NEWCOMERS = 3  # after each change
LIVES = ("next", "N", "next", "N")
FOREIGN_BLOBS = 5  # that the fake leaves
TREE = BUILD if BUILD.is_absolute() else ROOT / BUILD
PROGRAMS = {"N": TREE / "controlplane/app/sluice-controlplane", "next": TREE / "tests/fault/fake_next/sluice-controlplane-fake-next"}


class Upgrades:
    """A build directory whose control plane is a link, so that the supervisor's next start is of another version."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        for folder in ("dataplane/app", "controlplane/app"):
            (self.directory / folder).mkdir(parents=True)
        (self.directory / "dataplane/app/sluice-dataplane").symlink_to(TREE / "dataplane/app/sluice-dataplane")
        self.install("N")

    def install(self, version):
        new = self.directory / "controlplane/app/new"
        new.symlink_to(PROGRAMS[version])
        new.rename(self.directory / "controlplane/app/sluice-controlplane")


def room():
    status, _, body = request("GET", "/api/rooms/upgrade")
    return json.loads(body) if status == 200 else {"publishers": [], "viewers": 0}


def reports(sluice):
    """What each life of the fake found when it began."""
    return [json.loads(line.partition("fake-next: ")[2]) for line in sluice.log().splitlines() if "fake-next: {" in line]


class AbiUpgrade(unittest.TestCase):
    def replace(self, sluice, upgrades, load, version, viewers):
        """The control plane dies and the next one is of that version: it adopts all, and more can join."""
        load.command("mark")
        upgrades.install(version)
        starts, began = sluice.starts("controlplane"), time.monotonic()
        sluice.kill("controlplane")
        sluice.wait_restarted("controlplane", starts)
        sluice.wait_ready(30)
        running = pathlib.Path(os.readlink(f"/proc/{sluice.pid('controlplane')}/exe"))
        self.assertEqual(running, PROGRAMS[version].resolve())
        wait_until(lambda: (r := room())["viewers"] == viewers and len(r["publishers"]) == 1, 15, f"{version} adopts all {viewers} viewers: {room()}")
        figure(f"{version}: everybody adopted after", f"{time.monotonic() - began:.2f} s")
        load.command(f"viewers {NEWCOMERS}")
        viewers += NEWCOMERS
        status = load.wait_status(lambda s: s["viewers_with_media"] == viewers, 30, "newcomers get media")
        self.assertEqual(status["rtp_lost"], 0, f"lost in the change to {version}")
        self.assertEqual(status["viewers_stalled"], 0)
        return viewers

    def test_nobody_notices_an_upgrade_and_a_rollback(self):
        with tempfile.TemporaryDirectory(prefix="sluice-upgrade-") as directory:
            upgrades = Upgrades(directory)
            with Quickstart(environment={"SLUICE_BUILD_DIR": directory}) as sluice, Load("upgrade", VIEWERS, "--join-rate", 50, "--join-timeout", 60) as load:
                load.wait_joined(120)
                load.wait_status(lambda s: s["viewers_with_media"] == VIEWERS, 15, "every viewer has media")
                viewers, at_start = VIEWERS, []
                for version in LIVES:
                    at_start.append(viewers + 1)  # sessions, the publisher's too
                    viewers = self.replace(sluice, upgrades, load, version, viewers)
                first, second = reports(sluice)
                log = sluice.log()
                self.assertEqual(sluice.starts("dataplane"), 1, "the data plane was never restarted")
                report = load.finish()
        # The fake speaks this ABI with a data plane of this ABI, although it knows a newer one.
        for said, sessions in ((first, at_start[0]), (second, at_start[2])):
            self.assertEqual(said["offered"], [said["spoken"], said["spoken"] + 1])
            self.assertEqual(said["sessions"], sessions)
        self.assertEqual((first["left"], first["marked"]), (0, 0))
        self.assertEqual((second["left"], second["intact"]), (FOREIGN_BLOBS, FOREIGN_BLOBS), "blobs that N cannot read came back changed")
        self.assertEqual(second["marked"], at_start[0], "what the next version added to the sessions' blobs is lost")
        self.assertIn("unknown version", log, "N said nothing of the session that it cannot read")
        for key in ("rtp_lost", "rtp_tail_lost", "content_lost", "content_repeats", "content_jumped", "content_errors", "auth_failures",
                    "index_reuse", "index_regressions", "rtcp_index_reuse", "rtcp_index_regressions", "consent_failures", "socket_drops",
                    "viewers_failed"):
            self.assertEqual(report[key], 0, f"{key}: {report['failures']} {report['errors']}")
        figure("packets received", report["rtp_received"])
        figure("lost", report["rtp_lost"])


if __name__ == "__main__":
    run_tests()
