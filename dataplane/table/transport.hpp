// A transport: one peer's 5-tuples, ICE credentials and SRTP keys, owned by one worker together with all its legs and
// sources. Main allocates and frees it; between install and retire only its worker touches it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/abi/messages.hpp"
#include "dataplane/abi/state_segment.hpp"
#include "dataplane/base/rate_cell.hpp"
#include "dataplane/media/twcc_recorder.hpp"
#include "dataplane/srtp/srtp.hpp"
#include "dataplane/table/next_hop.hpp"
#include "dataplane/table/rtcp_windows.hpp"
#include "dataplane/table/slab.hpp"
#include "dataplane/wire/udp_template.hpp"

namespace sluice::table {

struct Source;
struct Leg;

struct IceState {
    std::uint64_t ufrag = 0;  // 0 = none
    srtp::HmacSha1Key hmac;
};

// What every egress packet reads.
struct alignas(64) TransportHot {
    wire::UdpTemplate path;           // L2 to L4 headers; empty until there is a path
    const srtp::TxKey* tx = nullptr;  // null until the handshake is done
    std::uint16_t max_payload = 0;    // UDP payload that fits the MTU
    bool has_path = false;
    bool started = false;           // the legs have been told that it can be sent to
    std::uint8_t rtp_overhead = 0;  // bytes that sealing adds
    abi::TransportSlot* counters = nullptr;
    std::uint32_t tx_packets = 0;  // modulo 2^32; the state segment is brought up by publish()
    std::uint32_t tx_bytes = 0;

    void publish() noexcept {
        counters->tx_packets += static_cast<std::uint32_t>(tx_packets - static_cast<std::uint32_t>(counters->tx_packets));
        counters->tx_bytes += static_cast<std::uint32_t>(tx_bytes - static_cast<std::uint32_t>(counters->tx_bytes));
    }
};
static_assert(sizeof(TransportHot) == 128);

// Made by main, swapped in by the worker, wiped by main. What seals a viewer's media lies in a slab, by itself.
struct SealKey : srtp::TxKey {
    SealKey() = default;
    ~SealKey() { wipe(); }
};
struct OpenKey : srtp::RxKey {
    OpenKey() = default;
    ~OpenKey() { wipe(); }
};
struct TransportKeys {
    SlabPtr<SealKey> tx;
    SlabPtr<OpenKey> rx;
};

// What only a peer that publishes has. Made by main with its first source, owned by the worker from then on.
struct alignas(64) Publishing {
    static constexpr std::size_t max_sources = 16;
    static constexpr std::size_t max_bindings = 32;

    struct Binding {
        std::uint32_t ssrc;
        bool rtx;
        Source* source;
    };
    std::unique_ptr<media::TwccRecorder> twcc;  // only with a source that wants it
    std::int64_t next_report_ns = 0;            // RR
    std::uint32_t position = 0;                 // in the worker's list of publishers
    std::uint8_t binding_count = 0;
    std::uint8_t source_count = 0;
    std::array<Binding, max_bindings> bindings{};
    std::array<Source*, max_sources> sources{};

    [[nodiscard]] Binding* bound(std::uint32_t ssrc) noexcept {
        for (std::uint8_t i = 0; i < binding_count; ++i) {
            if (bindings[i].ssrc == ssrc) return &bindings[i];
        }
        return nullptr;
    }
};

struct alignas(64) Transport {
    static constexpr std::size_t max_flows = 4;

    TransportHot hot;
    TransportKeys keys;                      // none before the handshake is done
    std::unique_ptr<Publishing> publishing;  // nullptr: a viewer

    std::int64_t path_authenticated_ns = 0;  // last authenticated packet on `path`
    std::int64_t last_seen_ns = 0;           // last authenticated packet or valid check on any flow
    std::uint32_t rx_packets = 0;            // since publish_received()
    std::uint32_t rx_bytes = 0;
    // Where egress goes. Its MAC is that of the last authenticated packet; hot.path has the next hop's where that is known.
    abi::FlowAddress path;
    abi::ExtensionIds rx_extensions{};
    // Up to here: what each packet from the peer reads.

    abi::TransportId id{};
    bool validated = false;
    srtp::Suite suite = srtp::Suite::none;
    std::uint8_t flow_count = 0;
    bool path_unreported = false;  // main was behind when `path` changed
    std::uint8_t cname_length = 0;
    NextHopIndex next_hop = no_next_hop;
    std::uint32_t slot = 0;
    std::uint32_t position = 0;   // in the worker's list
    std::int64_t start_ns = 0;    // its legs are told no sooner, unless it is known that the peer has the keys too
    std::int64_t next_sr_ns = 0;  // SRs towards a viewer
    std::int64_t silent_reported_ns = 0;
    Leg* first_leg = nullptr;  // list through Leg::next_of_transport, in the order of joining
    Leg* last_leg = nullptr;
    Leg* last_asked = nullptr;  // where the next search begins; nullptr: at the first
    std::uint32_t sender_ssrc = 1;
    std::uint32_t srtcp_index = 0;
    std::array<char, 16> cname{};
    IceState ice;
    IceState previous_ice;
    abi::FlowAddress programmed_path;                 // what the control plane asked for last
    std::array<abi::FlowAddress, max_flows> flows{};  // in the flow table, oldest first
    RateCell first_checks;                            // of its budget for solicited datagrams
    RateCell dtls;                                    // the same
    RtcpWindows rtcp_windows;

    // Brings the state segment up to date.
    void publish_received(std::int64_t last_seen_unix_ns) noexcept {
        hot.counters->rx_packets += rx_packets;
        hot.counters->rx_bytes += rx_bytes;
        rx_packets = rx_bytes = 0;
        hot.counters->last_rx_unix_ns = last_seen_unix_ns;
    }
    [[nodiscard]] Publishing::Binding* bound(std::uint32_t ssrc) const noexcept {
        return publishing == nullptr ? nullptr : publishing->bound(ssrc);
    }
};

}  // namespace sluice::table
