#include "controlplane/session/negotiate.hpp"

#include <algorithm>

#include "signaling/sdp/codec_match.hpp"
#include "signaling/sdp/parse.hpp"
#include "signaling/sdp/session.hpp"

namespace sluice::session {
namespace {

static_assert(static_cast<int>(sdp::HeaderExtension::mid) == static_cast<int>(abi::Extension::mid));
static_assert(static_cast<int>(sdp::HeaderExtension::video_layers_allocation) ==
              static_cast<int>(abi::Extension::video_layers_allocation));
static_assert(sdp::header_extension_count == static_cast<std::size_t>(abi::Extension::count));

// A browser offers at most six simulcast streams; more is not a browser.
constexpr std::size_t max_layers = 6;
// Objects in the data plane per session are bounded by this.
constexpr std::size_t max_lines = 32;

abi::MediaKind media_kind(sdp::MediaKind kind) noexcept {
    if (kind == sdp::MediaKind::audio) return abi::MediaKind::audio;
    if (kind == sdp::MediaKind::video) return abi::MediaKind::video;
    return abi::MediaKind::none;
}

Refused refuse(const sdp::NegotiationError& error) {
    return {422, "Unusable offer", error.message.empty() ? std::string{sdp::to_string(error.code)} : error.message};
}

// One stream for each section in which the viewer receives; the SFU fills them as publishers come and go.
std::map<std::string, sdp::SendStream> streams_for(const sdp::SessionDescription& offer, const NegotiateInput& input,
                                                   const Random& random) {
    std::map<std::string, sdp::SendStream> streams;
    for (const sdp::MediaSection& section : offer.media) {
        if (media_kind(section.kind) == abi::MediaKind::none || section.rejected() || !sdp::receives(section.direction))
            continue;
        sdp::SendStream stream;
        stream.ssrc = random_u32(random);
        do stream.rtx_ssrc = random_u32(random);
        while (*stream.rtx_ssrc == stream.ssrc);
        stream.cname = input.cname;
        stream.msid = {"sluice", std::string{sdp::to_string(section.kind)} + "-" + section.mid};
        streams.emplace(section.mid, std::move(stream));
    }
    return streams;
}

std::uint64_t start_sequence(const Random& random) {
    return random_u32(random) & 0x7fff;
}

void fill_publisher(MediaLine& line, const sdp::NegotiatedMedia& media, const Random& random) {
    line.active = line.active && sdp::receives(media.direction);
    if (!line.active) return;
    if (media.rids.empty()) {
        Layer layer{.rid = {}, .source = abi::SourceId{random_u64(random)}, .ssrc = 0, .rtx_ssrc = 0};
        if (!media.remote_ssrcs.empty()) {
            layer.ssrc = media.remote_ssrcs.front().ssrc;
            layer.rtx_ssrc = media.remote_ssrcs.front().rtx_ssrc.value_or(0);
        }
        line.layers.push_back(std::move(layer));
        return;
    }
    // SSRCs that stand beside rids (Firefox) are in no stated order, so the worker learns them by the rid extension.
    for (const sdp::Rid& rid : media.rids) {
        if (line.layers.size() == max_layers || rid.id.size() > abi::max_mid) continue;
        line.layers.push_back({rid.id, abi::SourceId{random_u64(random)}, 0, 0});
    }
}

void fill_viewer(MediaLine& line, const sdp::NegotiatedMedia& media, const Random& random) {
    line.active = line.active && sdp::sends(media.direction) && media.send_stream.has_value();
    if (!line.active) return;
    line.leg = abi::LegId{random_u64(random)};
    line.ssrc = media.send_stream->ssrc;
    const bool rtx =
        std::any_of(line.codecs.begin(), line.codecs.end(), [](const sdp::Codec& c) { return c.rtx_pt.has_value(); });
    line.rtx_ssrc = rtx ? media.send_stream->rtx_ssrc.value_or(0) : 0;
    line.start_index = start_sequence(random);
    line.rtx_start_index = start_sequence(random);
    line.start_timestamp = random_u32(random);
}

}  // namespace

std::vector<sdp::Candidate> sdp_candidates(const std::vector<Endpoint>& addresses) {
    std::vector<sdp::Candidate> candidates;
    std::uint16_t preference = 65535;
    for (const Endpoint& a : addresses) {
        candidates.push_back(
            sdp::host_candidate(std::to_string(candidates.size() + 1), a.address.to_string(), a.port, preference));
        preference = static_cast<std::uint16_t>(preference - 256);
    }
    return candidates;
}

std::expected<Negotiation, Refused> negotiate(std::string_view offer_sdp, const NegotiateInput& input,
                                              const Random& random) {
    auto offer = sdp::parse(offer_sdp);
    if (!offer)
        return std::unexpected(
            Refused{400, "Malformed SDP", "line " + std::to_string(offer.error().line) + ": " + offer.error().message});
    if (offer->media.size() > max_lines)
        return std::unexpected(Refused{422, "Unusable offer", "more than " + std::to_string(max_lines) + " m-lines"});

    sdp::LocalParams local;
    local.ice_ufrag = input.local.ufrag;
    local.ice_pwd = input.local.pwd;
    local.fingerprint_sha256 = input.fingerprint_sha256;
    local.candidates = sdp_candidates(input.addresses);
    local.session_id = random_u64(random) >> 2;
    sdp::Session session(std::move(local));
    if (auto applied = session.apply_offer(std::move(*offer)); !applied) return std::unexpected(refuse(applied.error()));

    const sdp::AnswerPolicy policy = input.role == Role::publisher
                                         ? sdp::AnswerPolicy::publisher(true)
                                         : sdp::AnswerPolicy::viewer(streams_for(*session.pending_offer(), input, random));
    auto answer = session.create_answer(policy);
    if (!answer) return std::unexpected(refuse(answer.error()));

    Negotiation result;
    for (const sdp::NegotiatedMedia& media : session.media()) {
        MediaLine line;
        line.mid = media.mid;
        line.kind = media_kind(media.kind);
        line.codecs = media.codecs;
        line.active =
            !media.rejected && line.kind != abi::MediaKind::none && !line.codecs.empty() && line.mid.size() <= abi::max_mid;
        for (std::size_t i = 0; i < sdp::header_extension_count; ++i)
            line.extensions[i] = media.extensions[static_cast<sdp::HeaderExtension>(i)];
        if (input.role == Role::publisher)
            fill_publisher(line, media, random);
        else
            fill_viewer(line, media, random);
        if (line.active) result.lines.push_back(std::move(line));
    }
    if (result.lines.empty())
        return std::unexpected(Refused{406, "No media in common",
                                       input.role == Role::publisher
                                           ? "the offer sends no track in Opus, VP8, VP9, H.264 or AV1"
                                           : "the offer receives no track in Opus, VP8, VP9, H.264 or AV1"});

    const sdp::TransportParams& transport = session.transport();
    result.remote = {transport.ice_ufrag, transport.ice_pwd};
    result.dtls_client = transport.dtls_client;
    for (const sdp::Fingerprint& f : transport.fingerprints)
        if (auto parsed = dtls::parse_fingerprint(f.algorithm + ' ' + f.value))
            result.fingerprints.push_back(std::move(*parsed));
    if (result.fingerprints.empty())
        return std::unexpected(
            Refused{422, "Unusable offer", "no certificate fingerprint with SHA-256, SHA-384 or SHA-512"});
    result.answer_sdp = sdp::write(*answer);
    return result;
}

}  // namespace sluice::session
