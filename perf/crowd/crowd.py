"""perf/run crowd: N viewers join one room at once, through real ICE and DTLS, while twenty already watch.

Both planes run as quickstart runs them, on a TAP inside namespaces of the benchmark's own; one sluice-load is the publisher and those
who watch (each packet opened with libsrtp), another is the crowd. The publisher sends a key frame only when it is asked for one, so
that what a crowd costs it is seen. What each process took of the CPU is read apart: on two cores they disturb one another.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))
sys.path.insert(0, str(ROOT / "tests/fault"))
from load import Load  # noqa: E402
from sluice import Quickstart, wait_until  # noqa: E402

WATCHERS = 20
INTERFACE = "sluice0"
QUEUE = 10_000
PACKETS_PER_S = 40_000  # to all viewers: the crowd is what is measured, not the fan-out
CONFIG = """mode = "development";
dataplane : {{ control_socket = "{socket}"; limits : {{ transports = {sessions}; }}; }};
admission : {{ max_sessions = {sessions}; max_viewers_per_room = {sessions}; }};
"""
# The targets, in ms and in us of the control plane's CPU.
TARGETS = {"join_p99_ms": 2000, "picture_wait_p99_ms": 300, "control_us_per_join": 1000, "keyframes": 1}


def cpu_ms(pid):
    """User and system time of a process with all of its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def machine_cpu_ms():
    """What all processes of the machine took."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) * 1000 / os.sysconf("SC_CLK_TCK")  # without idle and iowait


def kernel_drops():
    """What the kernel lost on the way to the data plane (the TAP's queue) and from it (the backlog of packets to receive)."""
    lines = [line.split(":") for line in pathlib.Path("/proc/net/dev").read_text().splitlines() if ":" in line]
    tap = sum(int(fields.split()[11]) for name, fields in lines if name.strip() == INTERFACE)
    backlog = sum(int(line.split()[1], 16) for line in pathlib.Path("/proc/net/softnet_stat").read_text().splitlines())
    return {"tap": tap, "backlog": backlog}


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def difference(after, before):
    return {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}


class Planes(Quickstart):
    """Both planes, with room for so many sessions.

    The TAP's queue to the data plane, 1,000 packets as quickstart makes it, would lose a crowd's bursts; a NIC's rings would not.
    """

    def __init__(self, sessions):
        super().__init__()
        config = self.state_dir / "crowd.conf"
        config.write_text(CONFIG.format(socket=self.state_dir / "dataplane.sock", sessions=max(4096, sessions)))
        self.arguments = ("--config", config)

    def start(self, ready_within=30):
        super().start(ready_within)
        subprocess.run(["ip", "link", "set", INTERFACE, "txqueuelen", str(QUEUE)], check=True)
        return self


class Watch:
    """One run: from the start of both planes to the row."""

    def __init__(self, viewers, hold_s=2.0, join_timeout_s=30, more=()):
        self.viewers = viewers
        self.hold_s = hold_s
        self.join_timeout_s = join_timeout_s
        self.more = more
        self.pps = max(5, min(60, PACKETS_PER_S // viewers))
        self.keyframe_packets = max(self.pps // 2, min(30, 30_000 // viewers))

    @staticmethod
    def cpu(pids):
        return {**{plane: cpu_ms(pid) for plane, pid in pids.items()}, "machine": machine_cpu_ms()}

    def wait_joined(self, crowd):
        """Everybody is in or has given up; or, after three times the patience of one join, how far they came."""
        try:
            return crowd.wait_event("joined", 3 * self.join_timeout_s)
        except AssertionError:
            return crowd.status()

    def run(self):
        media = ("--video-pps", self.pps, "--fps", min(30, self.pps), "--keyframe-interval-s", 0, "--keyframe-packets", self.keyframe_packets)
        with Planes(self.viewers + 100) as sluice, Load("crowd", WATCHERS, *media, "--expect-no-loss") as watchers:
            watchers.wait_joined(20)
            watchers.wait_status(lambda s: s["viewers_without_picture"] == 0, 10, "those who watch have a picture")
            time.sleep(1.5)  # the publisher has no reason for another key frame
            watchers.command("mark")
            pids = {plane: sluice.pid(plane) for plane in ("controlplane", "dataplane")}
            starts = {plane: sluice.starts(plane) for plane in pids}
            before = {"cpu": self.cpu(pids), "drops": sluice.drops(), "kernel": kernel_drops(), "watchers": watchers.status()}
            arguments = ("--publishers", 0, "--join-rate", 0, "--join-timeout", self.join_timeout_s, "--oracle-viewers", 0, *self.more)
            with Load("crowd", self.viewers, *arguments) as crowd:
                joined = self.wait_joined(crowd)
                after = self.cpu({plane: sluice.pid(plane) for plane in pids})
                try:
                    wait_until(lambda: crowd.status()["viewers_without_picture"] == 0, 10, "pictures")
                except AssertionError:
                    pass  # the row says how many have none
                keyframes = watchers.status()["keyframes_sent"] - before["watchers"]["keyframes_sent"]
                time.sleep(self.hold_s)
                kernel = difference(kernel_drops(), before["kernel"])
                drops = difference(sluice.drops(), before["drops"])
                restarts = {plane: sluice.starts(plane) - starts[plane] for plane in pids}
                report = crowd.finish()
            watched = watchers.finish()
        cpu = {plane: after[plane] - before["cpu"][plane] for plane in after}
        return self.row(joined, report, watched, cpu, keyframes, {"sfu": drops, "kernel": kernel}, restarts)

    def row(self, joined, report, watched, cpu, keyframes, drops, restarts):
        joins = max(1, joined["viewers_connected"])
        generator = report["generator"]
        control_us = cpu["controlplane"] * 1000 / joins
        return {
            "viewers": self.viewers,
            "joined": joined["viewers_connected"],
            "failed": joined["viewers_failed"],
            "join_p50_ms": joined["join_ms"]["p50"],
            "join_p99_ms": joined["join_ms"]["p99"],
            "join_max_ms": joined["join_ms"]["max"],
            "post_p50_ms": joined["post_ms"]["p50"],
            "post_p99_ms": joined["post_ms"]["p99"],
            "picture_wait_p50_ms": report["picture_wait_ms"]["p50"],
            "picture_wait_p99_ms": report["picture_wait_ms"]["p99"],
            "picture_wait_max_ms": report["picture_wait_ms"]["max"],
            "without_picture": report["viewers_without_picture"],
            "keyframes": keyframes,
            "watchers": WATCHERS,
            "watchers_lost": sum(watched[key] for key in ("rtp_lost", "rtp_tail_lost", "content_lost", "content_jumped")),
            "watchers_repaired": watched["rtx_received"],
            "watchers_longest_gap_ms": watched["max_gap_ms"],
            "crowd_lost": report["rtp_lost"] + report["content_lost"],
            "crowd_repaired": report["rtx_received"],
            "join_seconds": round(joined["join_seconds"], 3),
            "joins_per_second": round(joins / max(0.001, joined["join_seconds"])),
            "control_cpu_ms": round(cpu["controlplane"]),
            "control_us_per_join": round(control_us),
            "joins_per_second_per_core": round(1e6 / control_us) if control_us else None,  # of the control plane
            "dataplane_cpu_ms": round(cpu["dataplane"]),
            "generator_cpu_ms": round(generator["cpu_joining_ms"]),
            "others_cpu_ms": round(max(0, cpu["machine"] - cpu["controlplane"] - cpu["dataplane"] - generator["cpu_joining_ms"])),
            "generator_us_per_join": round(generator["cpu_per_join_us"]),
            "generator_ns_per_packet": generator["ns_per_packet"],
            "generator_rss_kb": generator["max_rss_kb"],
            "video_pps": self.pps,
            "keyframe_packets": self.keyframe_packets,
            "latency_us": watched["latency_us"],
            "drops": drops,
            "restarts": restarts,
            "refused_for_now": report["http_retries"],
            "last_refusal": report["http_last_refusal"],
            "errors": joined["errors"][:5],
            "cpu": cpu_model(),
            "cores": len(os.sched_getaffinity(0)),
        }


def sound(row):
    """Counts, not times: everybody is in and has a picture, nobody who watched has lost anything, and no plane had to be started again."""
    return not any(row["restarts"].values()) and row["joined"] == row["viewers"] and row["without_picture"] == 0 and row["watchers_lost"] == 0


def table(row):
    def line(name, text, key=None, target=None):
        mark = "" if key is None else f"  (target {target or TARGETS[key]}: {'met' if row[key] <= TARGETS[key] else 'missed'})"
        return f"{name:<34}{text}{mark}"

    drops = {**row["drops"]["sfu"], **{f"kernel {key}": value for key, value in row["drops"]["kernel"].items()}}
    lines = [
        f"{row['cpu']}, {row['cores']} cores shared by both planes and the generator",
        line("joined", f"{row['joined']} of {row['viewers']} in {row['join_seconds']:.2f} s, {row['joins_per_second']} a second"),
        line("join, ms", f"p50 {row['join_p50_ms']}, p99 {row['join_p99_ms']}, max {row['join_max_ms']}", "join_p99_ms", "p99 2000"),
        line("  of it the POST, ms", f"p50 {row['post_p50_ms']}, p99 {row['post_p99_ms']}"),
        line("wait for a picture, ms", f"p50 {row['picture_wait_p50_ms']}, p99 {row['picture_wait_p99_ms']}, max {row['picture_wait_max_ms']}",
             "picture_wait_p99_ms", "p99 300"),
        line("key frames asked of the publisher", str(row["keyframes"]), "keyframes"),
        line("lost by those who watched", f"{row['watchers_lost']} ({row['watchers_repaired']} repaired by RTX, longest gap "
                                          f"{row['watchers_longest_gap_ms']} ms)"),
        line("lost by the crowd after joining", f"{row['crowd_lost']} ({row['crowd_repaired']} repaired by RTX)"),
        line("control plane's CPU per join, us", f"{row['control_us_per_join']} ({row['joins_per_second_per_core']} joins a second and core)",
             "control_us_per_join"),
        line("CPU while they joined, ms", f"control plane {row['control_cpu_ms']}, data plane {row['dataplane_cpu_ms']}, generator "
                                          f"{row['generator_cpu_ms']} ({row['generator_us_per_join']} us a join), all else {row['others_cpu_ms']}"),
        line("drops", ", ".join(f"{key} {value}" for key, value in sorted(drops.items())) or "none"),
    ]
    for plane, count in row["restarts"].items():
        if count:
            lines.append(line("STARTED AGAIN", f"{plane}, {count} times: drops and CPU count from there"))
    if row["refused_for_now"]:
        lines.append(line("POSTs refused at first", f"{row['refused_for_now']}, the last: {row['last_refusal']}"))
    return "\n".join(lines + [f"error: {error}" for error in row["errors"]])


def main():
    parser = argparse.ArgumentParser(prog="perf/run crowd", description="N viewers join one room at once.")
    parser.add_argument("--viewers", type=int, help="default 1000")
    parser.add_argument("--repeat", type=int, default=0, help="runs; default 3, with --quick 1")
    parser.add_argument("--quick", action="store_true", help="200 viewers, once")
    parser.add_argument("--json", action="store_true", help="one object per run")
    options = parser.parse_args()
    viewers = options.viewers or (200 if options.quick else 1000)
    fine = True
    for number in range(options.repeat or (1 if options.quick else 3)):
        row = Watch(viewers).run()
        fine &= sound(row)
        if number and not options.json:
            print()
        print(json.dumps(row) if options.json else table(row), flush=True)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
