// The resource layer behind a real server: what a client sees on the wire.
#include "signaling/http/loopback.hpp"
#include "signaling/whip/fake_backend.hpp"

#include <gtest/gtest.h>

namespace sluice::whip {
namespace {

TEST(WhipOverHttp, LivesFromPostToDelete) {
    testing::FakeBackend backend;
    http::testing::LoopbackServer server([&](http::Router& router) {
        mount(router, backend,
              [](Role, const std::string&, const std::optional<std::string>&) { return std::optional<Auth>(); });
    });
    http::testing::Client client(server.port());
    client.send("POST /whip/demo HTTP/1.1\r\nHost: h\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n");
    const auto created = client.read_answer();
    ASSERT_TRUE(created);
    ASSERT_EQ(created->status, 201);
    EXPECT_EQ(created->body, "v=0\r\nanswer\r\n");
    const std::string location(*created->headers.get("Location"));
    const std::string etag(*created->headers.get("ETag"));

    client.send("PATCH " + location + " HTTP/1.1\r\nHost: h\r\nIf-Match: " + etag +
                "\r\nContent-Type: application/trickle-ice-sdpfrag\r\nContent-Length: 3\r\n\r\na=x");
    EXPECT_EQ(client.read_answer()->status, 204);
    EXPECT_EQ(backend.if_match, "etag-1");

    client.send("DELETE " + location + " HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(client.read_answer()->status, 200);
    EXPECT_EQ(backend.session_id, "s3ss10n");
}

}  // namespace
}  // namespace sluice::whip
