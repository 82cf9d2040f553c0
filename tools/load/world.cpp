#include "tools/load/world.hpp"

#include <sys/epoll.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "controlplane/core/random.hpp"

namespace sluice::loadgen {

std::expected<std::unique_ptr<World>, std::string> make_world(const Options& options) {
    // A socket per peer.
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);

    auto certificate = dtls::Certificate::generate(std::time(nullptr));
    if (!certificate) return std::unexpected("cannot make a certificate");
    dtls::ContextOptions profiles;
    if (options.suite == "gcm") profiles.profiles = {dtls::SrtpProfile::aead_aes_128_gcm};
    if (options.suite == "cm") profiles.profiles = {dtls::SrtpProfile::aes128_cm_sha1_80};
    auto context = dtls::Context::create(std::move(*certificate), profiles);
    if (!context) return std::unexpected("cannot make a DTLS context");
    const bool with_oracle = options.engine == srtp::Backend::libsrtp;
    auto oracle = with_oracle ? srtp::make_engine(srtp::Backend::libsrtp) : nullptr;
    auto fast = srtp::make_engine(srtp::Backend::ipsec_mb);
    if ((with_oracle && !oracle) || !fast) return std::unexpected("this CPU cannot run the SRTP engine");
    std::FILE* record = nullptr;
    if (!options.record.empty()) {
        record = std::fopen(options.record.c_str(), "we");
        if (record == nullptr) return std::unexpected("cannot write " + options.record + ": " + std::strerror(errno));
        static char buffer[1 << 20];
        std::setvbuf(record, buffer, _IOFBF, sizeof buffer);
    }
    UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    // NOLINTNEXTLINE(modernize-make-unique): a Recorder is not moved into its place
    return std::unique_ptr<World>(new World{options,
                                            std::move(*context),
                                            std::move(oracle),
                                            std::move(fast),
                                            std::move(epoll),
                                            Recorder(record),
                                            std::mt19937_64(core::random_id()),
                                            {},
                                            {},
                                            0,
                                            0});
}

}  // namespace sluice::loadgen
