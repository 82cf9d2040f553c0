#include "signaling/whip/whip.hpp"

#include "signaling/http/url.hpp"
#include "signaling/whip/if_match.hpp"
#include "signaling/whip/link.hpp"

#include <utility>

namespace sluice::whip {
namespace {

using http::Reply;
using http::Request;
using http::Response;

constexpr std::string_view sdp_type = "application/sdp";
constexpr std::string_view fragment_type = "application/trickle-ice-sdpfrag";

Refusal unsupported_type(std::string_view wanted) {
    return {415, "Unsupported media type", "Content-Type must be " + std::string(wanted), std::nullopt};
}

/// Shared by the handlers that mount() registers.
class Resource : public std::enable_shared_from_this<Resource> {
public:
    Resource(Backend& backend, Authorize authorize, Options options, Role role, std::string prefix)
        : backend_(backend),
          authorize_(std::move(authorize)),
          options_(std::move(options)),
          role_(role),
          prefix_(std::move(prefix)) {}

    void post(Request request, Reply reply) {
        const auto admitted = admit(request);
        if (!admitted) return refuse(admitted.error(), reply);
        if (request.content_type() != sdp_type) {
            Response response = problem(unsupported_type(sdp_type));
            response.headers.set("Accept-Post", std::string(sdp_type));
            return reply(std::move(response));
        }
        if (request.body.empty())
            return refuse({400, "Bad SDP", "The request has no SDP offer in its body", std::nullopt}, reply);
        if (request.body.size() > limits().sdp_bytes) return refuse(too_large(), reply);

        const std::string room = *request.param("room");
        backend_.create(role_, room, *admitted, std::move(request.body),
                        [self = shared_from_this(), room, auth = *admitted, reply](std::expected<Created, Refusal> created) {
                            if (!created) return self->refuse(created.error(), reply);
                            reply(self->created(room, auth, std::move(*created)));
                        });
    }

    void patch(Request request, Reply reply) {
        if (const auto admitted = admit(request); !admitted) return refuse(admitted.error(), reply);
        if (request.content_type() != fragment_type) {
            Response response = problem(unsupported_type(fragment_type));
            response.headers.set("Accept-Patch", std::string(fragment_type));
            return reply(std::move(response));
        }
        if (request.body.empty())
            return refuse({400, "Bad SDP fragment", "The request has no SDP fragment in its body", std::nullopt}, reply);
        if (request.body.size() > limits().sdp_bytes) return refuse(too_large(), reply);
        auto if_match = parse_if_match(request.headers);
        if (!if_match)
            return refuse({400, "Bad precondition", "If-Match must be one quoted entity tag or *", std::nullopt}, reply);
        if (!*if_match && options_.require_if_match)
            return refuse({428, "Precondition required", "Send If-Match with the session's ETag, or * for an ICE restart",
                           std::nullopt},
                          reply);

        backend_.patch(*request.param("id"), std::move(request.body), std::move(*if_match),
                       [self = shared_from_this(), reply](std::expected<Patched, Refusal> patched) {
                           if (!patched) return self->refuse(patched.error(), reply);
                           reply(self->patched(std::move(*patched)));
                       });
    }

    void remove(Request request, Reply reply) {
        if (const auto admitted = admit(request); !admitted) return refuse(admitted.error(), reply);
        backend_.remove(*request.param("id"), [self = shared_from_this(), reply](std::expected<void, Refusal> removed) {
            if (!removed) return self->refuse(removed.error(), reply);
            reply(Response::empty(200));
        });
    }

    /// RFC 9725 §4.2: a client may learn the media type here; the router adds Allow and CORS.
    static void options(std::string_view field, std::string_view type, const Reply& reply) {
        Response response = Response::empty(204);
        response.headers.set(std::string(field), std::string(type));
        reply(std::move(response));
    }

private:
    std::expected<std::optional<Auth>, Refusal> admit(const Request& request) const {
        const std::string& room = *request.param("room");
        const std::size_t longest = limits().room_name_bytes;
        if (!valid_room_name(room, longest))
            return std::unexpected(
                Refusal{400, "Bad room name",
                        "A room name has 1 to " + std::to_string(longest) + " bytes of UTF-8 and no control characters",
                        std::nullopt});
        return authorize_(role_, room, request.bearer_token());
    }

