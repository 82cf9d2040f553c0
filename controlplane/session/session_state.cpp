#include "controlplane/session/session_state.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <limits>
#include <stdexcept>
#include <type_traits>

#include "controlplane/session/ids.hpp"

namespace sluice::session {
namespace {

namespace json = boost::json;

std::string fmtp_text(const sdp::Fmtp& fmtp) {
    std::string text;
    for (const auto& [key, value] : fmtp) {
        if (!text.empty()) text += ';';
        text += key;
        if (!value.empty()) text += '=' + value;
    }
    return text;
}

sdp::Fmtp parse_fmtp(std::string_view text) {
    sdp::Fmtp fmtp;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(';'), text.size());
        const std::string_view item = text.substr(0, end);
        const std::size_t equals = item.find('=');
        if (equals == std::string_view::npos)
            fmtp.emplace_back(item, "");
        else
            fmtp.emplace_back(item.substr(0, equals), item.substr(equals + 1));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return fmtp;
}

json::array codec_json(const sdp::Codec& c) {
    json::array feedback;
    for (const std::string& f : c.feedback) feedback.emplace_back(f);
    return {c.pt, c.rtx_pt ? int{*c.rtx_pt} : -1, c.name, c.clock_rate, c.channels, fmtp_text(c.fmtp), std::move(feedback)};
}

// Reading throws inside this file only: Boost.JSON's checked accessors say where a blob is wrong.
template <typename T>
T number(const json::value& v) {
    const std::int64_t n = v.to_number<std::int64_t>();
    if (n < std::int64_t{std::numeric_limits<T>::min()} || n > static_cast<std::int64_t>(std::numeric_limits<T>::max()))
        throw std::range_error("number out of range");
    return static_cast<T>(n);
}

std::string text(const json::value& v) {
    return std::string{std::string_view{v.as_string()}};
}

std::uint64_t id(const json::value& v) {
    const std::uint64_t value = parse_hex_id(std::string_view{v.as_string()});
    if (value == 0) throw std::range_error("bad id");
    return value;
}

sdp::Codec codec(const json::value& v) {
    const json::array& a = v.as_array();
    sdp::Codec c;
    c.pt = number<std::uint8_t>(a.at(0));
    if (a.at(1).to_number<int>() >= 0) c.rtx_pt = number<std::uint8_t>(a.at(1));
    c.name = text(a.at(2));
    c.clock_rate = number<std::uint32_t>(a.at(3));
    c.channels = number<std::uint8_t>(a.at(4));
    c.fmtp = parse_fmtp(std::string_view{a.at(5).as_string()});
    for (const json::value& f : a.at(6).as_array()) c.feedback.push_back(text(f));
    return c;
}

json::object line_json(const MediaLine& line, std::size_t codecs) {
    json::object o{{"m", line.mid}, {"k", static_cast<int>(line.kind)}, {"a", line.active}, {"c", codecs}};
    json::array extensions;
    for (const std::uint8_t e : line.extensions) extensions.emplace_back(e);
    o["e"] = std::move(extensions);
    json::array layers;
    for (const Layer& l : line.layers)
        layers.push_back(json::array{l.rid, hex_id(static_cast<std::uint64_t>(l.source)), l.ssrc, l.rtx_ssrc});
    o["l"] = std::move(layers);
    if (line.leg != abi::LegId::none)
        o["g"] = json::array{hex_id(static_cast<std::uint64_t>(line.leg)),
                             line.ssrc,
                             line.rtx_ssrc,
                             line.start_index,
                             line.rtx_start_index,
                             line.start_timestamp};
    return o;
}

MediaLine line(const json::value& v, const std::vector<std::vector<sdp::Codec>>& tables) {
    const json::object& o = v.as_object();
    MediaLine l;
    l.mid = text(o.at("m"));
    l.kind = static_cast<abi::MediaKind>(number<std::uint8_t>(o.at("k")));
    l.active = o.at("a").as_bool();
    l.codecs = tables.at(number<std::uint32_t>(o.at("c")));
    const json::array& extensions = o.at("e").as_array();
    for (std::size_t i = 0; i < std::min(extensions.size(), l.extensions.size()); ++i)
        l.extensions[i] = number<std::uint8_t>(extensions[i]);
    for (const json::value& item : o.at("l").as_array()) {
        const json::array& a = item.as_array();
        l.layers.push_back(
            {text(a.at(0)), abi::SourceId{id(a.at(1))}, number<std::uint32_t>(a.at(2)), number<std::uint32_t>(a.at(3))});
    }
    if (const json::value* g = o.if_contains("g")) {
        const json::array& a = g->as_array();
        l.leg = abi::LegId{id(a.at(0))};
        l.ssrc = number<std::uint32_t>(a.at(1));
        l.rtx_ssrc = number<std::uint32_t>(a.at(2));
        l.start_index = number<std::uint32_t>(a.at(3));
        l.rtx_start_index = number<std::uint32_t>(a.at(4));
        l.start_timestamp = number<std::uint32_t>(a.at(5));
    }
    return l;
}

}  // namespace

