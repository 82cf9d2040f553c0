// What the product's sealer costs by itself: the same keys, the same payload, batches as in fan-out, and as many TX buffers
// in rotation as the port has. The difference to the pipeline is what everything else costs.
//
// Thread: one.
#pragma once

#include <memory>
#include <vector>

#include "dataplane/srtp/srtp.hpp"
#include "perf/lib/slices.hpp"
#include "perf/pipeline/scene.hpp"

namespace sluice::perf {

class BareCipher {
public:
    // `buffers` of them, from DPDK's heap (hugepages where there are any).
    BareCipher(const SceneSpec& spec, std::size_t buffers);
    ~BareCipher();
    BareCipher(const BareCipher&) = delete;
    BareCipher& operator=(const BareCipher&) = delete;

    // Runs until the meter closed `slices`.
    void turn(SliceMeter& meter, std::size_t slices);
    // Seals a batch; returns how many packets that was.
    std::size_t step();
    void set_buffers(std::size_t buffers) noexcept { buffers_ = buffers; }

private:
    static constexpr std::size_t batch = 32;
    static constexpr std::size_t stride = 2048 + 256;  // as an mbuf with its headroom

    SceneSpec spec_;
    std::unique_ptr<srtp::Engine> engine_;
    std::unique_ptr<srtp::TxKey[]> keys_;  // in fan-out order
    std::vector<std::uint8_t> payload_;
    std::uint8_t* memory_ = nullptr;
    std::size_t buffers_;
    std::size_t next_buffer_ = 0;
    std::uint32_t next_viewer_ = 0;
    std::uint64_t index_ = Viewer::first_index;
};

}  // namespace sluice::perf
