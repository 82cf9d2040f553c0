#include "tools/sluicectl/data_plane.hpp"

#include <boost/asio/io_context.hpp>
#include <optional>

#include "controlplane/dpclient/channel.hpp"
#include "dataplane/abi/message_reader.hpp"

namespace sluice::ctl {
namespace {

struct Answer {
    std::optional<abi::HelloReply> hello;
    std::vector<core::UniqueFd> fds;
    std::string problem;
};

dpclient::Record hello_record() {
    abi::Hello hello;
    hello.role = abi::ConnectionRole::observer;
    abi::finish(hello, 1, 0);
    const ByteView bytes = bytes_of(hello);
    return {bytes.begin(), bytes.end()};
}

}  // namespace

std::expected<DataPlane, std::string> observe(const std::string& control_socket, std::chrono::milliseconds patience) {
    const auto refuse = [&](const std::string& why) { return std::unexpected(control_socket + ": " + why); };
    boost::asio::io_context io(1);
    const auto channel = dpclient::Channel::connect(io, control_socket);
    if (!channel) return refuse(channel.error());
    Answer answer;
    (*channel)->start({
        .on_record =
            [&](ByteView record, std::vector<core::UniqueFd> fds) {
                const auto reply = abi::read_as<abi::HelloReply>(record);
                if (!reply)
                    answer.problem =
                        "answered with a record that is no HELLO_REPLY (" + std::string(abi::name(reply.error())) + ")";
                else
                    answer.hello = *reply;
                answer.fds = std::move(fds);
                io.stop();
            },
        .on_closed =
            [&](const std::string& why) {
                answer.problem = why + " (a data plane serves only its own user and root)";
                io.stop();
            },
        .on_drained = {},
    });
    (*channel)->send(hello_record());
    io.run_for(patience);
    (*channel)->close();
    if (!answer.problem.empty()) return refuse(answer.problem);
    if (!answer.hello)
        return refuse("no answer for " + std::to_string(patience.count()) +
                      " ms; the main thread of the data plane may be stuck");
    if (answer.hello->abi == 0) {
        return refuse("speaks none of the ABI versions " + std::to_string(abi::abi_oldest) + " to " +
                      std::to_string(abi::abi_current) + " of this sluicectl (" +
                      std::string(abi::name(static_cast<abi::Status>(answer.hello->status))) + ")");
    }
    if (answer.fds.empty()) return refuse("gave no state segment");
    auto segment = dpclient::SegmentView::open(std::move(answer.fds.front()));
    if (!segment) return refuse(segment.error());
    return DataPlane{*answer.hello, std::move(*segment)};
}

}  // namespace sluice::ctl
