#include "perf/pipeline/kernel_baseline.hpp"

#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/srtp/iv.hpp"
#include "dataplane/srtp/kdf.hpp"
#include "perf/pipeline/sample_check.hpp"

namespace sluice::perf {
namespace {

constexpr std::size_t header_size = 20;

[[noreturn]] void give_up(const char* what) {
    fmt::print(stderr, "pipeline: kernel baseline: {}: {}\n", what, std::strerror(errno));
    std::exit(1);
}

// A program that drops every frame, on lo. The link's descriptor, or -1.
int drop_by_xdp() {
    bpf_insn program[2]{};
    program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    program[0].imm = XDP_DROP;
    program[1].code = BPF_JMP | BPF_EXIT;
    bpf_attr load{};
    load.prog_type = BPF_PROG_TYPE_XDP;
    load.insns = reinterpret_cast<std::uintptr_t>(program);
    load.insn_cnt = 2;
    load.license = reinterpret_cast<std::uintptr_t>("Apache-2.0");
    const auto fd = static_cast<int>(syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load));
    if (fd < 0) return -1;
    bpf_attr link{};
    link.link_create.prog_fd = static_cast<std::uint32_t>(fd);
    link.link_create.target_ifindex = if_nametoindex("lo");
    link.link_create.attach_type = BPF_XDP;
    link.link_create.flags = XDP_FLAGS_SKB_MODE;
    const auto made = static_cast<int>(syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof link));
    close(fd);
    return made;
}

bool up_loopback() {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    bool up = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0;
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    up = up && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    if (fd >= 0) close(fd);
    return up;
}

bool in_own_namespace = false;

}  // namespace

bool enter_network_namespace() {
    in_own_namespace = unshare(CLONE_NEWNET) == 0;
    if (in_own_namespace && !up_loopback()) give_up("loopback");
    return in_own_namespace;
}

