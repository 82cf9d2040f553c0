// The offerer's half of Session: m-lines for our streams, our offers, and the answers to them.
#include <algorithm>
#include <utility>

#include "signaling/sdp/agree.hpp"
#include "signaling/sdp/parse_media.hpp"
#include "signaling/sdp/session.hpp"

namespace sluice::sdp {

namespace {

Codec make_codec(std::uint8_t pt, std::string name, std::uint32_t clock, std::uint8_t channels, Fmtp fmtp,
                 std::vector<std::string> feedback) {
    return {.pt = pt,
            .name = std::move(name),
            .clock_rate = clock,
            .channels = channels,
            .fmtp = std::move(fmtp),
            .feedback = std::move(feedback),
            .rtx_pt = std::nullopt};
}

void add_video(std::vector<Codec>& codecs, std::uint8_t pt, std::uint8_t rtx, std::string name, Fmtp fmtp) {
    codecs.push_back(make_codec(pt, std::move(name), 90000, 1, std::move(fmtp),
                                {"goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"}));
    codecs.push_back(make_codec(rtx, "rtx", 90000, 1, {{"apt", std::to_string(pt)}}, {}));
}

Fmtp h264(std::string_view mode, std::string_view profile) {
    return {{"level-asymmetry-allowed", "1"},
            {"packetization-mode", std::string(mode)},
            {"profile-level-id", std::string(profile)}};
}

}  // namespace

OfferMedia default_offer(MediaKind kind) {
    OfferMedia m{.kind = kind, .codecs = {}, .extmaps = {}};
    const auto extension = [&m](std::uint8_t id, HeaderExtension e) {
        m.extmaps.push_back({.id = id, .direction = std::nullopt, .uri = std::string(uri_of(e))});
    };
    extension(1, HeaderExtension::mid);
    extension(2, HeaderExtension::abs_send_time);
    extension(3, HeaderExtension::transport_cc);
    extension(4, HeaderExtension::abs_capture_time);
    if (kind == MediaKind::audio) {
        extension(5, HeaderExtension::audio_level);
        m.codecs.push_back(
            make_codec(111, "opus", 48000, 2, {{"minptime", "10"}, {"useinbandfec", "1"}}, {"transport-cc", "nack"}));
        m.codecs.push_back(make_codec(63, "red", 48000, 2, {{"111/111", ""}}, {}));
    } else if (kind == MediaKind::video) {
        extension(6, HeaderExtension::dependency_descriptor);
        extension(7, HeaderExtension::video_orientation);
        extension(8, HeaderExtension::playout_delay);
        add_video(m.codecs, 96, 97, "VP8", {});
        add_video(m.codecs, 98, 99, "VP9", {{"profile-id", "0"}});
        add_video(m.codecs, 108, 109, "H264", h264("1", "42e01f"));
        add_video(m.codecs, 125, 126, "H264", h264("0", "42e01f"));
        add_video(m.codecs, 102, 103, "H264", h264("1", "42001f"));
        add_video(m.codecs, 106, 107, "H264", h264("1", "4d001f"));
        add_video(m.codecs, 123, 124, "H264", h264("1", "640032"));
        add_video(m.codecs, 35, 36, "AV1", {{"profile", "0"}});
        add_video(m.codecs, 100, 101, "VP9", {{"profile-id", "2"}});
    } else {
        m.extmaps.clear();
    }
    finish_codecs(m.codecs);
    return m;
}

std::string Session::unused_mid() {
    const auto taken = [this](const std::string& mid) {
        return std::any_of(lines_.begin(), lines_.end(), [&](const Line& l) { return l.mid == mid; }) ||
               pending_.find_mid(mid) != nullptr;
    };
    // A letter of our own keeps clear of the mids that browsers number.
    std::string mid;
    do mid = 's' + std::to_string(next_mid_++);
    while (taken(mid));
    return mid;
}

Session::Line& Session::line_for(MediaKind kind) {
    // What the open exchange will make of the sections in it is not known yet.
    const std::size_t from = state_ == State::stable ? 0 : lines_.size();
    for (std::size_t i = from; i < lines_.size(); ++i) {
        Line& l = lines_[i];
        if (l.kind == kind && kind != MediaKind::application && !l.rejected && !l.stream && !l.receive) return l;
    }
    Line line;
    line.kind = kind;
    line.mid = unused_mid();
    return lines_.emplace_back(std::move(line));
}

// Lines that wait take the places of rejected ones. Only now: until our offer is open, the peer may recycle those itself.
void Session::place_lines() {
    for (std::size_t i = 0; i < negotiated_ && negotiated_ < lines_.size(); ++i) {
        if (!lines_[i].rejected) continue;
        lines_[negotiated_].refused = std::move(lines_[i].refused);
        lines_[i] = std::move(lines_[negotiated_]);
        lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(negotiated_));
    }
}

void Session::unplace_lines() {
    for (std::size_t i = 0; i < negotiated_; ++i) {
        if (lines_[i].mid == media_[i].mid) continue;
        Line rejected;
        rejected.kind = media_[i].kind;
        rejected.mid = media_[i].mid;
        rejected.rejected = true;
        rejected.refused = std::move(lines_[i].refused);
        lines_.push_back(std::exchange(lines_[i], std::move(rejected)));
    }
}

std::string Session::add_stream(const OfferMedia& media, SendStream stream) {
    Line& line = line_for(media.kind);
    // A recycled section keeps its payload types and extension ids.
    if (line.media.codecs.empty()) line.media = media;
    line.stream = std::move(stream);
    line.waiting = true;
    return line.mid;
}

