// Shared by the tests of this folder: reproducible randomness, RTP headers of every size, and buffers
// that notice a write outside their bounds.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/base/bytes.hpp"
#include "dataplane/srtp/engine.hpp"

namespace sluice::srtp::test {

using Bytes = std::vector<std::uint8_t>;

class Random {
public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}
    std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }
    void fill(ByteSpan bytes) {
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(engine_());
    }
    Bytes bytes(std::size_t size) {
        Bytes made(size);
        fill(made);
        return made;
    }
    MasterKey master() {
        MasterKey made;
        fill(made.key);
        fill(made.salt);
        return made;
    }

private:
    std::mt19937_64 engine_;
};

// Ours against the oracle; those that do not run here are skipped by name.
inline constexpr Backend own_backends[] = {Backend::ipsec_mb, Backend::avx512};
inline constexpr Backend all_backends[] = {Backend::ipsec_mb, Backend::avx512, Backend::libsrtp};

#define SLUICE_SKIP_UNLESS_IT_RUNS(backend)                                                           \
    if (const std::string reason = why_not(backend); (backend) == Backend::avx512 && !reason.empty()) \
    GTEST_SKIP() << "avx512: " << reason

inline constexpr Suite real_suites[] = {Suite::aead_aes_128_gcm, Suite::aes_cm_128_hmac_sha1_80};

// "00 1f..." to bytes; blanks are ignored.
inline Bytes from_hex(std::string_view text) {
    Bytes made;
    std::string digits;
    for (const char c : text) {
        if (c != ' ') digits += c;
        if (digits.size() == 2) {
            made.push_back(static_cast<std::uint8_t>(std::stoi(digits, nullptr, 16)));
            digits.clear();
        }
    }
    return made;
}

// A valid RTP header of `len` bytes (12..., a multiple of 4): CSRCs while `csrcs` asks for them, and a
// BEDE extension over what remains.
inline Bytes rtp_header(Random& random, std::size_t len, std::size_t csrcs, std::uint32_t ssrc, std::uint16_t seq) {
    Bytes header = random.bytes(len);
    csrcs = std::min({csrcs, (len - 12) / 4, std::size_t{15}});
    std::size_t rest = len - 12 - 4 * csrcs;
    header[0] = static_cast<std::uint8_t>(0x80 | (rest != 0 ? 0x10 : 0) | csrcs);
    store(header.data() + 2, be16(seq));
    store(header.data() + 8, be32(ssrc));
    if (rest != 0) {
        store(header.data() + len - rest, be16(0xbede));
        store(header.data() + len - rest + 2, be16(static_cast<std::uint16_t>(rest / 4 - 1)));
    }
    return header;
}

// A zone of `size` writable bytes between canaries.
class Guarded {
public:
    explicit Guarded(std::size_t size) : size_(size), bytes_(size + 2 * margin, canary) {}
    std::uint8_t* data() { return bytes_.data() + margin; }
    ByteView view(std::size_t len) const { return {bytes_.data() + margin, len}; }
    // Nothing outside the zone was written.
    bool intact() const {
        const auto untouched = [](std::uint8_t byte) { return byte == canary; };
        return std::all_of(bytes_.begin(), bytes_.begin() + margin, untouched) &&
               std::all_of(bytes_.end() - margin, bytes_.end(), untouched);
    }
    // Nothing from `offset` to the end of the zone was written.
    bool untouched_from(std::size_t offset) const {
        return std::all_of(bytes_.begin() + static_cast<std::ptrdiff_t>(margin + offset), bytes_.end(),
                           [](std::uint8_t byte) { return byte == canary; });
    }
    std::size_t size() const { return size_; }

private:
    static constexpr std::ptrdiff_t margin = 64;
    static constexpr std::uint8_t canary = 0xa5;
    std::size_t size_;
    Bytes bytes_;
};

// The two directions of one transport in one backend; keys are wiped at the end, as their owner must.
struct Keys {
    TxKey tx;
    RxKey rx;
    Keys(Suite suite, const MasterKey& master, Engine& engine) {
        tx.init(suite, master, engine);
        rx.init(suite, master, engine);
    }
    ~Keys() {
        tx.wipe();
        rx.wipe();
    }
};

// Seals one packet and checks the bounds of the write.
inline Bytes seal(Engine& engine, const TxKey& key, const Bytes& header, const Bytes& payload, std::uint64_t index) {
    const std::size_t len = header.size() + payload.size() + rtp_overhead(key.suite);
    Guarded dst(len + seal_tailroom);
    std::memcpy(dst.data(), header.data(), header.size());
    SealJob job{.key = &key,
                .dst = dst.data(),
                .header_len = static_cast<std::uint16_t>(header.size()),
                .payload_len = static_cast<std::uint16_t>(payload.size()),
                .payload = payload.data(),
                .index = index,
                .ssrc = load<be32>(header.data() + 8).value()};
    engine.sealer().seal_rtp({&job, 1});
    EXPECT_TRUE(dst.intact());
    const ByteView sealed = dst.view(job.out_len);
    return {sealed.begin(), sealed.end()};
}

inline std::expected<Bytes, OpenError> open(Engine& engine, const RxKey& key, const Bytes& packet, std::size_t header_len,
                                            std::uint64_t index) {
    const std::size_t room = packet.size() - std::min(packet.size(), rtp_overhead(key.suite));
    Guarded dst(room);
    const auto len = engine.opener().open_rtp(key, packet, header_len, index, dst.data());
    EXPECT_TRUE(dst.intact());
    if (!len) return std::unexpected(len.error());
    const ByteView plain = dst.view(*len);
    return Bytes(plain.begin(), plain.end());
}

inline Bytes seal_rtcp(Engine& engine, const TxKey& key, const Bytes& plain, std::uint32_t index) {
    Guarded packet(plain.size() + rtcp_overhead(key.suite));
    std::memcpy(packet.data(), plain.data(), plain.size());
    const std::size_t len = engine.sealer().seal_rtcp(key, packet.data(), plain.size(), index);
    EXPECT_TRUE(packet.intact());
    const ByteView sealed = packet.view(len);
    return {sealed.begin(), sealed.end()};
}

struct OpenedRtcp {
    Bytes plain;
    std::uint32_t index;
};

inline std::expected<OpenedRtcp, OpenError> open_rtcp(Engine& engine, const RxKey& key, const Bytes& packet) {
    const std::size_t room = packet.size() - std::min(packet.size(), rtcp_overhead(key.suite));
    Guarded dst(room);
    const auto opened = engine.opener().open_rtcp(key, packet, dst.data());
    EXPECT_TRUE(dst.intact());
    if (!opened) return std::unexpected(opened.error());
    const ByteView plain = dst.view(opened->len);
    return OpenedRtcp{{plain.begin(), plain.end()}, opened->index};
}

inline Bytes operator+(const Bytes& a, const Bytes& b) {
    Bytes joined = a;
    joined.insert(joined.end(), b.begin(), b.end());
    return joined;
}

}  // namespace sluice::srtp::test
