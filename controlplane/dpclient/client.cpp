#include "controlplane/dpclient/client.hpp"
#include "controlplane/core/clock.hpp"

#include <fcntl.h>

#include <boost/asio/post.hpp>

#include "controlplane/core/log.hpp"
#include "controlplane/dpclient/client_impl.hpp"

namespace sluice::dpclient {
namespace {

std::string hex(const std::array<std::uint8_t, 16>& id) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (const auto byte : id) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

abi::PacketRecord record_to(abi::TransportId transport, const abi::FlowAddress& to) {
    abi::PacketRecord record;
    record.transport = transport;
    record.flow = to;
    return record;
}

}  // namespace

std::string_view name(ResyncKind kind) noexcept {
    switch (kind) {
        case ResyncKind::adopt: return "adopt";
        case ResyncKind::reconnect: return "reconnect";
        case ResyncKind::replay: return "replay";
    }
    return "unknown";
}

void Client::Impl::start() {
    if (options_.old_segment) {
        if (auto old = SegmentView::open(std::move(options_.old_segment))) {
            earlier_ = read_reservations(*old);
            earlier_boot_id_ = old->boot_id();
        } else {
            core::log("dpclient").warn("the supervisor's old state segment is unusable: {}", old.error());
        }
    }
    connect();
}

void Client::Impl::stop() {
    stopped_ = true;
    state_ = State::offline;
    timer_.cancel();
    if (channel_) channel_->close();
    channel_.reset();
    wake_.reset();
    rings_.reset();
    pending_.clear();
    callers_.clear();
    waiting_.clear();
}

void Client::Impl::connect() {
    auto channel = Channel::connect(io_, options_.path);
    if (!channel) {
        // At first there may just not be one yet.
        complain("cannot connect to " + options_.path + ": " + channel.error(), counters_.connects == 0);
        return retry_later();
    }
    channel_ = *channel;
    state_ = State::greeting;
    epoch_ = 0;
    const auto weak = weak_from_this();
    channel_->start({
        .on_record =
            [weak](ByteView record, std::vector<UniqueFd> fds) {
                if (const auto self = weak.lock(); self && !self->stopped_) self->on_record(record, std::move(fds));
            },
        .on_closed =
            [weak](const std::string& why) {
                if (const auto self = weak.lock(); self && !self->stopped_) self->on_lost(why);
            },
        .on_drained =
            [weak] {
                if (const auto self = weak.lock(); self && self->state_ == State::feeding) self->feed();
            },
    });
    abi::Hello hello;
    hello.role = abi::ConnectionRole::programmer;
    hello.abi_min = options_.abi_min;
    hello.abi_max = options_.abi_max;
    send_message(hello);
    timer_.expires_after(options_.hello_timeout);
    timer_.async_wait([weak, channel = channel_](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (!error && self && self->still(channel) && self->state_ == State::greeting) self->drop("no answer to HELLO");
    });
}

void Client::Impl::retry_later() {
    timer_.expires_after(options_.retry);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (!error && self && !self->stopped_ && self->state_ == State::offline) self->connect();
    });
}

// Each reason once: the retries are 50 ms apart.
void Client::Impl::complain(const std::string& why, bool harmless) {
    if (why == complaint_) return;
    complaint_ = why;
    if (harmless) {
        core::log("dpclient").info("waiting for the data plane: {}", why);
    } else {
        core::log("dpclient").warn("data plane: {}; retrying", why);
    }
}

void Client::Impl::drop(const std::string& why) {
    if (channel_) channel_->close();
    on_lost(why);
}

void Client::Impl::on_lost(const std::string& why) {
    const bool was_connected = state_ > State::greeting;
    complain(why);
    keep_for_later();
    state_ = State::offline;
    channel_.reset();
    wake_.reset();
    rings_.reset();
    retry_later();
    if (!was_connected) return;
    ++counters_.disconnects;
    if (handlers_.on_disconnected) handlers_.on_disconnected();
}

