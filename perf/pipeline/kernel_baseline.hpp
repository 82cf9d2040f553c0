// The honest kernel baseline, in the same process and the same run as what it is compared with: for N viewers OpenSSL's EVP
// with kept contexts (the key is set once, an IV per packet) seals the same packets, and sendmmsg hands them to a UDP
// socket, one datagram a message, or four of one viewer a message with UDP GSO.
//
// What favours it. The destination is loopback in a network namespace of our own; the receiving half is cut off by an XDP
// program that drops everything (where that is refused, by a socket filter), no checksum is computed, no device driver runs
// and one route is always hot. For CM-SHA1 the HMAC is OpenSSL's SHA-1 on saved pads, which is faster than EVP_MAC.
//
// Thread: the one that entered the namespace.
#pragma once

#include <netinet/in.h>
#include <openssl/evp.h>
#include <sys/socket.h>

#include <array>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/srtp/hmac.hpp"
#include "perf/lib/slices.hpp"
#include "perf/pipeline/scene.hpp"

namespace sluice::perf {

// Moves the calling thread into a network namespace of its own with loopback up. False where that is not allowed: loopback
// of the present one serves then.
[[nodiscard]] bool enter_network_namespace();

class KernelBaseline {
public:
    static constexpr std::size_t gso_segments = 4;
    // The kinds of a slice's work.
    static constexpr std::size_t sealing = 0;
    static constexpr std::size_t sending = 1;

    // Exits with a message where the kernel refuses.
    explicit KernelBaseline(const SceneSpec& spec);
    ~KernelBaseline();
    KernelBaseline(const KernelBaseline&) = delete;
    KernelBaseline& operator=(const KernelBaseline&) = delete;

    // One packet of the first viewer through seal, sendmmsg and loopback, opened with libsrtp and compared: what is wrong,
    // or nothing. Before the first turn, which cuts the receiver off.
    [[nodiscard]] std::expected<void, std::string> check(bool gso);
    // Runs until the meter closed `slices`.
    void turn(SliceMeter& meter, bool gso, std::size_t slices);
    // What drops the datagrams after they were sent.
    [[nodiscard]] std::string_view sink() const noexcept { return xdp_ >= 0 ? "XDP" : "socket filter"; }

private:
    static constexpr std::size_t batch = 32;  // packets a system call
    static constexpr std::size_t stride = 1536;
    struct FreeContext {
        void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
    };
    struct Session {
        std::unique_ptr<EVP_CIPHER_CTX, FreeContext> cipher;
        srtp::HmacSha1Key hmac;
        std::array<std::uint8_t, 16> salt{};
    };

    void cut_off();
    std::size_t seal(Session& session, std::uint32_t viewer, std::uint64_t number, std::uint8_t* out);
    void fill_batch(SliceMeter* meter, bool gso);
    void send_batch(bool gso);

    SceneSpec spec_;
    std::vector<Session> sessions_;
    std::vector<std::uint8_t> plain_;  // an RTP packet; sequence, timestamp and SSRC are rewritten per viewer
    std::vector<std::uint8_t> buffers_;
    int tx_ = -1;
    int rx_ = -1;
    int xdp_ = -1;  // the link; the program goes with it
    bool cut_off_ = false;
    sockaddr_storage to_{};
    socklen_t to_size_ = 0;
    std::uint32_t next_viewer_ = 0;
    std::uint64_t number_ = 0;  // of the packet that is being fanned out; with GSO of the first of four
    std::array<mmsghdr, batch> messages_{};
    std::array<iovec, batch> parts_{};
    struct Control {
        alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(std::uint16_t))> bytes;
    };
    std::array<Control, batch> control_{};
};

}  // namespace sluice::perf
