// Compound RTCP packets (RFC 3550 section 6.1, reduced-size RFC 5506): framing. The reader checks the
// whole compound first, so that iteration cannot fail; the bodies are read by rtcp_reports.hpp,
// rtcp_feedback.hpp and twcc.hpp, and written by rtcp_writer.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/base/bytes.hpp"

namespace sluice::wire {

enum class RtcpType : std::uint8_t {
    sender_report = 200,
    receiver_report = 201,
    source_description = 202,
    bye = 203,
    application = 204,
    transport_feedback = 205,  // RTPFB (RFC 4585)
    payload_feedback = 206,    // PSFB (RFC 4585)
    extended_report = 207,     // XR (RFC 3611)
};

// Feedback message types, in the place of the count.
inline constexpr std::uint8_t rtpfb_nack = 1;
inline constexpr std::uint8_t rtpfb_transport_cc = 15;
inline constexpr std::uint8_t psfb_pli = 1;
inline constexpr std::uint8_t psfb_fir = 4;
inline constexpr std::uint8_t psfb_application = 15;  // REMB among others

enum class RtcpError : std::uint8_t {
    truncated_header,
    bad_version,
    bad_type,     // not 192..223
    bad_length,   // a packet overruns the compound
    bad_padding,  // zero, no multiple of 4, or more than the body
    truncated_body,
    bad_content,  // a field of the body contradicts another
    wrong_type,   // the body's reader was given another packet
};
[[nodiscard]] std::string_view to_string(RtcpError error) noexcept;

struct RtcpPacketView {
    RtcpType type{};
    std::uint8_t count = 0;  // report count, source count or feedback message type
    // SSRC of the packet sender: the first word of the body (0 if there is none; SDES and BYE list sources there).
    std::uint32_t sender_ssrc = 0;
    ByteView body;  // after the 4-byte header, padding removed

    [[nodiscard]] bool is(RtcpType wanted, std::uint8_t feedback_type) const noexcept {
        return type == wanted && count == feedback_type;
    }
};

class RtcpReader {
public:
    // Accepts reduced-size compounds and, as browsers send it, padding on any packet of the compound.
    [[nodiscard]] static std::expected<RtcpReader, RtcpError> parse(ByteView compound) noexcept;

    [[nodiscard]] std::optional<RtcpPacketView> next() noexcept;

private:
    explicit RtcpReader(ByteView rest) noexcept : rest_(rest) {}
    ByteView rest_;
};

}  // namespace sluice::wire
