#include "dataplane/table/flow_table.hpp"

#include <rte_hash.h>
#include <rte_hash_crc.h>

#include <algorithm>
#include <functional>
#include <random>
#include <string>

namespace sluice::table {
namespace {

rte_hash* make_hash(const std::string& name, std::uint32_t entries, std::uint32_t key_size, int socket) {
    rte_hash_parameters p{};
    p.name = name.c_str();
    p.entries = entries < 64 ? 64 : entries;
    p.key_len = key_size;
    p.hash_func = rte_hash_crc;
    // Strangers choose addresses and ports, so the salt is theirs to guess.
    p.hash_func_init_val = std::random_device{}();
    p.socket_id = socket;
    // Cuckoo displacement alone fills to about 95 %; the extension table takes the rest.
    p.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
    return rte_hash_create(&p);
}

// A key leads to a transport, or to one of these places: each stands for a worker.
std::array<char, abi::max_workers> elsewhere;

std::optional<std::uint16_t> worker_of(const void* data) noexcept {
    const std::less<const void*> before;
    if (before(data, elsewhere.data()) || !before(data, elsewhere.data() + elsewhere.size())) return std::nullopt;
    return static_cast<std::uint16_t>(static_cast<const char*>(data) - elsewhere.data());
}

void* look_up(const rte_hash* hash, const void* key) noexcept {
    void* data = nullptr;
    return rte_hash_lookup_data(hash, key, &data) >= 0 ? data : nullptr;
}

Transport* find(const rte_hash* hash, const void* key) noexcept {
    void* data = look_up(hash, key);
    return worker_of(data) ? nullptr : static_cast<Transport*>(data);
}

}  // namespace

TransportTable::TransportTable(const char* name, std::uint32_t transports, int socket)
    : flows_(make_hash(std::string(name) + "_flow", transports * 4, sizeof(FlowKey), socket)),
      ufrags_(make_hash(std::string(name) + "_ufrag", transports * 2, sizeof(std::uint64_t), socket)) {}

TransportTable::~TransportTable() {
    rte_hash_free(flows_);
    rte_hash_free(ufrags_);
}

Transport* TransportTable::by_flow(const FlowKey& key) const noexcept {
    return find(flows_, &key);
}
void TransportTable::by_flow(std::span<const FlowKey> keys, std::span<Transport*> out) const noexcept {
    constexpr std::size_t most = 32;
    static_assert(most <= RTE_HASH_LOOKUP_BULK_MAX);
    std::array<const void*, most> pointers;
    std::array<void*, most> found;
    const std::size_t count = std::min({keys.size(), out.size(), most});
    if (count == 0) return;
    for (std::size_t i = 0; i < count; ++i) pointers[i] = &keys[i];
    std::uint64_t hits = 0;
    (void)rte_hash_lookup_bulk_data(flows_, pointers.data(), static_cast<std::uint32_t>(count), &hits, found.data());
    for (std::size_t i = 0; i < count; ++i) {
        const bool ours = (hits >> i & 1) != 0 && !worker_of(found[i]);
        out[i] = ours ? static_cast<Transport*>(found[i]) : nullptr;
    }
}

Transport* TransportTable::by_ufrag(std::uint64_t ufrag) const noexcept {
    return find(ufrags_, &ufrag);
}

bool TransportTable::add_flow(const FlowKey& key, Transport* transport) noexcept {
    return rte_hash_add_key_data(flows_, &key, transport) == 0;
}

bool TransportTable::add_ufrag(std::uint64_t ufrag, Transport* transport) noexcept {
    return rte_hash_add_key_data(ufrags_, &ufrag, transport) == 0;
}

void TransportTable::remove_flow(const FlowKey& key, const Transport* transport) noexcept {
    if (by_flow(key) == transport) rte_hash_del_key(flows_, &key);
}

void TransportTable::remove_ufrag(std::uint64_t ufrag, const Transport* transport) noexcept {
    if (by_ufrag(ufrag) == transport) rte_hash_del_key(ufrags_, &ufrag);
}

std::optional<std::uint16_t> TransportTable::owner_of_flow(const FlowKey& key) const noexcept {
    return worker_of(look_up(flows_, &key));
}

std::optional<std::uint16_t> TransportTable::owner_of_ufrag(std::uint64_t ufrag) const noexcept {
    return worker_of(look_up(ufrags_, &ufrag));
}

bool TransportTable::lead_flow(const FlowKey& key, std::uint16_t worker) noexcept {
    return rte_hash_add_key_data(flows_, &key, &elsewhere[worker]) == 0;
}

bool TransportTable::lead_ufrag(std::uint64_t ufrag, std::uint16_t worker) noexcept {
    return rte_hash_add_key_data(ufrags_, &ufrag, &elsewhere[worker]) == 0;
}

void TransportTable::forget_flow(const FlowKey& key, std::uint16_t worker) noexcept {
    if (owner_of_flow(key) == worker) rte_hash_del_key(flows_, &key);
}

void TransportTable::forget_ufrag(std::uint64_t ufrag, std::uint16_t worker) noexcept {
    if (owner_of_ufrag(ufrag) == worker) rte_hash_del_key(ufrags_, &ufrag);
}

}  // namespace sluice::table
