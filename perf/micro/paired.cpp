#include "perf/micro/paired.hpp"

#include <emmintrin.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/base/tsc_clock.hpp"
#include "dataplane/srtp/iv.hpp"
#include "dataplane/srtp/kdf.hpp"
#include "dataplane/srtp/srtp.hpp"
#include "perf/lib/machine.hpp"
#include "perf/lib/statistics.hpp"
#include "perf/micro/stage.hpp"

namespace sluice::perf {
namespace {

using srtp::Suite;

constexpr std::size_t viewers = 100;
constexpr std::size_t batch = 64;
constexpr std::size_t buffers = 512;
constexpr std::size_t stride = 2304;
constexpr std::size_t header_size = 24;  // with mid and transport-cc
constexpr std::uint32_t first_ssrc = 0x10000;

srtp::MasterKey master(std::size_t n) {
    srtp::MasterKey made;
    for (std::size_t i = 0; i < made.key.size(); ++i) made.key[i] = static_cast<std::uint8_t>((n >> (i % 4 * 8)) + i);
    return made;
}

// What all seal: the same packets for the same viewers, into buffers of their own.
class Contender {
public:
    Contender(std::string name, std::size_t size)
        : name_(std::move(name)), payload_(size, 0x5a), memory_(buffers * stride) {}
    virtual ~Contender() = default;
    Contender(const Contender&) = delete;
    Contender& operator=(const Contender&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    // A batch; false if a packet of it was not sealed.
    [[nodiscard]] bool seal() {
        for (auto& job : jobs_) {
            std::uint8_t* out = memory_.data() + next_buffer_ * stride;
            next_buffer_ = (next_buffer_ + 1) % buffers;
            write_header(out);
            job = {nullptr, out, header_size, static_cast<std::uint16_t>(payload_.size()), payload_.data(), index_, 0, 0};
            job.ssrc = first_ssrc + static_cast<std::uint32_t>(viewer_);
            viewer_of_[static_cast<std::size_t>(&job - jobs_.data())] = viewer_;
            if (++viewer_ == viewers) {
                viewer_ = 0;
                ++index_;
            }
        }
        seal(jobs_);
        bool good = true;
        for (const auto& job : jobs_) good &= job.out_len > header_size + payload_.size();
        return good;
    }
    [[nodiscard]] ByteView first_packet() const { return {jobs_.front().dst, jobs_.front().out_len}; }

protected:
    virtual void seal(std::span<srtp::SealJob> jobs) = 0;
    [[nodiscard]] std::size_t viewer_of(std::size_t job) const noexcept { return viewer_of_[job]; }

private:
    // With two stores, as the fan-out does it.
    void write_header(std::uint8_t* out) const {
        const auto swapped = [](std::uint32_t value) { return static_cast<int>(std::byteswap(value)); };
        const auto sequence = static_cast<std::uint32_t>(index_ & 0xffff);
        const std::uint32_t ssrc = first_ssrc + static_cast<std::uint32_t>(viewer_);
        const __m128i fixed = _mm_set_epi32(swapped(0xbede'0002), swapped(ssrc), 0, swapped(0x90e6'0000 | sequence));
        std::memcpy(out, &fixed, sizeof fixed);
        std::memset(out + sizeof fixed, 0, header_size - sizeof fixed);
    }

    std::string name_;
    Bytes payload_;
    Bytes memory_;
    std::array<srtp::SealJob, batch> jobs_;
    std::array<std::size_t, batch> viewer_of_{};
    std::size_t next_buffer_ = 0;
    std::size_t viewer_ = 0;
    std::uint64_t index_ = 1000;
};

class EngineContender final : public Contender {
public:
    EngineContender(srtp::Backend backend, Suite suite, std::size_t size)
        : Contender(std::string(srtp::to_string(backend)), size),
          engine_(srtp::make_engine(backend)),
          keys_(std::make_unique<srtp::TxKey[]>(viewers)) {
        for (std::size_t i = 0; i < viewers; ++i) keys_[i].init(suite, master(i), *engine_);
    }
    ~EngineContender() override {
        for (std::size_t i = 0; i < viewers; ++i) keys_[i].wipe();
    }

protected:
    void seal(std::span<srtp::SealJob> jobs) override {
        for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].key = &keys_[viewer_of(i)];
        engine_->sealer().seal_rtp(jobs);
    }

private:
    std::unique_ptr<srtp::Engine> engine_;
    std::unique_ptr<srtp::TxKey[]> keys_;
};

// A context kept per viewer, only the IV set per packet: the fastest that EVP does. HMAC with saved pads, by SHA-NI.
class EvpContender final : public Contender {
public:
    EvpContender(Suite suite, std::size_t size) : Contender("openssl", size), gcm_(suite == Suite::aead_aes_128_gcm) {
        for (std::size_t i = 0; i < viewers; ++i) {
            const srtp::SessionKeys session(suite, master(i));
            auto& key = keys_[i];
            key.ctx.reset(EVP_CIPHER_CTX_new());
            key.salt = session.rtp.salt;
            key.hmac.init(session.rtp.auth);
            EVP_EncryptInit_ex(key.ctx.get(), gcm_ ? EVP_aes_128_gcm() : EVP_aes_128_ctr(), nullptr, session.rtp.key.data(),
                               nullptr);
        }
    }

protected:
    void seal(std::span<srtp::SealJob> jobs) override {
        for (std::size_t i = 0; i < jobs.size(); ++i) one(jobs[i], keys_[viewer_of(i)]);
    }

private:
    struct FreeContext {
        void operator()(EVP_CIPHER_CTX* ctx) const noexcept { EVP_CIPHER_CTX_free(ctx); }
    };
    struct Key {
        std::unique_ptr<EVP_CIPHER_CTX, FreeContext> ctx;
        std::array<std::uint8_t, 16> salt{};
        srtp::HmacSha1Key hmac;
    };

