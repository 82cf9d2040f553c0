// The model of a session description (RFC 8866 as JSEP uses it, RFC 8829): what `parse` makes of
// text and what `write` turns into text again. Attributes that are not modelled are dropped.
// Session-level ICE, DTLS and direction attributes are inherited: after parsing, each section
// carries its own values. Plain values, safe on any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signaling/sdp/candidate.hpp"

namespace sluice::sdp {

enum class MediaKind : std::uint8_t { audio, video, application, other };

enum class Direction : std::uint8_t { inactive = 0, sendonly = 1, recvonly = 2, sendrecv = 3 };

[[nodiscard]] constexpr bool sends(Direction d) noexcept {
    return (static_cast<int>(d) & 1) != 0;
}
[[nodiscard]] constexpr bool receives(Direction d) noexcept {
    return (static_cast<int>(d) & 2) != 0;
}
[[nodiscard]] constexpr Direction make_direction(bool send, bool receive) noexcept {
    return static_cast<Direction>((send ? 1 : 0) | (receive ? 2 : 0));
}
// The same direction as the other side sees it.
[[nodiscard]] constexpr Direction reversed(Direction d) noexcept {
    return make_direction(receives(d), sends(d));
}

// a=setup (RFC 8842).
enum class Setup : std::uint8_t { actpass, active, passive, holdconn };

[[nodiscard]] std::string_view to_string(MediaKind kind) noexcept;
[[nodiscard]] std::string_view to_string(Direction direction) noexcept;
[[nodiscard]] std::string_view to_string(Setup setup) noexcept;

struct Fingerprint {
    std::string algorithm;  // lower case: "sha-256"
    std::string value;      // upper-case hex pairs with colons
    friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

// The parameters of one a=fmtp line in their order. A parameter without "=" has an empty value ("111/111", "0-15").
using Fmtp = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] std::optional<std::string_view> find_param(const Fmtp& fmtp, std::string_view key) noexcept;

// One payload type of an m-line: a=rtpmap with its fmtp and rtcp-fb lines. `rtx` entries are codecs of
// their own in a section; in addition the codec they protect names them in `rtx_pt`.
struct Codec {
    std::uint8_t pt = 0;
    std::string name;              // as written; compare with same_name(). Empty: a payload type without rtpmap.
    std::uint32_t clock_rate = 0;  // Hz
    std::uint8_t channels = 1;
    Fmtp fmtp;
    std::vector<std::string> feedback;  // "nack", "nack pli", "ccm fir", "transport-cc", ...
    std::optional<std::uint8_t> rtx_pt;

    [[nodiscard]] bool is(std::string_view codec_name) const noexcept;  // case-insensitive
    [[nodiscard]] bool has_feedback(std::string_view what) const noexcept;
    friend bool operator==(const Codec&, const Codec&) = default;
};

struct Extmap {
    std::uint8_t id = 0;                 // 1-255 (RFC 8285)
    std::optional<Direction> direction;  // the suffix: "/recvonly"
    std::string uri;
    friend bool operator==(const Extmap&, const Extmap&) = default;
};

// a=rid (RFC 8851). Restrictions include "pt" as written.
struct Rid {
    std::string id;
    bool send = true;  // otherwise recv
    std::vector<std::pair<std::string, std::string>> restrictions;
    friend bool operator==(const Rid&, const Rid&) = default;
};

// a=simulcast (RFC 8853): streams, each with its alternatives in order of preference.
struct SimulcastAlternative {
    std::string rid;
    bool paused = false;
    friend bool operator==(const SimulcastAlternative&, const SimulcastAlternative&) = default;
};
struct Simulcast {
    std::vector<std::vector<SimulcastAlternative>> send, recv;
    friend bool operator==(const Simulcast&, const Simulcast&) = default;
};

struct Msid {
    std::string stream;  // "-": in no stream
    std::string track;   // may be empty
    friend bool operator==(const Msid&, const Msid&) = default;
};

struct SsrcAttribute {
    std::uint32_t ssrc = 0;
    std::string name;  // "cname", "msid", ...
    std::string value;
    friend bool operator==(const SsrcAttribute&, const SsrcAttribute&) = default;
};

struct SsrcGroup {
    std::string semantics;  // "FID", "SIM", ...
    std::vector<std::uint32_t> ssrcs;
    friend bool operator==(const SsrcGroup&, const SsrcGroup&) = default;
};

struct MediaSection {
    MediaKind kind = MediaKind::audio;
    std::string kind_name;   // only for MediaKind::other
    std::uint16_t port = 9;  // 0: rejected, unless bundle_only
    std::string protocol = "UDP/TLS/RTP/SAVPF";
    std::vector<Codec> codecs;           // audio and video, in the order of the m-line
    std::vector<std::string> formats;    // other kinds: "webrtc-datachannel"
    std::string connection = "0.0.0.0";  // address of the c= line
    std::string mid;
    bool bundle_only = false;
    Direction direction = Direction::sendrecv;

    std::string ice_ufrag, ice_pwd;
    std::vector<std::string> ice_options;
    std::vector<Fingerprint> fingerprints;
    std::optional<Setup> setup;
    std::vector<Candidate> candidates;
    bool end_of_candidates = false;

    bool rtcp_mux = false;
    bool rtcp_rsize = false;
    bool extmap_allow_mixed = false;
    std::vector<Extmap> extmaps;
    std::vector<Msid> msids;
    std::vector<Rid> rids;
    std::optional<Simulcast> simulcast;
    std::vector<SsrcAttribute> ssrcs;
    std::vector<SsrcGroup> ssrc_groups;

    std::optional<std::uint16_t> sctp_port;
    std::optional<std::uint64_t> max_message_size;  // bytes

    [[nodiscard]] bool rejected() const noexcept { return port == 0 && !bundle_only; }
    [[nodiscard]] const Codec* find_codec(std::uint8_t pt) const noexcept;
    friend bool operator==(const MediaSection&, const MediaSection&) = default;
};

struct Origin {
    std::string username = "-";
    std::uint64_t session_id = 0;
    std::uint64_t version = 0;
    std::string address = "127.0.0.1";
    friend bool operator==(const Origin&, const Origin&) = default;
};

struct SessionDescription {
    Origin origin;
    std::string name = "-";
    std::vector<std::vector<std::string>> bundle_groups;  // mids
    bool ice_lite = false;
    bool extmap_allow_mixed = false;
    std::vector<MediaSection> media;

    [[nodiscard]] const MediaSection* find_mid(std::string_view mid) const noexcept;
    friend bool operator==(const SessionDescription&, const SessionDescription&) = default;
};

}  // namespace sluice::sdp
