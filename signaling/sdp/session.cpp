#include "signaling/sdp/session.hpp"

#include <algorithm>

#include "signaling/sdp/agree.hpp"

namespace sluice::sdp {

std::string_view to_string(NegotiationErrc code) noexcept {
    switch (code) {
        case NegotiationErrc::wrong_state: return "wrong_state";
        case NegotiationErrc::no_media: return "no_media";
        case NegotiationErrc::no_bundle: return "no_bundle";
        case NegotiationErrc::bad_mid: return "bad_mid";
        case NegotiationErrc::no_ice: return "no_ice";
        case NegotiationErrc::no_fingerprint: return "no_fingerprint";
        case NegotiationErrc::bad_setup: return "bad_setup";
        case NegotiationErrc::no_rtcp_mux: return "no_rtcp_mux";
        case NegotiationErrc::changed_sections: return "changed_sections";
        case NegotiationErrc::bad_answer: return "bad_answer";
        case NegotiationErrc::bad_extmap: return "bad_extmap";
        case NegotiationErrc::duplicate_stream: return "duplicate_stream";
    }
    return "unknown";
}

AnswerPolicy AnswerPolicy::publisher(bool accept_red) {
    AnswerPolicy p;
    p.receive = true;
    p.codecs = CodecChoice::one_per_section;
    p.accept_red = accept_red;
    return p;
}

AnswerPolicy AnswerPolicy::viewer(std::map<std::string, SendStream> streams) {
    AnswerPolicy p;
    p.send = true;
    p.accept_red = true;
    p.streams = std::move(streams);
    return p;
}

Session::Session(LocalParams local) : local_(std::move(local)), next_version_(local_.first_version) {}

const SessionDescription* Session::pending_offer() const noexcept {
    return state_ == State::have_remote_offer ? &pending_ : nullptr;
}

const NegotiatedMedia* Session::find_media(std::string_view mid) const noexcept {
    const auto it = std::find_if(media_.begin(), media_.end(), [&](const NegotiatedMedia& m) { return m.mid == mid; });
    return it == media_.end() ? nullptr : &*it;
}

void Session::set_local(std::string ice_ufrag, std::string ice_pwd, std::vector<Candidate> candidates) {
    local_.ice_ufrag = std::move(ice_ufrag);
    local_.ice_pwd = std::move(ice_pwd);
    local_.candidates = std::move(candidates);
}

void Session::rollback() {
    if (state_ == State::have_local_offer) unplace_lines();
    close_exchange();
}

void Session::close_exchange() {
    state_ = State::stable;
    pending_ = {};
    pending_streams_.clear();
}

// Wraps sections, whose transport attributes are already written, into a description with the next o= version.
SessionDescription Session::new_description(std::vector<MediaSection> media, bool allow_mixed) {
    SessionDescription d;
    d.origin = {"-", local_.session_id, next_version_++, "127.0.0.1"};
    d.ice_lite = true;
    d.extmap_allow_mixed = allow_mixed;
    d.media = std::move(media);
    std::vector<std::string> bundle;
    for (const auto& m : d.media)
        if (!m.rejected() && !m.mid.empty()) bundle.push_back(m.mid);
    if (!bundle.empty()) d.bundle_groups.push_back(std::move(bundle));
    return d;
}

std::expected<TransportParams, NegotiationError> Session::choose_role(TransportParams t, bool remote_offers) const {
    // RFC 4145: absent is "active" in an answer. An offer without it leaves the choice to us.
    if (t.remote_setup == Setup::holdconn) t.remote_setup = remote_offers ? Setup::actpass : Setup::active;
    if (!remote_offers && t.remote_setup == Setup::actpass)
        return refuse(NegotiationErrc::bad_setup, "an answer must choose a=setup:active or a=setup:passive");
    // The DTLS association, and so its roles, outlives ICE restarts; only another certificate begins a new one (RFC 8842).
    const bool same_association = established_ && t.fingerprints == transport_.fingerprints;
    if (t.remote_setup == Setup::actpass)
        t.dtls_client = same_association && transport_.dtls_client;
    else
        t.dtls_client = t.remote_setup == Setup::passive;
    if (same_association && t.dtls_client != transport_.dtls_client)
        return refuse(NegotiationErrc::bad_setup,
                      "a=setup:" + std::string(to_string(t.remote_setup)) +
                          " would swap the DTLS roles of a running association; use actpass or a new certificate");
    return t;
}

std::expected<void, NegotiationError> Session::check_offer(const SessionDescription& offer) const {
    if (offer.media.empty()) return refuse(NegotiationErrc::no_media, "the offer has no media section");
    if (offer.media.size() < negotiated_)
        return refuse(NegotiationErrc::changed_sections,
                      "the offer has fewer media sections than before; reject one with port 0 instead");
    for (std::size_t i = 0; i < offer.media.size(); ++i) {
        const auto& m = offer.media[i];
        if (i < negotiated_ && !lines_[i].rejected && !m.rejected() && (m.mid != lines_[i].mid || m.kind != lines_[i].kind))
            return refuse(NegotiationErrc::changed_sections,
                          "section " + std::to_string(i) + " was \"" + lines_[i].mid + "\" and has another mid or kind now");
        for (std::size_t j = negotiated_; j < lines_.size(); ++j)
            if (i >= negotiated_ && m.mid == lines_[j].mid)
                return refuse(NegotiationErrc::bad_mid,
                              "the mid \"" + m.mid + "\" is taken by a section that this server is about to offer");
    }
    return check_bundle(offer);
}

std::expected<void, NegotiationError> Session::apply_offer(SessionDescription offer) {
    if (state_ != State::stable) return refuse(NegotiationErrc::wrong_state, "an offer while another one is open");
    drop_clashing_extensions(offer);
    if (auto ok = check_offer(offer); !ok) return ok;
    auto transport = remote_transport(offer);
    if (transport) transport = choose_role(std::move(*transport), true);
    if (!transport) return std::unexpected(transport.error());
    pending_ = std::move(offer);
    pending_transport_ = std::move(*transport);
    state_ = State::have_remote_offer;
    return {};
}

std::expected<SessionDescription, NegotiationError> Session::create_answer(const AnswerPolicy& policy) {
    if (state_ != State::have_remote_offer) return refuse(NegotiationErrc::wrong_state, "there is no offer to answer");
    std::vector<MediaSection> sections;
    Streams streams;
    bool tagged = true;
    for (const auto& offered : pending_.media) {
        auto& answer = sections.emplace_back(answer_section(offered, policy));
        const bool sending = !answer.rejected() && answer.kind != MediaKind::application && sends(answer.direction);
        streams.push_back(sending ? std::optional(policy.streams.at(offered.mid)) : std::nullopt);
        if (answer.rejected()) continue;
        write_local_transport(answer, local_, pending_transport_.dtls_client ? Setup::active : Setup::passive, tagged);
        tagged = false;
    }
    if (auto ok = check_streams(streams); !ok) return std::unexpected(ok.error());
    const bool allow_mixed =
        pending_.extmap_allow_mixed || std::any_of(pending_.media.begin(), pending_.media.end(),
                                                   [](const MediaSection& m) { return m.extmap_allow_mixed; });
    auto answer = new_description(std::move(sections), allow_mixed);
    // An answer may only group what the offer grouped.
    if (pending_.bundle_groups.empty()) answer.bundle_groups.clear();
    complete(pending_, answer, false, std::move(pending_transport_), streams);
    return answer;
}

void Session::complete(const SessionDescription& offer, const SessionDescription& answer, bool we_offered,
                       TransportParams transport, const Streams& streams) {
    ice_restarted_ =
        established_ && (transport.ice_ufrag != transport_.ice_ufrag || transport.ice_pwd != transport_.ice_pwd);
    transport_ = std::move(transport);
    established_ = true;
    media_.clear();
    for (std::size_t i = 0; i < offer.media.size(); ++i) {
        auto& m = media_.emplace_back(agree(offer.media[i], answer.media[i], we_offered));
        m.index = i;
        auto stream = streams[i];
        if (!sends(m.direction) || !stream) continue;
        if (std::none_of(m.codecs.begin(), m.codecs.end(), [](const Codec& c) { return c.rtx_pt.has_value(); }))
            stream->rtx_ssrc.reset();
        m.send_stream = std::move(stream);
    }
    update_lines(we_offered ? offer : answer, streams);
    close_exchange();
}

}  // namespace sluice::sdp
