// Control messages over the real socket into the real data plane, with frames in between: whatever a confused or hostile
// control plane says is refused or obeyed, and afterwards everything can be taken away again.
//
// The input is a program of steps of which each is a valid message, bent: one byte says what, one how many bytes are
// overwritten (each: 16-bit offset, value), one how much of it is sent. So the deep checks are reached, and no seed grows
// stale with the ABI.
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <optional>

#include "dataplane/base/unique_fd.hpp"
#include "tests/component/harness.hpp"

namespace sluice::test {
namespace {

constexpr std::size_t max_steps = 48;
constexpr std::uint32_t newest_generation = ~0U;

std::unique_ptr<Harness>& harness() {
    static std::unique_ptr<Harness> one;
    return one;
}

void demand(bool condition) {
    if (!condition) std::abort();
}

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : left_(data, size) {}
    [[nodiscard]] bool empty() const { return left_.empty(); }
    std::uint8_t byte() {
        if (left_.empty()) return 0;
        const std::uint8_t b = left_.front();
        left_ = left_.subspan(1);
        return b;
    }
    std::uint16_t two() { return static_cast<std::uint16_t>(byte() << 8 | byte()); }

private:
    ByteView left_;
};

class Socket {
public:
    explicit Socket(Harness& h) : harness_(h), fd_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, h.control_socket().c_str(), sizeof address.sun_path - 1);
        demand(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        harness_.settle();
    }
    // Returns the status of the last acknowledgement, if one came.
    std::optional<abi::Status> say(ByteView record) {
        // Closed by the data plane, or full: it has been told of this one already.
        (void)::send(fd_.get(), record.data(), record.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        harness_.settle();
        return listen();
    }
    template <typename T>
    std::optional<abi::Status> say(T message) {
        abi::finish(message, 1, epoch);
        return say(bytes_of(message));
    }
    std::uint64_t epoch = 0;

private:
    std::optional<abi::Status> listen() {
        std::optional<abi::Status> status;
        std::vector<std::uint8_t> buffer(abi::max_message);
        for (;;) {
            // Descriptors are left with the kernel, which closes them.
            const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
            if (got <= 0) return status;
            const ByteView record{buffer.data(), static_cast<std::size_t>(got)};
            demand(abi::read_header(record).has_value());
            if (const auto reply = abi::read_as<abi::HelloReply>(record)) epoch = reply->epoch;
            if (const auto ack = abi::read_as<abi::Ack>(record)) status = ack->status;
        }
    }
    Harness& harness_;
    UniqueFd fd_;
};

std::vector<std::uint8_t> record_of(const auto& message, std::size_t more = 0) {
    const ByteView bytes = bytes_of(message);
    std::vector<std::uint8_t> record(bytes.begin(), bytes.end());
    record.resize(record.size() + more, 0x5a);
    return record;
}

// The message that a step starts from. `which` chooses among four objects of a kind.
std::vector<std::uint8_t> message(std::uint8_t kind, std::uint8_t which, std::uint64_t epoch) {
    const auto made = [&](auto m, std::size_t more = 0) {
        abi::finish(m, 7, epoch, more);
        return record_of(m, more);
    };
    Harness& h = *harness();
    const std::uint64_t n = which % 4;
    Peer viewer;
    viewer.transport = 1 + n;
    switch (kind) {
        case 0: return made(abi::Hello{.role = static_cast<abi::ConnectionRole>(which & 1)});
        case 1:
            return made(
                h.transport_spec(1 + n, static_cast<std::uint16_t>(40'000 + n), static_cast<std::uint16_t>(which >> 7)));
        case 2: {
            abi::SourceSpec s;
            s.id = static_cast<abi::SourceId>(11 + n);
            s.transport = static_cast<abi::TransportId>(1 + n);
            s.generation = 1;
            s.kind = abi::MediaKind::video;
            s.ssrc = static_cast<std::uint32_t>(100 + n);
            s.flags = abi::source_nack | abi::source_pli;
            s.payloads[0] = {96, 97, abi::CodecId::vp8, 0, 90'000};
            return made(s);
        }
        case 3:
            return made(h.leg_spec(21 + n, viewer, 11 + (which >> 2) % 4, static_cast<std::uint32_t>(200 + n),
                                   static_cast<std::uint32_t>(300 + n)));
        case 4: {
            abi::BlobSpec b;
            b.id = 31 + n;
            b.owner = 1 + n;
            b.generation = 1;
            b.length = which;
            return made(b, which);
        }
        case 5: return made(abi::Remove{.id = which, .generation = 1, .kind = static_cast<abi::ObjectKind>(1 + n)});
        case 6: return made(abi::TxnBegin{});
        case 7: return made(abi::TxnCommit{});
        case 8: return made(abi::Dump{});
        case 9: return made(abi::SyncBegin{.generation = which});
        case 10: return made(abi::SyncEnd{.generation = which, .force = which & 1U});
        case 11: return made(abi::RequestKeyframe{.source = static_cast<abi::SourceId>(11 + n)});
        case 12:
            return made(abi::ObserveStart{.kind = static_cast<abi::ObserveKind>(n),
                                          .count = static_cast<std::uint32_t>(which >> 6)});
        case 13: return made(abi::ObserveStop{.kind = static_cast<abi::ObserveKind>(n)});
        case 14: return made(abi::Subscribe{});
        default: return std::vector<std::uint8_t>(which, kind);
    }
}

void media(std::uint8_t which, std::uint16_t sequence) {
    Peer publisher;
    publisher.address = {*IpAddress::parse("10.77.0.2"), static_cast<std::uint16_t>(40'000 + which % 4)};
    publisher.worker = which >> 7;
    harness()->send(publisher, vp8_packet(sequence, 90U * sequence, 100 + which % 4, (which & 4) != 0));
    harness()->settle();
    (void)harness()->received();
}

// A new programmer takes everything away. Objects of the newest generation cannot be older than any: then all starts anew.
void clean_up() {
    Socket programmer(*harness());
    programmer.say(abi::Hello{.role = abi::ConnectionRole::programmer});
    programmer.say(abi::SyncBegin{.generation = newest_generation});
    demand(programmer.say(abi::SyncEnd{.generation = newest_generation, .force = 1}) == abi::Status::ok);
    (void)harness()->received();
    demand(harness()->rx_mbufs_in_use() == 0);
    const control::Registry& registry = harness()->plane().registry();
    if (registry.transports() + registry.sources() + registry.legs() != 0) harness().reset();
}

}  // namespace
}  // namespace sluice::test

// Other tests of the process make a data plane of their own.
extern "C" void end_of_corpus() {
    sluice::test::harness().reset();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice::test;
    if (harness() == nullptr) harness() = std::make_unique<Harness>(2U);
    Input input(data, size);
    auto socket = std::make_unique<Socket>(*harness());
    if ((input.byte() & 1) == 0) socket->say(sluice::abi::Hello{.role = sluice::abi::ConnectionRole::programmer});
    for (std::size_t step = 0; step < max_steps && !input.empty(); ++step) {
        const std::uint8_t kind = input.byte() % 19;
        const std::uint8_t which = input.byte();
        if (kind == 16) {
            socket.reset();
            socket = std::make_unique<Socket>(*harness());
            continue;
        }
        if (kind == 17) {
            media(which, static_cast<std::uint16_t>(step));
            continue;
        }
        if (kind == 18) {
            harness()->turn(which % 8);
            continue;
        }
        auto record = message(kind, which, socket->epoch);
        const std::uint8_t bends = input.byte() % 8;
        for (std::uint8_t i = 0; i < bends && !record.empty(); ++i) {
            const std::size_t at = input.two() % record.size();
            record[at] = input.byte();
        }
        const std::uint8_t kept = input.byte();
        if (kept >= 128) record.resize(record.size() * (kept - 128) / 128);
        socket->say(sluice::ByteView(record));
    }
    socket.reset();
    harness()->settle();
    clean_up();
    return 0;
}
