#include <unistd.h>

#include <boost/asio/post.hpp>

#include <cerrno>

#include "controlplane/core/log.hpp"
#include "controlplane/dpclient/client_impl.hpp"

namespace sluice::dpclient {

void Client::Impl::on_event(abi::MessageType type, ByteView record) {
    const auto deliver = [&]<typename Event>(const std::function<void(const Event&)>& handler, auto&& learn) {
        const auto event = abi::read_as<Event>(record);
        if (!event) return ++counters_.malformed, void();
        learn(*event);
        if (handler) handler(*event);
    };
    const auto nothing = [](const auto&) {};
    using enum abi::MessageType;
    switch (type) {
        case event_path:
            return deliver(handlers_.on_path, [&](const abi::EventPath& e) { program_.learn_path(e.transport, e.path); });
        case event_source_bound:
            return deliver(handlers_.on_source_bound,
                           [&](const abi::EventSourceBound& e) { program_.learn_ssrcs(e.source, e.ssrc, e.rtx_ssrc); });
        case event_transport_silent: return deliver(handlers_.on_silent, nothing);
        case event_bye: return deliver(handlers_.on_bye, nothing);
        case event_observation: return deliver(handlers_.on_observation, nothing);
        default: ++counters_.unknown_types;
    }
}

// First called once the upper layers know their transports again; what was punted before then waits in the rings.
void Client::Impl::drain_later() {
    boost::asio::post(io_, [weak = weak_from_this(), rings = rings_] {
        const auto self = weak.lock();
        if (self && self->rings_ && self->rings_ == rings) self->drain();
    });
}

void Client::Impl::drain() {
    // The counter goes first: what is punted after this read wakes us again.
    std::uint64_t wakes = 0;
    if (::read(wake_->native_handle(), &wakes, sizeof wakes) < 0 && errno != EAGAIN) {
        core::log("dpclient").debug("wake descriptor: error {}", errno);
    }
    const auto rings = rings_;
    const auto drained = rings->drain(options_.punt_budget, [&](const abi::PacketRecord& record, ByteView datagram) {
        ++counters_.punted;
        if (handlers_.on_punt) handlers_.on_punt(record, datagram);
        return rings_ == rings;
    });
    counters_.punt_invalid += drained.invalid;
    if (rings_ != rings) return;
    if (drained.more) return drain_later();
    wake_->async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [weak = weak_from_this(), rings](const boost::system::error_code& error) {
                          const auto self = weak.lock();
                          if (!error && self && self->rings_ == rings) self->drain();
                      });
}

}  // namespace sluice::dpclient
