#include "controlplane/dpclient/channel.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace sluice::dpclient {
namespace {

constexpr std::size_t buffer_size = 64 * 1024;  // far beyond abi::max_message
constexpr int records_per_turn = 256;
constexpr std::size_t max_fds = 8;

std::string words(int error) {
    return std::generic_category().message(error);
}

struct alignas(cmsghdr) ControlBuffer {
    std::array<std::uint8_t, CMSG_SPACE(sizeof(int) * max_fds)> bytes{};
};

std::vector<UniqueFd> take_fds(msghdr& message) {
    std::vector<UniqueFd> fds;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) fds.emplace_back(load<int>(CMSG_DATA(c) + i * sizeof(int)));
    }
    return fds;
}

}  // namespace

std::expected<std::shared_ptr<Channel>, std::string> Channel::connect(boost::asio::io_context& io, const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return std::unexpected("the path of the control socket must have 1 to " +
                               std::to_string(sizeof address.sun_path - 1) + " characters");
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return std::unexpected(words(errno));
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return std::unexpected(words(errno));
    }
    return std::make_shared<Channel>(io, std::move(socket));
}

Channel::Channel(boost::asio::io_context& io, UniqueFd socket) : socket_(io, socket.release()), buffer_(buffer_size) {}

Channel::~Channel() {
    for (auto& out : queue_) wipe(out.record);
}

void Channel::start(ChannelHandlers handlers) {
    handlers_ = std::move(handlers);
    wait_read();
    if (!queue_.empty()) wait_write();
}

void Channel::close() {
    if (!open_) return;
    open_ = false;
    boost::system::error_code ignored;
    socket_.close(ignored);
    for (auto& out : queue_) wipe(out.record);
    queue_.clear();
    backlog_ = 0;
}

void Channel::fail(const std::string& why) {
    if (!open_) return;
    close();
    // The handlers usually hold the owner, and the owner this channel; the running one must survive its own removal.
    const auto on_closed = std::move(handlers_.on_closed);
    handlers_.on_closed = {};
    if (on_closed) on_closed(why);
}

void Channel::wait_read() {
    socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                           if (!error && self->open_) self->on_readable();
                       });
}

void Channel::on_readable() {
    for (int i = 0; i < records_per_turn; ++i) {
        ControlBuffer control;
        iovec part{buffer_.data(), buffer_.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.bytes.data();
        message.msg_controllen = control.bytes.size();
        const ssize_t n = ::recvmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) break;
            return fail(words(errno));
        }
        if (n == 0) return fail("closed by the other side");
        auto fds = take_fds(message);
        if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return fail("a record exceeds every size of the protocol");
        const ByteView record(buffer_.data(), static_cast<std::size_t>(n));
        if (handlers_.on_record) handlers_.on_record(record, std::move(fds));
        std::memset(buffer_.data(), 0, record.size());  // a dump carries keys
        if (!open_) return;
    }
    wait_read();
}

void Channel::send(Record record, const std::vector<int>& fds) {
    if (!open_) return wipe(record);
    Outgoing out{std::move(record), {}};
    for (const int fd : fds) out.fds.emplace_back(::dup(fd));
    backlog_ += out.record.size();
    queue_.push_back(std::move(out));
    if (backlog_ > low_water) was_full_ = true;
    wait_write();
}

void Channel::wait_write() {
    if (writing_) return;
    writing_ = true;
    socket_.async_wait(boost::asio::posix::stream_descriptor::wait_write,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                           self->writing_ = false;
                           if (!error && self->open_) self->on_writable();
                       });
}

Channel::Sent Channel::send_one(const Outgoing& out) {
    ControlBuffer control;
    iovec part{const_cast<std::uint8_t*>(out.record.data()), out.record.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!out.fds.empty()) {
        message.msg_control = control.bytes.data();
        message.msg_controllen = CMSG_SPACE(sizeof(int) * out.fds.size());
        cmsghdr* c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * out.fds.size());
        for (std::size_t i = 0; i < out.fds.size(); ++i) store(CMSG_DATA(c) + i * sizeof(int), out.fds[i].get());
    }
    for (;;) {
        if (::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return Sent::ok;
        if (errno == EINTR) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK ? Sent::later : Sent::failed;
    }
}

void Channel::on_writable() {
    for (int i = 0; i < records_per_turn && !queue_.empty(); ++i) {
        const Sent sent = send_one(queue_.front());
        if (sent == Sent::later) break;
        if (sent == Sent::failed) return fail(words(errno));
        backlog_ -= queue_.front().record.size();
        wipe(queue_.front().record);
        queue_.pop_front();
    }
    if (was_full_ && backlog_ <= low_water) {
        was_full_ = false;
        if (handlers_.on_drained) handlers_.on_drained();
        if (!open_) return;
    }
    if (!queue_.empty()) wait_write();
}

}  // namespace sluice::dpclient
