#include "tools/sluicectl/control_link.hpp"

namespace sluice::ctl {

std::expected<std::unique_ptr<ControlLink>, std::string> ControlLink::open(const std::string& control_socket,
                                                                           std::chrono::milliseconds patience) {
    const auto refuse = [&](const std::string& why) { return std::unexpected(control_socket + ": " + why); };
    std::unique_ptr<ControlLink> link(new ControlLink);
    link->path_ = control_socket;
    auto channel = dpclient::Channel::connect(link->io_, control_socket);
    if (!channel) return refuse(channel.error());
    link->channel_ = std::move(*channel);
    link->channel_->start({
        .on_record = [self = link.get()](ByteView record,
                                         std::vector<UniqueFd> fds) { self->on_record(record, std::move(fds)); },
        .on_closed =
            [self = link.get()](const std::string& why) {
                self->problem_ = why;
                self->io_.stop();
            },
        .on_drained = {},
    });
    abi::Hello hello;
    hello.role = abi::ConnectionRole::observer;
    auto answer = link->ask(hello, patience);
    if (!answer) {
        const bool closed = !link->problem_.empty();
        return refuse(answer.error() + (closed ? " (a data plane serves only its own user and root)" : ""));
    }
    const ByteView record{answer->record.data(), answer->record.size()};
    const auto reply = abi::read_as<abi::HelloReply>(record);
    if (!reply)
        return refuse("answered with a record that is no HELLO_REPLY (" + std::string(abi::name(reply.error())) + ")");
    if (reply->abi == 0) {
        return refuse("speaks none of the ABI versions " + std::to_string(abi::abi_oldest) + " to " +
                      std::to_string(abi::abi_current) + " of this sluicectl (" +
                      std::string(abi::name(static_cast<abi::Status>(reply->status))) + ")");
    }
    link->hello_ = *reply;
    link->fds_ = std::move(answer->fds);
    return link;
}

ControlLink::~ControlLink() {
    if (channel_) channel_->close();
}

void ControlLink::on_record(ByteView record, std::vector<UniqueFd> fds) {
    const auto header = abi::read_header(record);
    if (header && abi::is_event(header->type)) {
        if (on_event) on_event(*header, record);
        return;
    }
    const bool greeting = hello_.abi == 0;
    if (awaited_ == 0 || (!greeting && header && header->seq != awaited_)) return;  // too late for who asked
    answer_ = Answer{{record.begin(), record.end()}, std::move(fds)};
    awaited_ = 0;
    io_.stop();
}

std::expected<ControlLink::Answer, std::string> ControlLink::ask(std::uint64_t seq, ByteView record,
                                                                 std::chrono::milliseconds patience) {
    if (!problem_.empty()) return std::unexpected(problem_);
    awaited_ = seq;
    answer_.reset();
    channel_->send({record.begin(), record.end()});
    io_.restart();
    io_.run_for(patience);
    if (answer_) return std::move(*answer_);
    awaited_ = 0;
    if (!problem_.empty()) return std::unexpected(problem_);
    return std::unexpected("no answer for " + std::to_string(patience.count()) +
                           " ms; the main thread of the data plane may be stuck");
}

bool ControlLink::wait(std::chrono::milliseconds time) {
    if (!problem_.empty()) return false;
    io_.restart();
    io_.run_for(time);
    return problem_.empty();
}

std::expected<dpclient::SegmentView, std::string> ControlLink::take_segment() {
    if (fds_.empty()) return std::unexpected(path_ + ": gave no state segment");
    auto segment = dpclient::SegmentView::open(std::move(fds_.front()));
    fds_.clear();
    if (!segment) return std::unexpected(path_ + ": " + segment.error());
    return std::move(*segment);
}

}  // namespace sluice::ctl
