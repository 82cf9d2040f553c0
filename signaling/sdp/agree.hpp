// The pure steps of an offer/answer exchange, between which Session keeps the state; internal to this folder.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "signaling/sdp/negotiated.hpp"
#include "signaling/sdp/session.hpp"

namespace sluice::sdp {

[[nodiscard]] std::unexpected<NegotiationError> refuse(NegotiationErrc code, std::string message);

// Fills in our side of the transport; candidates only where `tagged` (RFC 8843: the first section of the BUNDLE).
void write_local_transport(MediaSection& section, const LocalParams& local, Setup setup, bool tagged);
// a=msid, a=ssrc and the FID group of a stream that we send.
void write_send_stream(MediaSection& section, const SendStream& stream);

[[nodiscard]] MediaSection rejected_section(const MediaSection& offered);
// Our answer to one m-line, without transport attributes.
[[nodiscard]] MediaSection answer_section(const MediaSection& offered, const AnswerPolicy& policy);

// One BUNDLE over all sections, unique mids, rtcp-mux, extension ids that mean one thing.
// Leaves extensions unoffered whose id another section of the BUNDLE uses for something else: aiortc 1.4 numbers each
// section by itself, against RFC 9143 section 7.1.3, and works well without them.
void drop_clashing_extensions(SessionDescription& offer);

[[nodiscard]] std::expected<void, NegotiationError> check_bundle(const SessionDescription& remote);
// ICE and DTLS parameters of the BUNDLE's tagged section.
[[nodiscard]] std::expected<TransportParams, NegotiationError> remote_transport(const SessionDescription& remote);

// What two matching sections agreed on, from our view.
[[nodiscard]] NegotiatedMedia agree(const MediaSection& offer, const MediaSection& answer, bool we_offered);

[[nodiscard]] bool is_data_channel(const MediaSection& section);
[[nodiscard]] std::expected<void, NegotiationError> check_streams(const std::vector<std::optional<SendStream>>& streams);

}  // namespace sluice::sdp
