#include "perf/pipeline/bare_cipher.hpp"

#include <rte_malloc.h>
#include <rte_memory.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "perf/pipeline/sample_check.hpp"

namespace sluice::perf {

BareCipher::BareCipher(const SceneSpec& spec, std::size_t buffers)
    : spec_(spec),
      engine_(srtp::make_engine(spec.sealer)),
      keys_(std::make_unique<srtp::TxKey[]>(spec.viewers)),
      payload_(spec.payload, 0x5a),
      memory_(static_cast<std::uint8_t*>(rte_zmalloc("bare_cipher", buffers * stride, 64))),
      buffers_(buffers) {
    if (engine_ == nullptr || memory_ == nullptr) {
        std::fprintf(stderr, "pipeline: no memory for the bare cipher\n");
        std::exit(1);
    }
    for (std::uint32_t n = 0; n < spec.viewers; ++n) keys_[n].init(spec.suite, Viewer::number(n, spec.v6).key, *engine_);
    const auto header = expected_rtp(Viewer::number(0, spec.v6), {});
    for (std::size_t i = 0; i < buffers; ++i) std::copy(header.begin(), header.end(), memory_ + i * stride);
}

BareCipher::~BareCipher() {
    for (std::uint32_t n = 0; n < spec_.viewers; ++n) keys_[n].wipe();
    rte_free(memory_);
}

std::size_t BareCipher::step() {
    std::array<srtp::SealJob, batch> jobs;
    // As in fan-out: a batch ends with the last viewer.
    const std::size_t count = std::min<std::size_t>(batch, spec_.viewers - next_viewer_);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t n = next_viewer_ + static_cast<std::uint32_t>(i);
        jobs[i] = {&keys_[n],
                   memory_ + next_buffer_ * stride,
                   20,
                   static_cast<std::uint16_t>(payload_.size()),
                   payload_.data(),
                   index_,
                   0x10000 + n,
                   0};
        next_buffer_ = next_buffer_ + 1 == buffers_ ? 0 : next_buffer_ + 1;
    }
    engine_->sealer().seal_rtp({jobs.data(), count});
    next_viewer_ += static_cast<std::uint32_t>(count);
    if (next_viewer_ == spec_.viewers) {
        next_viewer_ = 0;
        ++index_;
    }
    return count;
}

void BareCipher::turn(SliceMeter& meter, std::size_t slices) {
    meter.begin_turn();
    meter.resume();
    while (meter.closed() < slices) {
        const std::size_t count = step();
        meter.sight(count, count);
    }
    meter.pause();
}

}  // namespace sluice::perf
