#include "signaling/sdp/agree.hpp"

#include <algorithm>
#include <set>

#include "signaling/sdp/codec_match.hpp"

namespace sluice::sdp {

std::unexpected<NegotiationError> refuse(NegotiationErrc code, std::string message) {
    return std::unexpected(NegotiationError{code, std::move(message)});
}

void write_local_transport(MediaSection& section, const LocalParams& local, Setup setup, bool tagged) {
    section.ice_ufrag = local.ice_ufrag;
    section.ice_pwd = local.ice_pwd;
    section.ice_options = {"trickle", "ice2"};
    section.fingerprints = {{"sha-256", local.fingerprint_sha256}};
    section.setup = setup;
    // The default destination (RFC 8839 section 4.2.1.2) is the first UDP candidate.
    const auto first = std::find_if(local.candidates.begin(), local.candidates.end(),
                                    [](const Candidate& c) { return c.transport == "udp"; });
    if (first != local.candidates.end()) {
        section.port = first->port;
        section.connection = first->address;
    }
    if (!tagged) return;
    section.candidates = local.candidates;
    section.end_of_candidates = true;
}

void write_send_stream(MediaSection& section, const SendStream& stream) {
    section.msids = {stream.msid};
    const bool rtx = stream.rtx_ssrc && std::any_of(section.codecs.begin(), section.codecs.end(),
                                                    [](const Codec& c) { return c.rtx_pt.has_value(); });
    std::vector<std::uint32_t> ssrcs{stream.ssrc};
    if (rtx) {
        ssrcs.push_back(*stream.rtx_ssrc);
        section.ssrc_groups.push_back({"FID", ssrcs});
    }
    const std::string msid = stream.msid.stream + (stream.msid.track.empty() ? "" : ' ' + stream.msid.track);
    for (const auto ssrc : ssrcs) {
        section.ssrcs.push_back({ssrc, "cname", stream.cname});
        section.ssrcs.push_back({ssrc, "msid", msid});
    }
}

namespace {

// The extensions of one BUNDLE, first come first kept: an id means one extension and an extension has one id.
class ExtensionIds {
public:
    // False when `e` contradicts an earlier one.
    bool add(const Extmap& e) {
        const auto known = header_extension_of(e.uri);
        if (!known) return true;
        const auto clashes = [&](const auto& s) { return (s.first == e.id) != (s.second == *known); };
        if (std::any_of(seen_.begin(), seen_.end(), clashes)) return false;
        if (std::find(seen_.begin(), seen_.end(), std::pair{e.id, *known}) == seen_.end()) seen_.emplace_back(e.id, *known);
        return true;
    }

private:
    std::vector<std::pair<std::uint8_t, HeaderExtension>> seen_;
};

std::expected<void, NegotiationError> check_extension_ids(const SessionDescription& remote) {
    ExtensionIds ids;
    for (const auto& m : remote.media) {
        if (m.rejected()) continue;
        for (const auto& e : m.extmaps) {
            if (ids.add(e)) continue;
            return refuse(NegotiationErrc::bad_extmap, "extmap id " + std::to_string(e.id) + " of section " + m.mid +
                                                           " contradicts another section of the BUNDLE");
        }
    }
    return {};
}

const MediaSection* tagged_section(const SessionDescription& remote) {
    for (const auto& group : remote.bundle_groups)
        for (const auto& mid : group)
            if (const auto* m = remote.find_mid(mid); m != nullptr && !m->rejected()) return m;
    for (const auto& m : remote.media)
        if (!m.rejected()) return &m;
    return nullptr;
}

std::vector<RemoteSsrc> remote_ssrcs(const MediaSection& m) {
    std::vector<RemoteSsrc> list;
    const auto cname = [&](std::uint32_t ssrc) {
        const auto it =
            std::find_if(m.ssrcs.begin(), m.ssrcs.end(), [&](const auto& s) { return s.ssrc == ssrc && s.name == "cname"; });
        return it == m.ssrcs.end() ? std::string{} : it->value;
    };
    std::set<std::uint32_t> seen;
    for (const auto& group : m.ssrc_groups) {
        if (group.semantics != "FID" || group.ssrcs.size() != 2 || group.ssrcs[0] == group.ssrcs[1]) continue;
        if (seen.contains(group.ssrcs[0]) || seen.contains(group.ssrcs[1])) continue;
        seen.insert(group.ssrcs.begin(), group.ssrcs.end());
        list.push_back({group.ssrcs[0], group.ssrcs[1], cname(group.ssrcs[0])});
    }
    for (const auto& s : m.ssrcs)
        if (seen.insert(s.ssrc).second) list.push_back({s.ssrc, std::nullopt, cname(s.ssrc)});
    return list;
}

std::optional<Msid> remote_msid(const MediaSection& m) {
    if (!m.msids.empty()) return m.msids.front();
    for (const auto& s : m.ssrcs) {
        if (s.name != "msid") continue;
        const auto space = s.value.find(' ');
        return Msid{s.value.substr(0, space), space == std::string::npos ? "" : s.value.substr(space + 1)};
    }
    return std::nullopt;
}

}  // namespace

void drop_clashing_extensions(SessionDescription& offer) {
    ExtensionIds ids;
    for (auto& m : offer.media) {
        if (!m.rejected()) std::erase_if(m.extmaps, [&](const Extmap& e) { return !ids.add(e); });
    }
}

std::expected<void, NegotiationError> check_bundle(const SessionDescription& remote) {
    std::size_t live = 0;
    std::set<std::string_view> mids;
    for (const auto& m : remote.media) {
        if (!m.mid.empty() && !mids.insert(m.mid).second)
            return refuse(NegotiationErrc::bad_mid, "two sections have the mid \"" + m.mid + "\"");
        if (m.rejected()) continue;
        ++live;
        const bool rtp = m.kind == MediaKind::audio || m.kind == MediaKind::video;
        if (rtp && !m.rtcp_mux)
            return refuse(NegotiationErrc::no_rtcp_mux,
                          "section \"" + m.mid + "\" lacks a=rtcp-mux, which this server needs");
    }
    if (live <= 1) return check_extension_ids(remote);
    if (remote.bundle_groups.empty())
        return refuse(NegotiationErrc::no_bundle,
                      "several media sections without a=group:BUNDLE; this server carries all media on one transport");
    const auto& group = remote.bundle_groups.front();
    const std::set<std::string_view> bundled(group.begin(), group.end());
    for (const auto& m : remote.media) {
        if (m.rejected()) continue;
        if (m.mid.empty()) return refuse(NegotiationErrc::bad_mid, "a media section has no a=mid, which BUNDLE needs");
        if (!bundled.contains(m.mid))
            return refuse(
                NegotiationErrc::no_bundle,
                "section \"" + m.mid + "\" is not in the BUNDLE group; this server carries all media on one transport");
    }
    return check_extension_ids(remote);
}

std::expected<TransportParams, NegotiationError> remote_transport(const SessionDescription& remote) {
    const MediaSection* m = tagged_section(remote);
    if (m == nullptr) return refuse(NegotiationErrc::no_media, "every media section is rejected");
    if (m->ice_ufrag.empty() || m->ice_pwd.empty())
        return refuse(NegotiationErrc::no_ice, "section \"" + m->mid + "\" has no ice-ufrag and ice-pwd");
    if (remote.ice_lite)
        return refuse(NegotiationErrc::no_ice,
                      "both sides are ICE-lite, so neither would send connectivity checks; the peer must be a full agent");
    const bool sha2 = std::any_of(m->fingerprints.begin(), m->fingerprints.end(), [](const Fingerprint& f) {
        return f.algorithm == "sha-256" || f.algorithm == "sha-384" || f.algorithm == "sha-512";
    });
    if (!sha2)
        return refuse(NegotiationErrc::no_fingerprint,
                      "section \"" + m->mid + "\" has no SHA-2 a=fingerprint of a DTLS certificate");
    TransportParams t;
    t.ice_ufrag = m->ice_ufrag;
    t.ice_pwd = m->ice_pwd;
    t.ice_options = m->ice_options;
    t.fingerprints = m->fingerprints;
    t.candidates = m->candidates;
    t.end_of_candidates = m->end_of_candidates;
    t.remote_setup = m->setup.value_or(Setup::holdconn);
    return t;
}

NegotiatedMedia agree(const MediaSection& offer, const MediaSection& answer, bool we_offered) {
    const MediaSection& local = we_offered ? offer : answer;
    const MediaSection& remote = we_offered ? answer : offer;
    NegotiatedMedia n;
    n.mid = offer.mid;
    n.kind = offer.kind;
    n.rejected = answer.rejected() || offer.rejected();
    if (n.rejected) return n;
    n.direction = make_direction(sends(local.direction) && receives(remote.direction),
                                 receives(local.direction) && sends(remote.direction));
    if (n.kind == MediaKind::application) {
        n.sctp_port = remote.sctp_port.value_or(5000);
        n.max_message_size = remote.max_message_size.value_or(65536);  // the default of RFC 8841 section 6.1
        return n;
    }
    for (const Codec& c : answer.codecs) {
        const bool common =
            std::any_of(offer.codecs.begin(), offer.codecs.end(), [&](const Codec& o) { return same_format(o, c); });
        const bool carried = is_supported_media(n.kind, c) || (n.kind == MediaKind::audio && c.is("red"));
        if (common && carried) n.codecs.push_back(c);
    }
    for (const Extmap& e : answer.extmaps) {
        const auto known = header_extension_of(e.uri);
        const bool common = std::any_of(offer.extmaps.begin(), offer.extmaps.end(),
                                        [&](const Extmap& o) { return o.id == e.id && o.uri == e.uri; });
        if (known && common) n.extensions.set(*known, e.id);
    }
    if (!receives(n.direction)) return n;
    for (const Rid& rid : remote.rids) {
        const bool wanted =
            std::any_of(local.rids.begin(), local.rids.end(), [&](const Rid& r) { return r.id == rid.id && !r.send; });
        if (rid.send && wanted) n.rids.push_back(rid);
    }
    n.remote_ssrcs = remote_ssrcs(remote);
    n.remote_msid = remote_msid(remote);
    return n;
}

// Chromium rejects a whole description with a doubled msid; a doubled SSRC would mix two streams.
std::expected<void, NegotiationError> check_streams(const std::vector<std::optional<SendStream>>& streams) {
    std::set<std::uint32_t> ssrcs;
    std::set<std::pair<std::string_view, std::string_view>> msids;
    for (const auto& s : streams) {
        if (!s) continue;
        if (!ssrcs.insert(s->ssrc).second || (s->rtx_ssrc && !ssrcs.insert(*s->rtx_ssrc).second))
            return refuse(NegotiationErrc::duplicate_stream, "SSRC " + std::to_string(s->ssrc) + " is used for two streams");
        if (!msids.emplace(s->msid.stream, s->msid.track).second)
            return refuse(NegotiationErrc::duplicate_stream,
                          "msid \"" + s->msid.stream + ' ' + s->msid.track + "\" is used in two sections");
    }
    return {};
}

}  // namespace sluice::sdp
