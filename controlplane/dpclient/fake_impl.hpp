// The inside of FakeDataPlane: fake_data_plane.cpp has its sockets and memory, fake_objects.cpp what is programmed.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <algorithm>
#include <cstring>

#include "controlplane/dpclient/channel.hpp"
#include "controlplane/dpclient/fake_data_plane.hpp"
#include "controlplane/dpclient/mapping.hpp"
#include "dataplane/abi/message_reader.hpp"
#include "dataplane/base/unique_fd.hpp"

namespace sluice::dpclient {

struct FakeObjects {
    std::map<abi::TransportId, abi::TransportSpec> transports;
    std::map<abi::SourceId, abi::SourceSpec> sources;
    std::map<abi::LegId, abi::LegSpec> legs;
    std::map<std::uint64_t, Blob> blobs;
    std::map<std::uint64_t, std::uint32_t> blob_generations;
    std::map<abi::TransportId, std::vector<std::uint8_t>> tails;
};

template <typename T>
Record to_record(T message, ByteView extra = {}) {
    abi::finish(message, message.header.seq, message.header.epoch, extra.size());
    Record record(sizeof message + extra.size());
    store(record.data(), message);
    std::ranges::copy(extra, record.begin() + sizeof message);
    return record;
}

class FakeDataPlane::Impl : public std::enable_shared_from_this<FakeDataPlane::Impl> {
public:
    struct Life {  // what a kill -9 takes along
        std::array<std::uint8_t, 16> boot_id{};
        UniqueFd segment_fd, ring_fd, wake_fd;
        Mapping segment, rings;
        std::unique_ptr<boost::asio::posix::stream_descriptor> listener;
        std::vector<std::shared_ptr<Channel>> channels;
        std::shared_ptr<Channel> programmer;
        std::vector<abi::PacketRingProducer> punt;
        std::vector<abi::PacketRingConsumer> inject;
        std::uint64_t epoch = 0;
        FakeObjects objects;
        bool in_transaction = false;
        std::vector<Record> staged;
    };

    Impl(boost::asio::io_context& io, FakeDataPlaneOptions options) : io_(io), options_(std::move(options)) {}

    void boot();
    void kill();
    void make_segment();
    void make_rings();
    void listen();
    void accept();
    void on_message(const std::shared_ptr<Channel>& channel, ByteView record);
    void on_hello(const std::shared_ptr<Channel>& channel, ByteView record);
    void on_programmer(ByteView record);
    void answer_dump(std::uint64_t seq);
    std::pair<abi::Status, std::uint64_t> apply(ByteView record);
    std::pair<abi::Status, std::uint64_t> commit();
    abi::Status sweep(const abi::SyncEnd& end);
    void acknowledge(std::uint64_t seq, abi::Status status, std::uint64_t object = 0);
    void note(ByteView record);

    template <typename T>
    void send_event(T event) {
        if (!life_ || !life_->programmer) return;
        event.header.seq = ++event_seq_;
        life_->programmer->send(to_record(event));
    }
    template <typename Slot>
    Slot* slots(std::uint64_t offset) {
        return reinterpret_cast<Slot*>(life_->segment.data() + offset);
    }
    template <typename Slot>
    Slot* slot(std::uint64_t offset, std::uint32_t count, std::uint64_t id, bool make) {
        Slot* all = slots<Slot>(offset);
        for (std::uint32_t i = 0; i < count; ++i) {
            if (all[i].id == id) return &all[i];
        }
        return make && id != 0 ? slot<Slot>(offset, count, 0, false) : nullptr;
    }
    abi::SegmentHeader& header() { return *slots<abi::SegmentHeader>(0); }
    abi::TransportSlot* slot(abi::TransportId id, bool make) {
        return slot<abi::TransportSlot>(header().transport_offset, options_.max_transports, std::uint64_t(id), make);
    }
    abi::SourceSlot* slot(abi::SourceId id, bool make) {
        return slot<abi::SourceSlot>(header().source_offset, options_.max_sources, std::uint64_t(id), make);
    }
    abi::LegSlot* slot(abi::LegId id, bool make) {
        return slot<abi::LegSlot>(header().leg_offset, options_.max_legs, std::uint64_t(id), make);
    }
    template <typename Id>
    void free_slot(Id id) {
        if (auto* s = slot(id, false)) s->id = 0;
    }
    template <typename Spec>
    abi::Status install(std::map<decltype(Spec::id), Spec>& map, const Spec& spec) {
        auto* s = slot(spec.id, true);
        if (s == nullptr) return abi::Status::capacity;
        if (s->id == 0) {
            std::memset(static_cast<void*>(s), 0, sizeof *s);
            if constexpr (std::is_same_v<Spec, abi::TransportSpec>) s->srtcp_reserved = spec.srtcp_start;
            if constexpr (std::is_same_v<Spec, abi::LegSpec>) {
                s->rtp_reserved = spec.start_index;
                s->rtx_reserved = spec.rtx_start_index;
            }
            s->id = std::uint64_t(spec.id);
        }
        map[spec.id] = spec;
        return abi::Status::ok;
    }

    void drop(abi::LegId id) {
        free_slot(id);
        life_->objects.legs.erase(id);
    }
    void drop(abi::SourceId id) {  // its legs stay, without a source
        free_slot(id);
        life_->objects.sources.erase(id);
        for (auto& [leg, spec] : life_->objects.legs) {
            if (spec.source == id) spec.source = abi::SourceId::none;
        }
    }
    void drop(abi::TransportId id) {  // and what stands on it
        const auto on_it = [id](const auto& map) {
            std::vector<typename std::remove_cvref_t<decltype(map)>::key_type> ids;
            for (const auto& [key, spec] : map) {
                if (spec.transport == id) ids.push_back(key);
            }
            return ids;
        };
        for (const auto leg : on_it(life_->objects.legs)) drop(leg);
        for (const auto source : on_it(life_->objects.sources)) drop(source);
        free_slot(id);
        life_->objects.transports.erase(id);
    }

    boost::asio::io_context& io_;
    FakeDataPlaneOptions options_;
    std::unique_ptr<Life> life_;
    std::vector<Received> received_;
    std::map<ObjectKey, abi::Status> refusals_;
    bool holding_ = false;
    std::vector<Record> held_;
    std::uint64_t event_seq_ = 0;
};

}  // namespace sluice::dpclient
