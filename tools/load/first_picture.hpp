// Says when a viewer has its first decodable picture: every packet of one key frame is there, from the packet that starts it
// to the one with the marker, in any order.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace sluice::loadgen {

// Owning thread only.
class FirstPicture {
public:
    // Each packet once. `keyframe_start`: its payload begins a key frame. True when the picture is complete, from then on.
    bool observe(std::uint64_t index, std::uint32_t timestamp, bool keyframe_start, bool marker) noexcept {
        if (complete_) return true;
        Frame* frame = find(timestamp);
        if (frame == nullptr) {
            frame = &frames_[next_++ % frames_.size()];
            *frame = {};
            frame->timestamp = timestamp;
            frame->used = true;
        }
        ++frame->packets;
        if (keyframe_start) frame->first = index;
        if (marker) frame->last = index;
        complete_ = frame->first && frame->last && *frame->last - *frame->first + 1 == frame->packets;
        return complete_;
    }
    [[nodiscard]] bool complete() const noexcept { return complete_; }

private:
    // What is reordered is near: more frames than these are not under way at once.
    struct Frame {
        bool used = false;
        std::uint32_t timestamp = 0;
        std::optional<std::uint64_t> first, last;
        std::uint64_t packets = 0;
    };
    Frame* find(std::uint32_t timestamp) noexcept {
        for (Frame& frame : frames_)
            if (frame.used && frame.timestamp == timestamp) return &frame;
        return nullptr;
    }

    std::array<Frame, 4> frames_{};
    std::size_t next_ = 0;
    bool complete_ = false;
};

}  // namespace sluice::loadgen