bool Session::remove_stream(std::string_view mid) {
    const auto it = std::find_if(lines_.begin(), lines_.end(), [&](const Line& l) { return l.mid == mid; });
    if (it == lines_.end() || !it->stream) return false;
    it->stream.reset();
    it->waiting = false;
    return true;
}

std::string Session::add_data_channel(std::uint64_t max_message_size) {
    Line& line = line_for(MediaKind::application);
    line.max_message_size = max_message_size;
    return line.mid;
}

MediaSection Session::offer_section(const Line& line) const {
    if (line.rejected) return rejected_section(line.refused);
    MediaSection m;
    m.kind = line.kind;
    m.mid = line.mid;
    if (line.kind == MediaKind::application) {
        m.protocol = "UDP/DTLS/SCTP";
        m.formats = {"webrtc-datachannel"};
        m.sctp_port = 5000;
        m.max_message_size = line.max_message_size;
        return m;
    }
    m.codecs = line.media.codecs;
    finish_codecs(m.codecs);
    m.extmaps = line.media.extmaps;
    m.direction = make_direction(line.stream.has_value(), line.receive);
    m.rtcp_mux = true;
    m.rtcp_rsize = true;
    if (line.stream) write_send_stream(m, *line.stream);
    return m;
}

std::expected<SessionDescription, NegotiationError> Session::create_offer() {
    if (state_ != State::stable) return refuse(NegotiationErrc::wrong_state, "another offer is open");
    if (lines_.empty()) return refuse(NegotiationErrc::no_media, "there is nothing to offer");
    place_lines();
    std::vector<MediaSection> sections;
    Streams streams;
    bool tagged = true;
    for (const Line& line : lines_) {
        auto& section = sections.emplace_back(offer_section(line));
        streams.push_back(line.stream);
        if (section.rejected()) continue;
        write_local_transport(section, local_, Setup::actpass, tagged);
        tagged = false;
    }
    if (auto ok = check_streams(streams); !ok) {
        unplace_lines();
        return std::unexpected(ok.error());
    }
    pending_ = new_description(std::move(sections), true);
    pending_streams_ = std::move(streams);
    state_ = State::have_local_offer;
    return pending_;
}

std::expected<void, NegotiationError> Session::check_answer(const SessionDescription& answer) const {
    const auto wrong = [](std::string message) { return refuse(NegotiationErrc::bad_answer, std::move(message)); };
    if (answer.media.size() != pending_.media.size())
        return wrong("the answer has another number of media sections than the offer");
    for (std::size_t i = 0; i < answer.media.size(); ++i) {
        const auto& a = answer.media[i];
        const auto& o = pending_.media[i];
        const std::string section = "section \"" + o.mid + "\": ";
        if (a.kind != o.kind) return wrong(section + "answered with another kind");
        if (a.rejected()) continue;
        if (o.rejected()) return wrong(section + "accepted though the offer rejected it");
        if (a.mid != o.mid) return wrong(section + "answered with another mid");
        if (o.kind == MediaKind::application) continue;
        if ((sends(a.direction) && !receives(o.direction)) || (receives(a.direction) && !sends(o.direction)))
            return wrong(section + "the direction " + std::string(to_string(a.direction)) + " does not answer " +
                         std::string(to_string(o.direction)));
        if (agree(o, a, true).codecs.empty()) return wrong(section + "no codec of the offer is accepted");
    }
    return check_bundle(answer);
}

std::expected<void, NegotiationError> Session::apply_answer(SessionDescription answer) {
    if (state_ != State::have_local_offer) return refuse(NegotiationErrc::wrong_state, "an answer without an open offer");
    if (auto ok = check_answer(answer); !ok) return ok;
    auto transport = remote_transport(answer);
    if (transport) transport = choose_role(std::move(*transport), false);
    if (!transport) return std::unexpected(transport.error());
    const auto offer = std::move(pending_);
    const auto streams = std::move(pending_streams_);
    complete(offer, answer, true, std::move(*transport), streams);
    return {};
}

// Makes the first lines those of the exchange, so that the next offer of either side continues from it.
void Session::update_lines(const SessionDescription& local, const Streams& streams) {
    const bool we_offered = state_ == State::have_local_offer;
    if (!we_offered && media_.size() > negotiated_)
        lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(negotiated_), media_.size() - negotiated_, Line{});
    for (std::size_t i = 0; i < media_.size(); ++i) {
        Line& line = lines_[i];
        const NegotiatedMedia& m = media_[i];
        const MediaSection& section = local.media[i];
        // A recycled section begins anew. When we offered, what was added since the offer stays.
        if (line.mid != m.mid || line.kind != m.kind) line = Line{};
        line.kind = m.kind;
        line.mid = m.mid;
        line.rejected = m.rejected;
        line.receive = receives(m.direction) && m.kind != MediaKind::application;
        line.max_message_size = section.max_message_size.value_or(0);
        if (m.rejected) {
            line.stream.reset();
            line.media = {};
            line.refused = section;
            continue;
        }
        if (we_offered)
            line.waiting = false;
        else if (streams[i] || !line.waiting)
            line.stream = streams[i];
        if (!we_offered || line.media.codecs.empty()) line.media = {m.kind, section.codecs, section.extmaps};
    }
    negotiated_ = std::max(negotiated_, media_.size());
}

}  // namespace sluice::sdp
