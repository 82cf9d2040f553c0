#include "signaling/http/request_reader.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sluice::http {
namespace {

using Phase = RequestReader::Phase;

constexpr std::string_view simple = "GET /a/b?x=1 HTTP/1.1\r\nHost: h\r\nX-Y: z\r\n\r\n";
constexpr std::string_view with_body = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view chunked =
    "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nWiki\r\n5\r\npedia\r\n0\r\nT: v\r\n\r\n";

Phase feed(RequestReader& reader, std::string_view bytes) {
    reader.push(bytes);
    return reader.advance();
}

int error_of(std::string_view bytes, const Limits& limits = {}) {
    RequestReader reader(limits);
    return feed(reader, bytes) == Phase::failed ? reader.error().status : 0;
}

TEST(RequestReader, ReadsTargetQueryAndHeaders) {
    RequestReader reader({});
    ASSERT_EQ(feed(reader, simple), Phase::complete);
    const Request request = reader.take();
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.target, "/a/b?x=1");
    EXPECT_EQ(request.path, "/a/b");
    EXPECT_EQ(request.query.at("x"), "1");
    EXPECT_EQ(request.headers.get("x-y"), "z");
    EXPECT_TRUE(request.keep_alive);
    EXPECT_EQ(reader.phase(), Phase::idle);
}

TEST(RequestReader, ReadsByteByByte) {
    constexpr std::string_view empty_chunk = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    for (const std::string_view whole : {simple, with_body, chunked, empty_chunk}) {
        RequestReader reader({});
        for (std::size_t i = 0; i + 1 < whole.size(); ++i) ASSERT_NE(feed(reader, whole.substr(i, 1)), Phase::complete) << i;
        EXPECT_EQ(feed(reader, whole.substr(whole.size() - 1)), Phase::complete);
    }
}

TEST(RequestReader, ReadsAChunkedBody) {
    RequestReader reader({});
    ASSERT_EQ(feed(reader, chunked), Phase::complete);
    EXPECT_EQ(reader.take().body, "Wikipedia");
}

TEST(RequestReader, KeepsPipelinedRequestsApart) {
    RequestReader reader({});
    ASSERT_EQ(feed(reader, std::string(with_body) + "\r\n" + std::string(chunked) + std::string(simple)), Phase::complete);
    EXPECT_EQ(reader.take().body, "hello");
    ASSERT_EQ(reader.advance(), Phase::complete);
    EXPECT_EQ(reader.take().body, "Wikipedia");
    ASSERT_EQ(reader.advance(), Phase::complete);
    EXPECT_EQ(reader.take().path, "/a/b");
    EXPECT_EQ(reader.advance(), Phase::idle);
}

TEST(RequestReader, HandsOutWhatFollowsAnUpgrade) {
    RequestReader reader({});
    feed(reader, std::string(simple) + "\x81\x80");
    reader.take();
    EXPECT_EQ(reader.release_rest(), "\x81\x80");
}

TEST(RequestReader, TellsWhenTheClientWaitsForContinue) {
    RequestReader reader({});
    ASSERT_EQ(feed(reader, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"), Phase::body);
    EXPECT_TRUE(reader.expects_continue());
    EXPECT_EQ(feed(reader, "ok"), Phase::complete);
}

TEST(RequestReader, AcceptsTheAbsoluteForm) {
    RequestReader reader({});
    ASSERT_EQ(feed(reader, "GET http://h:80/x?y=1 HTTP/1.1\r\nHost: h\r\n\r\n"), Phase::complete);
    EXPECT_EQ(reader.take().path, "/x");
}

TEST(RequestReader, RefusesMalformedRequests) {
    EXPECT_EQ(error_of("GARBAGE\r\n\r\n"), 400);
    EXPECT_EQ(error_of("GET / HTTP/1.1\r\n\r\n"), 400) << "no Host";
    EXPECT_EQ(error_of("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
    EXPECT_EQ(error_of("GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    EXPECT_EQ(error_of("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"), 400);
    EXPECT_EQ(error_of("GET / HTTP/1.1\r\nHost: a\r\nA b: x\r\n\r\n"), 400);
    EXPECT_EQ(error_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), 400);
    EXPECT_EQ(error_of("\x16\x03\x01\x02\x00\x01"), 400);
}

TEST(RequestReader, RefusesTheIngredientsOfRequestSmuggling) {
    EXPECT_EQ(error_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
              400);
    EXPECT_EQ(error_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), 400);
}

TEST(RequestReader, RefusesOtherVersions) {
    EXPECT_EQ(error_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
}

TEST(RequestReader, EnforcesTheHeaderLimit) {
    Limits limits;
    limits.header_bytes = 1000;
    const std::string field = "X: " + std::string(2000, 'x') + "\r\n";
    EXPECT_EQ(error_of("GET / HTTP/1.1\r\nHost: a\r\n" + field, limits), 431);
    EXPECT_EQ(error_of("GET /" + std::string(2000, 'x') + " HTTP/1.1\r\n", limits), 431);
    EXPECT_EQ(error_of("GET /" + std::string(2000, 'x'), limits), 431) << "no line end yet";
}

TEST(RequestReader, EnforcesTheBodyLimit) {
    Limits limits;
    limits.body_bytes = 4;
    EXPECT_EQ(error_of(with_body, limits), 413);
    EXPECT_EQ(error_of(chunked, limits), 413);
}

TEST(RequestReader, SurvivesMutatedRequests) {
    std::mt19937 random(7);
    const std::string whole = std::string(with_body) + std::string(chunked) + std::string(simple);
    std::size_t failed = 0;
    for (int round = 0; round < 5000; ++round) {
        std::string bytes = whole;
        for (std::uint32_t edits = 1 + random() % 8; edits > 0; --edits) {
            const std::size_t at = random() % bytes.size();
            switch (random() % 4) {
                case 0: bytes[at] = static_cast<char>(random()); break;
                case 1: bytes.erase(at, 1 + random() % 10); break;
                case 2: bytes.insert(at, 1 + random() % 5, static_cast<char>(random())); break;
                default: bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 40)); break;
            }
            if (bytes.empty()) bytes = "x";
        }
        RequestReader reader({});
        std::string_view rest = bytes;
        while (!rest.empty()) {
            const std::size_t size = std::min<std::size_t>(rest.size(), 1 + random() % 64);
            reader.push(rest.substr(0, size));
            rest.remove_prefix(size);
            while (reader.advance() == Phase::complete) reader.take();
        }
        failed += reader.phase() == Phase::failed;
    }
    EXPECT_GT(failed, 1000u);
    EXPECT_LT(failed, 5000u);
}

}  // namespace
}  // namespace sluice::http
