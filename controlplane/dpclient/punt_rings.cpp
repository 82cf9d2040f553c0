#include "controlplane/dpclient/punt_rings.hpp"

namespace sluice::dpclient {

std::expected<PuntRings, std::string> PuntRings::map(int fd, std::uint32_t workers) {
    if (workers == 0 || workers > abi::max_workers) {
        return std::unexpected("packet rings for " + std::to_string(workers) + " workers cannot be");
    }
    auto mapping = Mapping::map(fd, Mapping::Access::read_write, abi::RingLayout::total(workers));
    if (!mapping) return std::unexpected("packet ring memory " + mapping.error());
    PuntRings rings;
    rings.mapping_ = std::move(*mapping);
    std::uint8_t* base = rings.mapping_.data();
    for (std::uint32_t w = 0; w < workers; ++w) {
        for (const auto c : {abi::PuntClass::stun, abi::PuntClass::dtls}) {
            rings.punt_.push_back({abi::PacketRingConsumer(base + abi::RingLayout::punt(w, c), abi::RingLayout::slots),
                                   static_cast<std::uint8_t>(w), c});
        }
        rings.inject_.emplace_back(base + abi::RingLayout::inject(w), abi::RingLayout::slots);
    }
    return rings;
}

void PuntRings::discard() noexcept {
    for (auto& punt : punt_) punt.ring.discard();
}

PuntRings::Drained PuntRings::drain(std::size_t budget,
                                    const std::function<bool(const abi::PacketRecord&, ByteView)>& on_punt) {
    Drained drained;
    abi::PacketSlot slot;
    std::size_t idle = 0;  // rings in a row that had nothing
    while (idle < punt_.size()) {
        if (drained.valid + drained.invalid >= budget) {
            drained.more = true;
            return drained;
        }
        auto& punt = punt_[next_];
        next_ = (next_ + 1) % punt_.size();
        switch (punt.ring.pop(slot)) {
            case abi::PacketRingConsumer::Result::empty: ++idle; continue;
            case abi::PacketRingConsumer::Result::invalid: ++drained.invalid; break;
            case abi::PacketRingConsumer::Result::ok:
                ++drained.valid;
                slot.record.worker = punt.worker;
                slot.record.punt_class = punt.punt_class;
                if (!on_punt(slot.record, ByteView(slot.datagram, slot.record.length))) return drained;
                break;
        }
        idle = 0;
    }
    return drained;
}

bool PuntRings::inject(const abi::PacketRecord& record, ByteView datagram) noexcept {
    return record.worker < inject_.size() && inject_[record.worker].push(record, datagram);
}

}  // namespace sluice::dpclient
