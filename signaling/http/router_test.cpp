#include "signaling/http/router.hpp"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

class RouterTest : public ::testing::Test {
protected:
    RouterTest() {
        for (const char* pattern : {"/", "/healthz", "/whip/{room}", "/whip/{room}/{id}", "/whip/list", "/assets/*"})
            router_.handle("GET", pattern, [this, pattern](Request request, const Reply& reply) {
                matched_ = pattern;
                params_ = request.params;
                reply(Response::text(pattern));
            });
        router_.handle("POST", "/whip/{room}", [](Request, const Reply& reply) { reply(Response::empty(201)); });
        router_.websocket("/rtc", [](Request, std::shared_ptr<WebSocket>) {});
    }

    Response get(std::string path, std::string method = "GET") {
        Request request;
        request.method = std::move(method);
        request.path = request.target = std::move(path);
        Response answer = Response::empty(0);
        matched_.clear();
        router_.dispatch(std::move(request), [&](Response response) { answer = std::move(response); });
        return answer;
    }

    Router router_;
    std::string matched_;
    std::map<std::string, std::string> params_;
};

TEST_F(RouterTest, PrefersLiteralOverParameter) {
    EXPECT_EQ(get("/whip/list").status, 200);
    EXPECT_EQ(matched_, "/whip/list");
    get("/whip/other");
    EXPECT_EQ(matched_, "/whip/{room}");
}

TEST_F(RouterTest, DecodesParametersAfterTheSplit) {
    get("/whip/a%2Fb%20c/7");
    EXPECT_EQ(matched_, "/whip/{room}/{id}");
    EXPECT_EQ(params_["room"], "a/b c");
    EXPECT_EQ(params_["id"], "7");
}

TEST_F(RouterTest, MatchesTheRestOfThePath) {
    get("/assets/js/app%20x.js");
    EXPECT_EQ(params_["*"], "js/app x.js");
    get("/assets/");
    EXPECT_EQ(params_["*"], "");
    EXPECT_EQ(get("/assets").status, 200);
}

TEST_F(RouterTest, AnswersNotFound) {
    for (const char* path : {"/nothing", "/whip", "/whip/", "/whip/a/b/c", "/whip/%zz", "/healthz/", "//"})
        EXPECT_EQ(get(path).status, 404) << path;
    EXPECT_EQ(get("/").status, 200);
}

TEST_F(RouterTest, AnswersMethodNotAllowedWithAllow) {
    const Response response = get("/whip/a", "PUT");
    EXPECT_EQ(response.status, 405);
    EXPECT_EQ(response.headers.get("Allow"), "GET, HEAD, OPTIONS, POST");
}

TEST_F(RouterTest, AnswersHeadFromGet) {
    EXPECT_EQ(get("/healthz", "HEAD").status, 200);
}

TEST_F(RouterTest, AnswersOptionsAndPreflight) {
    const Response response = get("/whip/a", "OPTIONS");
    EXPECT_EQ(response.status, 204);
    EXPECT_EQ(response.headers.get("Allow"), "GET, HEAD, OPTIONS, POST");
    EXPECT_EQ(response.headers.get("Access-Control-Allow-Methods"), "GET, HEAD, OPTIONS, POST");
    EXPECT_EQ(response.headers.get("Access-Control-Allow-Origin"), "*");
    EXPECT_EQ(response.headers.get("Access-Control-Allow-Headers"), "Authorization, Content-Type, If-Match");
    EXPECT_EQ(response.headers.get("Access-Control-Max-Age"), "86400");
    EXPECT_EQ(get("*", "OPTIONS").status, 204);
}

TEST_F(RouterTest, EveryAnswerExposesTheHeadersThatWhipNeeds) {
    for (const char* path : {"/healthz", "/nothing"}) {
        const Response response = get(path);
        EXPECT_EQ(response.headers.get("Access-Control-Allow-Origin"), "*");
        for (const char* name : {"Location", "ETag", "Link", "Accept-Patch", "WWW-Authenticate", "Retry-After"})
            EXPECT_TRUE(response.headers.has_token("Access-Control-Expose-Headers", name)) << name;
    }
}

TEST_F(RouterTest, AsksForAnUpgradeWhereOnlyWebSocketIsSpoken) {
    EXPECT_EQ(get("/rtc").status, 426);
    EXPECT_EQ(get("/rtc", "POST").status, 405);
}

TEST(RouterDeathTest, AbortsOnAMalformedPattern) {
    Router router;
    EXPECT_DEATH(router.handle("GET", "a", {}), "must begin");
    EXPECT_DEATH(router.handle("GET", "/*/a", {}), "last");
    EXPECT_DEATH(router.handle("GET", "/{a", {}), "malformed");
}

}  // namespace
}  // namespace sluice::http
