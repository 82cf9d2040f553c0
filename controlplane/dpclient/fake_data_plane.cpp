#include "controlplane/dpclient/fake_data_plane.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "controlplane/core/random.hpp"
#include "controlplane/dpclient/fake_impl.hpp"

namespace sluice::dpclient {
namespace {

[[noreturn]] void broken(const char* what) {
    std::perror(what);
    std::abort();
}

UniqueFd make_memfd(const char* name, std::size_t size) {
    UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) broken("memfd");
    ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    return fd;
}

}  // namespace

void FakeDataPlane::Impl::make_segment() {
    const auto& o = options_;
    std::uint64_t at = (sizeof(abi::SegmentHeader) + 63) / 64 * 64;
    const auto place = [&at](std::uint64_t bytes) { return std::exchange(at, at + bytes); };
    const auto workers = place(std::uint64_t{o.workers} * sizeof(abi::WorkerBlock));
    const auto ports = place(sizeof(abi::PortBlock));
    const auto transports = place(std::uint64_t{o.max_transports} * sizeof(abi::TransportSlot));
    const auto sources = place(std::uint64_t{o.max_sources} * sizeof(abi::SourceSlot));
    const auto legs = place(std::uint64_t{o.max_legs} * sizeof(abi::LegSlot));
    life_->segment_fd = make_memfd("fake-state", at);
    auto mapping = Mapping::map(life_->segment_fd.get(), Mapping::Access::read_write, at);
    if (!mapping) broken("map state segment");
    life_->segment = std::move(*mapping);
    auto& h = header();
    h.magic = abi::segment_magic;
    h.abi = o.abi_max;
    h.workers = o.workers;
    h.boot_id = life_->boot_id;
    h.size = at;
    h.pid = static_cast<std::uint32_t>(::getpid());
    h.ports = 1;
    h.max_transports = o.max_transports;
    h.max_sources = o.max_sources;
    h.max_legs = o.max_legs;
    h.worker_stride = sizeof(abi::WorkerBlock);
    h.worker_offset = workers;
    h.port_offset = ports;
    h.transport_offset = transports;
    h.source_offset = sources;
    h.leg_offset = legs;
}

void FakeDataPlane::Impl::make_rings() {
    const std::size_t size = abi::RingLayout::total(options_.workers);
    life_->ring_fd = make_memfd("fake-rings", size);
    life_->wake_fd = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    auto mapping = Mapping::map(life_->ring_fd.get(), Mapping::Access::read_write, size);
    if (!mapping) broken("map rings");
    life_->rings = std::move(*mapping);
    auto* base = life_->rings.data();
    for (std::uint32_t w = 0; w < options_.workers; ++w) {
        for (const auto c : {abi::PuntClass::stun, abi::PuntClass::dtls}) {
            life_->punt.emplace_back(base + abi::RingLayout::punt(w, c), abi::RingLayout::slots);
        }
        life_->inject.emplace_back(base + abi::RingLayout::inject(w), abi::RingLayout::slots);
    }
}

void FakeDataPlane::Impl::listen() {
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, options_.path.c_str(), sizeof address.sun_path - 1);
    ::unlink(options_.path.c_str());
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) broken("bind");
    if (::listen(socket.get(), 8) != 0) broken("listen");
    life_->listener = std::make_unique<boost::asio::posix::stream_descriptor>(io_, socket.release());
    accept();
}

void FakeDataPlane::Impl::boot() {
    kill();
    life_ = std::make_unique<Life>();
    life_->boot_id = core::random_array<16>();
    make_segment();
    make_rings();
    listen();
}

void FakeDataPlane::Impl::kill() {
    if (!life_) return;
    for (auto& channel : life_->channels) channel->close();
    life_.reset();
    held_.clear();
    ::unlink(options_.path.c_str());
}