std::uint64_t Client::Impl::send(Record record) {
    const std::uint64_t seq = ++seq_;
    auto header = load<abi::MessageHeader>(record.data());
    header.seq = seq;
    header.epoch = epoch_;
    store(record.data(), header);
    channel_->send(std::move(record));
    return seq;
}

void Client::Impl::on_record(ByteView record, std::vector<UniqueFd> fds) {
    const auto header = abi::read_header(record);
    if (!header) {
        ++counters_.malformed;
        return drop("sent a malformed message: " + std::string(abi::name(header.error())));
    }
    if (state_ == State::greeting) return on_hello_reply(record, std::move(fds));
    using enum abi::MessageType;
    switch (header->type) {
        case ack: return on_ack(record);
        case upsert_transport:
        case upsert_source:
        case upsert_leg:
        case upsert_blob: return on_dumped(*header, record);
        case dump_end: return on_dump_end(record);
        case event_fenced: return fenced("another control plane took over");
        case event_path:
        case event_source_bound:
        case event_transport_silent:
        case event_bye:
        case event_observation:
            if (state_ == State::dumping) return early_events_.emplace_back(record.begin(), record.end()), void();
            return on_event(header->type, record);
        default: ++counters_.unknown_types;
    }
}

void Client::Impl::on_hello_reply(ByteView record, std::vector<UniqueFd> fds) {
    const auto reply = abi::read_as<abi::HelloReply>(record);
    if (!reply) {
        ++counters_.malformed;
        return drop("answered HELLO with nonsense: " + std::string(abi::name(reply.error())));
    }
    if (const auto taken = take_hello(*reply, std::move(fds)); !taken) return drop(taken.error());
    timer_.cancel();
    complaint_.clear();
    ++counters_.connects;
    core::log("dpclient")
        .info("connected to data plane boot {}, ABI {}, {} workers, epoch {}: {}", hex(hello_.boot_id), hello_.abi,
              hello_.workers, hello_.epoch, name(report_.kind));
    const auto channel = channel_;
    if (handlers_.on_connected) handlers_.on_connected(hello_, report_.kind);
    if (!still(channel)) return;
    if (report_.kind == ResyncKind::replay) {
        begin_resync();
        if (still(channel)) drain_later();
    } else {
        send_message(abi::Dump{});
    }
}

// Checks everything before it changes anything, so that a broken data plane cannot cost us the dead one's reservations.
std::expected<void, std::string> Client::Impl::take_hello(const abi::HelloReply& reply, std::vector<UniqueFd> fds) {
    if (reply.abi == 0) return std::unexpected("refused us: " + std::string(abi::name(abi::Status{reply.status})));
    if (reply.abi < options_.abi_min || reply.abi > options_.abi_max) {
        return std::unexpected("chose ABI " + std::to_string(reply.abi) + ", which we did not offer");
    }
    if (fds.size() != 3) return std::unexpected("sent " + std::to_string(fds.size()) + " descriptors instead of 3");
    auto segment = SegmentView::open(std::move(fds[0]));
    if (!segment) return std::unexpected(segment.error());
    if (segment->boot_id() != reply.boot_id) return std::unexpected("sent the state segment of another boot");
    auto rings = PuntRings::map(fds[1].get(), reply.workers);
    if (!rings) return std::unexpected(rings.error());
    if (const int flags = ::fcntl(fds[2].get(), F_GETFL);
        flags < 0 || ::fcntl(fds[2].get(), F_SETFL, flags | O_NONBLOCK) < 0) {
        return std::unexpected("sent an unusable wake descriptor");
    }

    report_ = {};
    report_.kind = !adopted_ ? ResyncKind::adopt : reply.boot_id == boot_id_ ? ResyncKind::reconnect : ResyncKind::replay;
    if (report_.kind == ResyncKind::replay && segment_) program_.replay(read_reservations(*segment_), core::unix_ns());
    // What piled up while nobody read it is stale. Later connections go on where the last one stopped.
    if (!adopted_) rings->discard();
    segment_.emplace(std::move(*segment));
    rings_ = std::make_shared<PuntRings>(std::move(*rings));
    wake_ = std::make_shared<boost::asio::posix::stream_descriptor>(io_, fds[2].release());
    boot_id_ = reply.boot_id;
    epoch_ = reply.epoch;
    hello_ = reply;
    state_ = State::dumping;
    dump_ = {};
    dumped_ = 0;
    early_events_.clear();
    return {};
}

