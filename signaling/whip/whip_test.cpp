#include "signaling/whip/whip.hpp"

#include "signaling/whip/fake_backend.hpp"

#include <gtest/gtest.h>

namespace sluice::whip {
namespace {

using http::Request;
using http::Response;
using testing::FakeBackend;

class Whip : public ::testing::Test {
protected:
    Whip() {
        mount(
            router_, backend_,
            [this](Role role, const std::string& room,
                   const std::optional<std::string>& token) -> std::expected<std::optional<Auth>, Refusal> {
                asked_role_ = role;
                asked_room_ = room;
                if (token == "expired")
                    return std::unexpected(Refusal{401, "Unauthorized", "The token has expired", std::nullopt});
                if (token == "watcher" && role == Role::publish)
                    return std::unexpected(Refusal{403, "Forbidden", "This token may not publish", std::nullopt});
                if (!token) return std::nullopt;
                return Auth{*token, "", "", nullptr};
            },
            options());
    }

    Options options() {
        Options options;
        options.limits = [this] { return limits_; };
        options.ice_servers = [](Role, const std::string&, const std::optional<Auth>&) {
            return std::vector<IceServer>{{"stun:s.test:3478", "", ""},
                                          {"turn:t.test:3478?transport=udp", "us\"er", "cr\\ed"}};
        };
        return options;
    }

    Response ask(std::string method, std::string path, std::string type = "", std::string body = "",
                 std::string if_match = "", std::string token = "") {
        Request request;
        request.method = std::move(method);
        request.path = request.target = std::move(path);
        if (!type.empty()) request.headers.set("Content-Type", std::move(type));
        if (!if_match.empty()) request.headers.set("If-Match", std::move(if_match));
        if (!token.empty()) request.headers.set("Authorization", "Bearer " + token);
        request.body = std::move(body);
        Response answer = Response::empty(0);
        router_.dispatch(std::move(request), [&](Response response) { answer = std::move(response); });
        return answer;
    }
    Response post(std::string path = "/whip/demo", std::string token = "") {
        return ask("POST", std::move(path), "application/sdp", "v=0\r\n", "", std::move(token));
    }
    Response patch(std::string if_match) {
        return ask("PATCH", "/whip/demo/s3ss10n", "application/trickle-ice-sdpfrag", "a=ice-ufrag:x\r\n",
                   std::move(if_match));
    }

