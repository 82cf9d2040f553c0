#include "signaling/http/server.hpp"

#include "signaling/http/loopback.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <mutex>
#include <stdexcept>

namespace sluice::http {
namespace {

using testing::Client;
using testing::LoopbackServer;
using namespace std::chrono_literals;

std::string upgrade(std::string_view path) {
    return "GET " + std::string(path) +
           " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}

/// Masked with zeros, which is legal and readable.
std::string frame(std::uint8_t first, std::string_view payload) {
    std::string out{static_cast<char>(first), static_cast<char>(0x80 | (payload.size() < 126 ? payload.size() : 126))};
    if (payload.size() >= 126) out += {static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size())};
    return out + std::string(4, '\0') + std::string(payload);
}

/// Echoes, and keeps the socket and the close code for the test.
struct Echo {
    std::shared_ptr<WebSocket> socket;
    std::atomic<int> close_code{0};

    void operator()(Router& router) {
        router.websocket("/ws/{room}", [this](Request request, std::shared_ptr<WebSocket> opened) {
            socket = opened;
            opened->send_text("welcome to " + *request.param("room"));
            opened->on_message = [opened](const std::string& message, bool binary) {
                if (binary)
                    opened->send_binary(message);
                else
                    opened->send_text(message);
            };
            opened->on_close = [this](std::uint16_t code) { close_code = code; };
        });
        router.websocket(
            "/guarded", [](Request, std::shared_ptr<WebSocket>) {},
            [](const Request& request, const std::function<void(std::optional<Response>)>& decide) {
                if (request.bearer_token() == "let-me-in") return decide(std::nullopt);
                decide(Response::problem(401, "Unauthorized", "No token"));
            });
    }
    void await_close() {
        for (int i = 0; i < 30'000 && close_code == 0; ++i) usleep(1000);
    }
};

TEST(ServerWebSocket, AMessageWhoseHandlerThrowsEndsThatConnectionAlone) {
    std::atomic<int> close_code{0};
    LoopbackServer server([&](Router& router) {
        router.websocket("/ws", [&](Request, std::shared_ptr<WebSocket> opened) {
            opened->on_message = [](const std::string& message, bool) { throw std::runtime_error(message); };
            opened->on_close = [&](std::uint16_t code) { close_code = code; };
        });
        router.websocket("/throws", [](Request, std::shared_ptr<WebSocket>) { throw std::runtime_error("at once"); });
    });
    Client client(server.port());
    client.send(upgrade("/ws"));
    ASSERT_EQ(client.read_answer().value().status, 101);
    client.send(frame(0x81, "bad"));
    EXPECT_EQ(client.read_bytes(4).substr(0, 4), "\x88\x02\x03\xf3") << "1011, an internal error";
    client.send(frame(0x88, "\x03\xf3"));
    EXPECT_TRUE(client.closed_by_server());
    for (int i = 0; i < 5000 && close_code == 0; ++i) usleep(1000);
    EXPECT_EQ(close_code, 1011);

    Client unlucky(server.port());
    unlucky.send(upgrade("/throws"));
    EXPECT_TRUE(unlucky.closed_by_server());
    EXPECT_EQ(server.stats().websockets, 2u);
    EXPECT_EQ(server.stats().websockets_active, 0u);
}

TEST(ServerWebSocket, EchoesFragmentsAndCloses) {
    Echo echo;
    LoopbackServer server([&](Router& router) { echo(router); });
    Client client(server.port());
    client.send(upgrade("/ws/a%20b"));
    const auto answer = client.read_answer();
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->status, 101);
    EXPECT_EQ(answer->headers.get("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    EXPECT_EQ(client.read_bytes(16), "\x81\x0ewelcome to a b");

    client.send(frame(0x01, "frag") + frame(0x89, "ping") + frame(0x80, "ment"));
    EXPECT_EQ(client.read_bytes(16),
              "\x8a\x04ping\x81\x08"
              "fragment");

    const std::string large(5000, 'b');
    client.send(frame(0x82, large));
    const std::string reply = client.read_bytes(5004);
    EXPECT_EQ(reply.substr(0, 4), "\x82\x7e\x13\x88");
    EXPECT_EQ(reply.substr(4), large);

    client.send(frame(0x88, "\x03\xe8"));
    EXPECT_EQ(client.read_bytes(4), "\x88\x02\x03\xe8");
    EXPECT_TRUE(client.closed_by_server());
    echo.await_close();
    EXPECT_EQ(echo.close_code, 1000);
    EXPECT_EQ(server.stats().websockets, 1u);
    EXPECT_EQ(server.stats().websockets_active, 0u);
}

TEST(ServerWebSocket, TakesFramesThatCameWithTheRequest) {
    Echo echo;
    LoopbackServer server([&](Router& router) { echo(router); });
    Client client(server.port());
    client.send(upgrade("/ws/a") + frame(0x81, "early"));
    client.read_answer();
    EXPECT_EQ(client.read_bytes(21),
              "\x81\x0cwelcome to a\x81\x05"
              "early");
}

TEST(ServerWebSocket, ClosesFromTheServer) {
    Echo echo;
    LoopbackServer server([&](Router& router) { echo(router); });
    Client client(server.port());
    client.send(upgrade("/ws/a"));
    client.read_answer();
    client.read_bytes(14);
    server.on_io([&](Server&) {
        echo.socket->close(4001, "enough");
        EXPECT_FALSE(echo.socket->send_text("more"));
        EXPECT_FALSE(echo.socket->is_open());
    });
    EXPECT_EQ(client.read_bytes(10),
              "\x88\x08\x0f\xa1"
              "enough");
    client.send(frame(0x88, "\x0f\xa1"));
    EXPECT_TRUE(client.closed_by_server());
}

TEST(ServerWebSocket, ReportsABrokenConnection) {
    Echo echo;
    LoopbackServer server([&](Router& router) { echo(router); });
    {
        Client client(server.port());
        client.send(upgrade("/ws/a"));
        client.read_answer();
    }
    echo.await_close();
    EXPECT_EQ(echo.close_code, 1006);
}

TEST(ServerWebSocket, RefusesAtTheGateAndAtTheHandshake) {
    Echo echo;
    LoopbackServer server([&](Router& router) { echo(router); });
    Client refused(server.port());
    refused.send(upgrade("/guarded"));
    EXPECT_EQ(refused.read_answer()->status, 401);
    refused.finish_sending();
    EXPECT_TRUE(refused.closed_by_server());

    Client admitted(server.port());
    std::string request = upgrade("/guarded");
    admitted.send(request.insert(request.size() - 2, "Authorization: Bearer let-me-in\r\n"));
    EXPECT_EQ(admitted.read_answer()->status, 101);

    Client elsewhere(server.port());
    elsewhere.send(upgrade("/nothing"));
    EXPECT_EQ(elsewhere.read_answer()->status, 404);

    Client plain(server.port());
    plain.send("GET /guarded HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(plain.read_answer()->status, 426);
}

TEST(ServerWebSocket, DropsAPeerThatDoesNotRead) {
    Echo echo;
    Options options;
    options.limits.websocket_queue_bytes = 100'000;
    LoopbackServer server([&](Router& router) { echo(router); }, options);
    Client client(server.port());
    client.send(upgrade("/ws/a"));
    client.read_answer();
    client.read_bytes(14);
    const std::string message(50'000, 'm');
    int sent = 0;
    server.on_io([&](Server&) {
        while (sent < 100 && echo.socket->send_binary(message)) ++sent;
        EXPECT_LE(echo.socket->queued_bytes(), 100'100u);
    });
    EXPECT_LT(sent, 3);
    echo.await_close();
    EXPECT_EQ(echo.close_code, 1013);
}

TEST(ServerWebSocket, PingsAndClosesASilentPeer) {
    Echo echo;
    Options options;
    options.timeouts.websocket_ping = 50ms;
    options.timeouts.websocket_silence = 200ms;
    LoopbackServer server([&](Router& router) { echo(router); }, options);
    Client client(server.port());
    client.send(upgrade("/ws/a"));
    client.read_answer();
    client.read_bytes(14);
    EXPECT_EQ(client.read_bytes(2).substr(0, 2), std::string("\x89\x00", 2));
    EXPECT_TRUE(client.closed_by_server());
    echo.await_close();
    EXPECT_EQ(echo.close_code, 1006);
}

TEST(ServerWebSocket, StopsWithSocketsOpen) {
    Echo echo;
    auto server = std::make_unique<LoopbackServer>([&](Router& router) { echo(router); });
    Client client(server->port());
    client.send(upgrade("/ws/a"));
    client.read_answer();
    client.read_bytes(14);
    server.reset();
    EXPECT_TRUE(client.closed_by_server());
    EXPECT_EQ(echo.close_code, 1006);
    echo.socket.reset();
}

}  // namespace
}  // namespace sluice::http
