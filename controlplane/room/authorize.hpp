// Who may publish or watch: LiveKit's access tokens against the configured API keys. In development mode a request
// without a token is allowed, and one with a token must still bring a good one.
#pragma once

#include <functional>

#include "signaling/jwt/access_token.hpp"
#include "signaling/whip/whip.hpp"

namespace sluice::room {

struct AuthorizeOptions {
    jwt::Keys keys;
    bool allow_anonymous = false;  // development mode
};

// `options` is asked at each request, so that a reload takes effect.
[[nodiscard]] whip::Authorize make_authorize(std::function<const AuthorizeOptions&()> options,
                                             std::function<jwt::Time()> now);

}  // namespace sluice::room
