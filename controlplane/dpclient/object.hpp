// What the control plane programs: keys of objects, blobs with their bytes, and the answer to DUMP.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <vector>

#include "dataplane/abi/messages.hpp"

namespace sluice::dpclient {

// One wire message; `seq` and `epoch` are stamped when it is queued. May hold keys: wipe() it when done.
using Record = std::vector<std::uint8_t>;
void wipe(Record& record) noexcept;

struct ObjectKey {
    abi::ObjectKind kind = abi::ObjectKind::none;
    std::uint64_t id = 0;

    friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
};

[[nodiscard]] constexpr ObjectKey key_of(abi::TransportId id) noexcept {
    return {abi::ObjectKind::transport, static_cast<std::uint64_t>(id)};
}
[[nodiscard]] constexpr ObjectKey key_of(abi::SourceId id) noexcept {
    return {abi::ObjectKind::source, static_cast<std::uint64_t>(id)};
}
[[nodiscard]] constexpr ObjectKey key_of(abi::LegId id) noexcept {
    return {abi::ObjectKind::leg, static_cast<std::uint64_t>(id)};
}
[[nodiscard]] constexpr ObjectKey blob_key(std::uint64_t id) noexcept {
    return {abi::ObjectKind::blob, id};
}

struct Blob {
    std::uint64_t id = 0;
    std::uint64_t owner = 0;  // the caller's: a session, a room, the certificate
    std::uint16_t kind = 0;
    std::uint16_t version = 0;
    std::vector<std::uint8_t> bytes;  // at most abi::max_blob
};

// Everything that the data plane held when this process connected for the first time.
struct Dump {
    std::vector<abi::TransportSpec> transports;
    std::vector<abi::SourceSpec> sources;
    std::vector<abi::LegSpec> legs;
    std::vector<Blob> blobs;
    std::uint32_t generation = 0;                          // the highest one seen
    std::map<ObjectKey, std::vector<std::uint8_t>> tails;  // bytes of a newer ABI, handed back untouched
};

}  // namespace sluice::dpclient
