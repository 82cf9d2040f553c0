// The RTP header extensions (RFC 8285) that the SFU reads, rewrites or passes on. All others are
// not negotiated, so no packet carries them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::sdp {

enum class HeaderExtension : std::uint8_t {
    mid,
    rid,
    repaired_rid,
    transport_cc,
    abs_send_time,
    audio_level,
    dependency_descriptor,
    abs_capture_time,
    video_orientation,
    playout_delay,
    video_layers_allocation,
};
inline constexpr std::size_t header_extension_count = 11;

[[nodiscard]] std::string_view uri_of(HeaderExtension extension) noexcept;
[[nodiscard]] std::optional<HeaderExtension> header_extension_of(std::string_view uri) noexcept;

// The negotiated id of each extension; 0: not negotiated.
class HeaderExtensionIds {
public:
    [[nodiscard]] std::uint8_t operator[](HeaderExtension e) const noexcept { return ids_[static_cast<std::size_t>(e)]; }
    void set(HeaderExtension e, std::uint8_t id) noexcept { ids_[static_cast<std::size_t>(e)] = id; }
    friend bool operator==(const HeaderExtensionIds&, const HeaderExtensionIds&) = default;

private:
    std::array<std::uint8_t, header_extension_count> ids_{};
};

}  // namespace sluice::sdp
