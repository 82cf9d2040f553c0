#include <string>
#include <string_view>

#include "signaling/sdp/parse.hpp"

namespace sluice::sdp {

namespace {

class Writer {
public:
    template <typename... Parts>
    void line(const Parts&... parts) {
        (append(parts), ...);
        out_ += "\r\n";
    }
    std::string take() { return std::move(out_); }

private:
    void append(std::string_view s) { out_ += s; }
    void append(char c) { out_ += c; }
    template <std::unsigned_integral T>
    void append(T value) {
        out_ += std::to_string(value);
    }

    std::string out_;
};

std::string_view family(std::string_view address) {
    return address.find(':') == std::string_view::npos ? "IP4 " : "IP6 ";
}

std::string join(const std::vector<std::pair<std::string, std::string>>& params) {
    std::string out;
    for (const auto& [key, value] : params) {
        if (!out.empty()) out += ';';
        out += key;
        if (!value.empty()) out += '=' + value;
    }
    return out;
}

std::string simulcast_list(const std::vector<std::vector<SimulcastAlternative>>& streams) {
    std::string out;
    for (const auto& stream : streams) {
        if (!out.empty()) out += ';';
        for (std::size_t i = 0; i < stream.size(); ++i) {
            if (i != 0) out += ',';
            if (stream[i].paused) out += '~';
            out += stream[i].rid;
        }
    }
    return out;
}

void write_codecs(Writer& w, const MediaSection& m) {
    for (const Codec& c : m.codecs) {
        if (!c.name.empty()) {
            const std::string channels = c.channels == 1 ? "" : '/' + std::to_string(c.channels);
            w.line("a=rtpmap:", c.pt, ' ', c.name, '/', c.clock_rate, channels);
        }
        for (const auto& feedback : c.feedback) w.line("a=rtcp-fb:", c.pt, ' ', feedback);
        if (!c.fmtp.empty()) w.line("a=fmtp:", c.pt, ' ', join(c.fmtp));
    }
}

void write_transport(Writer& w, const MediaSection& m) {
    if (!m.ice_ufrag.empty()) w.line("a=ice-ufrag:", m.ice_ufrag);
    if (!m.ice_pwd.empty()) w.line("a=ice-pwd:", m.ice_pwd);
    if (!m.ice_options.empty()) {
        std::string options;
        for (const auto& option : m.ice_options) options += (options.empty() ? "" : " ") + option;
        w.line("a=ice-options:", options);
    }
    for (const auto& f : m.fingerprints) w.line("a=fingerprint:", f.algorithm, ' ', f.value);
    if (m.setup) w.line("a=setup:", to_string(*m.setup));
}

void write_streams(Writer& w, const MediaSection& m) {
    for (const auto& rid : m.rids) {
        const auto restrictions = join(rid.restrictions);
        w.line("a=rid:", rid.id, rid.send ? " send" : " recv", restrictions.empty() ? "" : " ", restrictions);
    }
    if (m.simulcast) {
        std::string value;
        if (!m.simulcast->send.empty()) value = "send " + simulcast_list(m.simulcast->send);
        if (!m.simulcast->recv.empty()) value += (value.empty() ? "recv " : " recv ") + simulcast_list(m.simulcast->recv);
        w.line("a=simulcast:", value);
    }
    for (const auto& group : m.ssrc_groups) {
        std::string ssrcs;
        for (const auto ssrc : group.ssrcs) ssrcs += ' ' + std::to_string(ssrc);
        w.line("a=ssrc-group:", group.semantics, ssrcs);
    }
    for (const auto& s : m.ssrcs) w.line("a=ssrc:", s.ssrc, ' ', s.name, s.value.empty() ? "" : ":", s.value);
}

void write_section(Writer& w, const MediaSection& m) {
    std::string formats;
    for (const Codec& c : m.codecs) formats += ' ' + std::to_string(c.pt);
    for (const auto& format : m.formats) formats += ' ' + format;
    const std::string_view kind = m.kind == MediaKind::other ? std::string_view(m.kind_name) : to_string(m.kind);
    w.line("m=", kind, ' ', m.port, ' ', m.protocol, formats);
    w.line("c=IN ", family(m.connection), m.connection);
    write_transport(w, m);
    if (!m.mid.empty()) w.line("a=mid:", m.mid);
    if (m.bundle_only) w.line("a=bundle-only");
    if (m.extmap_allow_mixed) w.line("a=extmap-allow-mixed");
    for (const auto& e : m.extmaps) {
        const std::string suffix = e.direction ? '/' + std::string(to_string(*e.direction)) : "";
        w.line("a=extmap:", e.id, suffix, ' ', e.uri);
    }
    if (m.kind != MediaKind::application || m.direction != Direction::sendrecv) w.line("a=", to_string(m.direction));
    for (const auto& msid : m.msids) w.line("a=msid:", msid.stream, msid.track.empty() ? "" : " ", msid.track);
    if (m.rtcp_mux) w.line("a=rtcp-mux");
    if (m.rtcp_rsize) w.line("a=rtcp-rsize");
    write_codecs(w, m);
    write_streams(w, m);
    if (m.sctp_port) w.line("a=sctp-port:", *m.sctp_port);
    if (m.max_message_size) w.line("a=max-message-size:", *m.max_message_size);
    for (const auto& c : m.candidates) w.line("a=", write_candidate(c));
    if (m.end_of_candidates) w.line("a=end-of-candidates");
}

}  // namespace

std::string write(const SessionDescription& d) {
    Writer w;
    w.line("v=0");
    w.line("o=", d.origin.username, ' ', d.origin.session_id, ' ', d.origin.version, " IN ", family(d.origin.address),
           d.origin.address);
    w.line("s=", d.name);
    w.line("t=0 0");
    for (const auto& group : d.bundle_groups) {
        std::string mids;
        for (const auto& mid : group) mids += ' ' + mid;
        w.line("a=group:BUNDLE", mids);
    }
    if (d.ice_lite) w.line("a=ice-lite");
    if (d.extmap_allow_mixed) w.line("a=extmap-allow-mixed");
    w.line("a=msid-semantic: WMS *");
    for (const auto& section : d.media) write_section(w, section);
    return w.take();
}

}  // namespace sluice::sdp
