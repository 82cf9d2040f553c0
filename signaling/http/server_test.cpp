#include "signaling/http/server.hpp"

#include "signaling/http/loopback.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>

namespace sluice::http {
namespace {

using testing::Client;
using testing::LoopbackServer;
using namespace std::chrono_literals;

void routes(Router& router) {
    router.handle("GET", "/hello",
                  [](Request request, const Reply& reply) { reply(Response::text("hello " + request.remote_address)); });
    router.handle("POST", "/echo", [](Request request, const Reply& reply) { reply(Response::text(request.body)); });
    router.handle("GET", "/drop", [](Request, const Reply&) {});
    router.handle("GET", "/throw", [](Request, const Reply&) { throw std::runtime_error("x"); });
    router.handle("GET", "/twice", [](Request, const Reply& reply) {
        reply(Response::text("one"));
        reply(Response::text("two"));
    });
}

std::string get(std::string_view path, std::string_view method = "GET") {
    return std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

std::string post(std::string_view body) {
    return "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
}

TEST(Server, KeepsTheConnection) {
    LoopbackServer server(routes);
    Client client(server.port());
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(client.send(get("/hello")));
        const auto answer = client.read_answer();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->body, "hello 127.0.0.1");
        EXPECT_EQ(answer->headers.get("Connection"), "keep-alive");
        EXPECT_TRUE(answer->headers.has("Date"));
    }
    EXPECT_EQ(server.stats().accepted, 1u);
    EXPECT_EQ(server.stats().requests, 3u);
    EXPECT_EQ(server.stats().responses_by_class[2], 3u);
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
    LoopbackServer* running = nullptr;
    LoopbackServer server([&](Router& router) {
        routes(router);
        router.handle("GET", "/later", [&running](Request, Reply reply) {
            boost::asio::post(running->io(), [reply = std::move(reply)] { reply(Response::text("later")); });
        });
    });
    running = &server;
    Client client(server.port());
    client.send(get("/later") + post("two") + get("/later") + get("/hello"));
    EXPECT_EQ(client.read_answer()->body, "later");
    EXPECT_EQ(client.read_answer()->body, "two");
    EXPECT_EQ(client.read_answer()->body, "later");
    EXPECT_EQ(client.read_answer()->body, "hello 127.0.0.1");
}

TEST(Server, ClosesWhenAsked) {
    LoopbackServer server(routes);
    Client client(server.port());
    client.send("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(client.read_answer()->headers.get("Connection"), "close");
    EXPECT_TRUE(client.closed_by_server());
}

TEST(Server, SpeaksHttp10) {
    LoopbackServer server(routes);
    Client client(server.port());
    client.send("GET /hello HTTP/1.0\r\n\r\n");
    EXPECT_EQ(client.read_answer()->status, 200);
    EXPECT_TRUE(client.closed_by_server());
}

TEST(Server, ReadsAChunkedBody) {
    LoopbackServer server(routes);
    Client client(server.port());
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    client.send("2\r\nde\r\n0\r\n\r\n");
    EXPECT_EQ(client.read_answer()->body, "abcde");
}

TEST(Server, SaysContinue) {
    LoopbackServer server(routes);
    Client client(server.port());
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.read_answer()->status, 100);
    client.send("ok");
    EXPECT_EQ(client.read_answer()->body, "ok");
}

TEST(Server, AnswersHeadWithoutABody) {
    LoopbackServer server(routes);
    Client client(server.port());
    client.send(get("/hello", "HEAD") + get("/hello"));
    const auto head = client.read_answer(true);
    EXPECT_EQ(head->headers.get("Content-Length"), "15");
    EXPECT_EQ(client.read_answer()->body, "hello 127.0.0.1");
}

TEST(Server, AnswersOptions) {
    LoopbackServer server(routes);
    Client client(server.port());
    client.send(get("/echo", "OPTIONS"));
    const auto answer = client.read_answer();
    EXPECT_EQ(answer->status, 204);
    EXPECT_EQ(answer->headers.get("Allow"), "OPTIONS, POST");
}

TEST(Server, RefusesALargeBodyThatIsStillBeingSent) {
    LoopbackServer server(routes);
    Client client(server.port());
    client.send(post(std::string(300 * 1024, 'x')));
    const auto answer = client.read_answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 413);
    EXPECT_EQ(answer->headers.get("Content-Type"), "application/problem+json");
    client.finish_sending();
    EXPECT_TRUE(client.closed_by_server());
}

TEST(Server, RefusesALargeHeader) {
    LoopbackServer server(routes);
    Client client(server.port());
    client.send("GET /hello HTTP/1.1\r\nHost: h\r\nX: " + std::string(70 * 1024, 'x') + "\r\n\r\n");
    EXPECT_EQ(client.read_answer()->status, 431);
    client.finish_sending();
    EXPECT_TRUE(client.closed_by_server());
}

TEST(Server, RefusesABadRequestAndCloses) {
    LoopbackServer server(routes);
    Client client(server.port());
    client.send("what is this\r\n\r\n");
    EXPECT_EQ(client.read_answer()->status, 400);
    client.finish_sending();
    EXPECT_TRUE(client.closed_by_server());
    EXPECT_EQ(server.stats().malformed, 1u);
}