    void one(srtp::SealJob& job, Key& key) const {
        std::uint8_t* body = job.dst + job.header_len;
        std::uint8_t* end = body + job.payload_len;
        int len = 0;
        const srtp::Iv iv = gcm_ ? srtp::gcm_iv(key.salt, job.ssrc, job.index) : srtp::cm_iv(key.salt, job.ssrc, job.index);
        EVP_EncryptInit_ex(key.ctx.get(), nullptr, nullptr, nullptr, iv.bytes.data());
        if (gcm_) EVP_EncryptUpdate(key.ctx.get(), nullptr, &len, job.dst, job.header_len);
        EVP_EncryptUpdate(key.ctx.get(), body, &len, job.payload, job.payload_len);
        if (gcm_) {
            EVP_EncryptFinal_ex(key.ctx.get(), end, &len);
            EVP_CIPHER_CTX_ctrl(key.ctx.get(), EVP_CTRL_GCM_GET_TAG, srtp::gcm_tag_bytes, end);
        } else {
            store(end, be32(static_cast<std::uint32_t>(job.index >> 16)));
            const ByteView message(job.dst, end + 4);
            std::array<std::uint8_t, 20> tag;
            srtp::hmac_sha1(key.hmac.pads, {&message, 1}, tag.data());
            std::copy_n(tag.begin(), srtp::sha1_80_tag_bytes, end);
        }
        const std::size_t tag_size = gcm_ ? srtp::gcm_tag_bytes : srtp::sha1_80_tag_bytes;
        job.out_len = static_cast<std::uint16_t>(job.header_len + job.payload_len + tag_size);
    }

    bool gcm_;
    std::array<Key, viewers> keys_;
};

using Contenders = std::vector<std::unique_ptr<Contender>>;

Contenders contenders(Suite suite, std::size_t size) {
    Contenders made;
    for (const auto backend : {srtp::Backend::avx512, srtp::Backend::ipsec_mb}) {
        if (srtp::why_not(backend).empty()) made.push_back(std::make_unique<EngineContender>(backend, suite, size));
    }
    made.push_back(std::make_unique<EvpContender>(suite, size));
    return made;
}

// Ticks of a packet, over about a millisecond; negative if one was not sealed.
double slice(Contender& contender, double tsc_hz) {
    const std::uint64_t start = TscClock::ticks();
    const auto until = start + static_cast<std::uint64_t>(tsc_hz / 1000);
    std::size_t packets = 0;
    bool good = true;
    std::uint64_t now = start;
    for (; now < until; now = TscClock::ticks()) {
        good &= contender.seal();
        packets += batch;
    }
    return good ? static_cast<double>(now - start) / static_cast<double>(packets) : -1;
}

bool seal_alike(const Contenders& all) {
    bool alike = true;
    for (const auto& one : all) {
        alike &= one->seal();
        alike &= std::ranges::equal(one->first_packet(), all.front()->first_packet());
    }
    return alike;
}

void print(const PairedOptions& o, const std::string& stage, std::size_t size, double cycles, std::optional<double> ratio) {
    const double ns = cycles * 1e9 / o.tsc_hz;
    if (o.json) {
        fmt::print(R"({{"version":1,"benchmark":"micro","stage":"{}","ns":{:.2f},"cycles":{:.1f},"mega_per_second":{:.2f},)"
                   R"("bytes":{},"gbps":{:.2f},"ours_faster":{},"cpu":"{}"}})"
                   "\n",
                   stage, ns, cycles, 1000 / ns, size, static_cast<double>(size) * 8 / ns,
                   ratio ? fmt::format("{:.3f}", *ratio) : "null", json_escaped(o.cpu));
    } else {
        fmt::print("{:<62} {:>9.1f} {:>9.0f} {:>9.2f} {:>8.1f}{}\n", stage, ns, cycles, 1000 / ns,
                   static_cast<double>(size) * 8 / ns, ratio ? fmt::format("  ours {:.2f}x", *ratio) : "");
    }
    std::fflush(stdout);
}

void compare(const PairedOptions& o, Suite suite, std::size_t size, PairedResult& result) {
    const std::string group =
        fmt::format("srtp/paired/{}/{}", suite == Suite::aead_aes_128_gcm ? "GCM-128" : "CM-SHA1-80", size);
    if (!std::regex_search(group, o.filter)) return;
    const Contenders all = contenders(suite, size);
    if (!seal_alike(all)) {
        fmt::print(stderr, "{}: the sealers do not agree\n", group);
        ++result.errors;
        return;
    }
    std::vector<std::vector<double>> ticks(all.size()), ratios(all.size());
    const int rounds = o.quick ? 30 : 300;
    for (int round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < all.size(); ++i) {
            ticks[i].push_back(slice(*all[i], o.tsc_hz));
            if (ticks[i].back() < 0) ++result.errors;
            ratios[i].push_back(ticks[i].back() / ticks[0].back());
        }
    }
    const bool ours = all.front()->name() == srtp::to_string(srtp::Backend::avx512);
    for (std::size_t i = 0; i < all.size(); ++i) {
        print(o, group + "/" + all[i]->name(), size, median(ticks[i]),
              ours && i != 0 ? std::optional(median(ratios[i])) : std::nullopt);
        ++result.rows;
    }
}

}  // namespace

PairedResult run_paired(const PairedOptions& options) {
    PairedResult result;
    for (const Suite suite : {Suite::aead_aes_128_gcm, Suite::aes_cm_128_hmac_sha1_80}) {
        for (const std::size_t size : {1200, 120}) compare(options, suite, size, result);
    }
    return result;
}

}  // namespace sluice::perf
