// Request parsing, routing and WebSocket framing on hostile bytes. The first byte chooses how the rest is cut.
#include "signaling/http/request_reader.hpp"
#include "signaling/http/router.hpp"
#include "signaling/http/ws_codec.hpp"

#include <algorithm>

namespace {

using namespace sluice::http;

void answer(const Router& router, Request request) {
    (void)request.bearer_token();
    (void)request.content_type();
    if (is_websocket_upgrade(request)) (void)websocket_handshake(request);
    int answers = 0;
    router.dispatch(std::move(request), [&](Response) { ++answers; });
    if (answers != 1) __builtin_trap();
}

void read_requests(std::string_view bytes, std::size_t step) {
    static const Router router = [] {
        Router filled;
        const Handler ok = [](Request, const Reply& reply) { reply(Response::text("ok")); };
        for (const char* pattern : {"/", "/whip/{room}", "/whip/{room}/{id}", "/assets/*"})
            filled.handle("GET", pattern, ok);
        filled.handle("POST", "/whip/{room}", ok);
        return filled;
    }();
    Limits limits;
    limits.header_bytes = 4096;
    limits.body_bytes = 1024;
    RequestReader reader(limits);
    while (!bytes.empty()) {
        const std::size_t size = std::min(step, bytes.size());
        reader.push(bytes.substr(0, size));
        bytes.remove_prefix(size);
        while (reader.advance() == RequestReader::Phase::complete) {
            Request request = reader.take();
            if (request.body.size() > limits.body_bytes) __builtin_trap();
            answer(router, std::move(request));
        }
        (void)reader.expects_continue();
        if (reader.phase() == RequestReader::Phase::failed) {
            if (reader.error().status < 400) __builtin_trap();
            return;
        }
    }
}

void read_frames(std::string_view bytes, std::size_t step) {
    constexpr std::size_t limit = 1024;
    WsCodec codec(limit);
    while (!bytes.empty()) {
        const std::size_t size = std::min(step, bytes.size());
        const bool more = codec.receive(bytes.substr(0, size));
        bytes.remove_prefix(size);
        for (const auto& message : codec.take_messages()) {
            if (message.data.size() > limit) __builtin_trap();
            codec.queue_message(message.data, message.binary);
        }
        (void)codec.take_output();
        if (!more) return;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t step = (data[0] & 0x7f) + std::size_t{1};
    if ((data[0] & 0x80) != 0)
        read_frames(bytes, step);
    else
        read_requests(bytes, step);
    return 0;
}
