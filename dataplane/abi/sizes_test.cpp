// The size and the anchors of every struct that crosses a process boundary. A change here is a change of the ABI: appending
// raises a size and abi_current, anything else breaks running peers.
#include <gtest/gtest.h>

#include "dataplane/abi/capture_ring.hpp"
#include "dataplane/abi/message_reader.hpp"
#include "dataplane/abi/packet_ring.hpp"
#include "dataplane/abi/state_segment.hpp"
#include "dataplane/abi/trace.hpp"

namespace sluice::abi {
namespace {

template <typename T, std::size_t Size>
constexpr bool is_pod_of = std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T> && sizeof(T) == Size &&
                           std::has_unique_object_representations_v<T>;  // no padding: nothing of the stack leaks

static_assert(is_pod_of<MessageHeader, 24>);
static_assert(is_pod_of<Hello, 32>);
static_assert(is_pod_of<PortInfo, 40>);
static_assert(is_pod_of<HelloReply, 128>);
static_assert(is_pod_of<Ack, 40>);
static_assert(is_pod_of<IceCredentials, 48>);
static_assert(is_pod_of<MasterKeyPod, 32>);
static_assert(is_pod_of<TransportSpec, 296>);
static_assert(is_pod_of<SourcePayload, 8>);
static_assert(is_pod_of<SourceSpec, 176>);
static_assert(is_pod_of<LegSpec, 136>);
static_assert(is_pod_of<BlobSpec, 56>);
static_assert(is_pod_of<Remove, 40>);
static_assert(is_pod_of<TxnBegin, 24>);
static_assert(is_pod_of<TxnCommit, 24>);
static_assert(is_pod_of<Dump, 24>);
static_assert(is_pod_of<DumpEnd, 32>);
static_assert(is_pod_of<SyncBegin, 32>);
static_assert(is_pod_of<SyncEnd, 32>);
static_assert(is_pod_of<RequestKeyframe, 32>);
static_assert(is_pod_of<EventPath, 80>);
static_assert(is_pod_of<EventSourceBound, 48>);
static_assert(is_pod_of<EventTransportSilent, 40>);
static_assert(is_pod_of<EventBye, 32>);
static_assert(is_pod_of<EventFenced, 24>);
static_assert(is_pod_of<FlowAddress, 48>);
static_assert(is_pod_of<PacketRecord, 128> && offsetof(PacketRecord, verified_ufrag) == 72);
static_assert(is_pod_of<ObserveStart, 552>);
static_assert(is_pod_of<ObserveStarted, 40>);
static_assert(is_pod_of<ObserveStop, 32>);
static_assert(is_pod_of<Subscribe, 24>);
static_assert(is_pod_of<EventObservation, 48>);
static_assert(is_pod_of<CaptureRecord, 40>);
static_assert(is_pod_of<TraceRecord, 88>);

static_assert(offsetof(TransportSpec, path) == 136 && offsetof(TransportSpec, owner) == 186 &&
              offsetof(TransportSpec, rx_key) == 192);
static_assert(offsetof(SourceSpec, mid) == 64 && offsetof(SourceSpec, payloads) == 96);
static_assert(offsetof(LegSpec, start_index) == 64 && offsetof(LegSpec, payloads) == 120);
static_assert(offsetof(BlobSpec, length) == 48);
static_assert(offsetof(HelloReply, port) == 56);

static_assert(sizeof(WorkerBlock) == 2240 && offsetof(WorkerBlock, stages) == 192 && offsetof(WorkerBlock, drops) == 576);
static_assert(sizeof(WorkerBlock) % 64 == 0 && sizeof(PortBlock) == 192);
static_assert(sizeof(SegmentHeader) % 64 == 0);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

TEST(AbiSizes, TheDropReasonTableMatchesItsEnum) {
    EXPECT_EQ(drop_reasons.size(), drop_reason_count);
    EXPECT_EQ(drop_reasons[static_cast<std::size_t>(DropReason::srtp_auth)].name, "srtp_auth");
    for (const auto& info : drop_reasons) EXPECT_FALSE(info.help.empty()) << info.name;
}

TEST(AbiSizes, TheTraceTableMatchesItsEnum) {
    EXPECT_EQ(trace_events[static_cast<std::size_t>(TraceKind::dropped)].name, "dropped");
    EXPECT_EQ(trace_events[static_cast<std::size_t>(TraceKind::nack_missed)].values[1], "sequence");
    for (const auto& info : trace_events) EXPECT_FALSE(info.help.empty()) << info.name;
}

TEST(AbiSizes, TheSegmentMagicReadsSluice1) {
    EXPECT_EQ(std::memcmp(&segment_magic, "SLUICE1", 7), 0);
}

TEST(AbiSizes, RingsOfTheLayoutDoNotOverlap) {
    const auto ring = packet_ring_size(RingLayout::slots);
    for (std::uint32_t w = 0; w < 3; ++w) {
        EXPECT_EQ(RingLayout::punt(w, PuntClass::stun) + ring, RingLayout::punt(w, PuntClass::dtls));
        EXPECT_EQ(RingLayout::punt(w, PuntClass::dtls) + ring, RingLayout::inject(w));
        EXPECT_EQ(RingLayout::inject(w) + ring, RingLayout::punt(w + 1, PuntClass::stun));
        EXPECT_EQ(RingLayout::inject(w) % 64, 0u);
    }
    EXPECT_EQ(RingLayout::total(3), RingLayout::punt(3, PuntClass::stun));
}

}  // namespace
}  // namespace sluice::abi
