// Replay windows of one peer's SRTCP, one per sender SSRC, as RFC 3711 section 3.2.3 has one context per SSRC: libsrtp, and
// so every browser, counts each by itself. Most viewers send from one or two; some from one per stream that they receive.
//
// Theory of operation. A few windows stand in the transport, more come from a pool of the worker in blocks. Owning worker
// only.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "dataplane/srtp/replay.hpp"

namespace sluice::table {

struct RtcpWindow {
    std::uint32_t ssrc = 0;
    srtp::ReplayWindow<128> window;
};

struct RtcpWindowBlock {
    std::array<RtcpWindow, 8> windows{};
    std::uint8_t used = 0;
    RtcpWindowBlock* next = nullptr;
};

// Memory is taken in the constructor alone.
class RtcpWindowPool {
public:
    explicit RtcpWindowPool(std::size_t blocks) : blocks_(blocks) {
        for (RtcpWindowBlock& block : blocks_) give_back(&block);
    }
    [[nodiscard]] RtcpWindowBlock* take() noexcept {
        RtcpWindowBlock* block = free_;
        if (block == nullptr) return nullptr;
        free_ = block->next;
        *block = RtcpWindowBlock{};
        return block;
    }
    void give_back(RtcpWindowBlock* block) noexcept {
        block->next = free_;
        free_ = block;
    }

private:
    std::vector<RtcpWindowBlock> blocks_;
    RtcpWindowBlock* free_ = nullptr;
};

class RtcpWindows {
public:
    static constexpr std::size_t inside = 3;
    // A stranger with the keys of one session cannot use up the pool.
    static constexpr std::uint8_t max_blocks = 64;

    // The window of this sender, made if need be; nullptr when these are more SSRCs of one peer than we follow.
    [[nodiscard]] srtp::ReplayWindow<128>* of(std::uint32_t ssrc, RtcpWindowPool& pool) noexcept {
        for (std::uint8_t i = 0; i < used_; ++i) {
            if (first_[i].ssrc == ssrc) return &first_[i].window;
        }
        for (RtcpWindowBlock* block = more_; block != nullptr; block = block->next) {
            for (std::uint8_t i = 0; i < block->used; ++i) {
                if (block->windows[i].ssrc == ssrc) return &block->windows[i].window;
            }
        }
        if (used_ < inside) {
            first_[used_] = {ssrc, {}};
            return &first_[used_++].window;
        }
        if (more_ == nullptr || more_->used == more_->windows.size()) {
            RtcpWindowBlock* block = blocks_ < max_blocks ? pool.take() : nullptr;
            if (block == nullptr) return nullptr;
            block->next = more_;
            more_ = block;
            ++blocks_;
        }
        RtcpWindow& window = more_->windows[more_->used++];
        window.ssrc = ssrc;
        return &window.window;
    }
    // Goes on with blocks of `pool`. Returns those that it had, which are another pool's; nullptr when there is nothing to
    // give back, also when `pool` has too few: then it keeps them, and `pool` gets them in the end.
    [[nodiscard]] RtcpWindowBlock* rehome(RtcpWindowPool& pool) noexcept {
        RtcpWindowBlock* mine = nullptr;
        for (const RtcpWindowBlock* block = more_; block != nullptr; block = block->next) {
            RtcpWindowBlock* taken = pool.take();
            if (taken == nullptr) {
                give_back(mine, pool);
                return nullptr;
            }
            taken->next = mine;
            mine = taken;
        }
        RtcpWindowBlock* to = mine;
        for (const RtcpWindowBlock* from = more_; from != nullptr; from = from->next, to = to->next) {
            to->windows = from->windows;
            to->used = from->used;
        }
        return std::exchange(more_, mine);
    }
    static void give_back(RtcpWindowBlock* blocks, RtcpWindowPool& pool) noexcept {
        while (blocks != nullptr) {
            RtcpWindowBlock* next = blocks->next;
            pool.give_back(blocks);
            blocks = next;
        }
    }
    void clear(RtcpWindowPool& pool) noexcept {
        give_back(std::exchange(more_, nullptr), pool);
        used_ = blocks_ = 0;
    }

private:
    std::array<RtcpWindow, inside> first_{};
    RtcpWindowBlock* more_ = nullptr;
    std::uint8_t used_ = 0;
    std::uint8_t blocks_ = 0;
};

}  // namespace sluice::table