    FakeBackend backend_;
    http::Router router_;
    Role asked_role_{};
    std::string asked_room_;
    Limits limits_;
};

TEST_F(Whip, CreatesASession) {
    const Response response = post("/whip/caf%C3%A9%2Fa");
    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(response.body, "v=0\r\nanswer\r\n");
    EXPECT_EQ(response.headers.get("Content-Type"), "application/sdp");
    EXPECT_EQ(response.headers.get("Location"), "/whip/caf%C3%A9%2Fa/s3ss10n");
    EXPECT_EQ(response.headers.get("ETag"), "\"etag-1\"");
    EXPECT_EQ(response.headers.get("Accept-Patch"), "application/trickle-ice-sdpfrag");
    const auto links = response.headers.get_all("Link");
    ASSERT_EQ(links.size(), 2u);
    EXPECT_EQ(links[0], "<stun:s.test:3478>; rel=\"ice-server\"");
    EXPECT_EQ(links[1],
              "<turn:t.test:3478?transport=udp>; rel=\"ice-server\"; username=\"us\\\"er\"; credential=\"cr\\\\ed\"; "
              "credential-type=\"password\"");
    EXPECT_EQ(backend_.room, "caf\xc3\xa9/a");
    EXPECT_EQ(backend_.role, Role::publish);
    EXPECT_EQ(backend_.body, "v=0\r\n");
    EXPECT_FALSE(backend_.auth);
}

TEST_F(Whip, WatchesUnderWhep) {
    const Response response = post("/whep/demo", "watcher");
    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(response.headers.get("Location"), "/whep/demo/s3ss10n");
    EXPECT_EQ(backend_.role, Role::watch);
    EXPECT_EQ(asked_role_, Role::watch);
    EXPECT_EQ(backend_.auth->identity, "watcher");
}

TEST_F(Whip, AnswersLater) {
    backend_.hold = true;
    Response answer = Response::empty(0);
    Request request;
    request.method = "POST";
    request.path = "/whip/demo";
    request.headers.set("Content-Type", "application/sdp; charset=utf-8");
    request.body = "v=0";
    router_.dispatch(std::move(request), [&](Response response) { answer = std::move(response); });
    EXPECT_EQ(answer.status, 0);
    backend_.held(backend_.created);
    EXPECT_EQ(answer.status, 201);
}

TEST_F(Whip, AsksForABearerToken) {
    const Response response = post("/whip/demo", "expired");
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(response.headers.get("WWW-Authenticate"), "Bearer realm=\"sluice\"");
    EXPECT_EQ(response.headers.get("Content-Type"), "application/problem+json");
    EXPECT_EQ(ask("DELETE", "/whip/demo/x", "", "", "", "expired").status, 401);
    EXPECT_EQ(ask("PATCH", "/whip/demo/x", "", "", "", "expired").status, 401);
    EXPECT_EQ(backend_.calls, 0);
}

TEST_F(Whip, ForbidsWhatTheTokenDoesNotGrant) {
    EXPECT_EQ(post("/whip/demo", "watcher").status, 403);
}

TEST_F(Whip, RefusesOtherMediaTypes) {
    const Response response = ask("POST", "/whip/demo", "application/json", "{}");
    EXPECT_EQ(response.status, 415);
    EXPECT_EQ(response.headers.get("Accept-Post"), "application/sdp");
    EXPECT_EQ(ask("POST", "/whip/demo", "", "v=0").status, 415);
    const Response patched = ask("PATCH", "/whip/demo/x", "application/sdp", "v=0", "*");
    EXPECT_EQ(patched.status, 415);
    EXPECT_EQ(patched.headers.get("Accept-Patch"), "application/trickle-ice-sdpfrag");
    EXPECT_EQ(backend_.calls, 0);
}

TEST_F(Whip, RefusesEmptyAndOversizeBodies) {
    EXPECT_EQ(ask("POST", "/whip/demo", "application/sdp").status, 400);
    EXPECT_EQ(ask("POST", "/whip/demo", "application/sdp", std::string(65 * 1024, 'v')).status, 413);
    EXPECT_EQ(ask("PATCH", "/whip/demo/x", "application/trickle-ice-sdpfrag", "", "*").status, 400);
    EXPECT_EQ(ask("PATCH", "/whip/demo/x", "application/trickle-ice-sdpfrag", std::string(65 * 1024, 'v'), "*").status, 413);
    EXPECT_EQ(backend_.calls, 0);
}

TEST_F(Whip, HandsOnWhatTheBackendRefuses) {
    for (const int status : {400, 406, 409, 422, 500}) {
        backend_.created = std::unexpected(Refusal{status, "Bad SDP", "line 3: no m= section", std::nullopt});
        const Response response = post();
        EXPECT_EQ(response.status, status);
        EXPECT_NE(response.body.find("line 3"), std::string::npos);
    }
    backend_.created = std::unexpected(Refusal{200, "", "", std::nullopt});
    EXPECT_EQ(post().status, 500) << "a refusal is never a success";
}

TEST_F(Whip, SaysWhenToComeBack) {
    backend_.created = std::unexpected(Refusal{503, "At capacity", "The egress budget is used up", 5});
    const Response response = post();
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.headers.get("Retry-After"), "5");
    EXPECT_NE(response.body.find("At capacity"), std::string::npos);
}

TEST_F(Whip, TricklesCandidates) {
    const Response response = patch("\"etag-1\"");
    EXPECT_EQ(response.status, 204);
    EXPECT_TRUE(response.body.empty());
    EXPECT_EQ(backend_.if_match, "etag-1");
    EXPECT_EQ(backend_.session_id, "s3ss10n");
}

TEST_F(Whip, RestartsIce) {
    backend_.patched = Patched{"a=ice-ufrag:new\r\n", "etag-2"};
    const Response response = patch("*");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.headers.get("ETag"), "\"etag-2\"");
    EXPECT_EQ(response.headers.get("Content-Type"), "application/trickle-ice-sdpfrag");
    EXPECT_EQ(response.body, "a=ice-ufrag:new\r\n");
    EXPECT_EQ(backend_.if_match, "*");
}

