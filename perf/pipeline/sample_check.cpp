#include "perf/pipeline/sample_check.hpp"

#include <fmt/format.h>
#include <srtp2/srtp.h>

#include <algorithm>
#include <array>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/wire/checksum.hpp"
#include "dataplane/wire/demux.hpp"
#include "dataplane/wire/udp_frame.hpp"

namespace sluice::perf {
namespace {

using Bytes = std::vector<std::uint8_t>;

// What a NIC does with a frame whose checksum field holds the sum of the pseudo-header.
void finish_checksum(Bytes& frame, const wire::UdpDatagram& datagram) {
    const ByteView udp(frame.data() + datagram.l4_offset, frame.size() - datagram.l4_offset);
    store(frame.data() + datagram.l4_offset + 6, wire::checksum_finish_udp(wire::checksum_add(0, udp)));
}

}  // namespace

std::expected<Bytes, std::string> open_with_libsrtp(srtp::Suite suite, const srtp::MasterKey& key, std::uint32_t ssrc,
                                                    std::uint64_t index, ByteView packet) {
    static const bool ready = srtp_init() == srtp_err_status_ok;
    if (!ready) return std::unexpected("libsrtp does not start");
    std::array<std::uint8_t, 30> master{};
    std::copy(key.key.begin(), key.key.end(), master.begin());
    std::copy(key.salt.begin(), key.salt.end(), master.begin() + 16);
    srtp_policy_t policy{};
    if (suite == srtp::Suite::aead_aes_128_gcm) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
        srtp_crypto_policy_set_rtp_default(&policy.rtp);
        srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    }
    policy.ssrc = {ssrc_specific, ssrc};
    policy.key = master.data();
    policy.window_size = 128;
    srtp_t session = nullptr;
    if (const auto status = srtp_create(&session, &policy); status != srtp_err_status_ok) {
        return std::unexpected(fmt::format("srtp_create: {}", static_cast<int>(status)));
    }
    if (const auto roc = static_cast<std::uint32_t>(index >> 16); roc != 0) (void)srtp_set_stream_roc(session, ssrc, roc);
    Bytes plain(packet.begin(), packet.end());
    int length = static_cast<int>(plain.size());
    const auto status = srtp_unprotect(session, plain.data(), &length);
    (void)srtp_dealloc(session);
    if (status != srtp_err_status_ok) return std::unexpected(fmt::format("srtp_unprotect: {}", static_cast<int>(status)));
    plain.resize(static_cast<std::size_t>(length));
    return plain;
}

Bytes expected_rtp(const Viewer& viewer, const Published& published) {
    // Fixed header, then a one-byte extension block of one word: the mid, padded (RFC 3550, RFC 8285).
    Bytes out(20);
    out[0] = 0x90;
    out[1] = static_cast<std::uint8_t>((published.marker ? 0x80 : 0) | Viewer::payload_type);
    store(out.data() + 2, be16(static_cast<std::uint16_t>(Viewer::first_index + published.number)));
    store(out.data() + 4, be32(Viewer::first_timestamp + published.timestamp));
    store(out.data() + 8, be32(viewer.ssrc));
    store(out.data() + 12, be16(0xbede));
    store(out.data() + 14, be16(1));
    out[16] = Viewer::mid_id << 4;
    out[17] = static_cast<std::uint8_t>(Viewer::mid);
    out.insert(out.end(), published.payload.begin(), published.payload.end());
    return out;
}

SampleCheck::SampleCheck(const SceneSpec& spec, std::uint32_t per_packet)
    : spec_(spec), stride_(std::max(1u, spec.viewers / per_packet)) {}

std::expected<void, std::string> SampleCheck::check(std::vector<Bytes>& frames, const Published& published, bool offload) {
    std::vector<std::uint8_t> got(spec_.viewers);
    for (Bytes& frame : frames) {
        const auto datagram = wire::parse_udp_frame(frame);
        if (!datagram) continue;  // ARP and ND: what is told to the whole link
        const ByteView payload = datagram->payload(frame);
        if (payload.size() < 2 || wire::first_byte_class(payload[0]) != wire::PacketClass::rtp ||
            wire::is_rtcp(payload[1])) {
            continue;
        }
        const std::uint32_t n =
            datagram->destination.port - 1024u + 60'000u * (datagram->destination.address.bytes[14] - 1u);
        if (n >= spec_.viewers)
            return std::unexpected(fmt::format("a packet to {}, who is nobody", datagram->destination.to_string()));
        if (got[n]++ != 0) return std::unexpected(fmt::format("viewer {} was sent one packet twice", n));
        const Viewer viewer = Viewer::number(n, spec_.v6);
        if (datagram->destination != viewer.address) return std::unexpected(fmt::format("viewer {} has another address", n));
        if (n % stride_ != 0) continue;
        if (offload) finish_checksum(frame, *datagram);
        if (!wire::ip_checksum_valid(frame, *datagram)) return std::unexpected(fmt::format("viewer {}: IP checksum", n));
        if (!wire::udp_checksum_valid(frame, *datagram)) return std::unexpected(fmt::format("viewer {}: UDP checksum", n));
        const auto plain = open_with_libsrtp(spec_.suite, viewer.key, viewer.ssrc, Viewer::first_index + published.number,
                                             datagram->payload(frame));
        if (!plain) return std::unexpected(fmt::format("viewer {}: {}", n, plain.error()));
        const Bytes wanted = expected_rtp(viewer, published);
        if (*plain != wanted) {
            const auto at = std::mismatch(plain->begin(), plain->end(), wanted.begin(), wanted.end()).first - plain->begin();
            return std::unexpected(fmt::format("viewer {}: byte {} of the RTP packet is not what was published", n, at));
        }
        frame_bytes_ = frame.size();
        ++opened_;
    }
    const auto missing = std::count(got.begin(), got.end(), 0);
    if (missing != 0) return std::unexpected(fmt::format("{} of {} viewers were sent nothing", missing, spec_.viewers));
    return {};
}

}  // namespace sluice::perf
