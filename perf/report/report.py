#!/usr/bin/env python3
"""perf/run report [--quick] [--draw-only]: measures, and writes perf/RESULTS.md with its plots.

What the suites print as JSON goes to perf/results/NAME.jsonl, one file a suite; the page and its plots are drawn from these
files alone, by gnuplot. --draw-only draws them again.
"""
import argparse
import datetime
import json
import pathlib
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
RESULTS = TOP / "perf/results"
SUITES = {
    "fanout": ["fanout", "--json"],
    "paired": ["micro", "--json", "--filter", "paired"],
    "scenarios": ["scenarios", "--json"],
    "wire": ["wire", "--json"],
    "scaling": ["scaling", "--json"],
    "crowd": ["crowd", "--json"],
}
QUICK = {"fanout", "scenarios", "wire", "scaling", "crowd"}
GCM, CM = "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80"
SHORT = {GCM: "AES-128-GCM", CM: "AES-CM/HMAC-SHA1"}


def measure(quick):
    RESULTS.mkdir(exist_ok=True)
    commit = subprocess.run(["git", "-C", TOP, "describe", "--always", "--dirty"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    about = {"date": datetime.date.today().isoformat(), "commit": commit}
    for name, arguments in SUITES.items():
        print(f"{name} ...", file=sys.stderr, flush=True)
        ran = subprocess.run([TOP / "perf/run", *arguments, *(["--quick"] if quick and name in QUICK else [])], stdout=subprocess.PIPE, text=True)
        # 1: something measured was not what it should be. The page says what; only a suite without a row is a failure.
        if ran.returncode not in (0, 1) or not ran.stdout.strip():
            sys.exit(f"report: perf/run {' '.join(arguments)} ended with {ran.returncode}")
        (RESULTS / f"{name}.jsonl").write_text(ran.stdout)
    (RESULTS / "about.json").write_text(json.dumps(about) + "\n")


def rows(name):
    path = RESULTS / f"{name}.jsonl"
    if not path.exists():
        sys.exit(f"report: there is no {path}: run perf/run report without --draw-only")
    return [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]


def video(fanout, suite, sealer=None):
    """The rows of 1200 bytes on the sealer that the data plane chooses by itself, or on the named one, by number of viewers."""
    sealer = sealer or fanout[0]["sealer"]
    return sorted((r for r in fanout if r["suite"] == suite and r["bytes"] == 1200 and r["sealer"] == sealer and r["ns_per_packet"]), key=lambda r: r["viewers"])


def gnuplot(name, script):
    """Draws perf/results/NAME.svg."""
    head = f"set terminal svg size 760,420 dynamic background '#ffffff' font 'sans-serif,13'\nset output '{RESULTS / name}.svg'\n"
    subprocess.run(["gnuplot"], input=head + script, text=True, check=True)


def block(name, points):
    return f"${name} << EOD\n" + "".join(" ".join(map(str, point)) + "\n" for point in points) + "EOD\n"


def draw_cost(fanout):
    script, curves = "", []
    for suite, name, colour in ((GCM, "gcm", "#1f77b4"), (CM, "cm", "#d62728")):
        found = video(fanout, suite)
        script += block(name, [(r["viewers"], r["ns_per_packet"], r["cipher_ns"] or "NaN") for r in found])
        curves.append(f"${name} using 1:2 with linespoints pointtype 7 linewidth 2 linecolor '{colour}' title '{SHORT[suite]}: worker'")
        curves.append(f"${name} using 1:3 with linespoints pointtype 6 dashtype 2 linecolor '{colour}' title '{SHORT[suite]}: its cipher alone'")
    script += ("set title 'Cost of one 1200-byte packet to one viewer, by the size of the room'\nset logscale x\nset xlabel 'viewers'\n"
               "set ylabel 'ns'\nset yrange [0:*]\nset grid ytics\nset key outside bottom center horizontal\nplot " + ", ".join(curves) + "\n")
    gnuplot("fanout-cost", script)


def draw_ratio(fanout):
    bars = [(r["viewers"], r["kernel_ratio"] or 0, r["kernel_gso_ratio"] or 0) for r in video(fanout, GCM)]
    gnuplot("fanout-kernel", block("ratio", [(f'"{v:,}"', a, b) for v, a, b in bars]) + (
        "set title 'How many times as long kernel sockets take for the same, AES-128-GCM'\nset style data histograms\nset style fill solid 0.8 border -1\n"
        "set boxwidth 0.9\nset yrange [0:*]\nset grid ytics\nset xlabel 'viewers'\nset key outside bottom center horizontal\n"
        "plot $ratio using 2:xtic(1) title 'OpenSSL EVP and sendmmsg' linecolor '#7f7f7f', '' using 3 title 'the same with GSO of 4' linecolor '#bcbd22'\n"))


def draw_crowd(crowd):
    bars = [(f'"run {i + 1}"', r["join_p50_ms"], r["join_p99_ms"], r["picture_wait_p99_ms"]) for i, r in enumerate(crowd)]
    gnuplot("crowd", block("runs", bars) + (
        f"set title '{crowd[0]['viewers']:,} viewers join one room at once'\nset style data histograms\nset style fill solid 0.8 border -1\nset boxwidth 0.9\n"
        "set yrange [0:*]\nset ylabel 'ms'\nset grid ytics\nset key outside bottom center horizontal\n"
        "plot $runs using 2:xtic(1) title 'join, median' linecolor '#9ecae1', '' using 3 title 'join, p99' linecolor '#1f77b4', '' using 4 title 'wait for a picture after it, p99' linecolor '#ff7f0e'\n"))


def draw_scenarios(scenarios):
    bars = [(f'"{r["scenario"].replace("_", " ")}"', 100 * r["busy"], 100 * r["busy_max"]) for r in scenarios]
    gnuplot("scenarios", block("bars", bars) + (
        "set title 'How busy one worker is'\nset style data histograms\nset style fill solid 0.8 border -1\nset boxwidth 0.9\nset yrange [0:100]\n"
        "set ylabel '%'\nset grid ytics\nset key outside bottom center horizontal\n"
        "plot $bars using 2:xtic(1) title 'median of windows of 100 ms' linecolor '#1f77b4', '' using 3 title 'the worst of them' linecolor '#9ecae1'\n"))


def scenarios_table(scenarios):
    lines = ["| | people | packets in | out | Gbit/s | busy, median / worst of 100 ms | ns a packet out | rx to tx p50 / p99 | memory | |", "|---" * 10 + "|"]
    for r in scenarios:
        lost = "" if r["due"] == r["left"] else f"{r['due'] - r['left']:,} of {r['due']:,} did not leave"
        lines.append(f"| {r['scenario'].replace('_', ' ')} | {r['people']:,} | {r['in_packets_per_s'] / 1000:,.1f} k/s | {r['out_packets_per_s'] / 1000:,.0f} k/s | {r['out_gbps']:.2f} "
                     f"| {100 * r['busy']:.1f} / {100 * r['busy_max']:.1f} % | {r['ns_per_out_packet']:.0f} | {r['latency_p50_us']:.0f} / {r['latency_p99_us']:.0f} us | {r['memory_mb']} MB | {lost} |")
    return "\n".join(lines)


def wire_text(wire):
    lines = []
    for r in wire:
        taint = " (tainted)" if r.get("tainted") else ""
        if r["test"] == "accounting":
            lines.append(f"- **{r['wire_gbps']:.0f}G, {r['seconds']:.0f} s at 90 %**: {r['offered_mpps']:.2f} of {r['capacity_mpps']:.2f} Mpps offered; {r['due']:,} packets due, {r['left']:,} left, "
                         f"{r['out_of_order']} out of order; named drops: {r['drops'] or 'none'}.")
        elif r["test"] == "latency":
            lines.append(f"- **Latency at 70 % of {r['capacity_mpps']:.2f} Mpps, {r['publishers']} publishers x {r['viewers']} viewers**: rx to tx p50 {r['p50_us']:.1f}, p99 {r['p99_us']:.1f}, p99.9 {r['p999_us']:.1f} us; "
                         f"with the wait for rx p99 {r['waited_p99_us']:.1f} us, of an ideal server {r['ideal_waited_p99_us']:.1f}; raw {r['raw_p50_us']:.1f}, {r['raw_p99_us']:.1f}, {r['raw_p999_us']:.1f} us{taint}.")
        else:
            lines.append(f"- **The last of {r['viewers']:,} viewers** has a packet after {r['last_us']:.0f} us, {r['ratio']:.2f} times the larger of wire ({r['wire_model_us']:.0f} us) and work ({r['cost_model_us']:.0f} us){taint}.")
    return "\n".join(lines)


def scaling_text(scaling):
    r = scaling[0]
    return (f"A room of {r['viewers']:,}: one worker {r['mpps_1']:.2f} Mpps, two {r['mpps_2']:.2f} (x {r['scaling']:.2f}); the bare cipher {r['cipher_mpps_1']:.2f} and {r['cipher_mpps_2']:.2f} "
            f"(x {r['cipher_scaling']:.2f}); ratio {r['ratio']:.2f}, target {r['target']}.\n\nA model, not measured: {r['leg_ns']:.0f} ns a viewer, {r['packet_ns']:.0f} ns a packet and {r['cross_ns']:.0f} ns to tell "
            f"another worker of it make {r['model_mpps']['8']:.0f} Mpps on 8 workers and {r['model_mpps']['16']:.0f} on 16, if cores share nothing.")


def cell(value, digits=1):
    return "-" if value is None else f"{value:.{digits}f}"


def fanout_table(fanout):
    lines = ["| viewers | suite | sealer | bytes | ns | cycles | Mpps | Gbit/s | its cipher, ns | beside it, ns | EVP + sendmmsg | with GSO | |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for r in fanout:
        beside = None if not r["ns_per_packet"] or not r["cipher_ns"] else r["ns_per_packet"] - r["cipher_ns"]
        lines.append(f"| {r['viewers']:,} | {SHORT[r['suite']]} | {r['sealer']} | {r['bytes']} | {cell(r['ns_per_packet'])} | {cell(r['cycles_per_packet'], 0)} "
                     f"| {cell(r['mpps'], 2)} | {cell(r['gbps'])} | {cell(r['cipher_ns'])} | {cell(beside)} | {cell(r['kernel_ratio'])} x "
                     f"| {cell(r['kernel_gso_ratio'])} x | {'tainted' if r['tainted'] else ''} |")
    return "\n".join(lines)


def paired_table(paired):
    lines = ["| packet | ours, ns | ipsec-mb, ns | OpenSSL EVP, ns | ours against ipsec-mb | against EVP |", "|---|---|---|---|---|---|"]
    stages = {}
    for r in paired:
        _, _, suite, size, who = r["stage"].split("/")
        stages.setdefault((suite, size), {})[who] = r
    for (suite, size), who in stages.items():
        if "avx512" in who:
            lines.append(f"| {suite}, {size} bytes | {cell(who['avx512']['ns'])} | {cell(who['ipsec_mb']['ns'])} | {cell(who['openssl']['ns'])} "
                         f"| {cell(who['ipsec_mb']['ours_faster'], 2)} x | {cell(who['openssl']['ours_faster'], 2)} x |")
    return "\n".join(lines)


def crowd_table(crowd):
    columns = [("joined", lambda r: f"{r['joined']:,} of {r['viewers']:,}"), ("in", lambda r: f"{r['join_seconds']:.2f} s"),
               ("join p50 / p99 / max", lambda r: f"{r['join_p50_ms']:.0f} / {r['join_p99_ms']:.0f} / {r['join_max_ms']:.0f} ms"),
               ("wait for a picture p50 / p99 / max", lambda r: f"{r['picture_wait_p50_ms']:.0f} / {r['picture_wait_p99_ms']:.0f} / {r['picture_wait_max_ms']:.0f} ms"),
               ("keyframes asked", lambda r: r["keyframes"]), ("lost by those who watched", lambda r: r["watchers_lost"]),
               ("control plane", lambda r: f"{r['control_us_per_join']} us a join, {r['joins_per_second_per_core']} joins a second and core"),
               ("CPU of data plane / generator / others", lambda r: f"{r['dataplane_cpu_ms']} / {r['generator_cpu_ms']} / {r['others_cpu_ms']} ms")]
    lines = ["| | " + " | ".join(f"run {i + 1}" for i in range(len(crowd))) + " |", "|---" * (len(crowd) + 1) + "|"]
    return "\n".join(lines + [f"| {name} | " + " | ".join(str(read(r)) for r in crowd) + " |" for name, read in columns])


def page(fanout, paired, scenarios, wire, scaling, crowd, about):
    return f"""# Results

Made by `perf/run report` on {about["date"]}, of commit {about["commit"]}; the rows are in `perf/results/`. {fanout[0]["cpu"]}, core {fanout[0]["core"]} of {crowd[0]["cores"]},
{'hugepages' if fanout[0]['hugepages'] else '4 KB pages'}, shared with other tenants, no physical NIC. An empty system call costs {fanout[0]["empty_syscall_ns"]:.0f} ns here. [README.md](README.md) tells how each figure comes about, and what *tainted* means.

## Fan-out: one publisher, a key per viewer, one core (`perf/run fanout`)
![cost](results/fanout-cost.svg)
![against kernel sockets](results/fanout-kernel.svg)

{fanout_table(fanout)}

"Beside it" is the worker without its cipher: rx, look-up, open, header, bookkeeping, tx burst.

## Our kernels against libraries, in alternating slices (`perf/run micro --filter paired`)
{paired_table(paired)}

## One worker, LiveKit's published scenarios and small rooms (`perf/run scenarios`)
![scenarios](results/scenarios.svg)

{scenarios_table(scenarios)}

## A wire behind a queue of 1,024 (`perf/run wire`)
{wire_text(wire)}

## From one worker to two (`perf/run scaling`)
{scaling_text(scaling)}

## A crowd: everybody joins at once (`perf/run crowd`)
![crowd](results/crowd.svg)

{crowd_table(crowd)}
"""


def main():
    parser = argparse.ArgumentParser(prog="perf/run report", description="measures, and writes perf/RESULTS.md with its plots")
    parser.add_argument("--quick", action="store_true", help="as the suites' own --quick")
    parser.add_argument("--draw-only", action="store_true", help="from what was measured before")
    options = parser.parse_args()
    if shutil.which("gnuplot") is None:
        sys.exit("report: gnuplot draws the plots: apt install gnuplot-nox")
    if not options.draw_only:
        measure(options.quick)
    fanout, paired, scenarios, wire, scaling, crowd = (rows(name) for name in SUITES)
    draw_cost(fanout)
    draw_ratio(fanout)
    draw_scenarios(scenarios)
    draw_crowd(crowd)
    about = json.loads((RESULTS / "about.json").read_text())
    (TOP / "perf/RESULTS.md").write_text(page(fanout, paired, scenarios, wire, scaling, crowd, about))


if __name__ == "__main__":
    main()