void Client::Impl::apply(ApplyCallback done) {
    auto changes = program_.take_changes();
    if (changes.empty()) {
        if (!done) return;
        boost::asio::post(io_, [weak = weak_from_this(), done = std::move(done)] {
            if (const auto self = weak.lock(); self && !self->stopped_) done({});
        });
        return;
    }
    ++counters_.applies;
    if (state_ != State::ready && state_ != State::syncing) {
        waiting_.push_back({std::move(changes), std::move(done)});
        return;
    }
    for (const ObjectKey& key : changes) {
        unsent_bytes_ += sizeof(abi::TransportSpec);
        if (const Blob* blob = key.kind == abi::ObjectKind::blob ? program_.find_blob(key.id) : nullptr)
            unsent_bytes_ += blob->bytes.size();
    }
    callers_.push_back({std::move(changes), std::move(done)});
    if (std::exchange(flush_posted_, true)) return;
    boost::asio::post(io_, [weak = weak_from_this()] {
        if (const auto self = weak.lock(); self && !self->stopped_) self->flush();
    });
}

void Client::Impl::flush() {
    flush_posted_ = false;
    unsent_bytes_ = 0;
    if (callers_.empty()) return;  // an outage has taken them
    send_changes(std::exchange(callers_, {}));
    if (channel_->backlog() > options_.max_backlog) drop("does not read its control socket");
}

void Client::Impl::request_keyframe(abi::SourceId source) {
    if (state_ <= State::greeting) return;
    abi::RequestKeyframe request;
    request.source = source;
    send_message(request);
}

bool Client::Impl::inject(std::uint16_t worker, abi::PacketRecord record, ByteView datagram) {
    const bool sent = rings_ && worker < rings_->workers() &&
                      (record.worker = static_cast<std::uint8_t>(worker), rings_->inject(record, datagram));
    ++(sent ? counters_.injected : counters_.inject_refused);
    return sent;
}

bool Client::Impl::inject_answer(std::uint16_t worker, abi::PacketRecord record, ByteView answer) {
    if (const auto* spec = program_.find(record.transport); spec != nullptr) record.verified_ufrag = spec->ice.ufrag;
    return inject(worker, record, answer);
}

Client::Client(boost::asio::io_context& io, Program& program, ClientOptions options, ClientHandlers handlers)
    : impl_(std::make_shared<Impl>(io, program, std::move(options), std::move(handlers))) {}
Client::~Client() {  // NOLINT(bugprone-exception-escape): Asio reports no error when a timer is cancelled
    impl_->stop();
}

void Client::start() {
    impl_->start();
}
void Client::stop() {
    impl_->stop();
}
void Client::apply(ApplyCallback done) {
    impl_->apply(std::move(done));
}
void Client::request_keyframe(abi::SourceId source) {
    impl_->request_keyframe(source);
}
bool Client::inject(std::uint16_t worker, abi::TransportId transport, const abi::FlowAddress& to, ByteView datagram) {
    return impl_->inject(worker, record_to(transport, to), datagram);
}
bool Client::inject_answer(std::uint16_t worker, abi::TransportId transport, const abi::FlowAddress& to, ByteView answer) {
    return impl_->inject_answer(worker, record_to(transport, to), answer);
}
bool Client::connected() const noexcept {
    return impl_->state() > Impl::State::greeting;
}
bool Client::synced() const noexcept {
    return impl_->state() == Impl::State::ready;
}
bool Client::congested() const noexcept {
    return impl_->congested();
}
const abi::HelloReply& Client::hello() const noexcept {
    return impl_->hello();
}
const SegmentView* Client::segment() const noexcept {
    return impl_->segment();
}
const ClientCounters& Client::counters() const noexcept {
    return impl_->counters();
}

}  // namespace sluice::dpclient
