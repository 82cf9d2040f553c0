// The DTLS certificate: made once, kept by the data plane across restarts of this process, replaced when it nears its end.
//
// Theory of operation. New sessions are given the newest certificate; a session that was answered with an earlier one
// finishes its handshake with that, also in the next process, which tells by the session's age which one it was. A session
// that is connected needs none. So the earlier certificate goes when the last handshake begun under it is over.
#include <algorithm>
#include <functional>
#include <utility>

#include "controlplane/core/log.hpp"
#include "controlplane/room/engine.hpp"

namespace sluice::room {

using session::Session;

namespace {

bool is_certificate(const dpclient::Blob& blob) {
    return blob.kind == static_cast<std::uint16_t>(session::BlobKind::certificate);
}

bool older_than(const session::SessionState& state, const dtls::Certificate& certificate) {
    return state.created_unix_ms / 1000 < certificate.made_unix();
}

}  // namespace

Engine::Identity Engine::identity(dtls::Context context, std::uint64_t blob) {
    std::string fingerprint = context.certificate().fingerprint_sha256();
    return {std::make_shared<dtls::Context>(std::move(context)), blob, std::move(fingerprint)};
}

const std::string& Engine::fingerprint() const {
    static const std::string none;
    return dtls_ ? dtls_->fingerprint : none;
}

bool Engine::ensure_certificate() {
    if (!dtls_ || dtls_->context->certificate().due(unix_ms() / 1000, options_.certificate_days)) (void)make_certificate();
    return dtls_.has_value();
}

bool Engine::make_certificate() {
    auto certificate = dtls::Certificate::generate(unix_ms() / 1000, options_.certificate_days);
    if (!certificate) {
        core::log("engine").critical("no DTLS certificate: {}", certificate.error().message);
        return false;
    }
    dpclient::Blob blob{.id = session::random_u64(environment_.random),
                        .owner = 0,
                        .kind = static_cast<std::uint16_t>(session::BlobKind::certificate),
                        .version = 1,
                        .bytes = certificate->serialize()};
    auto context = dtls::Context::create(std::move(*certificate), options_.dtls);
    if (!context) {
        core::log("engine").critical("no DTLS context: {}", context.error().message);
        return false;
    }
    if (previous_dtls_) environment_.program.remove_blob(previous_dtls_->blob);
    previous_dtls_ = std::exchange(dtls_, identity(std::move(*context), blob.id));
    environment_.program.upsert(std::move(blob));
    return true;
}

void Engine::renew_certificate() {
    if (!dtls_) return;
    if (dtls_->context->certificate().due(unix_ms() / 1000, options_.certificate_days) && make_certificate())
        core::log("engine").info("a new DTLS certificate for new sessions: {}", fingerprint());
    if (!previous_dtls_) return;
    const bool needed = std::ranges::any_of(pending_, [&](abi::TransportId id) {
        const Session* s = find(id);
        return s != nullptr && older_than(s->state, dtls_->context->certificate());
    });
    if (needed) return;
    environment_.program.remove_blob(previous_dtls_->blob);
    previous_dtls_.reset();
}

void Engine::set_options(EngineOptions options) {
    const bool other_profiles = options.dtls.profiles != options_.dtls.profiles;
    options_ = std::move(options);
    if (!dtls_ || !other_profiles) return;
    // Endpoints keep the context that they were made with.
    if (auto context = dtls::Context::create(dtls_->context->certificate(), options_.dtls))
        dtls_ = identity(std::move(*context), dtls_->blob);
    else
        core::log("engine").error("the SRTP suites stay as they were: {}", context.error().message);
}

void Engine::adopt_certificates(const dpclient::Dump& dump) {
    if (dtls_) return;
    std::vector<Identity> found;
    for (const dpclient::Blob& blob : dump.blobs) {
        if (!is_certificate(blob)) continue;
        auto certificate = dtls::Certificate::deserialize(ByteView{blob.bytes.data(), blob.bytes.size()});
        if (!certificate) {
            core::log("engine").error("the kept DTLS certificate is not readable: {}", certificate.error().message);
            continue;
        }
        if (auto context = dtls::Context::create(std::move(*certificate), options_.dtls))
            found.push_back(identity(std::move(*context), blob.id));
    }
    std::ranges::sort(found, std::greater{}, [](const Identity& i) { return i.context->certificate().made_unix(); });
    if (!found.empty()) dtls_ = std::move(found[0]);
    if (found.size() > 1) previous_dtls_ = std::move(found[1]);
    for (std::size_t i = 2; i < found.size(); ++i) environment_.program.remove_blob(found[i].blob);
}

std::shared_ptr<dtls::Context> Engine::identity_of(const session::SessionState& state) {
    Identity& current = *dtls_;  // NOLINT(bugprone-unchecked-optional-access): on_adopt() goes no further without one
    return previous_dtls_ && older_than(state, current.context->certificate()) ? previous_dtls_->context : current.context;
}

}  // namespace sluice::room