    Limits limits() const { return options_.limits ? options_.limits() : Limits{}; }

    Refusal too_large() const {
        return {413, "SDP too large", "At most " + std::to_string(limits().sdp_bytes) + " bytes are accepted", std::nullopt};
    }

    Response problem(const Refusal& refusal) const {
        const int status = refusal.status >= 400 && refusal.status <= 599 ? refusal.status : 500;
        Response response =
            Response::problem(status, refusal.title.empty() ? http::reason_phrase(status) : refusal.title, refusal.detail);
        if (status == 401) response.headers.set("WWW-Authenticate", "Bearer realm=\"" + options_.realm + "\"");
        if (refusal.retry_after_s) response.headers.set("Retry-After", std::to_string(*refusal.retry_after_s));
        return response;
    }

    void refuse(const Refusal& refusal, const Reply& reply) const { reply(problem(refusal)); }

    Response created(const std::string& room, const std::optional<Auth>& auth, Created session) const {
        Response response = Response::empty(201);
        response.headers.set("Content-Type", std::string(sdp_type));
        response.headers.set("Location",
                             prefix_ + "/" + http::percent_encode(room) + "/" + http::percent_encode(session.session_id));
        response.headers.set("ETag", "\"" + session.etag + "\"");
        response.headers.set("Accept-Patch", std::string(fragment_type));
        response.headers.set("Cache-Control", "no-store");
        if (options_.ice_servers)
            for (const IceServer& server : options_.ice_servers(role_, room, auth))
                response.headers.add("Link", link_value(server));
        response.body = std::move(session.answer_sdp);
        return response;
    }

    static Response patched(Patched result) {
        Response response = Response::empty(result.fragment ? 200 : 204);
        if (!result.etag.empty()) response.headers.set("ETag", "\"" + result.etag + "\"");
        if (result.fragment) {
            response.headers.set("Content-Type", std::string(fragment_type));
            response.headers.set("Cache-Control", "no-store");
            response.body = std::move(*result.fragment);
        }
        return response;
    }

    Backend& backend_;
    Authorize authorize_;
    Options options_;
    Role role_;
    std::string prefix_;
};

}  // namespace

bool valid_room_name(std::string_view name, std::size_t max_bytes) {
    if (name.empty() || name.size() > max_bytes) return false;
    for (std::size_t i = 0; i < name.size();) {
        const std::size_t length = http::utf8_sequence_length(name.substr(i));
        if (length == 0) return false;
        const auto first = static_cast<unsigned char>(name[i]);
        // C0, DEL, and C1 (U+0080..U+009F, encoded C2 80..C2 9F).
        if (first < 0x20 || first == 0x7f) return false;
        if (first == 0xc2 && static_cast<unsigned char>(name[i + 1]) < 0xa0) return false;
        i += length;
    }
    return true;
}

void mount(http::Router& router, Backend& backend, Authorize authorize, Options options) {
    for (const auto& [role, prefix] : {std::pair{Role::publish, "/whip"}, std::pair{Role::watch, "/whep"}}) {
        auto resource = std::make_shared<Resource>(backend, authorize, options, role, prefix);
        const std::string endpoint = std::string(prefix) + "/{room}";
        const std::string session = endpoint + "/{id}";
        router.handle("POST", endpoint,
                      [resource](Request request, Reply reply) { resource->post(std::move(request), std::move(reply)); });
        router.handle("OPTIONS", endpoint, [](Request, Reply reply) { Resource::options("Accept-Post", sdp_type, reply); });
        router.handle("PATCH", session,
                      [resource](Request request, Reply reply) { resource->patch(std::move(request), std::move(reply)); });
        router.handle("DELETE", session,
                      [resource](Request request, Reply reply) { resource->remove(std::move(request), std::move(reply)); });
        router.handle("OPTIONS", session,
                      [](Request, Reply reply) { Resource::options("Accept-Patch", fragment_type, reply); });
    }
}

}  // namespace sluice::whip
