// A connected byte stream, plain or TLS, behind one virtual interface: the HTTP and WebSocket coroutines are
// compiled once, not once per transport.
//
// Thread: the io thread. At most one read and one write are outstanding at a time.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include <memory>
#include <utility>

namespace sluice::http {

class Stream {
public:
    using Error = boost::system::error_code;
    using Socket = boost::asio::ip::tcp::socket;

    virtual ~Stream() = default;
    virtual boost::asio::awaitable<std::pair<Error, std::size_t>> read(boost::asio::mutable_buffer into) = 0;
    virtual boost::asio::awaitable<Error> write(boost::asio::const_buffer all) = 0;
    /// Says that nothing more will be written; what the peer still sends can be read.
    virtual boost::asio::awaitable<void> shutdown_send() = 0;
    virtual Socket& socket() = 0;
    virtual bool is_tls() const = 0;
};

std::unique_ptr<Stream> make_plain_stream(Stream::Socket socket);

/// The TLS stream keeps `context` alive. handshake() comes before any read or write.
class TlsStream : public Stream {
public:
    virtual boost::asio::awaitable<Error> handshake() = 0;
};
std::unique_ptr<TlsStream> make_tls_stream(Stream::Socket socket, std::shared_ptr<boost::asio::ssl::context> context);

}  // namespace sluice::http
