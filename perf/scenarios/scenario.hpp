// What a scenario is: rooms of people, what each sends, and what each is sent.
//
// The three that LiveKit publishes (docs.livekit.io, "Benchmarking") are given as packets a second in and out and bytes out;
// how these split into streams is our reading of them, said beside each.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/abi/messages.hpp"

namespace sluice::perf {

struct Stream {
    double packets_per_s = 0;  // 0: there is none
    std::uint16_t payload = 0;
};

struct Scenario {
    std::string_view name;
    std::string_view what;
    unsigned rooms = 1;
    unsigned publishers = 1;        // in a room
    unsigned viewers = 0;           // in a room, besides
    bool publishers_watch = false;  // each other
    Stream audio;
    std::array<Stream, 3> video;        // layers, the highest first
    std::array<unsigned, 3> watched{};  // how many publishers' layer of this number each person is sent

    [[nodiscard]] unsigned people() const noexcept { return rooms * (publishers + viewers); }
    [[nodiscard]] unsigned layers() const noexcept {
        unsigned n = 0;
        for (const Stream& s : video) n += s.packets_per_s != 0 ? 1 : 0;
        return n;
    }
    [[nodiscard]] unsigned sources_of_one() const noexcept { return (audio.packets_per_s != 0 ? 1 : 0) + layers(); }
    // Somebody else's streams that one person is sent.
    [[nodiscard]] unsigned others() const noexcept { return publishers_watch ? publishers - 1 : publishers; }
    [[nodiscard]] unsigned legs_of_one() const noexcept {
        unsigned n = audio.packets_per_s != 0 ? others() : 0;
        for (const unsigned w : watched) n += w;
        return n;
    }
};

inline constexpr std::array scenarios{
    // 561 k packets/s and 4.25 Gbit/s to 3,000: 187 packets/s of 946 bytes to each.
    Scenario{.name = "livestream",
             .what = "1 publisher, 3,000 viewers",
             .viewers = 3000,
             .audio = {37, 120},
             .video = {{{150, 1150}}},
             .watched = {1}},
    // 959 k packets/s to 3,000: 32 to each from each of ten.
    Scenario{.name = "audio",
             .what = "10 publishers, 3,000 subscribers, audio alone",
             .publishers = 10,
             .viewers = 3000,
             .audio = {32, 80},
             .video = {}},
    // 51 k packets/s in and 763 k out among 150: audio with pauses, a middle layer that nobody watches.
    Scenario{.name = "meeting",
             .what = "150 publish and watch: all audio, 1 high and 5 low videos each",
             .publishers = 150,
             .publishers_watch = true,
             .audio = {30, 80},
             .video = {{{190, 1000}, {35, 700}, {85, 250}}},
             .watched = {1, 0, 5}},
    Scenario{.name = "small_rooms",
             .what = "1,000 rooms of 5 who publish and watch each other",
             .rooms = 1000,
             .publishers = 5,
             .publishers_watch = true,
             .audio = {50, 100},
             .video = {{{130, 900}}},
             .watched = {4}},
};

}  // namespace sluice::perf
