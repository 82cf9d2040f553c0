#include "perf/pipeline/row.hpp"

#include <fmt/format.h>

#include <utility>

#include "perf/lib/machine.hpp"

namespace sluice::perf {
namespace {

// JSON has no "not measured" but null.
std::string number(double value, int digits) {
    return value > 0 ? fmt::format("{:.{}f}", value, digits) : "null";
}
// The same in the table.
std::string cell(double value, int digits) {
    return value > 0 ? fmt::format("{:.{}f}", value, digits) : "-";
}
const char* family(const Row& row) {
    return row.scene.v6 ? "IPv6" : "IPv4";
}
const char* checksum(const Row& row) {
    return row.scene.offload ? "offload" : "software";
}

}  // namespace

std::string to_json(const Row& r, const RunInfo& run) {
    std::string out =
        fmt::format(R"({{"version":3,"benchmark":"{}","suite":"{}","sealer":"{}","viewers":{},"bytes":{})", run.benchmark,
                    srtp::to_string(r.scene.suite), srtp::to_string(r.scene.sealer), r.scene.viewers, r.scene.payload);
    out += fmt::format(R"(,"port":"{}","family":"{}","checksum":"{}")", to_string(r.behind), family(r), checksum(r));
    out += fmt::format(R"(,"ns_per_packet":{},"cycles_per_packet":{},"mpps":{},"gbps":{})", number(r.pipeline.ns, 1),
                       number(r.pipeline.cycles, 1), number(r.mpps(), 3), number(r.gbps(), 2));
    out += fmt::format(R"(,"cipher_ns":{},"kernel_baseline_ns":{},"kernel_gso_ns":{},"evp_ns":{})", number(r.cipher.ns, 1),
                       number(r.kernel.ns, 1), number(r.kernel_gso.ns, 1), number(r.evp_ns, 1));
    out += fmt::format(R"(,"kernel_ratio":{},"kernel_gso_ratio":{})", number(r.ratio, 2), number(r.ratio_gso, 2));
    out += fmt::format(R"(,"tainted":{},"slices":{},"dropped_slices":{},"cipher_tainted":{},"kernel_tainted":{},)"
                       R"("kernel_gso_tainted":{})",
                       r.pipeline.tainted, r.pipeline.slices, r.pipeline.dropped, r.cipher.tainted, r.kernel.tainted,
                       r.kernel_gso.tainted);
    out += fmt::format(R"(,"samples_opened":{},"lost":{},"losses":"{}","frame_bytes":{})", r.samples, r.lost, r.losses,
                       number(r.frame_bytes, 0));
    out += fmt::format(
        R"(,"empty_syscall_ns":{},"kernel_sink":"{}","own_namespace":{},"hugepages":{},"core":{},"cpu":"{}"}})",
        number(run.empty_syscall_ns, 1), run.kernel_sink, run.own_namespace, run.hugepages, run.core, json_escaped(run.cpu));
    return out;
}

std::string heading(const RunInfo& run) {
    std::string out = fmt::format("{}, core {}, {}; an empty system call costs {} ns\n", run.cpu, run.core,
                                  run.hugepages ? "hugepages" : "4 KB pages", cell(run.empty_syscall_ns, 0));
    out += fmt::format(
        "{:>7} {:>10} {:>8} {:>5} {:>4} {:>4} {:>8} | {:>7} {:>7} {:>6} {:>6} {:>9} | {:>7} {:>7} {:>7} {:>6} {:>6} |\n",
        "viewers", "suite", "sealer", "bytes", "port", "IP", "checksum", "ns/pkt", "cyc/pkt", "Mpps", "Gbit/s", "cipher ns",
        "EVP ns", "kernel", "GSO x4", "ratio", "GSO");
    return out;
}

std::string to_line(const Row& r) {
    const bool gcm = r.scene.suite == srtp::Suite::aead_aes_128_gcm;
    std::string out = fmt::format(
        "{:>7} {:>10} {:>8} {:>5} {:>4} {:>4} {:>8} | {:>7} {:>7} {:>6} {:>6} {:>9} | {:>7} {:>7} {:>7} {:>6} {:>6} |",
        r.scene.viewers, gcm ? "GCM-128" : "CM-SHA1-80", srtp::to_string(r.scene.sealer), r.scene.payload,
        to_string(r.behind), family(r), checksum(r), cell(r.pipeline.ns, 1), cell(r.pipeline.cycles, 0), cell(r.mpps(), 2),
        cell(r.gbps(), 1), cell(r.cipher.ns, 1), cell(r.evp_ns, 0), cell(r.kernel.ns, 0), cell(r.kernel_gso.ns, 0),
        cell(r.ratio, 1), cell(r.ratio_gso, 1));
    std::string tainted;
    for (const auto& [name, figure] :
         {std::pair{"ours", &r.pipeline}, {"cipher", &r.cipher}, {"kernel", &r.kernel}, {"GSO", &r.kernel_gso}}) {
        if (figure->tainted)
            tainted +=
                fmt::format("{} {} {}/{}", tainted.empty() ? " tainted:" : ",", name, figure->dropped, figure->slices);
    }
    out += tainted;
    if (r.lost != 0) out += fmt::format(" lost {} ({})", r.lost, r.losses);
    return out;
}

std::string legend() {
    return "Medians of slices of 1 ms without a gap over 20 us. cipher: the product's sealer alone. kernel, GSO x4: OpenSSL "
           "EVP\n"
           "with kept contexts and sendmmsg to loopback, one datagram or four of one viewer a message; EVP is the sealing "
           "in it.\n"
           "ratio, GSO: how often our cost goes into theirs, median of slices that followed each other.\n"
           "tainted: more than a quarter of the slices were dropped, so many of how many.\n";
}

}  // namespace sluice::perf
