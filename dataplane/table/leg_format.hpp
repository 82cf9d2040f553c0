// How a leg writes the packets of its source: which payload types and header extensions its viewer takes, and whether it
// takes RED. Legs of one format share a header that is prepared once a packet; what differs between them (sequence number,
// timestamp, SSRC, the letters of the MID) is laid over it.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/abi/messages.hpp"

namespace sluice::table {

struct LegFormat {
    std::array<abi::LegPayload, abi::max_payloads> payloads{};
    abi::ExtensionIds extensions{};
    std::uint8_t mid_length = 0;  // 0 to abi::max_mid; 0: no MID is sent
    bool strip_red = false;

    friend bool operator==(const LegFormat&, const LegFormat&) = default;
};

// The formats of one view's legs, by number. Browsers of one kind negotiate alike, so a few numbers serve thousands of
// viewers; legs beyond those get `own` and have their header prepared one by one.
class FormatTable {
public:
    static constexpr std::uint8_t size = 8;
    static constexpr std::uint8_t own = size;

    [[nodiscard]] std::uint8_t join(const LegFormat& format) noexcept {
        std::uint8_t free = own;
        for (std::uint8_t i = 0; i < size; ++i) {
            if (users_[i] == 0) {
                if (free == own) free = i;
            } else if (formats_[i] == format) {
                ++users_[i];
                return i;
            }
        }
        if (free == own) return own;
        formats_[free] = format;
        users_[free] = 1;
        return free;
    }
    void leave(std::uint8_t number) noexcept {
        if (number != own) --users_[number];
    }
    [[nodiscard]] const LegFormat& operator[](std::uint8_t number) const noexcept { return formats_[number]; }

private:
    std::array<LegFormat, size> formats_{};
    std::array<std::uint32_t, size> users_{};
};

}  // namespace sluice::table