TEST(Server, ClosesOnASlowHeader) {
    Options options;
    options.timeouts.header = 100ms;
    LoopbackServer server(routes, options);
    Client silent(server.port());
    Client slow(server.port());
    slow.send("GET /hello HT");
    EXPECT_TRUE(slow.closed_by_server());
    EXPECT_TRUE(silent.closed_by_server());
    EXPECT_EQ(server.stats().timeouts, 2u);
}

TEST(Server, ASlowHeaderIsNotSavedByTrickling) {
    Options options;
    options.timeouts.header = 200ms;
    LoopbackServer server(routes, options);
    Client client(server.port());
    client.send("GET /hello HTTP/1.1\r\n");
    int lines = 0;
    while (lines < 1000 && client.send("X: y\r\n")) {
        ++lines;
        usleep(20'000);
    }
    EXPECT_LT(lines, 1000);
    EXPECT_EQ(server.stats().timeouts, 1u);
}

TEST(Server, ClosesOnASlowBodyAndOnAnIdleConnection) {
    Options options;
    options.timeouts.body = 100ms;
    options.timeouts.idle = 100ms;
    LoopbackServer server(routes, options);
    Client slow(server.port());
    slow.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
    EXPECT_TRUE(slow.closed_by_server());
    Client idle(server.port());
    idle.send(get("/hello"));
    EXPECT_EQ(idle.read_answer()->status, 200);
    EXPECT_TRUE(idle.closed_by_server());
    EXPECT_EQ(server.stats().timeouts, 1u) << "idling is no fault";
}

TEST(Server, AnswersForAHandlerThatDoesNot) {
    Options options;
    options.timeouts.handler = 50ms;
    Reply kept;
    LoopbackServer server(
        [&](Router& router) {
            routes(router);
            router.handle("GET", "/keep", [&kept](Request, Reply reply) { kept = std::move(reply); });
        },
        options);
    Client client(server.port());
    client.send(get("/drop") + get("/throw") + get("/keep") + get("/twice") + get("/hello"));
    EXPECT_EQ(client.read_answer()->status, 500);
    EXPECT_EQ(client.read_answer()->status, 500);
    EXPECT_EQ(client.read_answer()->status, 504);
    server.on_io([&](Server&) { kept(Response::text("too late")); });
    EXPECT_EQ(client.read_answer()->body, "one");
    EXPECT_EQ(client.read_answer()->status, 200);
}

TEST(Server, RefusesConnectionsOverTheLimit) {
    Options options;
    options.max_connections = 1;
    LoopbackServer server(routes, options);
    Client first(server.port());
    first.send(get("/hello"));
    EXPECT_EQ(first.read_answer()->status, 200);
    Client second(server.port());
    const auto refusal = second.read_answer();
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->status, 503);
    EXPECT_TRUE(refusal->headers.has("Retry-After"));
    EXPECT_EQ(server.stats().refused_full, 1u);
}

TEST(Server, ListensOnBothFamilies) {
    Options options;
    options.listen_address = "::";
    LoopbackServer server(routes, options);
    for (const char* address : {"127.0.0.1", "::1"}) {
        Client client(server.port(), address);
        client.send(get("/hello"));
        const auto answer = client.read_answer();
        ASSERT_TRUE(answer) << address;
        EXPECT_EQ(answer->body, std::string("hello ") + address);
    }
}

TEST(Server, AdoptsAListeningSocket) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(fd, 16), 0);
    Options options;
    options.listening_fd = fd;
    LoopbackServer server(routes, options);
    ::close(fd);
    Client client(server.port());
    client.send(get("/hello"));
    EXPECT_EQ(client.read_answer()->status, 200);
}

TEST(Server, NamesWhatItCannotListenOn) {
    boost::asio::io_context io;
    Router router;
    LoopbackServer taken(routes);
    Options options;
    options.listen_address = "127.0.0.1";
    options.port = taken.port();
    const auto in_use = Server(io, options).start(router);
    ASSERT_FALSE(in_use);
    EXPECT_NE(in_use.error().find(std::to_string(taken.port())), std::string::npos) << in_use.error();
    options.listen_address = "localhost";
    EXPECT_FALSE(Server(io, options).start(router));
    options.listening_fd = 1'000'000;
    EXPECT_FALSE(Server(io, options).start(router));
}

TEST(Server, StopsWithConnectionsAndHandlersOpen) {
    Reply kept;
    auto server = std::make_unique<LoopbackServer>(
        [&](Router& router) { router.handle("GET", "/keep", [&kept](Request, Reply reply) { kept = std::move(reply); }); });
    Client idle(server->port());
    Client waiting(server->port());
    waiting.send(get("/keep"));
    while (server->stats().requests == 0) usleep(1000);
    server.reset();
    EXPECT_TRUE(idle.closed_by_server());
    EXPECT_TRUE(waiting.closed_by_server());
    kept(Response::text("nobody listens"));
}

TEST(Server, SurvivesMutatedBytesOnRealSockets) {
    LoopbackServer server(routes);
    std::mt19937 random(11);
    for (int round = 0; round < 300; ++round) {
        std::string bytes = post("hello") + get("/hello");
        for (int edit = 0; edit < 4; ++edit) bytes[random() % bytes.size()] = static_cast<char>(random());
        Client client(server.port());
        client.send(bytes);
        client.finish_sending();
        EXPECT_TRUE(client.closed_by_server());
    }
    Client client(server.port());
    client.send(get("/hello"));
    EXPECT_EQ(client.read_answer()->status, 200);
}

}  // namespace
}  // namespace sluice::http
