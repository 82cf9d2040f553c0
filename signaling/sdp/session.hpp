// A both-role JSEP session (RFC 8829) of the ICE-lite server: one BUNDLE transport and a list of
// m-lines that never shrinks and never changes order. As answerer (WHIP, WHEP, LiveKit publisher):
// apply_offer, then create_answer. As offerer (LiveKit subscriber): add_stream/remove_stream, then
// create_offer, then apply_answer. An m-line whose stream is gone stays, inactive, and is recycled for
// the next stream of its kind; one that was rejected (port 0) is recycled for any kind, with a new mid.
//
// Not thread-safe: used by the thread that owns the peer's session. No clock, no randomness: credentials,
// SSRCs and ids are the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/sdp/description.hpp"
#include "signaling/sdp/negotiated.hpp"

namespace sluice::sdp {

enum class NegotiationErrc : std::uint8_t {
    wrong_state,     // for example an offer while ours is open
    no_media,        // no m-line at all
    no_bundle,       // several m-lines and no BUNDLE group over them
    bad_mid,         // missing, doubled or unknown
    no_ice,          // no usable ice-ufrag and ice-pwd
    no_fingerprint,  // no SHA-2 certificate fingerprint
    bad_setup,       // a=setup missing where it must be, or in conflict with ours
    no_rtcp_mux,
    changed_sections,  // m-lines removed, reordered or of another kind
    bad_answer,        // an answer that does not fit our offer
    bad_extmap,        // one extension id for two extensions, or two ids for one, in a BUNDLE
    duplicate_stream,  // two sections would announce one SSRC or msid
};
[[nodiscard]] std::string_view to_string(NegotiationErrc code) noexcept;

struct NegotiationError {
    NegotiationErrc code;
    std::string message;  // says what a person can do
};

struct LocalParams {
    std::string ice_ufrag, ice_pwd;
    std::string fingerprint_sha256;  // upper-case hex pairs with colons
    std::vector<Candidate> candidates;
    std::uint64_t session_id = 0;     // o=, below 2^63
    std::uint64_t first_version = 1;  // o=; to go on after a restart
};

enum class CodecChoice : std::uint8_t {
    one_per_section,  // a publisher sends one: the first supported one (WHIP)
    all_common,       // a viewer may be sent any, without renegotiation (WHEP)
};

struct AnswerPolicy {
    bool receive = false;  // accept what the peer sends
    bool send = false;     // accept sections in which the peer receives
    CodecChoice codecs = CodecChoice::all_common;
    std::vector<std::string> video_preference;  // names, first wins; empty: the order of the offer
    bool accept_red = false;
    bool accept_data_channel = false;
    std::uint64_t max_message_size = 65536;     // bytes, of a data channel
    Fmtp opus_fmtp;                             // added to the answer's opus, replacing equal keys
    std::map<std::string, SendStream> streams;  // by mid. A sending section without a stream is answered inactive.

    [[nodiscard]] static AnswerPolicy publisher(bool accept_red = false);
    [[nodiscard]] static AnswerPolicy viewer(std::map<std::string, SendStream> streams);
};

// What we offer on an m-line that we make.
struct OfferMedia {
    MediaKind kind = MediaKind::audio;
    std::vector<Codec> codecs;  // RTX as codecs of their own
    std::vector<Extmap> extmaps;
};
// Payload types and extensions that SFU clients are used to (the first offer of a session decides them).
[[nodiscard]] OfferMedia default_offer(MediaKind kind);

class Session {
public:
    enum class State : std::uint8_t { stable, have_remote_offer, have_local_offer };

    explicit Session(LocalParams local);

    // Answerer.
    [[nodiscard]] std::expected<void, NegotiationError> apply_offer(SessionDescription offer);
    // Our answer, which completes the exchange. After an error the offer stays open.
    [[nodiscard]] std::expected<SessionDescription, NegotiationError> create_answer(const AnswerPolicy& policy);
    [[nodiscard]] const SessionDescription* pending_offer() const noexcept;  // the mids to choose streams for

    // Offerer. All take effect with the next create_offer, not with an answer, which sends only what its policy
    // says. Returns the mid, which is stable until removal.
    std::string add_stream(const OfferMedia& media, SendStream stream);
    bool remove_stream(std::string_view mid);
    std::string add_data_channel(std::uint64_t max_message_size);
    [[nodiscard]] std::expected<SessionDescription, NegotiationError> create_offer();
    [[nodiscard]] std::expected<void, NegotiationError> apply_answer(SessionDescription answer);
    void rollback();  // forgets an open offer, theirs or ours; our streams wait for the next one

    // ICE restart or new candidates: used from the next description on.
    void set_local(std::string ice_ufrag, std::string ice_pwd, std::vector<Candidate> candidates);

    // The result of the last complete exchange.
    [[nodiscard]] State state() const noexcept { return state_; }
    [[nodiscard]] const std::vector<NegotiatedMedia>& media() const noexcept { return media_; }
    [[nodiscard]] const NegotiatedMedia* find_media(std::string_view mid) const noexcept;
    [[nodiscard]] const TransportParams& transport() const noexcept { return transport_; }
    // The last exchange changed the peer's ICE credentials (never true for the first one).
    [[nodiscard]] bool ice_restarted() const noexcept { return ice_restarted_; }
    [[nodiscard]] std::uint64_t version() const noexcept { return next_version_ - 1; }

private:
    // An m-line as we would offer it. The first negotiated_ of them stand in the last exchange; the others wait
    // for our next offer, behind whatever sections the peer adds until then.
    struct Line {
        MediaKind kind = MediaKind::audio;
        std::string mid;
        OfferMedia media;
        std::optional<SendStream> stream;
        bool receive = false;
        std::uint64_t max_message_size = 0;
        bool rejected = false;
        MediaSection refused;  // the section as it was last written with port 0, until another one takes its place
        bool waiting = false;  // the stream was added since our last complete offer
    };
    using Streams = std::vector<std::optional<SendStream>>;  // by m-line

    [[nodiscard]] SessionDescription new_description(std::vector<MediaSection> media, bool allow_mixed);
    [[nodiscard]] MediaSection offer_section(const Line& line) const;
    [[nodiscard]] std::string unused_mid();
    Line& line_for(MediaKind kind);
    void place_lines();
    void unplace_lines();
    void close_exchange();
    [[nodiscard]] std::expected<void, NegotiationError> check_offer(const SessionDescription& offer) const;
    [[nodiscard]] std::expected<void, NegotiationError> check_answer(const SessionDescription& answer) const;
    [[nodiscard]] std::expected<TransportParams, NegotiationError> choose_role(TransportParams transport,
                                                                               bool remote_offers) const;
    void complete(const SessionDescription& offer, const SessionDescription& answer, bool we_offered,
                  TransportParams transport, const Streams& streams);
    void update_lines(const SessionDescription& local, const Streams& streams);

    LocalParams local_;
    std::uint64_t next_version_;
    std::uint64_t next_mid_ = 0;
    State state_ = State::stable;
    std::vector<Line> lines_;
    std::size_t negotiated_ = 0;
    SessionDescription pending_;         // the open offer
    Streams pending_streams_;            // of our open offer
    TransportParams pending_transport_;  // of their open offer
    std::vector<NegotiatedMedia> media_;
    TransportParams transport_;
    bool established_ = false;  // one exchange is complete
    bool ice_restarted_ = false;
};

}  // namespace sluice::sdp
