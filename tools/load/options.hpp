// What a run of sluice-load does; filled from the command line by options.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/ip_address.hpp"
#include "dataplane/srtp/engine.hpp"

namespace sluice::loadgen {

struct Options {
    std::string url = "http://127.0.0.1:7880";
    IpAddress host;  // of the URL; always loopback or private
    std::uint16_t http_port = 7880;
    std::string room = "load";
    std::string token;  // bearer; empty sends none
    std::uint32_t publishers = 1;
    std::uint32_t viewers = 1;
    double seconds = 10;         // of streaming, from the moment at which everybody has joined; 0: until "quit"
    double linger_s = 1.5;       // after the publishers stop: what is under way arrives, NACKs are answered
    double join_rate = 200;      // viewers per second
    double join_timeout_s = 30;  // of one POST with its retries

    std::uint32_t video_pps = 60;
    std::uint32_t video_size = 1000;  // bytes of RTP payload
    std::uint32_t fps = 30;
    std::uint32_t keyframe_packets = 8;
    double keyframe_interval_s = 2;
    bool audio = false;
    std::optional<std::uint16_t> start_sequence;  // 65000 makes the ROC roll within seconds

    std::string suite;  // "gcm", "cm", or empty for both, GCM first
    srtp::Backend engine = srtp::Backend::libsrtp;
    std::optional<IpAddress> bind;
    bool ipv6 = false;  // prefer an IPv6 candidate
    double consent_interval_s = 2.5;
    double rebind_after_s = 0;  // 0: never
    std::uint32_t rebind_count = 1;
    double pli_after_s = 3;   // without video, as libwebrtc does
    double receive_loss = 0;  // share of incoming RTP thrown away, to exercise NACK and RTX
    bool nack = true;

    std::string record;
    bool json = false;
    bool keep_sessions = false;
    bool expect_no_loss = false;
};

struct Usage {
    int exit_code = 0;  // of the process
    std::string text;   // for stderr, or for stdout when the exit code is 0
};

// Nothing when the run can begin; otherwise what to print. Refuses hosts that are neither loopback nor private.
[[nodiscard]] std::optional<Usage> parse_options(std::vector<std::string> arguments, Options& options);

}  // namespace sluice::loadgen
