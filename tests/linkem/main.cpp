// linkem: an emulated link between two TAP interfaces that it makes, the second one in another network namespace if wanted.
// Prints "ready" when both exist, and the counters of both directions as JSON when SIGTERM or SIGINT ends it.
//
// Example: linkem --a near0 --b far0 --b-netns /run/netns/far --ab loss=5,delay=25 --ba delay=25

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "tests/linkem/link_model.hpp"

namespace {

using sluice::linkem::LinkModel;
using sluice::linkem::Nanoseconds;

volatile std::sig_atomic_t stop_requested = 0;

int fail(const std::string& why) {
    std::fprintf(stderr, "linkem: %s\n", why.c_str());
    return 1;
}

Nanoseconds now() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return Nanoseconds(std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec);
}

bool enter_namespace(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const bool entered = fd >= 0 && setns(fd, CLONE_NEWNET) == 0;
    if (fd >= 0) close(fd);
    return entered;
}

// The TAP belongs to the namespace in which it was made; its descriptor works from any.
int open_tap(const std::string& name) {
    const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ifreq request{};
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

bool is_ip(const LinkModel::Frame& frame) {
    if (frame.size() < 14) return false;
    const int type = frame[12] << 8 | frame[13];
    return type == 0x0800 || type == 0x86DD;
}

void print(const char* name, const sluice::linkem::LinkCounters& c, const char* end) {
    std::printf(
        "\"%s\": {\"offered\": %llu, \"delivered\": %llu, \"lost\": %llu, \"queue_full\": %llu, \"reordered\": %llu}%s",
        name, static_cast<unsigned long long>(c.offered), static_cast<unsigned long long>(c.delivered),
        static_cast<unsigned long long>(c.lost), static_cast<unsigned long long>(c.queue_full),
        static_cast<unsigned long long>(c.reordered), end);
}

// Waits for frames or for the next one that is due.
void wait(std::array<pollfd, 2>& polled, const LinkModel& ab, const LinkModel& ba) {
    timespec timeout{1, 0};
    for (const auto& next : {ab.next(), ba.next()}) {
        if (!next) continue;
        const auto left = std::max(Nanoseconds(0), *next - now());
        if (left < Nanoseconds(timeout.tv_sec * 1'000'000'000 + timeout.tv_nsec))
            timeout = {left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    }
    (void)ppoll(polled.data(), polled.size(), &timeout, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App cli("An emulated link between two TAP interfaces.");
    std::string a = "near0", b = "far0", b_netns, ab_text, ba_text;
    std::uint64_t seed = 1;
    cli.add_option("--a", a, "name of the first interface, made in this network namespace");
    cli.add_option("--b", b, "name of the second interface");
    cli.add_option("--b-netns", b_netns, "network namespace of the second interface, as a path");
    cli.add_option("--ab", ab_text, "from a to b: loss=PERCENT,delay=MS,jitter=MS,rate=KBIT,queue=KB,reorder=PERCENT");
    cli.add_option("--ba", ba_text, "from b to a");
    cli.add_option("--seed", seed, "of the randomness");
    CLI11_PARSE(cli, argc, argv);
    const auto ab_options = sluice::linkem::parse_link(ab_text);
    if (!ab_options) return fail("--ab: " + ab_options.error());
    const auto ba_options = sluice::linkem::parse_link(ba_text);
    if (!ba_options) return fail("--ba: " + ba_options.error());

    const int fd_a = open_tap(a);
    if (fd_a < 0) return fail(a + ": " + std::strerror(errno));
    if (!b_netns.empty() && !enter_namespace(b_netns)) return fail(b_netns + ": " + std::strerror(errno));
    const int fd_b = open_tap(b);
    if (fd_b < 0) return fail(b + ": " + std::strerror(errno));
    for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { stop_requested = 1; });
    std::puts("ready");
    std::fflush(stdout);

    LinkModel ab(*ab_options, seed), ba(*ba_options, seed + 1);
    std::array<pollfd, 2> polled{pollfd{fd_a, POLLIN, 0}, pollfd{fd_b, POLLIN, 0}};
    std::array<std::uint8_t, 65536> buffer;
    while (stop_requested == 0) {
        wait(polled, ab, ba);
        for (const bool from_a : {true, false}) {
            const int in = from_a ? fd_a : fd_b;
            const int out = from_a ? fd_b : fd_a;
            LinkModel& link = from_a ? ab : ba;
            for (ssize_t n; (n = read(in, buffer.data(), buffer.size())) > 0;) {
                LinkModel::Frame frame(buffer.begin(), buffer.begin() + n);
                const bool may_be_lost = is_ip(frame);
                link.offer(std::move(frame), now(), may_be_lost);
            }
            while (auto frame = link.take(now())) (void)!write(out, frame->data(), frame->size());
        }
    }
    std::printf("{");
    print("ab", ab.counters(), ", ");
    print("ba", ba.counters(), "}\n");
    return 0;
}
