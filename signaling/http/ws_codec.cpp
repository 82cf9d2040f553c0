#include "signaling/http/ws_codec.hpp"

#include <openssl/evp.h>
#include <wslay/wslay.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

namespace sluice::http {
namespace {

constexpr std::size_t max_control_payload = 125;  // RFC 6455 §5.5

std::string accept_of(std::string_view key) {
    const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha1(), nullptr);
    std::array<unsigned char, 64> encoded{};
    const int size = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(length));
    return {encoded.begin(), encoded.begin() + size};
}

bool is_key(std::string_view key) {
    const auto is_base64 = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
    };
    return key.size() == 24 && key.ends_with("==") && std::all_of(key.begin(), key.end() - 2, is_base64);
}

}  // namespace

bool is_websocket_upgrade(const Request& request) {
    return request.headers.has_token("Upgrade", "websocket") && request.headers.has_token("Connection", "upgrade");
}

std::expected<Response, Response> websocket_handshake(const Request& request) {
    if (request.method != "GET")
        return std::unexpected(Response::problem(400, "Bad WebSocket handshake", "The method must be GET"));
    if (request.headers.get("Sec-WebSocket-Version") != "13") {
        Response refusal = Response::problem(426, "Bad WebSocket handshake", "Sec-WebSocket-Version must be 13");
        refusal.headers.set("Sec-WebSocket-Version", "13");
        refusal.headers.set("Upgrade", "websocket");
        refusal.headers.set("Connection", "Upgrade, close");
        return std::unexpected(std::move(refusal));
    }
    const auto key = request.headers.get("Sec-WebSocket-Key").value_or("");
    if (!is_key(key))
        return std::unexpected(
            Response::problem(400, "Bad WebSocket handshake", "Sec-WebSocket-Key must be 16 bytes in base64"));
    Response accepted = Response::empty(101);
    accepted.headers.set("Upgrade", "websocket");
    accepted.headers.set("Connection", "Upgrade");
    accepted.headers.set("Sec-WebSocket-Accept", accept_of(key));
    return accepted;
}

struct WsCodec::Callbacks {
    static ssize_t receive(wslay_event_context_ptr context, std::uint8_t* to, std::size_t room, int, void* user) {
        auto& self = *static_cast<WsCodec*>(user);
        const std::size_t count = std::min(room, self.input_.size());
        if (count == 0) {
            wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
            return -1;
        }
        std::memcpy(to, self.input_.data(), count);
        self.input_.remove_prefix(count);
        return static_cast<ssize_t>(count);
    }
    static ssize_t send(wslay_event_context_ptr, const std::uint8_t* from, std::size_t size, int, void* user) {
        auto& self = *static_cast<WsCodec*>(user);
        self.output_.append(from, from + size);
        return static_cast<ssize_t>(size);
    }
    static void message(wslay_event_context_ptr, const wslay_event_on_msg_recv_arg* arg, void* user) {
        if (wslay_is_ctrl_frame(arg->opcode)) return;
        auto& self = *static_cast<WsCodec*>(user);
        self.messages_.push_back({std::string(arg->msg, arg->msg + arg->msg_length), arg->opcode == WSLAY_BINARY_FRAME});
    }
};

WsCodec::WsCodec(std::size_t max_message_bytes) {
    wslay_event_callbacks callbacks{};
    callbacks.recv_callback = &Callbacks::receive;
    callbacks.send_callback = &Callbacks::send;
    callbacks.on_msg_recv_callback = &Callbacks::message;
    if (wslay_event_context_server_init(&context_, &callbacks, this) != 0) throw std::bad_alloc();
    wslay_event_config_set_max_recv_msg_length(context_, max_message_bytes);
}

WsCodec::~WsCodec() {
    wslay_event_context_free(context_);
}

bool WsCodec::receive(std::string_view bytes) {
    input_ = bytes;
    const int error = wslay_event_recv(context_);
    input_ = {};
    flush();
    return error == 0 && wslay_event_want_read(context_) != 0 && !close_received();
}

std::vector<WsCodec::Message> WsCodec::take_messages() {
    return std::exchange(messages_, {});
}

void WsCodec::queue_message(std::string_view data, bool binary) {
    const wslay_event_msg message{static_cast<std::uint8_t>(binary ? WSLAY_BINARY_FRAME : WSLAY_TEXT_FRAME),
                                  reinterpret_cast<const std::uint8_t*>(data.data()), data.size()};
    wslay_event_queue_msg(context_, &message);
    flush();
}

void WsCodec::queue_ping() {
    const wslay_event_msg ping{WSLAY_PING, nullptr, 0};
    wslay_event_queue_msg(context_, &ping);
    flush();
}

void WsCodec::queue_close(std::uint16_t code, std::string_view reason) {
    reason = reason.empty() ? std::string_view("") : reason.substr(0, max_control_payload - 2);
    wslay_event_queue_close(context_, code, reinterpret_cast<const std::uint8_t*>(reason.data()), reason.size());
    flush();
}

std::string WsCodec::take_output() {
    return std::exchange(output_, {});
}

bool WsCodec::close_sent() const {
    return wslay_event_get_close_sent(context_) != 0;
}
bool WsCodec::close_received() const {
    return wslay_event_get_close_received(context_) != 0;
}

std::uint16_t WsCodec::close_code() const {
    return close_received() ? static_cast<std::uint16_t>(wslay_event_get_status_code_received(context_)) : 1006;
}

void WsCodec::flush() {
    while (wslay_event_want_write(context_) != 0)
        if (wslay_event_send(context_) != 0) return;
}

}  // namespace sluice::http
