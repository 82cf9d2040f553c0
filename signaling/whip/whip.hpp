// WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) as HTTP resources.
//
// Theory of operation: this layer owns what the RFCs say about HTTP: methods, media types, status codes, Location,
// ETag, Link, preconditions, bearer tokens. What a session is, is the Backend's: it gets an SDP offer and returns an
// answer. Entity tags and session ids are the backend's too; it is asked each time, so nothing here has to
// be restored after a restart. WHEP follows the same discipline with the roles reversed.
//
//   POST   /whip/{room}       offer in, 201 + answer, Location, ETag, Link, Accept-Patch
//   PATCH  /whip/{room}/{id}  trickle candidates: 204; ICE restart: 200 + fragment + new ETag
//   DELETE /whip/{room}/{id}  200
//   and the same under /whep.
//
// Thread: that of the router (the io thread).
#pragma once

#include "signaling/http/router.hpp"

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::whip {

enum class Role : std::uint8_t { publish, watch };

/// Who asks, as the injected `authorize` found out; this layer only hands it on.
struct Auth {
    std::string identity;
    std::string name;
    std::string metadata;
    std::shared_ptr<const void> grants;  // whatever authorize wants the backend to see
};

/// Becomes an RFC 9457 problem document.
struct Refusal {
    int status = 500;
    std::string title;
    std::string detail;
    std::optional<int> retry_after_s;
};

struct Created {
    std::string session_id;  // unguessable, characters of [A-Za-z0-9_-]
    std::string etag;        // without quotes
    std::string answer_sdp;
};

struct Patched {
    std::optional<std::string> fragment;  // set for an ICE restart: the server's new credentials and candidates
    std::string etag;                     // without quotes; the current one
};

/// Implemented by the control plane. Each `done` is called exactly once, now or later, on the io thread.
class Backend {
public:
    using CreateDone = std::function<void(std::expected<Created, Refusal>)>;
    using PatchDone = std::function<void(std::expected<Patched, Refusal>)>;
    using RemoveDone = std::function<void(std::expected<void, Refusal>)>;

    virtual ~Backend() = default;
    /// `offer_sdp` is not parsed yet: refuse a bad one with 400 and a detail, an unusable one with 406 or 422.
    virtual void create(Role role, std::string room, std::optional<Auth> auth, std::string offer_sdp, CreateDone done) = 0;
    /// `if_match` is an entity tag without quotes, or "*" (an ICE restart is asked with it, RFC 9725 §4.3.3). Refuse a
    /// tag that is not current with 412, an unknown session with 404. A weak tag is passed as W/tag, so never equal.
    virtual void patch(std::string session_id, std::string fragment, std::optional<std::string> if_match,
                       PatchDone done) = 0;
    /// 404 for an unknown session.
    virtual void remove(std::string session_id, RemoveDone done) = 0;
};

/// `token` is that of `Authorization: Bearer`. A Refusal with 401 gets its WWW-Authenticate here. Called for POST, PATCH
/// and DELETE; no value of optional<Auth> means anonymous and allowed (development mode).
using Authorize = std::function<std::expected<std::optional<Auth>, Refusal>(Role role, const std::string& room,
                                                                            const std::optional<std::string>& token)>;

struct IceServer {
    std::string url;  // "stun:host:3478", "turn:host:3478?transport=udp"
    std::string username;
    std::string credential;
};

/// What one client may ask for.
struct Limits {
    std::size_t sdp_bytes = 64 * 1024;
    std::size_t room_name_bytes = 128;  // of UTF-8
};

struct Options {
    /// Advertised as Link fields of the 201; asked per session since TURN credentials are short-lived.
    std::function<std::vector<IceServer>(Role, const std::string& room, const std::optional<Auth>&)> ice_servers;
    std::string realm = "sluice";
    /// A PATCH without If-Match: 428 (RFC 9725 §4.3.1) or, when false, passed on without a precondition.
    bool require_if_match = true;
    std::function<Limits()> limits;  // asked at each request; empty: the defaults
};

/// Registers the routes. `backend` and `router` must outlive each other's use.
void mount(http::Router& router, Backend& backend, Authorize authorize, Options options = {});

/// Decoded room name: 1..max_bytes bytes of valid UTF-8, no control characters.
bool valid_room_name(std::string_view name, std::size_t max_bytes = Limits{}.room_name_bytes);

}  // namespace sluice::whip
