// From the wire to the transport: frame checks, checksums, demux, the look-ups; and the same headers on the way out.

#include <algorithm>
#include <array>
#include <memory>
#include <random>

#include "dataplane/table/flow_table.hpp"
#include "dataplane/table/transport.hpp"
#include "dataplane/wire/demux.hpp"
#include "dataplane/wire/test_frames.hpp"
#include "dataplane/wire/udp_frame.hpp"
#include "perf/micro/stage.hpp"

namespace sluice::perf {
namespace {

constexpr std::size_t sizes[] = {120, 1200};

wire::UdpPath path_of(bool v6) {
    return v6 ? wire::test::path6() : wire::test::path4();
}

void add_checksums(bool v6) {
    const std::string family = v6 ? "IPv6" : "IPv4";
    for (const std::size_t size : sizes) {
        const std::string suffix = family + "/" + std::to_string(size);
        stage("frame/verify_checksums/" + suffix, {1, size}, [=] {
            return [frame = wire::test::frame_of(path_of(v6), Bytes(size, 0x5a))] {
                const auto d = wire::parse_udp_frame(frame);
                return d && wire::ip_checksum_valid(frame, *d) && wire::udp_checksum_valid(frame, *d);
            };
        });
        stage("egress/stamp_and_software_checksum/" + suffix, {1, size}, [=] {
            const auto path = *wire::UdpTemplate::make(path_of(v6));
            return [path, frame = Bytes(path.header_length() + size, 0x5a), n = static_cast<std::uint16_t>(size)]() mutable {
                path.stamp(frame.data(), n);
                path.fill_udp_checksum(frame.data(), n);
                return frame[path.header_length() - 1] != 0 || frame[path.header_length() - 2] != 0;
            };
        });
    }
    stage("egress/stamp_and_offload/" + family, {}, [=] {
        const auto path = *wire::UdpTemplate::make(path_of(v6));
        return [path, frame = Bytes(path.header_length() + 1200, 0x5a)]() mutable {
            path.stamp(frame.data(), 1200);
            path.set_offload_checksum(frame.data(), 1200);
            return frame[path.l2_length()] == (path.is_v6() ? 0x6b : 0x45);
        };
    });
}

// A table of `count` transports, asked for keys in an order that no prefetcher guesses.
struct FullTable {
    static constexpr std::size_t asked = 4096;
    table::TransportTable table;
    std::unique_ptr<table::Transport> transport =
        std::make_unique<table::Transport>();  // of all: a look-up does not touch it
    std::vector<table::FlowKey> keys;
    std::vector<std::uint64_t> ufrags;

    explicit FullTable(std::uint32_t count) : table("micro", count, -1) {
        std::mt19937 random(1);
        for (std::uint32_t i = 0; i < count; ++i) {
            table::FlowKey key;
            key.remote_ip = wire::test::address("198.51.100.7").bytes;
            store(key.remote_ip.data() + 12, static_cast<std::uint32_t>(random()));
            key.remote_port = static_cast<std::uint16_t>(1024 + i);
            key.local_port = 7882;
            keys.push_back(key);
            ufrags.push_back((std::uint64_t{random()} << 32) | i);
            (void)table.add_flow(key, transport.get());
            (void)table.add_ufrag(ufrags.back(), transport.get());
        }
        for (std::size_t i = 0; keys.size() < asked; ++i) {
            keys.push_back(keys[i]);
            ufrags.push_back(ufrags[i]);
        }
        std::shuffle(keys.begin(), keys.end(), random);
        std::shuffle(ufrags.begin(), ufrags.end(), random);
    }
};

void add_lookups(std::uint32_t count) {
    const std::string suffix = std::to_string(count) + "_transports";
    stage("table/by_flow/" + suffix, {}, [=] {
        return [full = std::make_unique<FullTable>(count), i = std::size_t{0}]() mutable {
            return full->table.by_flow(full->keys[i++ % FullTable::asked]) != nullptr;
        };
    });
    stage("table/by_flow_unknown/" + suffix, {}, [=] {
        return [full = std::make_unique<FullTable>(count), i = std::size_t{0}]() mutable {
            table::FlowKey key = full->keys[i++ % FullTable::asked];
            key.local_port = 1;
            return full->table.by_flow(key) == nullptr;
        };
    });
    stage("table/by_ufrag/" + suffix, {}, [=] {
        return [full = std::make_unique<FullTable>(count), i = std::size_t{0}]() mutable {
            return full->table.by_ufrag(full->ufrags[i++ % FullTable::asked]) != nullptr;
        };
    });
}

}  // namespace

void add_frame_stages() {
    for (const bool v6 : {false, true}) {
        stage(std::string("frame/parse/") + (v6 ? "IPv6" : "IPv4"), {}, [=] {
            return [frame = wire::test::frame_of(path_of(v6), Bytes(1200, 0x5a))] {
                const auto d = wire::parse_udp_frame(frame);
                return d && d->payload_length == 1200;
            };
        });
        add_checksums(v6);
    }
    stage("frame/classify", {}, [] {
        return [frame = wire::test::frame_of(wire::test::path4(), Bytes(1200, 0x5a))] {
            return wire::classify_frame(frame) == wire::FrameClass::udp;
        };
    });
    stage("frame/demux", {256, 0}, [] {
        // RTP mostly, as on the wire.
        std::array<std::array<std::uint8_t, 2>, 256> first{};
        std::mt19937 random(1);
        for (auto& bytes : first) {
            const auto kind = random() % 16;
            bytes = {static_cast<std::uint8_t>(kind == 0   ? 0
                                               : kind == 1 ? 22
                                                           : 0x90),
                     static_cast<std::uint8_t>(kind == 2 ? 200 : 96)};
        }
        return [first] {
            std::size_t rtp = 0;
            for (const auto& bytes : first) {
                benchmark::DoNotOptimize(bytes);
                rtp += wire::first_byte_class(bytes[0]) == wire::PacketClass::rtp && !wire::is_rtcp(bytes[1]);
            }
            return rtp > 128;
        };
    });
    for (const std::uint32_t count : {1u, 10'000u}) add_lookups(count);
}

}  // namespace sluice::perf