namespace {

constexpr std::string_view known_keys[] = {"id",    "resource",     "role",      "room",  "identity", "worker",
                                           "etag",  "created",      "connected", "local", "remote",   "dtls_client",
                                           "cname", "fingerprints", "codecs",    "lines"};

std::string unknown_members(const json::object& o) {
    json::object unknown;
    for (const auto& [key, value] : o) {
        if (std::ranges::find(known_keys, std::string_view{key}) == std::end(known_keys)) unknown.emplace(key, value);
    }
    return unknown.empty() ? std::string{} : json::serialize(unknown);
}

}  // namespace

std::expected<std::vector<std::uint8_t>, std::string> encode(const SessionState& s) {
    json::object o{{"id", hex_id(static_cast<std::uint64_t>(s.id))},
                   {"resource", s.resource},
                   {"role", static_cast<int>(s.role)},
                   {"room", s.room},
                   {"identity", s.identity},
                   {"worker", s.worker},
                   {"etag", s.etag},
                   {"created", s.created_unix_ms},
                   {"connected", s.connected_unix_ms},
                   {"local", json::array{s.local.ufrag, s.local.pwd}},
                   {"remote", json::array{s.remote.ufrag, s.remote.pwd}},
                   {"dtls_client", s.dtls_client},
                   {"cname", s.cname}};
    json::array fingerprints;
    for (const dtls::Fingerprint& f : s.fingerprints) fingerprints.emplace_back(f.hash + ' ' + dtls::hex_colons(f.bytes));
    o["fingerprints"] = std::move(fingerprints);

    std::vector<const std::vector<sdp::Codec>*> tables;
    json::array lines;
    for (const MediaLine& l : s.lines) {
        std::size_t table = 0;
        while (table < tables.size() && *tables[table] != l.codecs) ++table;
        if (table == tables.size()) tables.push_back(&l.codecs);
        lines.push_back(line_json(l, table));
    }
    json::array codecs;
    for (const auto* table : tables) {
        json::array list;
        for (const sdp::Codec& c : *table) list.push_back(codec_json(c));
        codecs.push_back(std::move(list));
    }
    o["codecs"] = std::move(codecs);
    o["lines"] = std::move(lines);
    if (!s.newer.empty()) {
        for (const auto& [key, value] : json::parse(s.newer).as_object()) o.emplace(key, value);
    }

    const std::string bytes = json::serialize(o);
    if (bytes.size() > abi::max_blob)
        return std::unexpected("the session's state takes " + std::to_string(bytes.size()) +
                               " bytes, more than the data plane keeps");
    return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
}

std::expected<SessionState, std::string> decode_session(std::uint16_t version, ByteView blob) {
    if (version != session_blob_version) return std::unexpected("unknown version " + std::to_string(version));
    try {
        const json::value root = json::parse(json::string_view{reinterpret_cast<const char*>(blob.data()), blob.size()});
        const json::object& o = root.as_object();
        SessionState s;
        s.id = abi::TransportId{id(o.at("id"))};
        s.resource = text(o.at("resource"));
        s.role = static_cast<Role>(number<std::uint8_t>(o.at("role")));
        s.room = text(o.at("room"));
        s.identity = text(o.at("identity"));
        s.worker = number<std::uint16_t>(o.at("worker"));
        s.etag = text(o.at("etag"));
        s.created_unix_ms = o.at("created").to_number<std::int64_t>();
        s.connected_unix_ms = o.at("connected").to_number<std::int64_t>();
        s.local = {text(o.at("local").as_array().at(0)), text(o.at("local").as_array().at(1))};
        s.remote = {text(o.at("remote").as_array().at(0)), text(o.at("remote").as_array().at(1))};
        s.dtls_client = o.at("dtls_client").as_bool();
        s.cname = text(o.at("cname"));
        for (const json::value& f : o.at("fingerprints").as_array()) {
            auto fingerprint = dtls::parse_fingerprint(std::string_view{f.as_string()});
            if (!fingerprint) return std::unexpected("bad fingerprint");
            s.fingerprints.push_back(std::move(*fingerprint));
        }
        std::vector<std::vector<sdp::Codec>> tables;
        for (const json::value& list : o.at("codecs").as_array()) {
            tables.emplace_back();
            for (const json::value& c : list.as_array()) tables.back().push_back(codec(c));
        }
        for (const json::value& l : o.at("lines").as_array()) s.lines.push_back(line(l, tables));
        s.newer = unknown_members(o);
        return s;
    } catch (const std::exception& e) {
        return std::unexpected(std::string{"malformed: "} + e.what());
    }
}

}  // namespace sluice::session
