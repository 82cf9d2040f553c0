#include <algorithm>

#include "signaling/jwt/access_token.hpp"
#include "tools/sluicectl/format.hpp"
#include "tools/sluicectl/table.hpp"
#include "tools/sluicectl/verbs.hpp"

namespace sluice::ctl {

Outcome token_create(const Settings& settings, const TokenRequest& request, std::chrono::sys_seconds now) {
    const auto fail = [](std::string why) { return Outcome::failed(Exit::failure, std::move(why)); };
    const auto& keys = settings.config.keys;
    if (keys.empty()) return fail("the configuration has no keys: give one that has with --config");
    const auto* key = &keys.front();
    if (!request.key.empty()) {
        const auto found = std::ranges::find(keys, request.key, &config::ApiKey::name);
        if (found == keys.end()) return fail("the configuration has no key named " + printable(request.key));
        key = &*found;
    }
    if (request.room.empty() || request.identity.empty())
        return Outcome::failed(Exit::usage, "--room and --identity must not be empty");
    const bool both = request.publish == request.subscribe;
    jwt::Claims claims;
    claims.identity = request.identity;
    claims.name = request.name;
    claims.video.room_join = true;
    claims.video.room = request.room;
    claims.video.publish = both || request.publish;
    claims.video.subscribe = both || request.subscribe;
    const std::string token = jwt::create(key->name, key->secret, claims, request.ttl, now);
    if (token.empty()) return fail("key " + printable(key->name) + " has no secret");
    if (const auto checked = jwt::verify(token, {{key->name, key->secret}}, now); !checked) {
        return fail("the token would be refused: " + checked.error().message);
    }
    Outcome outcome;
    outcome.data = {{"token", token},
                    {"key", key->name},
                    {"room", request.room},
                    {"identity", request.identity},
                    {"publish", *claims.video.publish},
                    {"subscribe", *claims.video.subscribe},
                    {"expires_unix_s", (now + request.ttl).time_since_epoch().count()}};
    outcome.text = token + '\n';
    return outcome;
}

}  // namespace sluice::ctl