TEST_F(Whip, DemandsAPrecondition) {
    EXPECT_EQ(patch("").status, 428);
    EXPECT_EQ(patch("unquoted").status, 400);
    EXPECT_EQ(backend_.calls, 0);
}

TEST_F(Whip, CanBeLenientAboutThePrecondition) {
    http::Router router;
    Options lenient;
    lenient.require_if_match = false;
    mount(
        router, backend_, [](Role, const std::string&, const std::optional<std::string>&) { return std::optional<Auth>(); },
        lenient);
    std::swap(router, router_);
    EXPECT_EQ(patch("").status, 204);
    EXPECT_FALSE(backend_.if_match);
}

TEST_F(Whip, HandsOnAFailedPreconditionAndAnUnknownSession) {
    backend_.patched = std::unexpected(Refusal{412, "Precondition failed", "Not the current ETag", std::nullopt});
    EXPECT_EQ(patch("\"old\"").status, 412);
    backend_.patched = std::unexpected(Refusal{404, "Not found", "No such session", std::nullopt});
    EXPECT_EQ(patch("*").status, 404);
    backend_.removed = std::unexpected(Refusal{404, "Not found", "No such session", std::nullopt});
    EXPECT_EQ(ask("DELETE", "/whip/demo/nope").status, 404);
}

TEST_F(Whip, Deletes) {
    EXPECT_EQ(ask("DELETE", "/whep/demo/s3ss10n").status, 200);
    EXPECT_EQ(backend_.session_id, "s3ss10n");
}

TEST_F(Whip, AllowsNoOtherMethods) {
    for (const char* method : {"GET", "HEAD", "PUT", "PATCH", "DELETE"}) {
        const Response response = ask(method, "/whip/demo");
        EXPECT_EQ(response.status, 405) << method;
        EXPECT_EQ(response.headers.get("Allow"), "OPTIONS, POST");
    }
    for (const char* method : {"GET", "POST", "PUT"}) EXPECT_EQ(ask(method, "/whip/demo/x").status, 405) << method;
    EXPECT_EQ(ask("POST", "/whip").status, 404);
    EXPECT_EQ(ask("POST", "/whip/").status, 404);
}

TEST_F(Whip, TellsItsMediaTypesInOptions) {
    const Response endpoint = ask("OPTIONS", "/whep/demo");
    EXPECT_EQ(endpoint.status, 204);
    EXPECT_EQ(endpoint.headers.get("Accept-Post"), "application/sdp");
    EXPECT_EQ(endpoint.headers.get("Access-Control-Allow-Methods"), "OPTIONS, POST");
    const Response session = ask("OPTIONS", "/whep/demo/x");
    EXPECT_EQ(session.headers.get("Accept-Patch"), "application/trickle-ice-sdpfrag");
    EXPECT_EQ(session.headers.get("Allow"), "DELETE, OPTIONS, PATCH");
}

TEST_F(Whip, ChecksRoomNames) {
    EXPECT_EQ(post("/whip/a%00b").status, 400);
    EXPECT_EQ(post("/whip/a%0Ab").status, 400);
    EXPECT_EQ(post("/whip/%C2%85").status, 400);
    EXPECT_EQ(post("/whip/%FF").status, 400);
    EXPECT_EQ(post("/whip/" + std::string(129, 'r')).status, 400);
    EXPECT_EQ(post("/whip/" + std::string(128, 'r')).status, 201);
    std::string accents;
    for (int i = 0; i < 64; ++i) accents += "%C3%A9";
    EXPECT_EQ(post("/whip/" + accents).status, 201);
    EXPECT_EQ(post("/whip/" + accents + "a").status, 400) << "counted in bytes";
    EXPECT_EQ(post("/whip/a%20b").status, 201);
    EXPECT_FALSE(valid_room_name(""));
}

TEST_F(Whip, AsksForItsLimitsAtEachRequest) {
    limits_ = {.sdp_bytes = 4, .room_name_bytes = 3};
    EXPECT_EQ(post("/whip/abc").status, 413);
    const Response longer = post("/whip/abcd");
    EXPECT_EQ(longer.status, 400);
    EXPECT_NE(longer.body.find("1 to 3 bytes"), std::string::npos) << longer.body;
    limits_ = {};
    EXPECT_EQ(post("/whip/abcd").status, 201);
}

}  // namespace
}  // namespace sluice::whip
