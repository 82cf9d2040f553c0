#include "signaling/http/message.hpp"
#include "signaling/http/response_writer.hpp"
#include "signaling/http/url.hpp"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

TEST(Headers, CompareNamesWithoutCase) {
    Headers headers;
    headers.add("Content-Type", "a");
    headers.add("content-type", "b");
    EXPECT_EQ(headers.get("CONTENT-TYPE"), "a");
    EXPECT_EQ(headers.get_all("content-type").size(), 2u);
    headers.set("CONTENT-type", "c");
    EXPECT_EQ(headers.get_all("content-type").size(), 1u);
}

TEST(Headers, FindATokenInAList) {
    Headers headers;
    headers.add("Connection", "keep-alive, Upgrade");
    EXPECT_TRUE(headers.has_token("connection", "upgrade"));
    EXPECT_FALSE(headers.has_token("connection", "up"));
}

TEST(Request, FindsTheBearerToken) {
    Request request;
    EXPECT_FALSE(request.bearer_token());
    request.headers.set("Authorization", "bearer  abc.def ");
    EXPECT_EQ(request.bearer_token(), "abc.def");
    request.headers.set("Authorization", "Basic abc");
    EXPECT_FALSE(request.bearer_token());
    request.headers.set("Authorization", "Bearer ");
    EXPECT_FALSE(request.bearer_token());
}

TEST(Request, TakesTheMediaTypeWithoutParameters) {
    Request request;
    EXPECT_EQ(request.content_type(), "");
    request.headers.set("Content-Type", " Application/SDP ; charset=utf-8");
    EXPECT_EQ(request.content_type(), "application/sdp");
}

TEST(Response, ProblemIsEscapedJson) {
    const Response response = Response::problem(400, "Bad \"SDP\"", "line\n3 \x01\xff\xc3\xa9");
    EXPECT_EQ(response.headers.get("Content-Type"), "application/problem+json");
    EXPECT_EQ(response.body,
              "{\"title\":\"Bad \\\"SDP\\\"\",\"status\":400,\"detail\":\"line\\n3 \\u0001\xef\xbf\xbd\xc3\xa9\"}");
}

TEST(Response, IsSerializedWithItsLength) {
    Response response = Response::text("hello");
    response.headers.set("X-Bad", "a\r\nSet-Cookie: b");
    const ResponseFraming framing{false, true, "sluice", std::chrono::system_clock::from_time_t(784111777)};
    EXPECT_EQ(serialize(response, framing),
              "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: sluice\r\n"
              "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello");
}

TEST(Response, NoContentHasNoLength) {
    const std::string bytes = serialize(Response::empty(204), {});
    EXPECT_EQ(bytes.find("Content-Length"), std::string::npos);
}

TEST(Url, DecodesAndEncodes) {
    EXPECT_EQ(percent_decode("a%2Fb%20c"), "a/b c");
    EXPECT_FALSE(percent_decode("%"));
    EXPECT_FALSE(percent_decode("%2"));
    EXPECT_FALSE(percent_decode("%zz"));
    EXPECT_EQ(percent_encode("a/b \xc3\xa9~"), "a%2Fb%20%C3%A9~");
}

TEST(Url, ParsesAQuery) {
    const auto query = parse_query("a=1&b=x+y%21&c&a=2&=z&d=%q");
    EXPECT_EQ(query.size(), 3u);
    EXPECT_EQ(query.at("a"), "1");
    EXPECT_EQ(query.at("b"), "x y!");
    EXPECT_EQ(query.at("c"), "");
}

TEST(Utf8, RefusesOverlongSurrogateAndTruncated) {
    EXPECT_EQ(utf8_sequence_length("a"), 1u);
    EXPECT_EQ(utf8_sequence_length("\xf0\x9f\x98\x80"), 4u);
    for (const char* bad : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3", "\x80"})
        EXPECT_EQ(utf8_sequence_length(bad), 0u);
}

}  // namespace
}  // namespace sluice::http
