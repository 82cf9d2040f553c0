// What a run of sluice-load does; filled from the command line by options.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/endpoint.hpp"
#include "dataplane/srtp/engine.hpp"

namespace sluice::loadgen {

struct Options {
    std::string url = "http://127.0.0.1:7880";
    Endpoint server;  // of the URL; always loopback or private
    // Where offers are posted to; "{room}" is the room's name.
    std::string whip_path = "/whip/{room}";
    std::string whep_path = "/whep/{room}";
    std::string room = "load";  // with several rooms the first part of their names: load-1, load-2, ...
    std::uint32_t rooms = 1;
    std::string token;             // bearer; empty sends none
    std::uint32_t publishers = 1;  // per room
    std::uint32_t viewers = 1;     // per room
    double seconds = 10;           // of streaming, from the moment at which everybody has joined; 0: until "quit"
    double linger_s = 1.5;         // after the publishers stop: what is under way arrives, NACKs are answered
    double join_rate = 200;        // viewers per second; 0: all at once
    double join_timeout_s = 30;    // of one POST with its retries
    std::uint32_t http_connections = 32;

    std::uint32_t video_pps = 60;
    std::uint32_t video_size = 1000;  // bytes of RTP payload
    std::uint32_t fps = 30;
    std::uint32_t keyframe_packets = 8;
    double keyframe_interval_s = 2;
    bool audio = false;
    std::uint32_t viewer_videos = 1;  // media sections that a viewer offers
    std::uint32_t viewer_audios = 1;
    std::optional<std::uint16_t> start_sequence;  // 65000 makes the ROC roll within seconds

    std::string suite;  // "gcm", "cm", or empty for both, GCM first
    srtp::Backend engine = srtp::Backend::libsrtp;
    std::uint32_t oracle_viewers = 250;  // of engine libsrtp: the first ones; the others open with ipsec_mb
    std::uint32_t check_sample = 0;      // of those others: one packet in so many is opened; 0: chosen by their number
    std::optional<IpAddress> bind;
    bool ipv6 = false;  // prefer an IPv6 candidate
    double consent_interval_s = 2.5;
    double rebind_after_s = 0;  // 0: never
    std::uint32_t rebind_count = 1;
    double pli_after_s = 3;   // without video, as libwebrtc does
    double receive_loss = 0;  // share of incoming RTP thrown away, to exercise NACK and RTX
    bool rtcp = true;         // viewers: false sends none at all
    bool nack = true;
    bool pli = true;
    bool transport_cc = true;  // viewers offer it

    std::string record;
    bool json = false;
    bool progress = false;
    bool keep_sessions = false;
    bool expect_no_loss = false;
    double expect_join_ms = 0;     // p99; 0: no promise
    double expect_picture_ms = 0;  // p99 of the wait after the join
};

[[nodiscard]] std::string room_name(const Options& options, std::uint32_t room);

struct Usage {
    int exit_code = 0;  // of the process
    std::string text;   // for stderr, or for stdout when the exit code is 0
};

// Nothing when the run can begin; otherwise what to print. Refuses hosts that are neither loopback nor private.
[[nodiscard]] std::optional<Usage> parse_options(std::vector<std::string> arguments, Options& options);

}  // namespace sluice::loadgen
