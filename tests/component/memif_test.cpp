// A packet peer in another process, over net_memif in copy mode: shared-memory rings between two address spaces, no kernel.

#include <fcntl.h>
#include <rte_bus_vdev.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "tests/component/harness.hpp"

extern char** environ;

namespace sluice::test {
namespace {

// tests/component/memif_peer.cpp. It says one line when it has everything or gives up, and lives until its stdin ends.
class MemifPeer {
public:
    MemifPeer(const std::string& socket, unsigned viewers, unsigned packets) {
        int in[2];
        int out[2];
        EXPECT_EQ(pipe2(in, O_CLOEXEC), 0);
        EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
        std::string arguments[] = {SLUICE_MEMIF_PEER, socket, std::to_string(viewers), std::to_string(packets)};
        char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), arguments[3].data(), nullptr};
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, in[0], 0);
        posix_spawn_file_actions_adddup2(&actions, out[1], 1);
        EXPECT_EQ(posix_spawn(&pid_, argv[0], &actions, nullptr, argv, environ), 0);
        posix_spawn_file_actions_destroy(&actions);
        close(in[0]);
        close(out[1]);
        stdin_ = in[1];
        stdout_ = out[0];
        (void)fcntl(stdout_, F_SETFL, O_NONBLOCK);
    }
    ~MemifPeer() { (void)finish(); }
    MemifPeer(const MemifPeer&) = delete;
    MemifPeer& operator=(const MemifPeer&) = delete;

    // "" until it has said something.
    std::string line() {
        char buffer[256];
        const ssize_t n = read(stdout_, buffer, sizeof buffer);
        if (n > 0) said_.append(buffer, static_cast<std::size_t>(n));
        return said_.ends_with('\n') ? said_ : "";
    }
    int finish() {
        if (pid_ == 0) return status_;
        close(stdin_);
        close(stdout_);
        (void)waitpid(std::exchange(pid_, 0), &status_, 0);
        return status_;
    }

private:
    pid_t pid_ = 0;
    int stdin_ = -1;
    int stdout_ = -1;
    int status_ = -1;
    std::string said_;
};

TEST(Memif, MediaOfAPeerInAnotherProcessReachesItsViewersWithoutLoss) {
    constexpr unsigned viewers = 4;
    constexpr unsigned packets = 4000;
    char directory[] = "/tmp/sluice-memif-XXXXXX";
    ASSERT_NE(mkdtemp(directory), nullptr);
    const std::string socket = std::string(directory) + "/memif.sock";
    ASSERT_EQ(rte_vdev_init("net_memif0", ("role=server,id=0,socket-abstract=no,socket=" + socket).c_str()), 0);
    {
        Harness h({.ethdev = true});
        const Peer publisher = h.add_peer(5000);
        const auto source = h.add_video_source(publisher, 0x1111);
        for (std::uint16_t i = 0; i < viewers; ++i) {
            h.add_video_leg(h.add_peer(static_cast<std::uint16_t>(6000 + i)), source, 0x9000u + i);
        }
        MemifPeer peer(socket, viewers, packets);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        std::string said;
        while ((said = peer.line()).empty() && std::chrono::steady_clock::now() < deadline) h.turn(20);
        EXPECT_EQ(said, "sent 4000 received 16000 wrong 0\n");
        EXPECT_EQ(h.counters().rtp_in, packets);
        EXPECT_EQ(h.counters().rtp_out, packets * viewers);
        // Reports and announcements that were sent before the peer was there; media among them would be missing above.
        EXPECT_EQ(h.total_drops(), h.drops(abi::DropReason::tx_ring_full));
        // Nobody polls while the peer unmaps its rings: net_memif does not survive that.
        EXPECT_EQ(peer.finish(), 0);
    }
    (void)rte_vdev_uninit("net_memif0");
    (void)unlink(socket.c_str());
    (void)rmdir(directory);
}

}  // namespace
}  // namespace sluice::test
