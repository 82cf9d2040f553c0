#include "dataplane/app/service_manager.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <utility>

namespace sluice::app {
namespace {

// A supervisor's end of NOTIFY_SOCKET under an abstract name.
class Supervisor : public ::testing::Test {
protected:
    Supervisor() {
        socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        socklen_t length = sizeof address;
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);  // the kernel chooses
        EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length), 0);
        const std::string name(address.sun_path + 1, length - offsetof(sockaddr_un, sun_path) - 1);
        ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
    }
    ~Supervisor() override {
        ::unsetenv("NOTIFY_SOCKET");
        ::close(socket_);
    }

    // The next datagram and the descriptor that came along, or -1.
    std::pair<std::string, int> receive() {
        char text[256];
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
        iovec part{text, sizeof text};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        const ssize_t size = ::recvmsg(socket_, &message, MSG_CMSG_CLOEXEC);
        if (size < 0) return {"", -1};
        int fd = -1;
        if (const cmsghdr* rights = CMSG_FIRSTHDR(&message)) std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
        return {std::string(text, static_cast<std::size_t>(size)), fd};
    }

    int socket_ = -1;
};

TEST_F(Supervisor, KeepsADescriptorInPlaceOfTheEarlierOne) {
    const int memory = ::memfd_create("state", MFD_CLOEXEC);
    ASSERT_EQ(::write(memory, "kept", 4), 4);
    ASSERT_TRUE(keep_fd("state", memory));
    ::close(memory);
    EXPECT_EQ(receive(), std::pair(std::string("FDSTOREREMOVE=1\nFDNAME=state\n"), -1));
    const auto [text, kept] = receive();
    EXPECT_EQ(text, "FDSTORE=1\nFDNAME=state\n");
    ASSERT_GE(kept, 0);
    char read_back[4];
    EXPECT_EQ(::pread(kept, read_back, 4, 0), 4);
    EXPECT_EQ(std::memcmp(read_back, "kept", 4), 0);
    ::close(kept);
}

TEST_F(Supervisor, SaysWhenItIsReady) {
    ASSERT_TRUE(notify("READY=1"));
    EXPECT_EQ(receive(), std::pair(std::string("READY=1"), -1));
}

TEST_F(Supervisor, ThatIsGoneIsAnErrorAndNoSignal) {
    ::close(std::exchange(socket_, -1));
    EXPECT_FALSE(notify("READY=1"));
}

TEST_F(Supervisor, AddressesThatCannotBeMeantAreRefused) {
    ::setenv("NOTIFY_SOCKET", "relative/path", 1);
    EXPECT_FALSE(notify("READY=1"));
    ::setenv("NOTIFY_SOCKET", ("/" + std::string(200, 'x')).c_str(), 1);
    EXPECT_FALSE(notify("READY=1"));
}

TEST(NoSupervisor, NothingIsSentAndNothingFails) {
    ::unsetenv("NOTIFY_SOCKET");
    EXPECT_TRUE(notify("READY=1"));
    EXPECT_TRUE(keep_fd("state", 0));
}

}  // namespace
}  // namespace sluice::app
