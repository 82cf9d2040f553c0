#include "dataplane/srtp/libsrtp_engine.hpp"

#include <srtp2/srtp.h>

#include <cstring>
#include <mutex>
#include <vector>

#include "dataplane/srtp/layout.hpp"
#include "dataplane/srtp/libsrtp_session.hpp"
#include "dataplane/srtp/plaintext.hpp"

namespace sluice::srtp {
namespace {

LibsrtpSession* session_of(const KeyState& key) noexcept {
    return static_cast<LibsrtpSession*>(key.session);
}

OpenError open_error(srtp_err_status_t status) noexcept {
    switch (status) {
        case srtp_err_status_auth_fail: return OpenError::auth_failed;
        case srtp_err_status_replay_fail:
        case srtp_err_status_replay_old: return OpenError::replayed;
        default: return OpenError::backend;
    }
}

class LibsrtpSealer final : public SrtpSealer {
public:
    void seal_rtp(std::span<SealJob> jobs) override {
        for (SealJob& job : jobs) seal(job);
    }

    std::size_t seal_rtcp(const TxKey& key, std::uint8_t* packet, std::size_t len, std::uint32_t) override {
        if (key.suite_for(Backend::libsrtp) == Suite::none || len < rtcp_clear_header) return 0;
        if (key.suite == Suite::plaintext) return len;
        LibsrtpSession& session = *session_of(key);
        const std::uint32_t ssrc = load_be32(packet + rtcp_ssrc_offset);
        auto size = static_cast<int>(len);
        if (!session.prepare_rtcp(ssrc) || srtp_protect_rtcp(session.get(), packet, &size) != srtp_err_status_ok) {
            return 0;
        }
        session.succeeded(ssrc, std::nullopt);
        return static_cast<std::size_t>(size);
    }

    [[nodiscard]] std::string_view name() const override { return "libsrtp"; }

private:
    static void seal(SealJob& job) {
        job.out_len = 0;
        const Suite suite = job.key == nullptr ? Suite::none : job.key->suite_for(Backend::libsrtp);
        if (suite == Suite::none) return;
        if (suite == Suite::plaintext) return plaintext::seal_rtp(job);
        LibsrtpSession& session = *session_of(*job.key);
        if (!session.prepare_rtp(job.ssrc, job.index)) return;
        if (job.payload_len != 0) std::memcpy(job.dst + job.header_len, job.payload, job.payload_len);
        int size = job.header_len + job.payload_len;
        if (srtp_protect(session.get(), job.dst, &size) != srtp_err_status_ok) return;
        session.succeeded(job.ssrc, job.index);
        job.out_len = static_cast<std::uint16_t>(size);
    }
};

// libsrtp opens in place, and dst has no room for the tag: a scratch copy stands between.
class LibsrtpOpener final : public SrtpOpener {
public:
    std::expected<std::size_t, OpenError> open_rtp(const RxKey& key, ByteView packet, std::size_t header_len,
                                                   std::uint64_t index, std::uint8_t* dst) override {
        if (key.suite_for(Backend::libsrtp) == Suite::none) return std::unexpected(OpenError::no_key);
        if (header_len < rtp_fixed_header || packet.size() < header_len + rtp_overhead(key.suite)) {
            return std::unexpected(OpenError::too_short);
        }
        if (key.suite == Suite::plaintext) return plaintext::open(packet, dst);
        LibsrtpSession& session = *session_of(key);
        const std::uint32_t ssrc = load_be32(packet.data() + rtp_ssrc_offset);
        if (!session.prepare_rtp(ssrc, index)) {
            session.failed(ssrc);
            return std::unexpected(OpenError::backend);
        }
        return finish(session, ssrc, index, packet, dst, srtp_unprotect);
    }

    std::expected<RtcpOpened, OpenError> open_rtcp(const RxKey& key, ByteView packet, std::uint8_t* dst) override {
        if (key.suite_for(Backend::libsrtp) == Suite::none) return std::unexpected(OpenError::no_key);
        if (packet.size() < rtcp_clear_header + rtcp_overhead(key.suite)) return std::unexpected(OpenError::too_short);
        if (key.suite == Suite::plaintext) {
            plaintext_index_ = (plaintext_index_ + 1) & max_rtcp_index;
            return RtcpOpened{plaintext::open(packet, dst), plaintext_index_};
        }
        LibsrtpSession& session = *session_of(key);
        const std::uint32_t ssrc = load_be32(packet.data() + rtcp_ssrc_offset);
        if (!session.prepare_rtcp(ssrc)) return std::unexpected(OpenError::backend);
        const std::size_t behind_word = key.suite == Suite::aead_aes_128_gcm ? 0 : sha1_80_tag_bytes;
        const std::uint32_t word = load_be32(packet.data() + packet.size() - behind_word - srtcp_word_bytes);
        const auto len = finish(session, ssrc, std::nullopt, packet, dst, srtp_unprotect_rtcp);
        if (!len) return std::unexpected(len.error());
        return RtcpOpened{*len, word & max_rtcp_index};
    }

private:
    using Unprotect = srtp_err_status_t (*)(srtp_t, void*, int*);

    std::expected<std::size_t, OpenError> finish(LibsrtpSession& session, std::uint32_t ssrc,
                                                 std::optional<std::uint64_t> index, ByteView packet, std::uint8_t* dst,
                                                 Unprotect unprotect) {
        scratch_.assign(packet.begin(), packet.end());
        auto size = static_cast<int>(packet.size());
        if (const auto status = unprotect(session.get(), scratch_.data(), &size); status != srtp_err_status_ok) {
            session.failed(ssrc);
            return std::unexpected(open_error(status));
        }
        session.succeeded(ssrc, index);
        std::memcpy(dst, scratch_.data(), static_cast<std::size_t>(size));
        return static_cast<std::size_t>(size);
    }

    std::vector<std::uint8_t> scratch_;
    std::uint32_t plaintext_index_ = 0;
};

class LibsrtpEngine final : public Engine {
public:
    [[nodiscard]] Backend backend() const noexcept override { return Backend::libsrtp; }
    [[nodiscard]] SrtpSealer& sealer() noexcept override { return sealer_; }
    [[nodiscard]] SrtpOpener& opener() noexcept override { return opener_; }

private:
    void load(KeyState& state, Suite suite, const MasterKey& master) override {
        if (suite != Suite::none && suite != Suite::plaintext) {
            auto session = LibsrtpSession::make(suite, master);
            if (!session) return;
            state.session = session.release();
            state.maker = Backend::libsrtp;
        }
        state.suite = suite;
    }

    LibsrtpSealer sealer_;
    LibsrtpOpener opener_;
};

}  // namespace

std::unique_ptr<Engine> make_libsrtp_engine() {
    // Process-wide and not thread-safe in libsrtp.
    static std::once_flag once;
    static srtp_err_status_t status = srtp_err_status_fail;
    std::call_once(once, [] { status = srtp_init(); });
    if (status != srtp_err_status_ok) return nullptr;
    return std::make_unique<LibsrtpEngine>();
}

}  // namespace sluice::srtp
