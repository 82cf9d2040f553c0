#include "controlplane/dpclient/channel.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>

namespace sluice::dpclient {
namespace {

struct Pair {
    Pair() {
        int fds[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
        a = std::make_shared<Channel>(io, UniqueFd(fds[0]));
        b = std::make_shared<Channel>(io, UniqueFd(fds[1]));
    }
    void run() {
        io.restart();
        io.run_for(std::chrono::milliseconds(30));
    }
    boost::asio::io_context io;
    std::shared_ptr<Channel> a, b;
};

TEST(Channel, CarriesRecordsWholeAndInOrder) {
    Pair p;
    std::vector<std::size_t> sizes;
    p.b->start({.on_record = [&](ByteView r, auto) { sizes.push_back(r.size()); }, .on_closed = {}, .on_drained = {}});
    p.a->start({});
    for (const std::size_t size : {1u, 16'440u, 24u}) p.a->send(Record(size, 1));
    p.run();
    EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 16'440, 24}));
}

TEST(Channel, CarriesDescriptorsAndClosesItsCopies) {
    Pair p;
    std::vector<UniqueFd> got;
    p.b->start({.on_record = [&](ByteView, std::vector<UniqueFd> fds) { got = std::move(fds); },
                .on_closed = {},
                .on_drained = {}});
    p.a->start({});
    const UniqueFd file(::open("/dev/null", O_RDONLY));
    p.a->send(Record(8), {file.get(), file.get()});
    p.run();
    ASSERT_EQ(got.size(), 2u);
    EXPECT_NE(got[0].get(), file.get());
    EXPECT_EQ(::fcntl(got[0].get(), F_GETFD), FD_CLOEXEC);
}

TEST(Channel, QueuesForAReaderWhoIsSlowAndSaysWhenItCaughtUp) {
    Pair p;
    int drained = 0;
    p.a->start({.on_record = {}, .on_closed = {}, .on_drained = [&] { ++drained; }});
    for (int i = 0; i < 2'000; ++i) p.a->send(Record(1'000, 7));
    p.run();  // nobody reads
    EXPECT_GT(p.a->backlog(), Channel::low_water);
    EXPECT_EQ(drained, 0);
    std::size_t received = 0;
    p.b->start({.on_record = [&](ByteView, auto) { ++received; }, .on_closed = {}, .on_drained = {}});
    for (int i = 0; i < 50 && received < 2'000; ++i) p.run();
    EXPECT_EQ(received, 2'000u);
    EXPECT_EQ(p.a->backlog(), 0u);
    EXPECT_EQ(drained, 1);
}

TEST(Channel, SaysOnceThatTheOtherSideIsGone) {
    Pair p;
    int closed = 0;
    p.a->start({.on_record = {}, .on_closed = [&](const std::string&) { ++closed; }, .on_drained = {}});
    p.b->close();
    p.run();
    EXPECT_EQ(closed, 1);
    EXPECT_FALSE(p.a->is_open());
    p.a->send(Record(8));  // harmless
    p.run();
    EXPECT_EQ(closed, 1);
}

TEST(Channel, RefusesRecordsBeyondEveryMessage) {
    Pair p;
    std::string why;
    p.a->start({.on_record = [](ByteView, auto) { FAIL(); },
                .on_closed = [&](const std::string& w) { why = w; },
                .on_drained = {}});
    p.b->start({});
    p.b->send(Record(70'000));
    p.run();
    EXPECT_FALSE(why.empty());
}

TEST(Channel, MayBeClosedByItsOwnHandler) {
    Pair p;
    int records = 0;
    p.b->start(
        {.on_record = [&](ByteView, auto) { ++records, p.b->close(), p.b.reset(); }, .on_closed = {}, .on_drained = {}});
    p.a->start({});
    p.a->send(Record(8));
    p.a->send(Record(8));
    p.run();
    EXPECT_EQ(records, 1);
}

TEST(Channel, NamesWhatIsWrongWithAPath) {
    boost::asio::io_context io;
    EXPECT_FALSE(Channel::connect(io, ""));
    EXPECT_FALSE(Channel::connect(io, std::string(200, 'x')));
    const auto missing = Channel::connect(io, "/nonexistent/socket");
    ASSERT_FALSE(missing);
    EXPECT_FALSE(missing.error().empty());
}

}  // namespace
}  // namespace sluice::dpclient
