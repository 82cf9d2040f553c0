// Our answer to one m-line of an offer: which codecs, extensions and rids are accepted, and the direction.
#include <algorithm>
#include <array>

#include "signaling/sdp/agree.hpp"
#include "signaling/sdp/codec_match.hpp"
#include "signaling/sdp/parse_media.hpp"
#include "signaling/sdp/text.hpp"

namespace sluice::sdp {

namespace {

constexpr std::array<std::string_view, 5> video_feedback{"nack", "nack pli", "ccm fir", "transport-cc", "goog-remb"};
constexpr std::array<std::string_view, 2> audio_feedback{"transport-cc", "nack"};

// Format parameters that an answer repeats; limits of the offerer's own receiver (max-fs, maxplaybackrate) are not
// ours to ask back.
constexpr std::array<std::string_view, 12> echoed_params{"apt",
                                                         "profile-id",
                                                         "profile",
                                                         "level-idx",
                                                         "tier",
                                                         "profile-level-id",
                                                         "packetization-mode",
                                                         "level-asymmetry-allowed",
                                                         "minptime",
                                                         "useinbandfec",
                                                         "usedtx",
                                                         "stereo"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view what) {
    return std::find(list.begin(), list.end(), what) != list.end();
}

Codec answered(const Codec& offered, const MediaSection& section, const AnswerPolicy& policy, bool has_transport_cc) {
    Codec c = offered;
    c.feedback.clear();
    for (const auto& feedback : offered.feedback) {
        const bool known =
            section.kind == MediaKind::video ? contains(video_feedback, feedback) : contains(audio_feedback, feedback);
        // Feedback without the header extension would have nothing to report.
        if (known && (feedback != "transport-cc" || has_transport_cc)) c.feedback.push_back(feedback);
    }
    if (!c.is("red")) std::erase_if(c.fmtp, [](const auto& p) { return !contains(echoed_params, text::to_lower(p.first)); });
    if (c.is("opus")) {
        for (const auto& [key, value] : policy.opus_fmtp) {
            std::erase_if(c.fmtp, [&key](const auto& p) { return text::iequals(p.first, key); });
            c.fmtp.emplace_back(key, value);
        }
    }
    return c;
}

const Codec* preferred(const MediaSection& offered, const AnswerPolicy& policy) {
    const auto supported = [&](const Codec& c) { return is_supported_media(offered.kind, c); };
    if (offered.kind == MediaKind::video) {
        for (const auto& name : policy.video_preference)
            for (const Codec& c : offered.codecs)
                if (c.is(name) && supported(c)) return &c;
    }
    const auto it = std::find_if(offered.codecs.begin(), offered.codecs.end(), supported);
    return it == offered.codecs.end() ? nullptr : &*it;
}

// The accepted codecs in the order of the offer; in a publisher's answer the preferred one and what belongs to it.
std::vector<Codec> choose_codecs(const MediaSection& offered, const AnswerPolicy& policy, bool has_transport_cc) {
    const Codec* only = policy.codecs == CodecChoice::one_per_section ? preferred(offered, policy) : nullptr;
    if (only == nullptr && policy.codecs == CodecChoice::one_per_section) return {};
    std::vector<std::uint8_t> media;
    for (const Codec& c : offered.codecs)
        if (is_supported_media(offered.kind, c) && (only == nullptr || only == &c)) media.push_back(c.pt);

    const auto accepted = [&](const Codec& c) {
        const auto of = [&](std::uint8_t pt) { return std::find(media.begin(), media.end(), pt) != media.end(); };
        if (of(c.pt)) return true;
        if (offered.kind == MediaKind::audio && policy.accept_red)
            return std::any_of(media.begin(), media.end(), [&](std::uint8_t pt) { return is_red_of(c, pt); });
        return std::any_of(media.begin(), media.end(),
                           [&](std::uint8_t pt) { return offered.find_codec(pt)->rtx_pt == c.pt; });
    };
    std::vector<Codec> codecs;
    for (const Codec& c : offered.codecs)
        if (accepted(c)) codecs.push_back(answered(c, offered, policy, has_transport_cc));
    finish_codecs(codecs);
    return codecs;
}

// Nothing is left of an extension that is directed against the section.
std::vector<Extmap> choose_extmaps(const MediaSection& offered, Direction ours) {
    std::vector<Extmap> extmaps;
    for (const Extmap& e : offered.extmaps) {
        const auto known = header_extension_of(e.uri);
        if (!known || std::any_of(extmaps.begin(), extmaps.end(), [&](const Extmap& o) { return o.uri == e.uri; })) continue;
        Extmap answer = e;
        if (e.direction) {
            const Direction d = reversed(*e.direction);
            const bool usable = (sends(d) && sends(ours)) || (receives(d) && receives(ours));
            if (ours != Direction::inactive && !usable) continue;
            answer.direction = d;
        }
        extmaps.push_back(std::move(answer));
    }
    return extmaps;
}

bool has(const std::vector<Extmap>& extmaps, HeaderExtension extension) {
    return std::any_of(extmaps.begin(), extmaps.end(), [&](const Extmap& e) { return e.uri == uri_of(extension); });
}

// The payload types of a rid that the answer still has; false if it was restricted to others.
bool narrow_payload_types(Rid& rid, const MediaSection& answer) {
    for (auto& [key, value] : rid.restrictions) {
        if (key != "pt") continue;
        std::string kept;
        auto rest = std::string_view(value);
        while (!rest.empty()) {
            const auto item = text::take(rest, ',');
            const auto pt = text::number<std::uint8_t>(item);
            if (pt && answer.find_codec(*pt) != nullptr) kept += (kept.empty() ? "" : ",") + std::string(item);
        }
        if (kept.empty()) return false;
        value = std::move(kept);
    }
    return true;
}

void answer_simulcast(MediaSection& answer, const MediaSection& offered) {
    for (const Rid& offered_rid : offered.rids) {
        Rid rid = offered_rid;
        if (!rid.send || !narrow_payload_types(rid, answer)) continue;
        rid.send = false;
        answer.rids.push_back(std::move(rid));
    }
    if (!offered.simulcast) return;
    Simulcast simulcast;
    for (const auto& stream : offered.simulcast->send) {
        auto kept = stream;
        std::erase_if(kept, [&](const SimulcastAlternative& a) {
            return std::none_of(answer.rids.begin(), answer.rids.end(), [&](const Rid& r) { return r.id == a.rid; });
        });
        if (!kept.empty()) simulcast.recv.push_back(std::move(kept));
    }
    if (!simulcast.recv.empty()) answer.simulcast = std::move(simulcast);
}

MediaSection answer_data_channel(const MediaSection& offered, const AnswerPolicy& policy) {
    if (!policy.accept_data_channel || !is_data_channel(offered)) return rejected_section(offered);
    MediaSection answer;
    answer.kind = offered.kind;
    answer.mid = offered.mid;
    answer.protocol = offered.protocol;
    answer.formats = offered.formats;
    answer.sctp_port = 5000;
    answer.max_message_size = policy.max_message_size;
    return answer;
}

}  // namespace

bool is_data_channel(const MediaSection& section) {
    return section.kind == MediaKind::application && section.protocol.ends_with("DTLS/SCTP") &&
           section.formats.size() == 1 && section.formats.front() == "webrtc-datachannel";
}

MediaSection rejected_section(const MediaSection& offered) {
    MediaSection answer;
    answer.kind = offered.kind;
    answer.kind_name = offered.kind_name;
    answer.port = 0;
    answer.protocol = offered.protocol;
    answer.mid = offered.mid;
    answer.formats = offered.formats;
    // An m-line needs a format; the offer's first will do, since nothing is sent.
    const bool rtp = (offered.kind == MediaKind::audio || offered.kind == MediaKind::video) &&
                     offered.protocol.find("RTP/") != std::string::npos;
    if (rtp) {
        answer.codecs.emplace_back().pt = offered.codecs.empty() ? std::uint8_t{0} : offered.codecs.front().pt;
        finish_codecs(answer.codecs);
    } else if (answer.formats.empty()) {
        answer.formats.emplace_back("0");
    }
    answer.direction = Direction::inactive;
    return answer;
}

MediaSection answer_section(const MediaSection& offered, const AnswerPolicy& policy) {
    if (offered.rejected()) return rejected_section(offered);
    if (offered.kind == MediaKind::application) return answer_data_channel(offered, policy);
    if (offered.kind == MediaKind::other || !offered.protocol.ends_with("RTP/SAVPF")) return rejected_section(offered);

    const bool may_receive = policy.receive && sends(offered.direction);
    const bool may_send = policy.send && receives(offered.direction);
    if (!may_receive && !may_send && offered.direction != Direction::inactive) return rejected_section(offered);

    const auto stream = policy.streams.find(offered.mid);
    MediaSection answer;
    answer.kind = offered.kind;
    answer.mid = offered.mid;
    answer.protocol = offered.protocol;
    answer.direction = make_direction(may_send && stream != policy.streams.end(), may_receive);
    answer.rtcp_mux = true;
    answer.rtcp_rsize = offered.rtcp_rsize;
    answer.extmaps = choose_extmaps(offered, answer.direction);
    answer.codecs = choose_codecs(offered, policy, has(answer.extmaps, HeaderExtension::transport_cc));
    if (std::none_of(answer.codecs.begin(), answer.codecs.end(),
                     [&](const Codec& c) { return is_supported_media(answer.kind, c); }))
        return rejected_section(offered);
    // Without the extension a rid could not be told from another.
    if (receives(answer.direction) && has(answer.extmaps, HeaderExtension::rid)) answer_simulcast(answer, offered);
    if (sends(answer.direction)) write_send_stream(answer, stream->second);
    return answer;
}

}  // namespace sluice::sdp
