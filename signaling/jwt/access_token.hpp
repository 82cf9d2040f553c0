// LiveKit access tokens: JSON Web Tokens (RFC 7519) signed with HS256 by an API key's secret, whose
// claims grant access to rooms. Stateless and safe on any thread; the caller gives the time. Neither a
// secret nor a token ever stands in an error text.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::jwt {

using Keys = std::map<std::string, std::string, std::less<>>;  // API key -> secret
using Time = std::chrono::sys_seconds;

inline constexpr std::size_t max_token_bytes = 16 * 1024;
inline constexpr std::chrono::seconds clock_leeway{60};  // for nbf and iat; exp is exact

// The "video" claim. Absent permissions have LiveKit's defaults, through the can_... functions.
struct VideoGrant {
    bool room_create = false;
    bool room_list = false;
    bool room_record = false;
    bool room_admin = false;
    bool room_join = false;
    std::string room;
    std::string destination_room;
    std::optional<bool> publish;               // canPublish
    std::optional<bool> subscribe;             // canSubscribe
    std::optional<bool> publish_data;          // canPublishData
    std::vector<std::string> publish_sources;  // camera, microphone, screen_share, screen_share_audio; empty: all
    std::optional<bool> update_own_metadata;   // canUpdateOwnMetadata
    bool ingress_admin = false;
    bool hidden = false;
    bool recorder = false;
    bool agent = false;
    std::optional<bool> subscribe_metrics;     // canSubscribeMetrics
    std::optional<bool> manage_agent_session;  // canManageAgentSession

    [[nodiscard]] bool can_join(std::string_view room_name) const noexcept;
    [[nodiscard]] bool can_publish() const noexcept { return publish.value_or(true); }
    [[nodiscard]] bool can_publish_source(std::string_view source) const noexcept;
    [[nodiscard]] bool can_subscribe() const noexcept { return subscribe.value_or(true); }
    [[nodiscard]] bool can_publish_data() const noexcept { return publish_data.value_or(can_publish()); }
    [[nodiscard]] bool can_update_own_metadata() const noexcept { return update_own_metadata.value_or(false); }
    friend bool operator==(const VideoGrant&, const VideoGrant&) = default;
};

struct Claims {
    std::string api_key;   // iss; set by verify
    std::string identity;  // sub, or jti where sub is absent
    std::string name;
    std::string kind;  // "standard" if empty
    std::string metadata;
    std::map<std::string, std::string> attributes;
    std::string sha256;  // of the body of a webhook
    std::string room_preset;
    std::string room_config;  // the JSON text of roomConfig, empty if absent
    VideoGrant video;
    Time expires{};                  // exp; set by verify
    std::optional<Time> not_before;  // nbf
    friend bool operator==(const Claims&, const Claims&) = default;
};

enum class JwtErrc : std::uint8_t {
    too_large,
    malformed,
    unsupported_algorithm,
    unknown_key,
    bad_signature,
    missing_expiry,
    expired,
    not_yet_valid,
    bad_claim,
};
[[nodiscard]] std::string_view to_string(JwtErrc code) noexcept;

struct JwtError {
    JwtErrc code;
    std::string message;
};

[[nodiscard]] std::expected<Claims, JwtError> verify(std::string_view token, const Keys& keys, Time now);

// nbf is `now` unless the claims say otherwise; exp is now + ttl. Empty if the key or the secret is empty.
[[nodiscard]] std::string create(std::string_view api_key, std::string_view secret, const Claims& claims,
                                 std::chrono::seconds ttl, Time now);

}  // namespace sluice::jwt
