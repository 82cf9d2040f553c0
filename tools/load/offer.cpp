#include "tools/load/offer.hpp"

#include <algorithm>

#include "signaling/sdp/header_extension.hpp"
#include "signaling/sdp/parse.hpp"

namespace sluice::loadgen {
namespace {

sdp::Codec codec(std::uint8_t pt, std::string name, std::uint32_t clock, std::uint8_t channels) {
    sdp::Codec c;
    c.pt = pt;
    c.name = std::move(name);
    c.clock_rate = clock;
    c.channels = channels;
    return c;
}

sdp::MediaSection section_of(const OfferedTrack& track, const OfferInput& input) {
    sdp::MediaSection s;
    s.kind = track.kind == Kind::video ? sdp::MediaKind::video : sdp::MediaKind::audio;
    s.mid = track.mid;
    s.direction = input.send ? sdp::Direction::sendonly : sdp::Direction::recvonly;
    s.ice_ufrag = input.local.ufrag;
    s.ice_pwd = input.local.pwd;
    s.ice_options = {"trickle"};
    s.fingerprints = {{"sha-256", input.fingerprint_sha256}};
    s.setup = sdp::Setup::actpass;
    s.rtcp_mux = true;
    s.rtcp_rsize = true;
    s.extmaps = {{mid_extension, std::nullopt, std::string{sdp::uri_of(sdp::HeaderExtension::mid)}}};
    if (track.kind == Kind::video) {
        sdp::Codec vp8 = codec(vp8_payload_type, "VP8", 90000, 1);
        vp8.feedback = {"ccm fir", "nack", "nack pli"};
        if (input.transport_cc) vp8.feedback.emplace_back("transport-cc");
        vp8.rtx_pt = rtx_payload_type;
        sdp::Codec rtx = codec(rtx_payload_type, "rtx", 90000, 1);
        rtx.fmtp = {{"apt", std::to_string(vp8_payload_type)}};
        s.codecs = {vp8, rtx};
    } else {
        sdp::Codec opus = codec(opus_payload_type, "opus", 48000, 2);
        opus.fmtp = {{"minptime", "10"}, {"useinbandfec", "1"}};
        s.codecs = {opus};
    }
    if (input.transport_cc)
        s.extmaps.push_back(
            {transport_cc_extension, std::nullopt, std::string{sdp::uri_of(sdp::HeaderExtension::transport_cc)}});
    if (!input.send) return s;
    s.msids = {{input.cname, input.cname + "-" + track.mid}};
    s.ssrcs = {{track.ssrc, "cname", input.cname}};
    if (track.rtx_ssrc != 0) {
        s.ssrcs.push_back({track.rtx_ssrc, "cname", input.cname});
        s.ssrc_groups = {{"FID", {track.ssrc, track.rtx_ssrc}}};
    }
    return s;
}

}  // namespace

std::string write_offer(const OfferInput& input) {
    sdp::SessionDescription offer;
    offer.origin.session_id = 1;
    offer.origin.version = 1;
    offer.bundle_groups.emplace_back();
    for (const OfferedTrack& track : input.tracks) {
        offer.bundle_groups.front().push_back(track.mid);
        offer.media.push_back(section_of(track, input));
    }
    return sdp::write(offer);
}

std::expected<Answer, std::string> read_answer(std::string_view text) {
    const auto parsed = sdp::parse(text);
    if (!parsed)
        return std::unexpected("answer, line " + std::to_string(parsed.error().line) + ": " + parsed.error().message);
    Answer answer;
    std::string refused;  // a public address: a load generator must not hit a stranger
    for (const sdp::MediaSection& s : parsed->media) {
        if (s.rejected()) continue;
        if (answer.remote.ufrag.empty()) {
            answer.remote = {s.ice_ufrag, s.ice_pwd};
            answer.dtls_client = s.setup != sdp::Setup::active;
            for (const sdp::Fingerprint& f : s.fingerprints)
                if (auto print = dtls::parse_fingerprint(f.algorithm + ' ' + f.value))
                    answer.fingerprints.push_back(std::move(*print));
        }
        for (const sdp::Candidate& c : s.candidates) {
            const auto address = IpAddress::parse(c.address);
            if (!address || (c.transport != "udp" && c.transport != "UDP")) continue;
            if (!address->is_private()) {
                refused = c.address;
                continue;
            }
            const Endpoint candidate{*address, c.port};
            if (std::ranges::find(answer.candidates, candidate) == answer.candidates.end())
                answer.candidates.push_back(candidate);
        }
        if (s.kind != sdp::MediaKind::video && s.kind != sdp::MediaKind::audio) continue;
        AnsweredTrack track{.kind = s.kind == sdp::MediaKind::video ? Kind::video : Kind::audio, .mid = s.mid};
        if (!s.codecs.empty()) {
            track.payload_type = s.codecs.front().pt;
            track.rtx_payload_type = s.codecs.front().rtx_pt.value_or(0);
        }
        for (const sdp::SsrcGroup& group : s.ssrc_groups)
            if (group.semantics == "FID" && group.ssrcs.size() == 2) {
                track.ssrc = group.ssrcs[0];
                track.rtx_ssrc = group.ssrcs[1];
            }
        if (track.ssrc == 0 && !s.ssrcs.empty()) track.ssrc = s.ssrcs.front().ssrc;
        for (const sdp::Extmap& e : s.extmaps)
            if (e.uri == sdp::uri_of(sdp::HeaderExtension::transport_cc)) answer.transport_cc_extension = e.id;
        answer.tracks.push_back(std::move(track));
    }
    if (answer.remote.ufrag.empty()) return std::unexpected("the answer accepts no media section");
    if (answer.fingerprints.empty()) return std::unexpected("the answer has no fingerprint that we know");
    if (answer.candidates.empty() && !refused.empty())
        return std::unexpected("the candidate " + refused + " is a public address: refused");
    if (answer.candidates.empty()) return std::unexpected("the answer has no UDP candidate");
    return answer;
}

}  // namespace sluice::loadgen
