#include "dataplane/srtp/known_answers.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "dataplane/base/byteorder.hpp"

namespace sluice::srtp {
namespace {

using Digest = std::array<std::uint8_t, 32>;

struct Answer {
    Suite suite;
    Digest digest;  // SHA-256 of all sealed packets, one behind the other
};

// Made with libsrtp and confirmed with ipsec-mb; the unit test holds all backends to them.
constexpr Answer answers[] = {
    {Suite::aead_aes_128_gcm,
     {0xa7, 0x13, 0x34, 0x2e, 0xde, 0x08, 0xa8, 0x99, 0x05, 0x04, 0x1d, 0xf0, 0x7f, 0x67, 0x5a, 0xab,
      0x77, 0x79, 0xc9, 0x13, 0x88, 0x19, 0x92, 0xf9, 0xfb, 0xc6, 0xb6, 0x13, 0x15, 0x34, 0x62, 0x8c}},
    {Suite::aes_cm_128_hmac_sha1_80,
     {0x48, 0xe4, 0xc6, 0x4a, 0x80, 0x4d, 0x47, 0x78, 0x89, 0xe7, 0x43, 0x7a, 0x86, 0x05, 0xea, 0x23,
      0xea, 0x90, 0x16, 0xf1, 0xf0, 0x5e, 0x86, 0xab, 0x55, 0x6f, 0xb5, 0x7e, 0x28, 0xca, 0xdb, 0xdb}},
};

// No register, some, a group, several; whole blocks and not; more jobs than SHA-1 has lanes.
constexpr std::uint16_t lengths[] = {0,   1,   16,  47,  48,  49,  64,  100,  120,  192,  250,  256,
                                     320, 333, 512, 576, 700, 960, 999, 1072, 1200, 1343, 1456, 1500};
constexpr std::size_t jobs = std::size(lengths);
constexpr std::size_t room = 1600;
constexpr std::uint64_t first_index = 0x1fff8;  // rolls over on the way

constexpr std::uint8_t byte_at(std::size_t n) {
    return static_cast<std::uint8_t>(n * 167 + n / 251 + 13);
}

struct Batch {
    TxKey tx;
    RxKey rx;
    std::vector<std::uint8_t> payload = std::vector<std::uint8_t>(room);
    std::vector<std::uint8_t> packets = std::vector<std::uint8_t>(jobs * room);
    std::array<SealJob, jobs> job;

    Batch(Suite suite, Engine& engine) {
        MasterKey master;
        for (std::size_t i = 0; i < master.key.size(); ++i) master.key[i] = byte_at(i);
        for (std::size_t i = 0; i < master.salt.size(); ++i) master.salt[i] = byte_at(100 + i);
        tx.init(suite, master, engine);
        rx.init(suite, master, engine);
        for (std::size_t i = 0; i < room; ++i) payload[i] = byte_at(i);
    }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    ~Batch() {
        tx.wipe();
        rx.wipe();
    }

    [[nodiscard]] std::span<std::uint8_t> packet(std::size_t i) { return std::span(packets).subspan(i * room, room); }

    void seal(Engine& engine) {
        for (std::size_t i = 0; i < jobs; ++i) {
            const std::uint64_t index = first_index + i;
            const auto header_len = static_cast<std::uint16_t>(12 + 4 * (i % 13));
            std::uint8_t* header = packet(i).data();
            std::ranges::fill(packet(i).first(header_len), std::uint8_t{0});
            header[0] = header_len > 12 ? 0x90 : 0x80;
            store(header + 2, be16(static_cast<std::uint16_t>(index)));
            store(header + 8, be32(0x1234'5678));
            if (header_len > 12) {
                store(header + 12, be16(0xbede));
                store(header + 14, be16(static_cast<std::uint16_t>((header_len - 16) / 4)));
            }
            job[i] = {&tx, header, header_len, lengths[i], payload.data(), index, 0x1234'5678, 0};
        }
        engine.sealer().seal_rtp(job);
    }

    [[nodiscard]] Digest digest() const {
        Digest made{};
        const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        EVP_DigestInit_ex(ctx.get(), EVP_sha256(), nullptr);
        for (const SealJob& one : job) EVP_DigestUpdate(ctx.get(), one.dst, one.out_len);
        EVP_DigestFinal_ex(ctx.get(), made.data(), nullptr);
        return made;
    }

    // Each packet opens, and none that is damaged anywhere.
    [[nodiscard]] bool opens(Engine& engine) {
        std::vector<std::uint8_t> plain(room);
        for (std::size_t i = 0; i < jobs; ++i) {
            const SealJob& one = job[i];
            const auto open = [&] {
                return engine.opener().open_rtp(rx, {one.dst, one.out_len}, one.header_len, one.index, plain.data());
            };
            std::uint8_t& damaged = one.dst[i % 2 == 0 ? one.out_len - 1U : one.header_len];
            damaged ^= 1;
            if (open()) return false;
            damaged ^= 1;
            const auto len = open();
            if (!len || *len != one.header_len + std::size_t{one.payload_len}) return false;
            if (!std::equal(one.payload, one.payload + one.payload_len, plain.begin() + one.header_len)) return false;
        }
        return true;
    }
};

}  // namespace

bool known_answers(Engine& engine) {
    return std::ranges::all_of(answers, [&engine](const Answer& answer) {
        const auto batch = std::make_unique<Batch>(answer.suite, engine);
        batch->seal(engine);
        return batch->digest() == answer.digest && batch->opens(engine);
    });
}

}  // namespace sluice::srtp
