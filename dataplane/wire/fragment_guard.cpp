#include "dataplane/wire/fragment_guard.hpp"

namespace sluice::wire {

FragmentGuard::Decision FragmentGuard::condemn(Entry& entry, FragmentVerdict verdict) noexcept {
    const std::uint32_t lost = entry.condemned ? 1 : entry.count + std::uint32_t{1};
    entry.condemned = true;
    return {verdict, lost, 0};
}

FragmentGuard::Decision FragmentGuard::decide(const Fragment& f, std::uint16_t owner, std::int64_t now_ns) {
    const Key key{f.source, f.destination, f.id};
    auto at = entries_.find(key);
    if (at == entries_.end()) {
        if (births_.size() >= capacity_) return {FragmentVerdict::full, 1, 0};
        at = entries_.emplace(key, Entry{}).first;
        at->second.born_ns = now_ns;
        at->second.owner = owner;
        births_.push_back({now_ns, key});
    }
    Entry& e = at->second;
    if (e.condemned) return condemn(e, FragmentVerdict::overlap);
    const Piece piece{f.offset, static_cast<std::uint16_t>(f.end())};
    for (std::uint8_t i = 0; i < e.count; ++i) {
        const Piece& other = e.pieces[i];
        const bool last = e.total != 0 && other.end == e.total;
        if (piece.begin == other.begin && piece.end == other.end && last == !f.more) {
            return {FragmentVerdict::duplicate, 1, 0};
        }
        if (piece.begin < other.end && other.begin < piece.end) return condemn(e, FragmentVerdict::overlap);
        // The last piece must not lie before another one.
        if (!f.more && other.end > piece.end) return condemn(e, FragmentVerdict::overlap);
    }
    if (e.total != 0 && (!f.more || piece.end > e.total)) return condemn(e, FragmentVerdict::overlap);
    if (e.count == max_pieces) return condemn(e, FragmentVerdict::too_many);
    if (!f.more) e.total = piece.end;
    e.pieces[e.count++] = piece;
    e.bytes = static_cast<std::uint16_t>(e.bytes + f.length);
    if (e.total == 0 || e.bytes != e.total) return {FragmentVerdict::keep, 0, 0};
    const std::uint32_t pieces = e.count;
    entries_.erase(at);
    return {FragmentVerdict::completes, 0, pieces};
}

}  // namespace sluice::wire
