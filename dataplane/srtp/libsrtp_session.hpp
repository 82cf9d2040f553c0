// One libsrtp session behind one key: its streams are added when their SSRC is first seen, and their
// rollover counters steered, so that libsrtp arrives at the index that the caller asked for.
//
// Theory of operation. libsrtp derives the index from the sequence number and what it has seen. Told
// the ROC before each packet it takes that instead, except that ROC 0 means "derive", and that an
// index more than 2^15 below the highest is refused. prepare_rtp() mirrors this and answers false
// where libsrtp would use another index than ours: sealing under a wrong index must never happen.
//
// Thread: whichever worker uses the key.
#pragma once

#include <srtp2/srtp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "dataplane/srtp/key.hpp"

namespace sluice::srtp {

class LibsrtpSession final : public BackendSession {
public:
    // Null if libsrtp refuses.
    [[nodiscard]] static std::unique_ptr<LibsrtpSession> make(Suite suite, const MasterKey& master);
    LibsrtpSession(const LibsrtpSession&) = delete;
    LibsrtpSession& operator=(const LibsrtpSession&) = delete;
    ~LibsrtpSession() override;

    [[nodiscard]] srtp_t get() const noexcept { return session_; }

    // False: there is no stream and none can be added.
    [[nodiscard]] bool prepare_rtcp(std::uint32_t ssrc);
    // False: libsrtp would not use `index` for the next RTP packet of this SSRC.
    [[nodiscard]] bool prepare_rtp(std::uint32_t ssrc, std::uint64_t index);

    // A packet of this SSRC was sealed or opened; `rtp_index` is empty for RTCP.
    void succeeded(std::uint32_t ssrc, std::optional<std::uint64_t> rtp_index);
    // An SSRC that has never opened is forgotten, so that forgeries cannot fill the memory.
    void failed(std::uint32_t ssrc);

private:
    struct Stream {
        std::uint64_t highest_index = 0;
        bool proven = false;
    };

    LibsrtpSession(Suite suite, const MasterKey& master) noexcept;
    Stream* stream(std::uint32_t ssrc);

    srtp_t session_ = nullptr;
    Suite suite_;
    std::array<std::uint8_t, 30> master_{};
    std::unordered_map<std::uint32_t, Stream> streams_;
};

}  // namespace sluice::srtp
