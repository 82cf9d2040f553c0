#include "controlplane/room/authorize.hpp"

#include <utility>

namespace sluice::room {

whip::Authorize make_authorize(std::function<const AuthorizeOptions&()> options, std::function<jwt::Time()> now) {
    return [options = std::move(options), now = std::move(now)](
               whip::Role role, const std::string& room,
               const std::optional<std::string>& token) -> std::expected<std::optional<whip::Auth>, whip::Refusal> {
        const AuthorizeOptions& current = options();
        if (!token) {
            if (current.allow_anonymous) return std::optional<whip::Auth>{};
            return std::unexpected(
                whip::Refusal{401, "Unauthorized", "an access token is needed: Authorization: Bearer", std::nullopt});
        }
        auto claims = jwt::verify(*token, current.keys, now());
        if (!claims) return std::unexpected(whip::Refusal{401, "Unauthorized", claims.error().message, std::nullopt});
        const jwt::VideoGrant& grant = claims->video;
        if (!grant.can_join(room))
            return std::unexpected(
                whip::Refusal{403, "Forbidden", "the token does not grant joining this room", std::nullopt});
        if (role == whip::Role::publish && !grant.can_publish())
            return std::unexpected(
                whip::Refusal{403, "Forbidden", "the token does not grant publishing (canPublish)", std::nullopt});
        if (role == whip::Role::watch && !grant.can_subscribe())
            return std::unexpected(
                whip::Refusal{403, "Forbidden", "the token does not grant watching (canSubscribe)", std::nullopt});
        return whip::Auth{.identity = claims->identity,
                          .name = claims->name,
                          .metadata = claims->metadata,
                          .grants = std::make_shared<const jwt::Claims>(*claims)};
    };
}

}  // namespace sluice::room
