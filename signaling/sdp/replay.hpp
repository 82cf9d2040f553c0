// What the fuzz target and the mutation test do with hostile text: parse it, check that what was accepted
// survives our own writer, and negotiate it in every role.
#pragma once

#include <cstdlib>
#include <string_view>

#include "signaling/sdp/session.hpp"
#include "signaling/sdp/trickle.hpp"

namespace sluice::sdp {

inline void require(bool condition) {
    if (!condition) std::abort();
}

inline LocalParams replay_params() {
    LocalParams p;
    p.ice_ufrag = "locl";
    p.ice_pwd = "local-password-of-22-chars";
    p.fingerprint_sha256 = "00";
    for (int i = 1; i < 32; ++i) p.fingerprint_sha256 += ":AB";
    p.candidates = {host_candidate("1", "192.0.2.1", 7882)};
    return p;
}

// Returns whether some answer could be made.
inline bool replay(std::string_view input) {
    if (const auto fragment = parse_trickle(input)) require(parse_trickle(write_trickle(*fragment)) == fragment);
    const auto offer = parse(input);
    if (!offer) return false;
    const auto again = parse(write(*offer));
    require(again.has_value() && *again == *offer);

    bool any = false;
    std::map<std::string, SendStream> streams;
    std::uint32_t ssrc = 0;
    for (const auto& m : offer->media) {
        ssrc += 2;
        streams[m.mid] = {.ssrc = ssrc, .rtx_ssrc = ssrc + 1, .cname = "c", .msid = {"s", std::to_string(ssrc)}};
    }
    auto both = AnswerPolicy::viewer(streams);
    both.receive = both.accept_data_channel = true;
    for (const auto& policy : {AnswerPolicy::publisher(true), AnswerPolicy::viewer(streams), both}) {
        Session session(replay_params());
        session.add_stream(default_offer(MediaKind::video),
                           {.ssrc = 0xffff0000, .rtx_ssrc = 0xffff0001, .cname = "c", .msid = {"own", "own"}});
        if (!session.apply_offer(*offer)) continue;
        const auto answer = session.create_answer(policy);
        if (!answer) continue;
        any = true;
        require(answer->media.size() == offer->media.size() && session.media().size() == offer->media.size());
        const auto reread = parse(write(*answer));
        require(reread.has_value() && *reread == *answer);
        // A renegotiation from both sides.
        const auto ours = session.create_offer();
        if (ours) require(parse(write(*ours)).has_value());
        if (ours) (void)session.apply_answer(*offer);
        session.rollback();
        if (session.apply_offer(*offer)) (void)session.create_answer(policy);
    }
    return any;
}

}  // namespace sluice::sdp
