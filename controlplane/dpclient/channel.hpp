// A unix SOCK_SEQPACKET connection on Asio: whole records in, whole records out, descriptors beside them.
//
// Theory of operation. Sending never blocks: records wait in a queue until the socket takes them, and `on_drained` says when
// the queue has fallen below `low_water`, so that a producer of many can be asked again. Each turn handles a bounded number
// of records in each direction. After close(), or a failure, no handler is called. Sent records are wiped, as they may hold
// keys.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstddef>
#include <deque>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/dpclient/object.hpp"
#include "dataplane/base/bytes.hpp"
#include "dataplane/base/unique_fd.hpp"

namespace sluice::dpclient {

struct ChannelHandlers {
    std::function<void(ByteView record, std::vector<UniqueFd> fds)> on_record;
    std::function<void(const std::string& why)> on_closed;  // not after close()
    std::function<void()> on_drained;
};

// io thread only.
class Channel : public std::enable_shared_from_this<Channel> {
public:
    static constexpr std::size_t low_water = 64 * 1024;  // bytes

    // Fails at once with the system's words; a unix socket connects without waiting.
    [[nodiscard]] static std::expected<std::shared_ptr<Channel>, std::string> connect(boost::asio::io_context& io,
                                                                                      const std::string& path);
    Channel(boost::asio::io_context& io, UniqueFd socket);
    ~Channel();

    void start(ChannelHandlers handlers);
    // `fds` stay the caller's; they are duplicated.
    void send(Record record, const std::vector<int>& fds = {});
    void close();

    [[nodiscard]] bool is_open() const noexcept { return open_; }
    [[nodiscard]] std::size_t backlog() const noexcept { return backlog_; }

private:
    struct Outgoing {
        Record record;
        std::vector<UniqueFd> fds;
    };
    enum class Sent { ok, later, failed };

    void wait_read();
    void on_readable();
    void wait_write();
    void on_writable();
    Sent send_one(const Outgoing& out);
    void fail(const std::string& why);

    boost::asio::posix::stream_descriptor socket_;
    ChannelHandlers handlers_;
    std::deque<Outgoing> queue_;
    std::vector<std::uint8_t> buffer_;
    std::size_t backlog_ = 0;
    bool open_ = true;
    bool writing_ = false;
    bool was_full_ = false;
};

}  // namespace sluice::dpclient
