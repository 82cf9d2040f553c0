// The seam between an Endpoint and the library that speaks DTLS, so that another library, or another
// version of the protocol, is one more class. Internal to this folder.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/dtls/context_impl.hpp"
#include "controlplane/dtls/endpoint.hpp"

namespace sluice::dtls {

// The functions are Endpoint's of the same name.
class Engine {
public:
    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    virtual ~Engine() = default;

    virtual void start() = 0;
    virtual void receive(ByteView datagram) = 0;
    virtual bool take_output(std::vector<std::uint8_t>& datagram) = 0;
    virtual std::optional<std::int64_t> next_timeout() const = 0;
    virtual void handle_timeout() = 0;
    virtual State state() const noexcept = 0;
    virtual Role role() const noexcept = 0;
    virtual std::optional<SrtpKeys> keys() const = 0;
    virtual const std::string& error() const noexcept = 0;
    virtual const EndpointCounters& counters() const noexcept = 0;
    virtual bool send(ByteView data) = 0;
    virtual std::size_t max_payload() const = 0;
    virtual void on_data(std::function<void(ByteView)> callback) = 0;
    virtual void close() = 0;
    virtual std::optional<Remnant> release() = 0;
};

[[nodiscard]] std::unique_ptr<Engine> make_openssl_engine(const std::shared_ptr<void>& keep_alive, BIO_METHOD* bio_method,
                                                          SSL_CTX* ssl_ctx, Role role, Fingerprints expected,
                                                          std::size_t mtu);

// The SSL_CTX's certificate callback: finds the engine through the connection.
int verify_peer_certificate(X509_STORE_CTX* store, void* unused);

}  // namespace sluice::dtls
