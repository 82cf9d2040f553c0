#include "tools/sluicectl/admin_client.hpp"

#include <gtest/gtest.h>

#include "tools/sluicectl/test_support.hpp"

namespace sluice::ctl {
namespace {

TEST(ReadAnswer, TakesTheBodyOfASuccess) {
    EXPECT_EQ(read_answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").value(), "{}");
    EXPECT_EQ(read_answer("HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\n{}trailing").value(), "{}");
    EXPECT_EQ(read_answer("HTTP/1.1 204 No Content\r\n\r\n").value(), "");
}

TEST(ReadAnswer, TakesTheDetailOfARefusal) {
    const auto refused = read_answer("HTTP/1.1 404 Not Found\r\n\r\n{\"title\":\"Not Found\",\"detail\":\"no such room\"}");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().status, 404);
    EXPECT_EQ(refused.error().message, "no such room");
    EXPECT_FALSE(refused.error().unreachable);
    EXPECT_EQ(read_answer("HTTP/1.1 500 Oops\r\n\r\nnot json").error().message, "the control plane answered 500");
}

TEST(ReadAnswer, RefusesNonsenseAndHalfAnAnswer) {
    for (const char* bad :
         {"", "hello", "HTTP/1.1 2", "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1 200 OK\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n{}", "HTTP/1.1 200 OK\r\nContent-Length:   \r\n\r\n{}",
          "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"}) {
        EXPECT_FALSE(read_answer(bad)) << bad;
    }
}

TEST(Escape, LeavesOnlyUnreservedCharacters) {
    EXPECT_EQ(escape("a b/ü?.-_~9"), "a%20b%2F%C3%BC%3F.-_~9");
}

using AdminClientTest = CtlTest;

TEST_F(AdminClientTest, SaysThatNobodyListens) {
    const auto answer = AdminClient(admin_path()).get("/v1/status");
    ASSERT_FALSE(answer);
    EXPECT_TRUE(answer.error().unreachable);
    EXPECT_EQ(answer.error().message, admin_path() + ": No such file or directory");
    EXPECT_TRUE(AdminClient(std::string(200, 'x')).get("/").error().unreachable);
}

TEST_F(AdminClientTest, ReadsALargeAnswerAndKnowsWhoListens) {
    const std::string body = "{\"x\":\"" + std::string(1 << 20, 'y') + "\"}";
    AdminThread server(admin_path(), {{"GET /big", AdminThread::json(body)}});
    const AdminClient client(admin_path());
    EXPECT_EQ(client.get("/big").value(), body);
    EXPECT_EQ(client.listener().value(), ::getpid());
}

TEST_F(AdminClientTest, GivesUpOnASilentServer) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, admin_path().c_str());
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(fd, 1), 0);
    const auto answer = AdminClient(admin_path(), std::chrono::milliseconds(30)).get("/v1/status");
    ASSERT_FALSE(answer);
    EXPECT_TRUE(answer.error().unreachable);
    EXPECT_EQ(answer.error().message, admin_path() + ": no answer for 30 ms");
    ::close(fd);
}

}  // namespace
}  // namespace sluice::ctl
