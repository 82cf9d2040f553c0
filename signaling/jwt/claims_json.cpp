#include "signaling/jwt/claims_json.hpp"

#include <cmath>

#include <boost/json.hpp>

namespace sluice::jwt {

namespace {

namespace json = boost::json;

std::optional<json::object> parse_object(std::string_view text) {
    boost::system::error_code error;
    auto value = json::parse(json::string_view(text.data(), text.size()), error);
    if (error || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

std::optional<std::string> read_text(const json::object& object, json::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return std::string(value->get_string().c_str(), value->get_string().size());
}

// Reads the members of one object into typed fields and remembers the first of a wrong type. JSON null is absent.
class Reader {
public:
    explicit Reader(const json::object& object) : object_(object) {}

    void read(json::string_view key, std::string& out) {
        if (const auto* v = find(key)) {
            if (v->is_string())
                out.assign(v->get_string().c_str(), v->get_string().size());
            else
                fail(key);
        }
    }
    void read(json::string_view key, bool& out) {
        if (const auto* v = find(key)) {
            if (v->is_bool())
                out = v->get_bool();
            else
                fail(key);
        }
    }
    void read(json::string_view key, std::optional<bool>& out) {
        if (const auto* v = find(key)) {
            if (v->is_bool())
                out = v->get_bool();
            else
                fail(key);
        }
    }
    void read(json::string_view key, std::vector<std::string>& out) {
        const auto* v = find(key);
        if (v == nullptr) return;
        if (!v->is_array()) return fail(key);
        for (const auto& item : v->get_array()) {
            if (!item.is_string()) return fail(key);
            out.emplace_back(item.get_string().c_str(), item.get_string().size());
        }
    }
    void read(json::string_view key, std::map<std::string, std::string>& out) {
        const auto* v = find(key);
        if (v == nullptr) return;
        if (!v->is_object()) return fail(key);
        for (const auto& [name, item] : v->get_object()) {
            if (!item.is_string()) return fail(key);
            out.emplace(std::string(name.data(), name.size()),
                        std::string(item.get_string().c_str(), item.get_string().size()));
        }
    }
    // NumericDate (RFC 7519 section 2): seconds, possibly with a fraction. The bound keeps sums with a leeway far
    // from overflow.
    void read(json::string_view key, std::optional<Time>& out) {
        const auto* v = find(key);
        if (v == nullptr) return;
        constexpr double latest = 1e12;
        double seconds = -1;
        if (v->is_int64())
            seconds = static_cast<double>(v->get_int64());
        else if (v->is_uint64())
            seconds = static_cast<double>(v->get_uint64());
        else if (v->is_double())
            seconds = std::floor(v->get_double());
        if (!(seconds >= 0 && seconds <= latest)) return fail(key);
        out = Time(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
    }
    const json::object* object(json::string_view key) {
        const auto* v = find(key);
        if (v == nullptr) return nullptr;
        if (!v->is_object()) {
            fail(key);
            return nullptr;
        }
        return &v->get_object();
    }
    [[nodiscard]] const std::string& wrong() const noexcept { return wrong_; }

private:
    const json::value* find(json::string_view key) const {
        const auto* v = object_.if_contains(key);
        return v == nullptr || v->is_null() ? nullptr : v;
    }
    void fail(json::string_view key) {
        if (wrong_.empty()) wrong_.assign(key.data(), key.size());
    }

    const json::object& object_;
    std::string wrong_;
};

std::string read_video(const json::object& object, VideoGrant& v) {
    Reader r(object);
    r.read("roomCreate", v.room_create);
    r.read("roomList", v.room_list);
    r.read("roomRecord", v.room_record);
    r.read("roomAdmin", v.room_admin);
    r.read("roomJoin", v.room_join);
    r.read("room", v.room);
    r.read("destinationRoom", v.destination_room);
    r.read("canPublish", v.publish);
    r.read("canSubscribe", v.subscribe);
    r.read("canPublishData", v.publish_data);
    r.read("canPublishSources", v.publish_sources);
    r.read("canUpdateOwnMetadata", v.update_own_metadata);
    r.read("ingressAdmin", v.ingress_admin);
    r.read("hidden", v.hidden);
    r.read("recorder", v.recorder);
    r.read("agent", v.agent);
    r.read("canSubscribeMetrics", v.subscribe_metrics);
    r.read("canManageAgentSession", v.manage_agent_session);
    return r.wrong();
}

json::object write_video(const VideoGrant& v) {
    json::object o;
    const auto flag = [&o](json::string_view key, bool value) {
        if (value) o[key] = true;
    };
    const auto choice = [&o](json::string_view key, const std::optional<bool>& value) {
        if (value) o[key] = *value;
    };
    const auto text = [&o](json::string_view key, const std::string& value) {
        if (!value.empty()) o[key] = value;
    };
    flag("roomCreate", v.room_create);
    flag("roomList", v.room_list);
    flag("roomRecord", v.room_record);
    flag("roomAdmin", v.room_admin);
    flag("roomJoin", v.room_join);
    text("room", v.room);
    text("destinationRoom", v.destination_room);
    choice("canPublish", v.publish);
    choice("canSubscribe", v.subscribe);
    choice("canPublishData", v.publish_data);
    if (!v.publish_sources.empty()) {
        auto& list = o["canPublishSources"].emplace_array();
        for (const auto& source : v.publish_sources) list.emplace_back(source);
    }
    choice("canUpdateOwnMetadata", v.update_own_metadata);
    flag("ingressAdmin", v.ingress_admin);
    flag("hidden", v.hidden);
    flag("recorder", v.recorder);
    flag("agent", v.agent);
    choice("canSubscribeMetrics", v.subscribe_metrics);
    choice("canManageAgentSession", v.manage_agent_session);
    return o;
}

std::unexpected<JwtError> bad_claim(const std::string& claim) {
    return std::unexpected(JwtError{JwtErrc::bad_claim, "the claim \"" + claim + "\" has the wrong type"});
}

}  // namespace

std::optional<std::string> read_algorithm(std::string_view header) {
    const auto object = parse_object(header);
    return object ? read_text(*object, "alg") : std::nullopt;
}

std::optional<std::string> read_issuer(std::string_view payload) {
    const auto object = parse_object(payload);
    return object ? read_text(*object, "iss") : std::nullopt;
}

std::expected<ReadClaims, JwtError> read_claims(std::string_view payload) {
    const auto object = parse_object(payload);
    if (!object) return std::unexpected(JwtError{JwtErrc::malformed, "the token's payload is not a JSON object"});
    ReadClaims out;
    Claims& c = out.claims;
    Reader r(*object);
    std::optional<Time> expires;
    std::string jti;
    r.read("iss", c.api_key);
    r.read("sub", c.identity);
    r.read("jti", jti);
    r.read("exp", expires);
    r.read("nbf", c.not_before);
    r.read("iat", out.issued);
    r.read("name", c.name);
    r.read("kind", c.kind);
    r.read("metadata", c.metadata);
    r.read("attributes", c.attributes);
    r.read("sha256", c.sha256);
    r.read("roomPreset", c.room_preset);
    if (const auto* config = r.object("roomConfig")) c.room_config = json::serialize(*config);
    if (const auto* video = r.object("video"))
        if (const auto wrong = read_video(*video, c.video); !wrong.empty()) return bad_claim("video." + wrong);
    if (!r.wrong().empty()) return bad_claim(r.wrong());
    if (!expires) return std::unexpected(JwtError{JwtErrc::missing_expiry, "the token has no expiry time (exp)"});
    c.expires = *expires;
    if (c.identity.empty()) c.identity = jti;
    return out;
}

std::string write_claims(const Claims& c) {
    json::object o;
    const auto text = [&o](json::string_view key, const std::string& value) {
        if (!value.empty()) o[key] = value;
    };
    text("iss", c.api_key);
    text("sub", c.identity);
    o["exp"] = c.expires.time_since_epoch().count();
    if (c.not_before) o["nbf"] = c.not_before->time_since_epoch().count();
    text("name", c.name);
    text("kind", c.kind);
    text("metadata", c.metadata);
    if (!c.attributes.empty()) {
        auto& attributes = o["attributes"].emplace_object();
        for (const auto& [key, value] : c.attributes) attributes[key] = value;
    }
    text("sha256", c.sha256);
    text("roomPreset", c.room_preset);
    if (auto config = parse_object(c.room_config)) o["roomConfig"] = std::move(*config);
    if (auto video = write_video(c.video); !video.empty()) o["video"] = std::move(video);
    return json::serialize(o);
}

}  // namespace sluice::jwt
