// A connection to the data plane's control socket as an observer. It sees the state segment, and, for root and the data
// plane's own user, captures, traces and events; never a key or a blob.
//
// Theory of operation. Everything happens inside wait(): answers are kept by their sequence number, events go to on_event.
// One thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/dpclient/channel.hpp"
#include "controlplane/dpclient/segment_view.hpp"
#include "dataplane/abi/message_reader.hpp"
#include "dataplane/abi/messages.hpp"
#include "dataplane/base/unique_fd.hpp"

namespace sluice::ctl {

class ControlLink {
public:
    // Connects and says HELLO; blocks for at most `patience`. The error says what a person can do.
    [[nodiscard]] static std::expected<std::unique_ptr<ControlLink>, std::string> open(const std::string& control_socket,
                                                                                       std::chrono::milliseconds patience);
    ~ControlLink();
    ControlLink(const ControlLink&) = delete;
    ControlLink& operator=(const ControlLink&) = delete;

    struct Answer {
        std::vector<std::uint8_t> record;
        std::vector<UniqueFd> fds;
    };
    // Sends a message and waits for what answers it.
    template <abi::Message T>
    [[nodiscard]] std::expected<Answer, std::string> ask(T message, std::chrono::milliseconds patience) {
        abi::finish(message, ++seq_, 0);
        return ask(seq_, bytes_of(message), patience);
    }
    // Lets events and answers come in. False once the data plane has gone; why() says how.
    bool wait(std::chrono::milliseconds time);

    [[nodiscard]] const abi::HelloReply& hello() const noexcept { return hello_; }
    // Once: it is the caller's from then on.
    [[nodiscard]] std::expected<dpclient::SegmentView, std::string> take_segment();
    [[nodiscard]] const std::string& why() const noexcept { return problem_; }

    std::function<void(const abi::MessageHeader& header, ByteView record)> on_event;

private:
    ControlLink() : io_(1) {}
    [[nodiscard]] std::expected<Answer, std::string> ask(std::uint64_t seq, ByteView record,
                                                         std::chrono::milliseconds patience);
    void on_record(ByteView record, std::vector<UniqueFd> fds);

    boost::asio::io_context io_;
    std::shared_ptr<dpclient::Channel> channel_;
    std::string path_;
    std::string problem_;
    std::uint64_t seq_ = 0;
    std::uint64_t awaited_ = 0;  // seq
    std::optional<Answer> answer_;
    abi::HelloReply hello_{};
    std::vector<UniqueFd> fds_;  // of HELLO_REPLY
};

}  // namespace sluice::ctl
