// The filter as the kernel runs it (BPF_PROG_TEST_RUN), packet by packet. Needs what loading a program needs; without it
// the tests fail, unless SLUICE_LACKING names the capability "xdp".

#include "dataplane/port/xdp_filter.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/if_xdp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string_view>

#include "dataplane/wire/test_frames.hpp"

namespace sluice::port {
namespace {

using wire::test::address;
using wire::test::Bytes;
using wire::test::endpoint;
using wire::test::frame_of;

constexpr std::uint16_t first_port = 7882;
constexpr std::uint16_t ports = 4;

class XdpFilterTest : public testing::Test {
protected:
    void SetUp() override {
        const char* lacking = std::getenv("SLUICE_LACKING");
        if (lacking != nullptr && std::string_view(lacking).find("xdp") != std::string_view::npos)
            GTEST_SKIP() << "this machine lacks the capability xdp";
        load({address("10.0.0.5"), address("fd00::5"), first_port, ports});
    }
    void TearDown() override {
        if (object_ != nullptr) bpf_object__close(object_);
        if (socket_ >= 0) close(socket_);
    }
    void load(const XdpFilterConfig& config) {
        if (object_ != nullptr) bpf_object__close(object_);
        const auto bytes = xdp_filter_object(config);
        ASSERT_TRUE(bytes.has_value()) << bytes.error();
        object_ = bpf_object__open_mem(bytes->data(), bytes->size(), nullptr);
        ASSERT_NE(object_, nullptr);
        ASSERT_EQ(bpf_object__load(object_), 0) << "the kernel refuses the filter (is this root?)";
        const bpf_program* program = bpf_object__next_program(object_, nullptr);
        EXPECT_STREQ(bpf_program__name(program), xdp_program_name);
        program_ = bpf_program__fd(program);
        // A socket in the place of a worker's, so that a redirect has somewhere to go.
        if (socket_ < 0) {
            socket_ = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
            const int size = 64;
            ASSERT_EQ(setsockopt(socket_, SOL_XDP, XDP_RX_RING, &size, sizeof size), 0);
        }
        map_ = bpf_object__find_map_fd_by_name(object_, "xsks_map");
        const std::uint32_t queue = 0;
        ASSERT_EQ(bpf_map_update_elem(map_, &queue, &socket_, BPF_ANY), 0);
    }
    std::uint32_t verdict(const Bytes& frame) {
        bpf_test_run_opts options{};
        options.sz = sizeof options;
        options.data_in = frame.data();
        options.data_size_in = static_cast<std::uint32_t>(frame.size());
        options.repeat = 1;
        EXPECT_EQ(bpf_prog_test_run_opts(program_, &options), 0);
        return options.retval;
    }
    bpf_object* object_ = nullptr;
    int program_ = -1;
    int map_ = -1;
    int socket_ = -1;
};

Bytes frame(const char* source, const char* destination, std::optional<std::uint16_t> vlan = std::nullopt) {
    return frame_of({wire::test::mac_a, wire::test::mac_b, endpoint(source), endpoint(destination), vlan, 64, 0},
                    Bytes(40, 0x80));
}
Bytes edited(Bytes bytes, const std::function<void(Bytes&)>& edit) {
    edit(bytes);
    return bytes;
}

TEST_F(XdpFilterTest, OnlyDatagramsToOurAddressesAndMediaPortsAreTaken) {
    const Bytes media4 = frame("192.0.2.7:4000", "10.0.0.5:7882");
    const Bytes media6 = frame("[2001:db8::7]:4000", "[fd00::5]:7882");
    constexpr std::size_t ip = 14;
    const struct {
        const char* what;
        Bytes bytes;
        std::uint32_t expected;
    } catalogue[] = {
        {"IPv4 to the first media port", media4, XDP_REDIRECT},
        {"IPv4 to the last media port", frame("192.0.2.7:4000", "10.0.0.5:7885"), XDP_REDIRECT},
        {"IPv4 to the port below", frame("192.0.2.7:4000", "10.0.0.5:7881"), XDP_PASS},
        {"IPv4 to the port above", frame("192.0.2.7:4000", "10.0.0.5:7886"), XDP_PASS},
        {"IPv4 from a media port", frame("192.0.2.7:7882", "10.0.0.5:53"), XDP_PASS},
        {"IPv4 to another address", frame("192.0.2.7:4000", "10.0.0.6:7882"), XDP_PASS},
        {"IPv4 behind a VLAN tag", frame("192.0.2.7:4000", "10.0.0.5:7882", 5), XDP_REDIRECT},
        {"IPv6 to the first media port", media6, XDP_REDIRECT},
        {"IPv6 to the last media port", frame("[2001:db8::7]:4000", "[fd00::5]:7885"), XDP_REDIRECT},
        {"IPv6 to the port above", frame("[2001:db8::7]:4000", "[fd00::5]:7886"), XDP_PASS},
        {"IPv6 to another address", frame("[2001:db8::7]:4000", "[fd00::6]:7882"), XDP_PASS},
        {"IPv6 behind a VLAN tag", frame("[2001:db8::7]:4000", "[fd00::5]:7882", 5), XDP_REDIRECT},
        {"TCP", edited(media4, [](Bytes& b) { b[ip + 9] = 6; }), XDP_PASS},
        {"TCP over IPv6", edited(media6, [](Bytes& b) { b[ip + 6] = 6; }), XDP_PASS},
        {"IPv6 with an extension header", edited(media6, [](Bytes& b) { b[ip + 6] = 0; }), XDP_PASS},
        {"an IPv6 fragment", edited(media6, [](Bytes& b) { b[ip + 6] = 44; }), XDP_PASS},
        {"ARP", edited(media4, [](Bytes& b) { b[13] = 0x06; }), XDP_PASS},
        {"a first fragment", edited(media4, [](Bytes& b) { b[ip + 6] = 0x20; }), XDP_PASS},
        {"a later fragment", edited(media4, [](Bytes& b) { b[ip + 6] = 0, b[ip + 7] = 9; }), XDP_PASS},
        {"Don't Fragment is no fragment", edited(media4, [](Bytes& b) { b[ip + 6] = 0x40; }), XDP_REDIRECT},
        {"an IPv4 header shorter than one", edited(media4, [](Bytes& b) { b[ip] = 0x44; }), XDP_PASS},
        {"IPv4 options, the ports behind them",
         edited(media4,
                [](Bytes& b) {
                    b[ip] = 0x46;
                    b.insert(b.begin() + ip + 20, {1, 1, 1, 1});
                }),
         XDP_REDIRECT},
        {"IPv4 options that take the ports' place", edited(media4, [](Bytes& b) { b[ip] = 0x4f; }), XDP_PASS},
        {"a frame that ends before the ports", Bytes(media4.begin(), media4.begin() + ip + 20 + 4), XDP_PASS},
        {"an IPv6 frame that ends in the header", Bytes(media6.begin(), media6.begin() + ip + 39), XDP_PASS},
    };
    for (const auto& [what, bytes, expected] : catalogue) EXPECT_EQ(verdict(bytes), expected) << what;
}

TEST_F(XdpFilterTest, WithoutASocketTheKernelGetsThePacket) {
    const std::uint32_t queue = 0;
    ASSERT_EQ(bpf_map_delete_elem(map_, &queue), 0);
    EXPECT_EQ(verdict(frame("192.0.2.7:4000", "10.0.0.5:7882")), XDP_PASS);
}

TEST_F(XdpFilterTest, AFamilyWithoutAnAddressIsTheKernels) {
    load({address("10.0.0.5"), {}, first_port, ports});
    EXPECT_EQ(verdict(frame("192.0.2.7:4000", "10.0.0.5:7882")), XDP_REDIRECT);
    EXPECT_EQ(verdict(frame("[2001:db8::7]:4000", "[fd00::5]:7882")), XDP_PASS);
    load({{}, address("fd00::5"), first_port, ports});
    EXPECT_EQ(verdict(frame("192.0.2.7:4000", "10.0.0.5:7882")), XDP_PASS);
    EXPECT_EQ(verdict(frame("[2001:db8::7]:4000", "[fd00::5]:7882")), XDP_REDIRECT);
    // Nor does an address of all zeros match one that is not configured.
    EXPECT_EQ(verdict(edited(frame("192.0.2.7:4000", "10.0.0.5:7882"), [](Bytes& b) { std::fill_n(b.begin() + 30, 4, 0); })),
              XDP_PASS);
}

TEST_F(XdpFilterTest, TheDriverFindsItUnderTheNameThatTheNextStartLooksFor) {
    const auto file = XdpFilterFile::create({address("10.0.0.5"), {}, first_port, ports});
    ASSERT_TRUE(file.has_value());
    EXPECT_EQ(xdp_program_in(file->path()), std::string(xdp_program_name));
    EXPECT_FALSE(xdp_program_in("/nonexistent/filter.o").has_value());
}

}  // namespace
}  // namespace sluice::port
