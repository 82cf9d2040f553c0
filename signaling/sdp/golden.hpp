// The captured offers and the session that answers them, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "signaling/sdp/parse.hpp"
#include "signaling/sdp/session.hpp"

namespace sluice::sdp {

inline std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline std::vector<std::string> golden_names() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(SLUICE_SDP_GOLDEN))
        if (entry.path().extension() == ".sdp") names.push_back(entry.path().stem().string());
    std::sort(names.begin(), names.end());
    return names;
}

inline std::string golden_text(const std::string& name) {
    return read_file(std::filesystem::path(SLUICE_SDP_GOLDEN) / (name + ".sdp"));
}

inline SessionDescription parsed(std::string_view text) {
    auto d = parse(text);
    EXPECT_TRUE(d.has_value()) << "line " << d.error().line << ": " << d.error().message;
    return d.value_or(SessionDescription{});
}

inline SessionDescription golden(const std::string& name) {
    return parsed(golden_text(name));
}

inline LocalParams local_params() {
    LocalParams p;
    p.ice_ufrag = "locl";
    p.ice_pwd = "local-password-of-22-chars";
    p.fingerprint_sha256 = "00";
    for (int i = 1; i < 32; ++i) p.fingerprint_sha256 += ":AB";
    p.candidates = {host_candidate("1", "192.0.2.1", 7882), host_candidate("2", "2001:db8::1", 7882, 65534)};
    p.session_id = 42;
    return p;
}

inline SendStream send_stream(std::uint32_t ssrc, std::string track = "TR_a") {
    return {.ssrc = ssrc, .rtx_ssrc = ssrc + 1, .cname = "sluice", .msid = {"PA_x|" + track, std::move(track)}};
}

// Streams for all audio and video sections of an offer.
inline std::map<std::string, SendStream> streams_for(const SessionDescription& offer) {
    std::map<std::string, SendStream> streams;
    std::uint32_t ssrc = 1000;
    for (const auto& m : offer.media)
        if (m.kind != MediaKind::application) streams.emplace(m.mid, send_stream(ssrc += 10, "TR_" + m.mid));
    return streams;
}

// What a client's parser would make of our text.
inline SessionDescription through_text(const SessionDescription& d) {
    auto again = parsed(write(d));
    EXPECT_EQ(again, d);
    return again;
}

inline SessionDescription answered(Session& session, SessionDescription offer, const AnswerPolicy& policy) {
    const auto applied = session.apply_offer(std::move(offer));
    EXPECT_TRUE(applied.has_value()) << applied.error().message;
    auto answer = session.create_answer(policy);
    EXPECT_TRUE(answer.has_value()) << answer.error().message;
    return answer ? through_text(*answer) : SessionDescription{};
}

inline std::vector<int> payload_types(const MediaSection& m) {
    std::vector<int> pts;
    for (const auto& c : m.codecs) pts.push_back(c.pt);
    return pts;
}

}  // namespace sluice::sdp
