#include "controlplane/dpclient/segment_view.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>

#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <functional>

#include "controlplane/dpclient/test_support.hpp"

namespace sluice::dpclient {
namespace {

using ::testing::HasSubstr;

class SegmentViewTest : public ClientTest {
protected:
    SegmentViewTest() { boot(); }
    std::expected<SegmentView, std::string> open() {
        return SegmentView::open(UniqueFd(::fcntl(plane->segment_fd(), F_DUPFD_CLOEXEC, 3)));
    }
};

TEST_F(SegmentViewTest, ReadsWorkersAndObjectsById) {
    plane->put(transport(t1));
    plane->put(leg(l1, s1, t1));
    plane->worker(1).rtp_out = 123;
    plane->slot(t1)->rx_packets = 7;
    plane->slot(l1)->bytes = 99;
    const auto view = open();
    ASSERT_TRUE(view) << view.error();
    EXPECT_EQ(view->workers(), 2u);
    EXPECT_EQ(view->worker(1).rtp_out, 123u);
    abi::TransportSlot t;
    ASSERT_TRUE(view->read(t1, t));
    EXPECT_EQ(t.rx_packets, 7u);
    abi::LegSlot l;
    ASSERT_TRUE(view->read(l1, l));
    EXPECT_EQ(l.bytes, 99u);
    EXPECT_FALSE(view->read(l2, l));
    EXPECT_FALSE(view->read(abi::LegId::none, l));
}

TEST_F(SegmentViewTest, FindsObjectsThatCameLaterOnceTheHeartbeatMoved) {
    const auto view = open();
    ASSERT_TRUE(view);
    abi::SourceSlot s;
    EXPECT_FALSE(view->read(s1, s));
    plane->put(source(s1, t1));
    plane->slot(s1)->packets = 5;
    plane->segment().heartbeat = 10;
    ASSERT_TRUE(view->read(s1, s));
    EXPECT_EQ(s.packets, 5u);
}

TEST_F(SegmentViewTest, NeverTakesASlotThatAnotherObjectHasNow) {
    plane->put(transport(t1));
    const auto view = open();
    abi::TransportSlot t;
    ASSERT_TRUE(view->read(t1, t));
    plane->slot(t1)->id = static_cast<std::uint64_t>(t2);
    EXPECT_FALSE(view->read(t1, t));
    plane->segment().heartbeat = 10;
    EXPECT_FALSE(view->read(t1, t));
    EXPECT_TRUE(view->read(t2, t));
}

TEST_F(SegmentViewTest, OutlivesTheDataPlane) {
    plane->put(leg(l1, s1, t1));
    plane->slot(l1)->rtp_reserved = 1'234;
    const auto view = open();
    plane->kill();
    const auto reservations = read_reservations(*view);
    EXPECT_EQ(reservations.legs.at(l1).rtp, 1'234u);
    EXPECT_EQ(reservations.legs.at(l1).rtx, 200u);
}

TEST_F(SegmentViewTest, RefusesEveryHeaderThatPointsOutside) {
    auto& h = plane->segment();
    const auto size = h.size;
    const auto refuses = [&](auto& field, auto value, const char* why) {
        const auto old = std::exchange(field, static_cast<std::remove_reference_t<decltype(field)>>(value));
        const auto view = open();
        EXPECT_FALSE(view) << why;
        if (!view) {
            EXPECT_THAT(view.error(), HasSubstr(why));
        }
        field = old;
    };
    refuses(h.magic, 0, "magic");
    refuses(h.abi, 0, "ABI");
    refuses(h.workers, 65, "workers");
    refuses(h.worker_stride, 64, "stride");
    refuses(h.worker_stride, sizeof(abi::WorkerBlock) + 1, "stride");
    refuses(h.worker_stride, 0x8000'0000u, "offset");
    for (auto* offset : {&h.worker_offset, &h.port_offset, &h.transport_offset, &h.source_offset, &h.leg_offset}) {
        for (const std::uint64_t value :
             {std::uint64_t{0}, std::uint64_t{size}, ~std::uint64_t{0}, ~std::uint64_t{63}, *offset + 1}) {
            refuses(*offset, value, "offset");
        }
    }
    refuses(h.max_legs, 0xffff'ffffu, "offset");
    refuses(h.max_transports, 0xffff'ffffu, "offset");
    refuses(h.ports, 0xffff'ffffu, "offset");
    EXPECT_TRUE(open());
}

TEST(SegmentView, RefusesAFileThatIsTooShortOrNone) {
    EXPECT_FALSE(SegmentView::open(UniqueFd{}));
    EXPECT_FALSE(SegmentView::open(UniqueFd(::memfd_create("short", 0))));
    EXPECT_FALSE(SegmentView::open(UniqueFd(::open("/dev/null", O_RDONLY))));
}

TEST(StateFd, ComesFromTheEnvironmentWhenItIsADescriptor) {
    ::unsetenv("SLUICE_STATE_FD");
    EXPECT_FALSE(state_fd_from_environment());
    for (const char* bad : {"", "x", "-1", "7x", "999999", "99999999999999999999"}) {
        ::setenv("SLUICE_STATE_FD", bad, 1);
        EXPECT_FALSE(state_fd_from_environment()) << bad;
    }
    const int fd = ::memfd_create("state", 0);
    ::setenv("SLUICE_STATE_FD", std::to_string(fd).c_str(), 1);
    EXPECT_EQ(state_fd_from_environment().get(), fd);
    ::unsetenv("SLUICE_STATE_FD");
}

}  // namespace
}  // namespace sluice::dpclient
