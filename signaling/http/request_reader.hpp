// Turns a byte stream into requests (RFC 9112), sans I/O: the server, the unit tests and the fuzz target feed it alike.
//
// Theory of operation: push() bytes, then advance() until it reports complete or failed; take() hands out the request
// and starts on the next one with the bytes left over (pipelining). Memory is bounded by the limits plus one push.
// After `failed` the stream cannot be resynchronised: answer with error() and close.
//
// Thread: one owner.
#pragma once

#include "signaling/http/message.hpp"
#include "signaling/http/server.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace sluice::http {

class RequestReader {
public:
    enum class Phase : std::uint8_t { idle, header, body, complete, failed };

    explicit RequestReader(const Limits& limits);
    ~RequestReader();

    void push(std::string_view bytes);
    Phase advance();
    Phase phase() const { return phase_; }

    /// Once in phase body: the client waits for "100 Continue" (RFC 9110 §10.1.1).
    bool expects_continue() const;
    /// Only in phase complete.
    Request take();
    /// Only in phase failed.
    Response error() const;
    /// Bytes after the request that was taken; for a protocol switch.
    std::string release_rest();

private:
    struct Parser;
    void fail(int status, std::string detail);
    void convert();

    Limits limits_;
    std::unique_ptr<Parser> parser_;
    std::string input_;
    std::size_t used_ = 0;
    Phase phase_ = Phase::idle;
    Request request_;
    int error_status_ = 0;
    std::string error_detail_;
};

}  // namespace sluice::http
