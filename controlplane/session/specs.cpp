#include "controlplane/session/specs.hpp"

#include <algorithm>
#include <cstring>

#include "signaling/sdp/codec_match.hpp"

namespace sluice::session {
namespace {

template <std::size_t N>
std::uint8_t copy_text(std::array<char, N>& out, std::string_view text) noexcept {
    const std::size_t n = std::min(N, text.size());
    std::memcpy(out.data(), text.data(), n);
    return static_cast<std::uint8_t>(n);
}

std::uint16_t source_flags(const MediaLine& line) noexcept {
    std::uint16_t flags = 0;
    for (const sdp::Codec& c : line.codecs) {
        if (c.has_feedback("nack")) flags |= abi::source_nack;
        if (c.has_feedback("nack pli")) flags |= abi::source_pli;
        if (c.has_feedback("ccm fir")) flags |= abi::source_fir;
        if (c.has_feedback("transport-cc")) flags |= abi::source_transport_cc;
    }
    return flags;
}

}  // namespace

bool set_credentials(abi::IceCredentials& out, const ice::Credentials& credentials) noexcept {
    out = {};
    if (credentials.ufrag.size() != abi::ufrag_size || credentials.pwd.size() > abi::max_password) return false;
    copy_text(out.ufrag, credentials.ufrag);
    out.password_length = copy_text(out.password, credentials.pwd);
    return true;
}

abi::TransportSpec transport_spec(const SessionState& state) {
    abi::TransportSpec spec;
    spec.id = state.id;
    spec.worker = state.worker;
    set_credentials(spec.ice, state.local);
    // One id table for the whole transport: BUNDLE demands that an id means the same on every m-line (RFC 8843 §9.3).
    for (const MediaLine& line : state.lines)
        for (std::size_t i = 0; i < line.extensions.size(); ++i)
            if (spec.rx_extensions[i] == 0) spec.rx_extensions[i] = line.extensions[i];
    copy_text(spec.cname, state.cname);
    for (const MediaLine& line : state.lines)
        if (line.leg != abi::LegId::none) {
            spec.sender_ssrc = line.ssrc;
            break;
        }
    return spec;
}

std::vector<abi::SourceSpec> source_specs(const SessionState& state) {
    std::vector<abi::SourceSpec> specs;
    for (const MediaLine& line : state.lines) {
        for (const Layer& layer : line.layers) {
            abi::SourceSpec& spec = specs.emplace_back();
            spec.id = layer.source;
            spec.transport = state.id;
            spec.kind = line.kind;
            spec.mid_length = copy_text(spec.mid, line.mid);
            spec.rid_length = copy_text(spec.rid, layer.rid);
            spec.ssrc = layer.ssrc;
            spec.rtx_ssrc = layer.rtx_ssrc;
            spec.flags = source_flags(line);
            const std::size_t payloads = std::min(line.codecs.size(), abi::max_payloads);
            for (std::size_t i = 0; i < payloads; ++i) {
                const sdp::Codec& c = line.codecs[i];
                spec.payloads[i].payload_type = c.pt;
                spec.payloads[i].rtx_payload_type = c.rtx_pt.value_or(0xff);
                spec.payloads[i].codec = codec_id(c);
                spec.payloads[i].clock_rate = c.clock_rate;
            }
        }
    }
    return specs;
}

abi::LegSpec leg_spec(const SessionState& state, const MediaLine& line) {
    abi::LegSpec spec;
    spec.id = line.leg;
    spec.transport = state.id;
    spec.kind = line.kind;
    spec.mid_length = copy_text(spec.mid, line.mid);
    spec.ssrc = line.ssrc;
    spec.rtx_ssrc = line.rtx_ssrc;
    spec.start_index = line.start_index;
    spec.rtx_start_index = line.rtx_start_index;
    spec.start_timestamp = line.start_timestamp;
    spec.tx_extensions = line.extensions;
    return spec;
}

namespace {

const sdp::Codec* first_opus(const std::vector<sdp::Codec>& codecs) {
    const auto found = std::ranges::find_if(codecs, [](const sdp::Codec& c) { return c.is("opus"); });
    return found == codecs.end() ? nullptr : &*found;
}

// The viewer's RED, if it can be sent the publisher's as it is: the blocks name payload types, and nobody rewrites them.
const sdp::Codec* red_receiver(const MediaLine& viewer, const sdp::Codec& published_opus) {
    for (const sdp::Codec& c : viewer.codecs)
        if (sdp::is_red_of(c, published_opus.pt))
            for (const sdp::Codec& own : viewer.codecs)
                if (own.pt == published_opus.pt && sdp::same_format(own, published_opus)) return &c;
    return nullptr;
}

}  // namespace

bool follow(abi::LegSpec& leg, const MediaLine& viewer, const MediaLine& published, abi::SourceId source) {
    std::uint16_t flags = leg.flags & static_cast<std::uint16_t>(~abi::leg_strip_red);
    const sdp::Codec* opus = first_opus(published.codecs);
    std::array<abi::LegPayload, abi::max_payloads> payloads{};
    std::uint32_t clock_rate = 0;
    const std::size_t count = std::min(published.codecs.size(), abi::max_payloads);
    for (std::size_t i = 0; i < count; ++i) {
        const bool red = published.codecs[i].is("red");
        if (red && opus == nullptr) continue;
        const sdp::Codec* receiver =
            red ? red_receiver(viewer, *opus) : sdp::find_receiver(viewer.codecs, published.codecs[i]);
        if (red && receiver == nullptr) {
            // Without RED a viewer gets the primary block, which is a packet of Opus.
            receiver = sdp::find_receiver(viewer.codecs, *opus);
            flags |= abi::leg_strip_red;
        }
        if (receiver == nullptr) continue;
        payloads[i].payload_type = receiver->pt;
        if (leg.rtx_ssrc != 0) payloads[i].rtx_payload_type = receiver->rtx_pt.value_or(0xff);
        if (clock_rate == 0) clock_rate = receiver->clock_rate;
    }
    if (clock_rate == 0) return false;
    leg.source = source;
    leg.flags = flags;
    leg.payloads = payloads;
    leg.clock_rate = clock_rate;
    return true;
}

}  // namespace sluice::session
