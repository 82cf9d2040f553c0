// The two look-ups that turn a datagram into a transport: by 5-tuple (SRTP, SRTCP, DTLS) and by local ICE username
// fragment (STUN). One pair per worker, written and read by that worker alone, so neither locks. A key may also lead to
// another worker: peers send to this one's port, and their transport has moved there.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "dataplane/abi/types.hpp"

struct rte_hash;

namespace sluice::table {

struct Transport;

// Integer key without holes, three aligned words, as rte_hash_crc reads it. IPs in 16-byte form.
struct alignas(8) FlowKey {
    std::array<std::uint8_t, 16> remote_ip{};
    std::uint16_t remote_port = 0;
    std::uint16_t local_port = 0;
    std::uint32_t reserved = 0;

    friend bool operator==(const FlowKey&, const FlowKey&) = default;
};
static_assert(sizeof(FlowKey) == 24);

[[nodiscard]] inline FlowKey key_of(const abi::FlowAddress& flow) noexcept {
    return {flow.remote_ip, flow.remote_port, flow.local_port};
}

// Of the first 8 characters; the caller has looked that there are so many.
[[nodiscard]] inline std::uint64_t ufrag_key(std::string_view text) noexcept {
    std::uint64_t key = 0;
    std::memcpy(&key, text.data(), sizeof key);
    return key;
}

// Owning worker only; memory is taken in the constructor alone.
class TransportTable {
public:
    // Room for `transports` username fragments (two each, for restarts) and four 5-tuples each.
    TransportTable(const char* name, std::uint32_t transports, int socket);
    ~TransportTable();
    TransportTable(const TransportTable&) = delete;
    TransportTable& operator=(const TransportTable&) = delete;
    [[nodiscard]] bool valid() const noexcept { return flows_ != nullptr && ufrags_ != nullptr; }

    [[nodiscard]] Transport* by_flow(const FlowKey& key) const noexcept;
    // Of up to 32 at once; `out` has a place for each, nullptr where there is none.
    void by_flow(std::span<const FlowKey> keys, std::span<Transport*> out) const noexcept;
    [[nodiscard]] Transport* by_ufrag(std::uint64_t ufrag) const noexcept;
    // A 5-tuple that another transport had moves to this one. False when the table is full.
    bool add_flow(const FlowKey& key, Transport* transport) noexcept;
    bool add_ufrag(std::uint64_t ufrag, Transport* transport) noexcept;
    // Removes the key only if it still leads to `transport`.
    void remove_flow(const FlowKey& key, const Transport* transport) noexcept;
    void remove_ufrag(std::uint64_t ufrag, const Transport* transport) noexcept;

    // Whom a key leads to that leads to no transport of ours. by_flow() and by_ufrag() do not find it.
    [[nodiscard]] std::optional<std::uint16_t> owner_of_flow(const FlowKey& key) const noexcept;
    [[nodiscard]] std::optional<std::uint16_t> owner_of_ufrag(std::uint64_t ufrag) const noexcept;
    bool lead_flow(const FlowKey& key, std::uint16_t worker) noexcept;
    bool lead_ufrag(std::uint64_t ufrag, std::uint16_t worker) noexcept;
    // Removes the key only if it still leads to that worker.
    void forget_flow(const FlowKey& key, std::uint16_t worker) noexcept;
    void forget_ufrag(std::uint64_t ufrag, std::uint16_t worker) noexcept;

private:
    rte_hash* flows_ = nullptr;
    rte_hash* ufrags_ = nullptr;
};

}  // namespace sluice::table
