// SRTP: opening what a publisher sent, the replay window, sealing for viewers with the product's backend and with libsrtp.

#include <memory>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/srtp/srtp.hpp"
#include "perf/micro/stage.hpp"

namespace sluice::perf {
namespace {

using srtp::Suite;

constexpr Suite suites[] = {Suite::aead_aes_128_gcm, Suite::aes_cm_128_hmac_sha1_80};
constexpr std::size_t payloads[] = {120, 1200};  // audio, video
constexpr std::size_t header_size = 20;          // with a mid
constexpr std::uint32_t first_ssrc = 0x10000;

std::string text(Suite suite) {
    return suite == Suite::aead_aes_128_gcm ? "GCM-128" : "CM-SHA1-80";
}

srtp::MasterKey master(std::uint64_t n) {
    srtp::MasterKey made;
    for (std::size_t i = 0; i < made.key.size(); ++i) made.key[i] = static_cast<std::uint8_t>((n >> (i % 4 * 8)) + i);
    return made;
}

void write_header(std::uint8_t* out, std::uint32_t ssrc, std::uint16_t sequence) {
    out[0] = 0x90;
    out[1] = 0xe6;
    store(out + 2, be16(sequence));
    store(out + 4, be32(90'000));
    store(out + 8, be32(ssrc));
    store(out + 12, be16(0xbede));
    store(out + 14, be16(1));
    store(out + 16, be32(0x40310000));
}

// `viewers` keys, each sealed for in turn, in batches.
struct Viewers {
    static constexpr std::size_t stride = 2304;
    std::unique_ptr<srtp::Engine> engine;
    std::unique_ptr<srtp::TxKey[]> keys;
    std::size_t count;
    Bytes payload;
    Bytes buffers;
    std::vector<srtp::SealJob> jobs;
    std::size_t next = 0;
    std::uint64_t index = 1000;

    Viewers(srtp::Backend backend, Suite suite, std::size_t viewers, std::size_t batch, std::size_t size)
        : engine(srtp::make_engine(backend)),
          keys(std::make_unique<srtp::TxKey[]>(viewers)),
          count(viewers),
          payload(size, 0x5a),
          buffers(batch * stride),
          jobs(batch) {
        for (std::size_t i = 0; i < viewers; ++i) keys[i].init(suite, master(i), *engine);
    }
    ~Viewers() {
        for (std::size_t i = 0; i < count; ++i) keys[i].wipe();
    }
    bool seal() {
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            std::uint8_t* out = buffers.data() + i * stride;
            const std::uint32_t ssrc = first_ssrc + static_cast<std::uint32_t>(next);
            // libsrtp reads the numbers from the header.
            write_header(out, ssrc, static_cast<std::uint16_t>(index));
            jobs[i] = {&keys[next],    out,   header_size, static_cast<std::uint16_t>(payload.size()),
                       payload.data(), index, ssrc,        0};
            if (++next == count) {
                next = 0;
                ++index;
            }
        }
        engine->sealer().seal_rtp(jobs);
        bool good = true;
        for (const auto& job : jobs) good &= job.out_len > header_size + payload.size();
        return good;
    }
};

void add_seal(srtp::Backend backend, Suite suite, std::size_t size, std::size_t viewers, std::size_t batch) {
    if (!srtp::why_not(backend).empty()) return;
    const std::string name = "srtp/seal/" + std::string(srtp::to_string(backend)) + "/" + text(suite) + "/" +
                             std::to_string(size) + "/" + std::to_string(viewers) + "_keys/batch_" + std::to_string(batch);
    stage(name, {batch, size},
          [=] { return [v = std::make_unique<Viewers>(backend, suite, viewers, batch, size)] { return v->seal(); }; });
}

struct Opening {
    std::unique_ptr<srtp::Engine> engine = srtp::make_engine(srtp::best_backend());
    srtp::RxKey rx;
    srtp::TxKey tx;
    Bytes packet;
    Bytes plain = Bytes(2048);

    explicit Opening(Suite suite) {
        rx.init(suite, master(1), *engine);
        tx.init(suite, master(1), *engine);
    }
    ~Opening() {
        rx.wipe();
        tx.wipe();
    }
    void seal_rtp(std::size_t size) {
        const Bytes payload(size, 0x5a);
        packet.resize(header_size + size + 64);
        write_header(packet.data(), first_ssrc, 1000);
        srtp::SealJob job{
            &tx, packet.data(), header_size, static_cast<std::uint16_t>(size), payload.data(), 1000, first_ssrc, 0};
        engine->sealer().seal_rtp({&job, 1});
        packet.resize(job.out_len);
    }
    // A compound of 60 bytes: SR and SDES as browsers send them.
    void seal_rtcp() {
        packet.assign(128, 0);
        packet[0] = 0x80, packet[1] = 200, packet[3] = 14;
        packet.resize(engine->sealer().seal_rtcp(tx, packet.data(), 60, 1));
    }
};

void add_open(Suite suite) {
    for (const std::size_t size : payloads) {
        stage("srtp/open/" + text(suite) + "/" + std::to_string(size), {1, size}, [=] {
            auto o = std::make_unique<Opening>(suite);
            o->seal_rtp(size);
            return [o = std::move(o), size] {
                const auto opened = o->engine->opener().open_rtp(o->rx, o->packet, header_size, 1000, o->plain.data());
                return opened && *opened == header_size + size;
            };
        });
    }
    stage("srtcp/open/" + text(suite) + "/60", {1, 60}, [=] {
        auto o = std::make_unique<Opening>(suite);
        o->seal_rtcp();
        return [o = std::move(o)] { return o->engine->opener().open_rtcp(o->rx, o->packet, o->plain.data()).has_value(); };
    });
    stage("srtcp/seal/" + text(suite) + "/60", {1, 60}, [=] {
        return [o = std::make_unique<Opening>(suite), index = std::uint32_t{1}]() mutable {
            write_header(o->plain.data(), first_ssrc, 14);
            return o->engine->sealer().seal_rtcp(o->tx, o->plain.data(), 60, index++) > 60;
        };
    });
}

}  // namespace

void add_srtp_stages() {
    for (const Suite suite : suites) add_open(suite);
    stage("srtp/replay_window", {}, [] {
        return [window = std::make_unique<srtp::ReplayWindow<1024>>(), n = std::uint64_t{1}]() mutable {
            const std::uint64_t index = srtp::guess_index(window->highest(), static_cast<std::uint16_t>(n++));
            const bool fresh = window->check(index);
            window->commit(index);
            return fresh;
        };
    });
    for (const Suite suite : suites) {
        for (const std::size_t size : payloads) {
            add_seal(srtp::Backend::avx512, suite, size, 100, 32);
            add_seal(srtp::Backend::ipsec_mb, suite, size, 100, 32);
            add_seal(srtp::Backend::libsrtp, suite, size, 100, 32);
        }
        // One at a time, as a NACK is answered; and with keys that no cache holds.
        for (const auto backend : {srtp::Backend::avx512, srtp::Backend::ipsec_mb}) {
            add_seal(backend, suite, 1200, 100, 1);
            add_seal(backend, suite, 1200, 10'000, 32);
        }
    }
}

}  // namespace sluice::perf
