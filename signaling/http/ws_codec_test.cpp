#include "signaling/http/ws_codec.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sluice::http {
namespace {

/// A client frame: masked, as RFC 6455 §5.3 demands.
std::string frame(std::uint8_t first, std::string payload, bool masked = true) {
    std::string out{static_cast<char>(first),
                    static_cast<char>((masked ? 0x80 : 0) | (payload.size() < 126 ? payload.size() : 126))};
    if (payload.size() >= 126) out += {static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size())};
    constexpr std::string_view mask = "abcd";
    if (masked) out += mask;
    for (std::size_t i = 0; i < payload.size(); ++i)
        out += static_cast<char>(masked ? payload[i] ^ mask[i % 4] : payload[i]);
    return out;
}

Request upgrade_request() {
    Request request;
    request.method = "GET";
    request.headers.set("Upgrade", "websocket");
    request.headers.set("Connection", "keep-alive, Upgrade");
    request.headers.set("Sec-WebSocket-Version", "13");
    request.headers.set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    return request;
}

TEST(WebSocketHandshake, AnswersTheExampleOfRfc6455) {
    ASSERT_TRUE(is_websocket_upgrade(upgrade_request()));
    const auto answer = websocket_handshake(upgrade_request());
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 101);
    EXPECT_EQ(answer->headers.get("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketHandshake, RefusesWhatIsMissing) {
    Request request = upgrade_request();
    request.headers.set("Sec-WebSocket-Version", "8");
    EXPECT_EQ(websocket_handshake(request).error().status, 426);
    EXPECT_EQ(websocket_handshake(request).error().headers.get("Sec-WebSocket-Version"), "13");
    request = upgrade_request();
    request.headers.set("Sec-WebSocket-Key", "short");
    EXPECT_EQ(websocket_handshake(request).error().status, 400);
    request = upgrade_request();
    request.method = "POST";
    EXPECT_EQ(websocket_handshake(request).error().status, 400);
}

TEST(WsCodec, JoinsFragmentsAroundAPing) {
    WsCodec codec(1000);
    const std::string bytes = frame(0x01, "he") + frame(0x89, "p") + frame(0x00, "ll") + frame(0x80, "o");
    for (const char c : bytes) ASSERT_TRUE(codec.receive(std::string_view(&c, 1)));
    const auto messages = codec.take_messages();
    ASSERT_EQ(messages.size(), 1u);
    EXPECT_EQ(messages[0].data, "hello");
    EXPECT_FALSE(messages[0].binary);
    EXPECT_EQ(codec.take_output(), "\x8a\x01p");
}

TEST(WsCodec, SendsUnmaskedFrames) {
    WsCodec codec(1000);
    codec.queue_message("hi", false);
    codec.queue_message("", true);
    EXPECT_EQ(codec.take_output(), std::string("\x81\x02hi\x82\x00", 6));
}

TEST(WsCodec, AnswersAClose) {
    WsCodec codec(1000);
    EXPECT_EQ(codec.close_code(), 1006);
    EXPECT_FALSE(codec.receive(frame(0x88,
                                     "\x0f\xa0"
                                     "bye")));
    EXPECT_EQ(codec.close_code(), 4000);
    EXPECT_TRUE(codec.close_sent());
    EXPECT_EQ(codec.take_output().substr(0, 4), "\x88\x05\x0f\xa0");
}

TEST(WsCodec, ReportsACloseWithoutACode) {
    WsCodec codec(1000);
    EXPECT_FALSE(codec.receive(frame(0x88, "")));
    EXPECT_EQ(codec.close_code(), 1005);
}

struct Violation {
    const char* name;
    std::string bytes;
    std::uint16_t code;
};

TEST(WsCodec, ClosesOnProtocolViolations) {
    const Violation violations[] = {
        {"unmasked", frame(0x81, "x", false), 1002},
        {"reserved bit", frame(0xc1, "x"), 1002},
        {"unknown opcode", frame(0x83, "x"), 1002},
        {"continuation of nothing", frame(0x80, "x"), 1002},
        {"fragmented ping", frame(0x09, "x"), 1005},  // wslay closes without a code
        {"not UTF-8", frame(0x81, "\xff"), 1007},
        {"too long", frame(0x82, std::string(1001, 'x')), 1009},
        {"too long in fragments", frame(0x02, std::string(600, 'x')) + frame(0x80, std::string(600, 'x')), 1009},
    };
    for (const auto& [name, bytes, code] : violations) {
        WsCodec codec(1000);
        EXPECT_FALSE(codec.receive(bytes)) << name;
        const std::string output = codec.take_output();
        ASSERT_GE(output.size(), 2u) << name;
        EXPECT_EQ(static_cast<unsigned char>(output[0]), 0x88) << name;
        const int sent =
            output.size() < 4 ? 1005 : (static_cast<unsigned char>(output[2]) << 8) | static_cast<unsigned char>(output[3]);
        EXPECT_EQ(sent, code) << name;
        EXPECT_TRUE(codec.take_messages().empty()) << name;
    }
}

TEST(WsCodec, CutsALongCloseReason) {
    WsCodec codec(1000);
    codec.queue_close(4001, std::string(500, 'r'));
    EXPECT_EQ(codec.take_output().size(), 2u + 125u);
}

TEST(WsCodec, SurvivesMutatedFrames) {
    std::mt19937 random(3);
    const std::string whole = frame(0x01, "he") + frame(0x89, "p") + frame(0x80, "llo") +
                              frame(0x82, std::string(300, 'b')) + frame(0x88, "\x03\xe8");
    for (int round = 0; round < 5000; ++round) {
        std::string bytes = whole;
        for (int edit = 0; edit < 3; ++edit) bytes[random() % bytes.size()] = static_cast<char>(random());
        WsCodec codec(1000);
        codec.receive(bytes.substr(0, random() % bytes.size()));
        codec.take_messages();
        codec.take_output();
    }
}

}  // namespace
}  // namespace sluice::http