KernelBaseline::KernelBaseline(const SceneSpec& spec)
    : spec_(spec), sessions_(spec.viewers), plain_(expected_rtp(Viewer::number(0, spec.v6), {})), buffers_(batch * stride) {
    plain_.resize(header_size + spec.payload, 0x5a);
    for (std::uint32_t n = 0; n < spec.viewers; ++n) {
        const srtp::SessionKeys keys(spec.suite, Viewer::number(n, spec.v6).key);
        Session& s = sessions_[n];
        s.cipher.reset(EVP_CIPHER_CTX_new());
        const EVP_CIPHER* cipher = spec.suite == srtp::Suite::aead_aes_128_gcm ? EVP_aes_128_gcm() : EVP_aes_128_ctr();
        if (EVP_EncryptInit_ex(s.cipher.get(), cipher, nullptr, keys.rtp.key.data(), nullptr) != 1) give_up("EVP");
        s.hmac.init(keys.rtp.auth);
        s.salt = keys.rtp.salt;
    }
    const int family = spec.v6 ? AF_INET6 : AF_INET;
    tx_ = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    rx_ = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (tx_ < 0 || rx_ < 0) give_up("socket");
    if (spec.v6) {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_addr = in6addr_loopback;
        std::memcpy(&to_, &address, to_size_ = sizeof address);
    } else {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        std::memcpy(&to_, &address, to_size_ = sizeof address);
    }
    if (bind(rx_, reinterpret_cast<sockaddr*>(&to_), to_size_) != 0) give_up("bind");
    if (getsockname(rx_, reinterpret_cast<sockaddr*>(&to_), &to_size_) != 0) give_up("getsockname");
    const int room = 4 << 20;
    (void)setsockopt(tx_, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

KernelBaseline::~KernelBaseline() {
    if (xdp_ >= 0) close(xdp_);
    close(tx_);
    close(rx_);
    for (Session& s : sessions_) s.hmac.wipe();
}

void KernelBaseline::cut_off() {
    cut_off_ = true;
    // Only a loopback of our own may lose everything.
    if (in_own_namespace) xdp_ = drop_by_xdp();
    if (xdp_ >= 0) return;
    sock_filter nothing{BPF_RET | BPF_K, 0, 0, 0};
    const sock_fprog program{1, &nothing};
    if (setsockopt(rx_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) give_up("socket filter");
}

// Rewrites the header and seals out of place, as the pipeline does. Returns the size.
std::size_t KernelBaseline::seal(Session& session, std::uint32_t viewer, std::uint64_t number, std::uint8_t* out) {
    const std::uint64_t index = Viewer::first_index + number;
    const std::uint32_t ssrc = 0x10000 + viewer;
    std::memcpy(out, plain_.data(), header_size);
    store(out + 2, be16(static_cast<std::uint16_t>(index)));
    store(out + 4, be32(Viewer::first_timestamp + static_cast<std::uint32_t>(3000 * number)));
    store(out + 8, be32(ssrc));
    EVP_CIPHER_CTX* const cipher = session.cipher.get();
    const auto length = static_cast<int>(spec_.payload);
    int n = 0;
    std::uint8_t* const end = out + header_size + spec_.payload;
    if (spec_.suite == srtp::Suite::aead_aes_128_gcm) {
        const srtp::Iv iv = srtp::gcm_iv(session.salt, ssrc, index);
        (void)EVP_EncryptInit_ex(cipher, nullptr, nullptr, nullptr, iv.bytes.data());
        (void)EVP_EncryptUpdate(cipher, nullptr, &n, out, header_size);
        (void)EVP_EncryptUpdate(cipher, out + header_size, &n, plain_.data() + header_size, length);
        (void)EVP_EncryptFinal_ex(cipher, end, &n);
        (void)EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, srtp::gcm_tag_bytes, end);
        return header_size + spec_.payload + srtp::gcm_tag_bytes;
    }
    const srtp::Iv iv = srtp::cm_iv(session.salt, ssrc, index);
    (void)EVP_EncryptInit_ex(cipher, nullptr, nullptr, nullptr, iv.bytes.data());
    (void)EVP_EncryptUpdate(cipher, out + header_size, &n, plain_.data() + header_size, length);
    std::array<std::uint8_t, 4> roc;
    store(roc.data(), be32(static_cast<std::uint32_t>(index >> 16)));
    const std::array<ByteView, 2> parts{ByteView{out, header_size + spec_.payload}, ByteView{roc}};
    std::array<std::uint8_t, 20> tag;
    srtp::hmac_sha1(session.hmac.pads, parts, tag.data());
    std::memcpy(end, tag.data(), srtp::sha1_80_tag_bytes);
    return header_size + spec_.payload + srtp::sha1_80_tag_bytes;
}

// One batch: the next viewers, or with GSO four packets for each of the next ones.
void KernelBaseline::fill_batch(SliceMeter* meter, bool gso) {
    const std::size_t segments = gso ? gso_segments : 1;
    std::uint8_t* out = buffers_.data();
    constexpr std::size_t sight_every = 8;
    for (std::size_t i = 0; i < batch / segments; ++i) {
        const std::uint32_t viewer = next_viewer_;
        std::size_t size = 0;
        for (std::size_t s = 0; s < segments; ++s) size += seal(sessions_[viewer], viewer, number_ + s, out + size);
        parts_[i] = {out, size};
        // GSO wants the segments of a message side by side; a message of one packet begins at a stride.
        out += gso ? size : stride;
        msghdr& message = messages_[i].msg_hdr;
        message = {};
        message.msg_name = &to_;
        message.msg_namelen = to_size_;
        message.msg_iov = &parts_[i];
        message.msg_iovlen = 1;
        if (gso) {
            message.msg_control = control_[i].bytes.data();
            message.msg_controllen = control_[i].bytes.size();
            cmsghdr* const c = CMSG_FIRSTHDR(&message);
            c->cmsg_level = SOL_UDP;
            c->cmsg_type = UDP_SEGMENT;
            c->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
            const auto segment = static_cast<std::uint16_t>(size / segments);
            std::memcpy(CMSG_DATA(c), &segment, sizeof segment);
        }
        if (++next_viewer_ == spec_.viewers) {
            next_viewer_ = 0;
            number_ += segments;
        }
        if (meter != nullptr && (i + 1) * segments % sight_every == 0) meter->sight(sight_every, 0, sealing);
    }
}

void KernelBaseline::send_batch(bool gso) {
    const unsigned count = batch / (gso ? gso_segments : 1);
    const int sent = sendmmsg(tx_, messages_.data(), count, 0);
    if (sent != static_cast<int>(count)) give_up("sendmmsg");
}

void KernelBaseline::turn(SliceMeter& meter, bool gso, std::size_t slices) {
    if (!cut_off_) cut_off();
    meter.begin_turn();
    meter.resume();
    while (meter.closed() < slices) {
        fill_batch(&meter, gso);
        send_batch(gso);
        meter.sight(batch, batch, sending);
    }
    meter.pause();
}

std::expected<void, std::string> KernelBaseline::check(bool gso) {
    next_viewer_ = 0;
    const std::uint64_t first = number_;
    fill_batch(nullptr, gso);
    send_batch(gso);
    std::vector<std::uint8_t> datagram(2048);
    const ssize_t size = recv(rx_, datagram.data(), datagram.size(), 0);
    if (size <= 0) return std::unexpected(std::string("the kernel delivered nothing"));
    datagram.resize(static_cast<std::size_t>(size));
    const Viewer viewer = Viewer::number(0, spec_.v6);
    const auto plain = open_with_libsrtp(spec_.suite, viewer.key, viewer.ssrc, Viewer::first_index + first, datagram);
    if (!plain) return std::unexpected(plain.error());
    const Published sent{first, static_cast<std::uint32_t>(3000 * first), false, ByteView(plain_).subspan(header_size)};
    if (*plain != expected_rtp(viewer, sent)) return std::unexpected(std::string("it sends something else"));
    for (std::vector<std::uint8_t> rest(2048); recv(rx_, rest.data(), rest.size(), 0) > 0;) {
    }
    return {};
}

}  // namespace sluice::perf
