// The HTTP client against a scripted server, and what the command line takes for a server.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <thread>

#include "tools/load/http_client.hpp"
#include "tools/load/options.hpp"
#include "tools/load/url.hpp"

namespace sluice::loadgen {
namespace {

using namespace std::chrono_literals;

// Listens on 127.0.0.1 and gives each connection to `serve`, one after another.
class Server {
public:
    explicit Server(std::vector<std::function<void(int)>> connections) {
        sockaddr_in name{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
        socklen_t size = sizeof name;
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&name), size), 0);
        EXPECT_EQ(::listen(fd_.get(), 8), 0);
        ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&name), &size);
        endpoint = {*IpAddress::parse("127.0.0.1"), ntohs(name.sin_port)};
        thread_ = std::thread([this, connections = std::move(connections)] {
            for (const auto& serve : connections) {
                const UniqueFd connection(::accept(fd_.get(), nullptr, nullptr));
                serve(connection.get());
            }
        });
    }
    ~Server() { thread_.join(); }

    Endpoint endpoint;

private:
    UniqueFd fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::thread thread_;
};

// Reads one request with an empty body and says it.
std::string take(int fd) {
    std::string text;
    char byte = 0;
    while (!text.ends_with("\r\n\r\n") && ::recv(fd, &byte, 1, 0) == 1) text += byte;
    return text;
}
void give(int fd, std::string_view text) {
    EXPECT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

TEST(HttpClient, KeepsItsConnection) {
    Server server({[](int fd) {
        for (const char* body : {"one", "two"}) {
            EXPECT_TRUE(take(fd).starts_with("GET /x HTTP/1.1\r\nHost: 127.0.0.1:"));
            give(fd, std::string{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"} + body);
        }
    }});
    HttpClient client(server.endpoint);
    EXPECT_EQ(client.exchange({"GET", "/x", "", "", ""}, 5s)->body, "one");
    EXPECT_EQ(client.exchange({"GET", "/x", "", "", ""}, 5s)->body, "two");
}

TEST(HttpClient, ReplacesAConnectionThatTheServerHasClosed) {
    const auto once = [](int fd) {
        (void)take(fd);
        give(fd, "HTTP/1.1 201 Created\r\nLocation: r/7\r\nContent-Length: 0\r\n\r\n");
    };
    Server server({once, once, [](int fd) { (void)take(fd); }});
    HttpClient client(server.endpoint);
    for (int i = 0; i < 2; ++i) {
        const auto answer = client.exchange({"POST", "/whep", "application/sdp", "token", ""}, 5s);
        ASSERT_TRUE(answer) << answer.error();
        EXPECT_EQ(answer->location, "r/7");
    }
    EXPECT_EQ(client.exchange({"POST", "/whep", "", "", ""}, 5s).error(), "the server closed the connection");
}

TEST(HttpClient, ReadsChunksAndWhatEndsWithTheConnection) {
    Server server({[](int fd) {
                       (void)take(fd);
                       give(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nv=0\n\r\n");
                       give(fd, "5\r\no=- 1\r\n0\r\n\r\n");
                       (void)take(fd);
                       give(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
                   },
                   [](int fd) {
                       (void)take(fd);
                       give(fd, "HTTP/1.0 404 Not Found\r\n\r\nno such room");
                   }});
    HttpClient client(server.endpoint);
    EXPECT_EQ(client.exchange({"GET", "/", "", "", ""}, 5s)->body, "v=0\no=- 1");
    EXPECT_EQ(client.exchange({"GET", "/", "", "", ""}, 5s)->body, "x");
    const auto last = client.exchange({"GET", "/", "", "", ""}, 5s);
    EXPECT_EQ(last->status, 404);
    EXPECT_EQ(last->body, "no such room");
}

TEST(HttpClient, GivesUpOnAServerThatSaysNothing) {
    const UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in name{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t size = sizeof name;
    ASSERT_EQ(::bind(server.get(), reinterpret_cast<const sockaddr*>(&name), size), 0);
    ASSERT_EQ(::listen(server.get(), 1), 0);
    ::getsockname(server.get(), reinterpret_cast<sockaddr*>(&name), &size);
    const auto begun = std::chrono::steady_clock::now();
    const auto answer =
        HttpClient({*IpAddress::parse("127.0.0.1"), ntohs(name.sin_port)}).exchange({"GET", "/", "", "", ""}, 120ms);
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 120ms);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error(), "waiting for the answer: Connection timed out");
}

TEST(Options, RefusesPublicAddressesAndNames) {
    Options options;
    for (const char* url :
         {"http://8.8.8.8:7880", "http://[2001:4860:4860::8888]", "http://example.com", "https://127.0.0.1",
          "http://127.0.0.1:0", "http://127.0.0.1:x", "http://127.0.0.1:7880x", "http://127.0.0.1:70000"}) {
        const auto usage = parse_options({"--url", url}, options);
        ASSERT_TRUE(usage) << url;
        EXPECT_EQ(usage->exit_code, 2);
    }
    for (const char* url : {"http://127.0.0.1:7880", "http://localhost", "http://[::1]:7880/", "http://10.77.0.2:80"})
        EXPECT_FALSE(parse_options({"--url", url}, options)) << url;
}

TEST(Options, TakeAnotherServersUrls) {
    Options options;
    ASSERT_FALSE(parse_options(
        {"--whip-url", "http://127.0.0.1:8080/live/{room}/whip", "--whep-url", "http://127.0.0.1:8080/live/{room}/whep?a=b"},
        options));
    EXPECT_EQ(options.server.to_string(), "127.0.0.1:8080");
    EXPECT_EQ(options.whip_path, "/live/{room}/whip");
    EXPECT_EQ(options.whep_path, "/live/{room}/whep?a=b");
    Options other;
    EXPECT_TRUE(parse_options({"--whip-url", "http://127.0.0.1/a", "--whep-url", "http://127.0.0.2/b"}, other));
    EXPECT_TRUE(parse_options({"--url", "http://127.0.0.1/whip"}, other)) << "a path has no place there";
    ASSERT_FALSE(parse_options({"--url", "http://127.0.0.1"}, other));
    EXPECT_EQ(other.server.port, 7880);
}

TEST(Options, NameRoomsAndChooseASample) {
    Options options;
    ASSERT_FALSE(parse_options({"--room", "r", "--viewers", "5"}, options));
    EXPECT_EQ(room_name(options, 0), "r");
    EXPECT_EQ(options.check_sample, 1u);
    Options many;
    ASSERT_FALSE(parse_options({"--rooms", "200", "--room", "r", "--viewers", "5"}, many));
    EXPECT_EQ(room_name(many, 199), "r-200");
    EXPECT_EQ(many.check_sample, 4u) << "a thousand viewers";
}

TEST(Url, ResolvesWhereAResourceIs) {
    EXPECT_EQ(resolve_location("/r/1", "/whep/room"), "/r/1");
    EXPECT_EQ(resolve_location("r/1?x=y", "/whep/room?k=v/w"), "/whep/r/1?x=y");
    EXPECT_EQ(resolve_location("http://10.0.0.1:80/r/1", "/whep"), "/r/1");
    EXPECT_EQ(resolve_location("https://host", "/whep"), "/");
    EXPECT_EQ(resolve_location("", "/whep"), "");
    EXPECT_EQ(percent_encode("a b/ö"), "a%20b%2F%C3%B6");
}

}  // namespace
}  // namespace sluice::loadgen
