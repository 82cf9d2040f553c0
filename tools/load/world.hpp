// What all peers of a run share: options, identity, SRTP engines, the epoll set, the recorder, and the latency of what they
// received. Main thread only.
#pragma once

#include <cstdio>
#include <expected>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "controlplane/dtls/context.hpp"
#include "dataplane/base/unique_fd.hpp"
#include "dataplane/srtp/engine.hpp"
#include "tools/load/histogram.hpp"
#include "tools/load/options.hpp"

namespace sluice::loadgen {

// Lines of "ns peer kind ssrc index hash": kind r for SRTP and c for SRTCP that is fresh, R and C for a byte-identical
// repetition, x and X for another packet under a used index. The hash is of the ciphertext.
class Recorder {
public:
    explicit Recorder(std::FILE* file) noexcept : file_(file) {}
    ~Recorder() {
        if (file_ != nullptr) std::fclose(file_);
    }
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    void note(std::int64_t now_ns, std::uint32_t peer, char kind, std::uint32_t ssrc, std::uint64_t index,
              std::uint64_t hash) {
        if (file_ == nullptr) return;
        std::fprintf(file_, "%lld %u %c %08x %llu %016llx\n", static_cast<long long>(now_ns), peer, kind, ssrc,
                     static_cast<unsigned long long>(index), static_cast<unsigned long long>(hash));
    }
    void flush() {
        if (file_ != nullptr) std::fflush(file_);
    }

private:
    std::FILE* file_;
};

struct World {
    const Options& options;
    dtls::Context dtls;
    // Of the peers that are an oracle of the SFU's SRTP; null with --engine ipsec_mb.
    std::unique_ptr<srtp::Engine> oracle;
    // Of all others. Stateless, so that for the oracles too it opens a packet under an index that was used before: proves
    // that a re-use is no forgery.
    std::unique_ptr<srtp::Engine> fast;
    UniqueFd epoll;
    Recorder recorder;
    std::mt19937_64 random;
    std::vector<std::string> errors;           // the first few
    Histogram latency;                         // ns from the publisher's send to the viewer's kernel, since the mark
    std::int64_t unix_minus_monotonic_ns = 0;  // taken anew in each turn
    std::uint32_t oracle_viewers = 0;          // made so far

    void error(std::string text) {
        if (errors.size() < 20) errors.push_back(std::move(text));
    }
};

// The options outlive the world. The error is for a person.
[[nodiscard]] std::expected<std::unique_ptr<World>, std::string> make_world(const Options& options);

}  // namespace sluice::loadgen
