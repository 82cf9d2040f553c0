// The proof that a benchmark measured packets and not garbage: a sample of what left is taken apart by hand, opened with
// libsrtp under the viewer's key, and compared byte for byte with what was published.
//
// libsrtp is used directly, by its own API, so that none of our SRTP code is both the suspect and the witness.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "perf/pipeline/scene.hpp"

namespace sluice::perf {

class SampleCheck {
public:
    // At most `per_packet` viewers of each published packet are opened, spread evenly over all.
    explicit SampleCheck(const SceneSpec& spec, std::uint32_t per_packet = 16);

    // `frames` is everything that left for one published packet: exactly one RTP packet for each viewer has to be among
    // them. `offload`: the NIC would have finished the UDP checksum. What is wrong, or nothing.
    [[nodiscard]] std::expected<void, std::string> check(std::vector<std::vector<std::uint8_t>>& frames,
                                                         const Published& published, bool offload);
    [[nodiscard]] std::uint64_t opened() const noexcept { return opened_; }
    // Of the last frame that was opened, without FCS.
    [[nodiscard]] std::size_t frame_bytes() const noexcept { return frame_bytes_; }

private:
    SceneSpec spec_;
    std::uint32_t stride_;
    std::uint64_t opened_ = 0;
    std::size_t frame_bytes_ = 0;
};

// Opens `packet` as packet `index` of this key with libsrtp; the plaintext, or what libsrtp said.
[[nodiscard]] std::expected<std::vector<std::uint8_t>, std::string> open_with_libsrtp(srtp::Suite suite,
                                                                                      const srtp::MasterKey& key,
                                                                                      std::uint32_t ssrc,
                                                                                      std::uint64_t index, ByteView packet);

// The RTP packet that `viewer` has to get for what was published.
[[nodiscard]] std::vector<std::uint8_t> expected_rtp(const Viewer& viewer, const Published& published);

}  // namespace sluice::perf
