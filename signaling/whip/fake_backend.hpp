// Test support: a Backend that records what it is asked and answers what the test sets.
#pragma once

#include "signaling/whip/whip.hpp"

#include <string>

namespace sluice::whip::testing {

class FakeBackend final : public Backend {
public:
    std::expected<Created, Refusal> created = Created{"s3ss10n", "etag-1", "v=0\r\nanswer\r\n"};
    std::expected<Patched, Refusal> patched = Patched{std::nullopt, "etag-1"};
    std::expected<void, Refusal> removed;
    bool hold = false;  // keep the create callback in `held` instead of calling it

    int calls = 0;
    Role role{};
    std::string room, session_id, body;
    std::optional<Auth> auth;
    std::optional<std::string> if_match;
    CreateDone held;

    void create(Role asked_role, std::string asked_room, std::optional<Auth> asked_auth, std::string offer_sdp,
                CreateDone done) override {
        ++calls;
        role = asked_role;
        room = std::move(asked_room);
        auth = std::move(asked_auth);
        body = std::move(offer_sdp);
        if (hold)
            held = std::move(done);
        else
            done(created);
    }
    void patch(std::string asked_id, std::string fragment, std::optional<std::string> asked_match, PatchDone done) override {
        ++calls;
        session_id = std::move(asked_id);
        body = std::move(fragment);
        if_match = std::move(asked_match);
        done(patched);
    }
    void remove(std::string asked_id, RemoveDone done) override {
        ++calls;
        session_id = std::move(asked_id);
        done(removed);
    }
};

}  // namespace sluice::whip::testing
