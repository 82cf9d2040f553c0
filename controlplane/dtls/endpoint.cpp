#include "controlplane/dtls/endpoint.hpp"

#include <openssl/crypto.h>

#include <utility>

#include "controlplane/dtls/engine.hpp"

namespace sluice::dtls {

SrtpKeys::~SrtpKeys() {
    OPENSSL_cleanse(local_key.data(), local_key.size());
    OPENSSL_cleanse(local_salt.data(), local_salt.size());
    OPENSSL_cleanse(remote_key.data(), remote_key.size());
    OPENSSL_cleanse(remote_salt.data(), remote_salt.size());
}

Endpoint::Endpoint(Context& context, Role role, Fingerprints expected, std::size_t mtu)
    : engine_(make_openssl_engine(context.impl_, context.impl_->bio_method.get(), context.impl_->ssl_ctx.get(), role,
                                  std::move(expected), mtu)) {}
Endpoint::~Endpoint() = default;
Endpoint::Endpoint(Endpoint&&) noexcept = default;
Endpoint& Endpoint::operator=(Endpoint&&) noexcept = default;

void Endpoint::start() {
    engine_->start();
}
void Endpoint::receive(ByteView datagram) {
    engine_->receive(datagram);
}
bool Endpoint::take_output(std::vector<std::uint8_t>& datagram) {
    return engine_->take_output(datagram);
}
std::optional<std::int64_t> Endpoint::next_timeout() const {
    return engine_->next_timeout();
}
void Endpoint::handle_timeout() {
    engine_->handle_timeout();
}
State Endpoint::state() const noexcept {
    return engine_->state();
}
Role Endpoint::role() const noexcept {
    return engine_->role();
}
std::optional<SrtpKeys> Endpoint::keys() const {
    return engine_->keys();
}
const std::string& Endpoint::error() const noexcept {
    return engine_->error();
}
const EndpointCounters& Endpoint::counters() const noexcept {
    return engine_->counters();
}
bool Endpoint::send(ByteView data) {
    return engine_->send(data);
}
std::size_t Endpoint::max_payload() const {
    return engine_->max_payload();
}
void Endpoint::on_data(std::function<void(ByteView)> callback) {
    engine_->on_data(std::move(callback));
}
void Endpoint::close() {
    engine_->close();
}
std::optional<Remnant> Endpoint::release() {
    return engine_->release();
}

}  // namespace sluice::dtls