void FakeDataPlane::Impl::accept() {
    life_->listener->async_wait(
        boost::asio::posix::stream_descriptor::wait_read,
        [weak = weak_from_this(), life = life_.get()](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (error || !self || self->life_.get() != life) return;
            UniqueFd fd(::accept4(life->listener->native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (fd) {
                auto channel = std::make_shared<Channel>(self->io_, std::move(fd));
                life->channels.push_back(channel);
                const std::weak_ptr<Channel> from = channel;
                channel->start({
                    .on_record =
                        [weak, from](ByteView record, std::vector<UniqueFd>) {
                            const auto self = weak.lock();
                            if (const auto c = from.lock(); self && self->life_ && c) self->on_message(c, record);
                        },
                    .on_closed =
                        [weak, from](const std::string&) {
                            const auto self = weak.lock();
                            if (self && self->life_ && self->life_->programmer == from.lock())
                                self->life_->programmer.reset();
                        },
                    .on_drained = {},
                });
            }
            self->accept();
        });
}

void FakeDataPlane::Impl::on_message(const std::shared_ptr<Channel>& channel, ByteView record) {
    const auto h = abi::read_header(record);
    if (!h) return channel->close();
    if (h->type == abi::MessageType::hello) return on_hello(channel, record);
    if (channel == life_->programmer && h->epoch == life_->epoch) return on_programmer(record);
    abi::Ack refusal;
    refusal.header.seq = h->seq;
    refusal.status = channel == life_->programmer ? abi::Status::stale_epoch : abi::Status::not_programmer;
    channel->send(to_record(refusal));
}

void FakeDataPlane::Impl::on_hello(const std::shared_ptr<Channel>& channel, ByteView record) {
    const auto hello = abi::read_as<abi::Hello>(record);
    abi::HelloReply reply;
    if (!hello || hello->abi_max < options_.abi_min || hello->abi_min > options_.abi_max) {
        reply.status = static_cast<std::uint16_t>(abi::Status::abi_mismatch);
        return channel->send(to_record(reply));
    }
    reply.abi = std::min(hello->abi_max, options_.abi_max);
    reply.workers = options_.workers;
    reply.boot_id = life_->boot_id;
    reply.port = options_.port;
    reply.max_transports = options_.max_transports;
    reply.max_sources = options_.max_sources;
    reply.max_legs = options_.max_legs;
    reply.size_transport =
        static_cast<std::uint32_t>(static_cast<int>(sizeof(abi::TransportSpec)) + options_.transport_size_delta);
    reply.size_source = sizeof(abi::SourceSpec);
    reply.size_leg = sizeof(abi::LegSpec);
    const std::string path = "/proc/self/fd/" + std::to_string(life_->segment_fd.get());
    const UniqueFd read_only(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (hello->role == abi::ConnectionRole::observer) return channel->send(to_record(reply), {read_only.get()});
    if (life_->programmer) send_event(abi::EventFenced{});
    life_->programmer = channel;
    life_->in_transaction = false;
    life_->staged.clear();
    held_.clear();
    reply.epoch = ++life_->epoch;
    channel->send(to_record(reply), {read_only.get(), life_->ring_fd.get(), life_->wake_fd.get()});
}

void FakeDataPlane::Impl::acknowledge(std::uint64_t seq, abi::Status status, std::uint64_t object) {
    abi::Ack answer;
    answer.header.seq = seq;
    answer.status = status;
    answer.object = object;
    if (holding_) return held_.push_back(to_record(answer));
    if (life_->programmer) life_->programmer->send(to_record(answer));
}

void FakeDataPlane::Impl::on_programmer(ByteView record) {
    const auto h = load<abi::MessageHeader>(record.data());
    note(record);
    using enum abi::MessageType;
    switch (h.type) {
        case txn_begin:
            life_->in_transaction = true;
            life_->staged.clear();
            return;
        case txn_commit: {
            if (!life_->in_transaction) return acknowledge(h.seq, abi::Status::no_transaction);
            life_->in_transaction = false;
            const auto [status, object] = commit();
            return acknowledge(h.seq, status, object);
        }
        case dump: return answer_dump(h.seq);
        case sync_begin: return acknowledge(h.seq, abi::Status::ok);
        case sync_end: return acknowledge(h.seq, sweep(*abi::read_as<abi::SyncEnd>(record)));
        case request_keyframe: return;
        case upsert_transport:
        case upsert_source:
        case upsert_leg:
        case upsert_blob:
        case remove: {
            if (life_->in_transaction) return life_->staged.emplace_back(record.begin(), record.end()), void();
            const auto [status, object] = apply(record);
            return acknowledge(h.seq, status, object);
        }
        default: return acknowledge(h.seq, abi::Status::unknown_type);
    }
}

FakeDataPlane::FakeDataPlane(boost::asio::io_context& io, FakeDataPlaneOptions options)
    : impl_(std::make_shared<Impl>(io, std::move(options))) {}
FakeDataPlane::~FakeDataPlane() {
    impl_->kill();
}

void FakeDataPlane::boot() {
    impl_->boot();
}
void FakeDataPlane::kill() {
    impl_->kill();
}
void FakeDataPlane::drop_connections() {
    impl_->life_->programmer.reset();
    for (auto& channel : std::exchange(impl_->life_->channels, {})) channel->close();
}

const std::map<abi::TransportId, abi::TransportSpec>& FakeDataPlane::transports() const {
    return impl_->life_->objects.transports;
}
const std::map<abi::SourceId, abi::SourceSpec>& FakeDataPlane::sources() const {
    return impl_->life_->objects.sources;
}
const std::map<abi::LegId, abi::LegSpec>& FakeDataPlane::legs() const {
    return impl_->life_->objects.legs;
}
const std::map<std::uint64_t, Blob>& FakeDataPlane::blobs() const {
    return impl_->life_->objects.blobs;
}
ByteView FakeDataPlane::tail(abi::TransportId id) const {
    return impl_->life_->objects.tails[id];
}

void FakeDataPlane::put(const abi::TransportSpec& spec, ByteView tail) {
    impl_->install(impl_->life_->objects.transports, spec);
    if (!tail.empty()) impl_->life_->objects.tails[spec.id].assign(tail.begin(), tail.end());
}
void FakeDataPlane::put(const abi::SourceSpec& spec) {
    impl_->install(impl_->life_->objects.sources, spec);
}
void FakeDataPlane::put(const abi::LegSpec& spec) {
    impl_->install(impl_->life_->objects.legs, spec);
}
void FakeDataPlane::put(const Blob& blob, std::uint32_t generation) {
    impl_->life_->objects.blobs[blob.id] = blob;
    impl_->life_->objects.blob_generations[blob.id] = generation;
}

const std::vector<FakeDataPlane::Received>& FakeDataPlane::received() const {
    return impl_->received_;
}
void FakeDataPlane::clear_received() {
    impl_->received_.clear();
}
bool FakeDataPlane::programmer_connected() const {
    return impl_->life_ && impl_->life_->programmer;
}

void FakeDataPlane::refuse(ObjectKey object, abi::Status status) {
    impl_->refusals_[object] = status;
}
void FakeDataPlane::accept(ObjectKey object) {
    impl_->refusals_.erase(object);
}
void FakeDataPlane::hold_acks(bool hold) {
    impl_->holding_ = hold;
    if (hold) return;
    for (auto& record : std::exchange(impl_->held_, {})) impl_->life_->programmer->send(std::move(record));
}
void FakeDataPlane::raise_epoch() {
    ++impl_->life_->epoch;
}
void FakeDataPlane::send_raw(ByteView record) {
    impl_->life_->programmer->send(Record(record.begin(), record.end()));
}

void FakeDataPlane::send(abi::EventPath event) {
    impl_->send_event(event);
}
void FakeDataPlane::send(abi::EventSourceBound event) {
    impl_->send_event(event);
}
void FakeDataPlane::send(abi::EventTransportSilent event) {
    impl_->send_event(event);
}
void FakeDataPlane::send(abi::EventBye event) {
    impl_->send_event(event);
}

bool FakeDataPlane::punt(std::uint32_t worker, abi::PuntClass punt_class, abi::TransportId transport,
                         const abi::FlowAddress& from, ByteView datagram) {
    abi::PacketRecord record;
    record.punt_class = punt_class;
    record.worker = static_cast<std::uint8_t>(worker);
    record.transport = transport;
    record.flow = from;
    return impl_->life_->punt[worker * 2 + (punt_class == abi::PuntClass::dtls ? 1 : 0)].push(record, datagram);
}
void FakeDataPlane::wake() {
    const std::uint64_t one = 1;
    if (::write(impl_->life_->wake_fd.get(), &one, sizeof one) < 0 && errno != EAGAIN) broken("wake");
}
std::optional<FakeDataPlane::Injected> FakeDataPlane::take_injected(std::uint32_t worker) {
    abi::PacketSlot slot;
    if (impl_->life_->inject[worker].pop(slot) != abi::PacketRingConsumer::Result::ok) return std::nullopt;
    return Injected{slot.record, {slot.datagram, slot.datagram + slot.record.length}};
}
std::uint8_t* FakeDataPlane::ring_memory() {
    return impl_->life_->rings.data();
}

abi::SegmentHeader& FakeDataPlane::segment() {
    return impl_->header();
}
abi::WorkerBlock& FakeDataPlane::worker(std::uint32_t i) {
    return impl_->slots<abi::WorkerBlock>(impl_->header().worker_offset)[i];
}
abi::TransportSlot* FakeDataPlane::slot(abi::TransportId id) {
    return impl_->slot(id, false);
}
abi::SourceSlot* FakeDataPlane::slot(abi::SourceId id) {
    return impl_->slot(id, false);
}
abi::LegSlot* FakeDataPlane::slot(abi::LegId id) {
    return impl_->slot(id, false);
}
int FakeDataPlane::segment_fd() const {
    return impl_->life_->segment_fd.get();
}
const std::array<std::uint8_t, 16>& FakeDataPlane::boot_id() const {
    return impl_->life_->boot_id;
}

}  // namespace sluice::dpclient
