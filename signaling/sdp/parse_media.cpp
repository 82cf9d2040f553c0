#include "signaling/sdp/parse_media.hpp"

#include <algorithm>
#include <array>

#include "signaling/sdp/text.hpp"

namespace sluice::sdp {

namespace {

using text::number;
using text::quoted;
using text::take;
using text::take_word;
using text::trim;

// Bounds on what one codec or section may carry: far above any real client, and low enough that nothing
// here is slow on hostile text.
constexpr std::size_t max_feedback = 32;
constexpr std::size_t max_fmtp_params = 128;
constexpr std::size_t max_list = 1024;
constexpr std::size_t max_rids = 64;
constexpr std::size_t max_restrictions = 32;

std::unexpected<std::string> bad(std::string_view what, std::string_view value) {
    return std::unexpected("bad " + std::string(what) + ' ' + quoted(value));
}

Codec* codec_of(MediaSection& m, std::uint8_t pt) {
    const auto it = std::find_if(m.codecs.begin(), m.codecs.end(), [pt](const Codec& c) { return c.pt == pt; });
    return it == m.codecs.end() ? nullptr : &*it;
}

AttributeResult parse_rtpmap(MediaSection& m, std::string_view value) {
    auto rest = value;
    const auto pt = number<std::uint8_t>(take_word(rest));
    auto encoding = take_word(rest);
    const auto name = take(encoding, '/');
    const auto clock = number<std::uint32_t>(take(encoding, '/'));
    const auto channels = encoding.empty() ? std::uint8_t{1} : number<std::uint8_t>(encoding);
    if (!pt || *pt > 127 || name.empty() || !clock || !channels || *channels == 0) return bad("rtpmap", value);
    if (Codec* codec = codec_of(m, *pt)) {
        codec->name = name;
        codec->clock_rate = *clock;
        codec->channels = *channels;
    }
    return {};
}

AttributeResult parse_fmtp(MediaSection& m, std::string_view value) {
    auto rest = value;
    const auto pt = number<std::uint8_t>(take_word(rest));
    if (!pt || *pt > 127) return bad("fmtp", value);
    Codec* codec = codec_of(m, *pt);
    if (codec == nullptr) return {};
    while (!rest.empty()) {
        auto param = trim(take(rest, ';'));
        if (param.empty()) continue;
        if (codec->fmtp.size() == max_fmtp_params) return std::unexpected("too many fmtp parameters");
        const auto key = trim(take(param, '='));
        if (key.empty()) return bad("fmtp", value);
        codec->fmtp.emplace_back(key, trim(param));
    }
    return {};
}

AttributeResult parse_rtcp_fb(MediaSection& m, std::string_view value) {
    auto rest = value;
    const auto which = take_word(rest);
    if (rest.empty()) return bad("rtcp-fb", value);
    const auto add = [&](Codec& codec) -> AttributeResult {
        if (codec.has_feedback(rest)) return {};
        if (codec.feedback.size() == max_feedback) return std::unexpected("too many rtcp-fb lines");
        codec.feedback.emplace_back(rest);
        return {};
    };
    if (which == "*") {
        for (Codec& codec : m.codecs)
            if (auto added = add(codec); !added) return added;
        return {};
    }
    const auto pt = number<std::uint8_t>(which);
    if (!pt || *pt > 127) return bad("rtcp-fb", value);
    Codec* codec = codec_of(m, *pt);
    return codec != nullptr ? add(*codec) : AttributeResult{};
}

AttributeResult parse_extmap(MediaSection& m, std::string_view value) {
    auto rest = value;
    auto head = take_word(rest);
    const auto uri = take_word(rest);
    const auto id = number<std::uint32_t>(take(head, '/'));
    if (!id || *id == 0 || uri.empty()) return bad("extmap", value);
    // RFC 8285 section 6 lets an offer use 4096-4351 for "too many to number"; nobody can send those.
    if (*id > 255) return {};
    Extmap e{.id = static_cast<std::uint8_t>(*id), .direction = std::nullopt, .uri = std::string(uri)};
    if (!head.empty()) {
        e.direction = parse_direction(head);
        if (!e.direction) return bad("extmap direction", head);
    }
    if (std::any_of(m.extmaps.begin(), m.extmaps.end(), [&](const Extmap& o) { return o.id == e.id; }))
        return std::unexpected("extmap id " + std::to_string(*id) + " stands twice in one section");
    m.extmaps.push_back(std::move(e));
    return {};
}

bool is_rid(std::string_view id) {
    return !id.empty() && id.size() <= 255 && std::all_of(id.begin(), id.end(), [](char c) {
        const char l = text::lower(c);
        return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

AttributeResult parse_rid(MediaSection& m, std::string_view value) {
    auto rest = value;
    Rid rid;
    rid.id = take_word(rest);
    const auto direction = take_word(rest);
    if (!is_rid(rid.id) || (direction != "send" && direction != "recv")) return bad("rid", value);
    rid.send = direction == "send";
    while (!rest.empty()) {
        auto param = trim(take(rest, ';'));
        if (param.empty()) continue;
        if (rid.restrictions.size() == max_restrictions) return std::unexpected("too many rid restrictions");
        const auto key = trim(take(param, '='));
        if (key.empty()) return bad("rid", value);
        rid.restrictions.emplace_back(key, trim(param));
    }
    if (m.rids.size() == max_rids) return std::unexpected("too many rids in one section");
    if (std::any_of(m.rids.begin(), m.rids.end(), [&](const Rid& o) { return o.id == rid.id && o.send == rid.send; }))
        return std::unexpected("rid " + quoted(rid.id) + " stands twice in one section");
    m.rids.push_back(std::move(rid));
    return {};
}

AttributeResult parse_simulcast(MediaSection& m, std::string_view value) {
    if (m.simulcast) return std::unexpected("a second simulcast line in one section");
    Simulcast simulcast;
    auto rest = trim(value);
    if (rest.empty()) return bad("simulcast", value);
    while (!rest.empty()) {
        const auto direction = take_word(rest);
        auto streams = take_word(rest);
        if ((direction != "send" && direction != "recv") || streams.empty()) return bad("simulcast", value);
        auto& list = direction == "send" ? simulcast.send : simulcast.recv;
        if (!list.empty()) return bad("simulcast", value);
        while (!streams.empty()) {
            auto alternatives = take(streams, ';');
            auto& stream = list.emplace_back();
            if (list.size() > max_rids) return std::unexpected("too many simulcast streams");
            do {
                auto id = take(alternatives, ',');
                const bool paused = id.starts_with('~');
                if (paused) id.remove_prefix(1);
                if (!is_rid(id) || stream.size() == max_rids) return bad("simulcast", value);
                stream.push_back({std::string(id), paused});
            } while (!alternatives.empty());
        }
    }
    m.simulcast = std::move(simulcast);
    return {};
}

AttributeResult parse_ssrc(MediaSection& m, std::string_view value) {
    auto rest = value;
    const auto ssrc = number<std::uint32_t>(take_word(rest));
    if (!ssrc) return bad("ssrc", value);
    const auto name = trim(take(rest, ':'));
    if (name.empty()) return {};  // an SSRC without an attribute says nothing
    if (m.ssrcs.size() == max_list) return std::unexpected("too many ssrc lines in one section");
    m.ssrcs.push_back({*ssrc, std::string(name), std::string(trim(rest))});
    return {};
}

AttributeResult parse_ssrc_group(MediaSection& m, std::string_view value) {
    auto rest = value;
    SsrcGroup group{.semantics = std::string(take_word(rest)), .ssrcs = {}};
    while (!rest.empty()) {
        const auto ssrc = number<std::uint32_t>(take_word(rest));
        if (!ssrc || group.ssrcs.size() == max_rids) return bad("ssrc-group", value);
        group.ssrcs.push_back(*ssrc);
    }
    if (group.semantics.empty() || group.ssrcs.empty()) return bad("ssrc-group", value);
    if (m.ssrc_groups.size() == max_list) return std::unexpected("too many ssrc groups in one section");
    m.ssrc_groups.push_back(std::move(group));
    return {};
}

AttributeResult parse_msid(MediaSection& m, std::string_view value) {
    auto rest = value;
    const auto stream = take_word(rest);
    if (stream.empty() || m.msids.size() == max_rids) return bad("msid", value);
    m.msids.push_back({std::string(stream), std::string(take_word(rest))});
    return {};
}

AttributeResult parse_section_candidate(MediaSection& m, std::string_view value) {
    auto candidate = parse_candidate(value);
    if (!candidate) return std::unexpected(candidate.error());
    if (m.candidates.size() == max_list) return std::unexpected("too many candidates in one section");
    m.candidates.push_back(std::move(*candidate));
    return {};
}

AttributeResult parse_ice_or_dtls(MediaSection& m, std::string_view name, std::string_view value) {
    if (name == "ice-ufrag") {
        if (auto ok = check_ufrag(value); !ok) return ok;
        m.ice_ufrag = value;
    } else if (name == "ice-pwd") {
        if (auto ok = check_pwd(value); !ok) return ok;
        m.ice_pwd = value;
    } else if (name == "ice-options") {
        m.ice_options = parse_words(value);
    } else if (name == "fingerprint") {
        auto fingerprint = parse_fingerprint(value);
        if (!fingerprint) return std::unexpected(fingerprint.error());
        if (m.fingerprints.size() == max_rids) return std::unexpected("too many fingerprints");
        m.fingerprints.push_back(std::move(*fingerprint));
    } else if (name == "setup") {
        m.setup = parse_setup(value);
        if (!m.setup) return bad("setup", value);
    }
    return {};
}

}  // namespace

AttributeResult parse_media_line(MediaSection& m, std::string_view value) {
    auto rest = value;
    const auto kind = take_word(rest);
    auto port_field = take_word(rest);
    m.protocol = take_word(rest);
    const auto port = number<std::uint16_t>(take(port_field, '/'));
    if (kind.empty() || !port || m.protocol.empty()) return bad("m-line", value);
    m.port = *port;
    if (kind == "audio")
        m.kind = MediaKind::audio;
    else if (kind == "video")
        m.kind = MediaKind::video;
    else if (kind == "application")
        m.kind = MediaKind::application;
    else {
        m.kind = MediaKind::other;
        m.kind_name = kind;
    }

    const bool rtp =
        (m.kind == MediaKind::audio || m.kind == MediaKind::video) && m.protocol.find("RTP/") != std::string::npos;
    while (!rest.empty()) {
        const auto format = take_word(rest);
        if (!rtp) {
            if (m.formats.size() == max_list) return std::unexpected("too many formats in one m-line");
            m.formats.emplace_back(format);
            continue;
        }
        const auto pt = number<std::uint8_t>(format);
        if (!pt || *pt > 127) return bad("payload type", format);
        if (codec_of(m, *pt) != nullptr)
            return std::unexpected("payload type " + std::to_string(*pt) + " stands twice in one m-line");
        m.codecs.emplace_back().pt = *pt;
    }
    return {};
}

AttributeResult parse_media_attribute(MediaSection& m, std::string_view name, std::string_view value) {
    if (name == "mid") {
        if (value.empty() || value.size() > 64 || value.find_first_of(" \t") != std::string_view::npos)
            return bad("mid", value);
        m.mid = value;
    } else if (const auto direction = parse_direction(name))
        m.direction = *direction;
    else if (name == "rtcp-mux")
        m.rtcp_mux = true;
    else if (name == "rtcp-rsize")
        m.rtcp_rsize = true;
    else if (name == "bundle-only")
        m.bundle_only = true;
    else if (name == "extmap-allow-mixed")
        m.extmap_allow_mixed = true;
    else if (name == "end-of-candidates")
        m.end_of_candidates = true;
    else if (name == "rtpmap")
        return parse_rtpmap(m, value);
    else if (name == "fmtp")
        return parse_fmtp(m, value);
    else if (name == "rtcp-fb")
        return parse_rtcp_fb(m, value);
    else if (name == "extmap")
        return parse_extmap(m, value);
    else if (name == "rid")
        return parse_rid(m, value);
    else if (name == "simulcast")
        return parse_simulcast(m, value);
    else if (name == "ssrc")
        return parse_ssrc(m, value);
    else if (name == "ssrc-group")
        return parse_ssrc_group(m, value);
    else if (name == "msid")
        return parse_msid(m, value);
    else if (name == "candidate")
        return parse_section_candidate(m, value);
    else if (name == "sctp-port") {
        m.sctp_port = number<std::uint16_t>(value);
        if (!m.sctp_port) return bad("sctp-port", value);
    } else if (name == "max-message-size") {
        m.max_message_size = number<std::uint64_t>(value);
        if (!m.max_message_size) return bad("max-message-size", value);
    } else
        return parse_ice_or_dtls(m, name, value);
    return {};
}

std::expected<Fingerprint, std::string> parse_fingerprint(std::string_view value) {
    auto rest = value;
    Fingerprint f{.algorithm = text::to_lower(take_word(rest)), .value = std::string(take_word(rest))};
    bool good = f.value.size() >= 2 && f.value.size() <= 3 * 64 && f.value.size() % 3 == 2;
    for (std::size_t i = 0; i < f.value.size(); ++i) {
        char& c = f.value[i];
        if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 32);
        good = good && (i % 3 == 2 ? c == ':' : (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
    }
    static constexpr std::array<std::pair<std::string_view, std::size_t>, 5> digests{
        {{"sha-1", 20}, {"sha-224", 28}, {"sha-256", 32}, {"sha-384", 48}, {"sha-512", 64}}};
    for (const auto& [name, bytes] : digests)
        if (f.algorithm == name && f.value.size() != bytes * 3 - 1) good = false;
    if (f.algorithm.empty() || !good) return bad("fingerprint", value);
    return f;
}

std::optional<Setup> parse_setup(std::string_view value) noexcept {
    for (const Setup s : {Setup::actpass, Setup::active, Setup::passive, Setup::holdconn})
        if (value == to_string(s)) return s;
    return std::nullopt;
}

std::optional<Direction> parse_direction(std::string_view name) noexcept {
    for (const Direction d : {Direction::sendrecv, Direction::sendonly, Direction::recvonly, Direction::inactive})
        if (name == to_string(d)) return d;
    return std::nullopt;
}

// Lengths of RFC 8839 section 5.4. The password is never quoted.
AttributeResult check_ufrag(std::string_view value) {
    if (value.size() < 4 || value.size() > 256 || value.find_first_of(" \t:") != std::string_view::npos)
        return std::unexpected("bad ice-ufrag: 4 to 256 characters are needed");
    return {};
}

AttributeResult check_pwd(std::string_view value) {
    if (value.size() < 22 || value.size() > 256 || value.find_first_of(" \t") != std::string_view::npos)
        return std::unexpected("bad ice-pwd: 22 to 256 characters are needed");
    return {};
}

std::vector<std::string> parse_words(std::string_view value) {
    std::vector<std::string> words;
    auto rest = trim(value);
    while (!rest.empty()) words.emplace_back(take_word(rest));
    return words;
}

void finish_codecs(std::vector<Codec>& codecs) {
    for (Codec& c : codecs) {
        c.rtx_pt.reset();
        if (!c.name.empty()) continue;
        // RFC 3551 table 4, as far as browsers still offer it.
        if (c.pt == 0)
            c.name = "PCMU";
        else if (c.pt == 8)
            c.name = "PCMA";
        else if (c.pt == 9)
            c.name = "G722";
        else if (c.pt == 13)
            c.name = "CN";
        else
            continue;
        c.clock_rate = 8000;
    }
    for (const Codec& rtx : codecs) {
        const auto apt = find_param(rtx.fmtp, "apt");
        if (!rtx.is("rtx") || !apt) continue;
        for (Codec& c : codecs)
            if (!c.is("rtx") && !c.rtx_pt && number<std::uint8_t>(*apt) == c.pt) c.rtx_pt = rtx.pt;
    }
}

}  // namespace sluice::sdp
