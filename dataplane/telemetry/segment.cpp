#include "dataplane/telemetry/segment.hpp"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

namespace sluice::telemetry {
namespace {

struct Layout {
    std::uint64_t worker, port, transport, source, leg, size;
};

Layout lay_out(const SegmentPlan& p) noexcept {
    Layout l{};
    l.worker = sizeof(abi::SegmentHeader);
    l.port = l.worker + sizeof(abi::WorkerBlock) * p.workers;
    l.transport = l.port + sizeof(abi::PortBlock) * p.ports;
    l.source = l.transport + sizeof(abi::TransportSlot) * p.max_transports;
    l.leg = l.source + sizeof(abi::SourceSlot) * p.max_sources;
    l.size = l.leg + sizeof(abi::LegSlot) * p.max_legs;
    return l;
}

}  // namespace

std::size_t Segment::size_of(const SegmentPlan& plan) noexcept {
    return lay_out(plan).size;
}

std::expected<Segment, std::string> Segment::create(const SegmentPlan& plan) {
    const Layout l = lay_out(plan);
    auto memory = SharedMemory::create("sluice-state", l.size);
    if (!memory) return std::unexpected(memory.error());
    memory->seal();
    Segment s;
    s.memory_ = std::move(*memory);
    abi::SegmentHeader& h = s.header();
    h.magic = abi::segment_magic;
    h.abi = abi::abi_current;
    h.workers = plan.workers;
    h.ports = plan.ports;
    h.max_transports = plan.max_transports;
    h.max_sources = plan.max_sources;
    h.max_legs = plan.max_legs;
    h.worker_stride = sizeof(abi::WorkerBlock);
    h.worker_offset = l.worker;
    h.port_offset = l.port;
    h.transport_offset = l.transport;
    h.source_offset = l.source;
    h.leg_offset = l.leg;
    h.size = l.size;
    h.pid = static_cast<std::uint32_t>(getpid());
    if (getrandom(h.boot_id.data(), h.boot_id.size(), 0) != static_cast<ssize_t>(h.boot_id.size())) {
        return std::unexpected(std::string("getrandom failed"));
    }
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    h.start_unix_ns = std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
    return s;
}

}  // namespace sluice::telemetry
