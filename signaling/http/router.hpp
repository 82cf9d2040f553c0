// Maps method and path to handlers, and does for every resource alike what HTTP asks of a server: 404, 405 with
// Allow, HEAD from GET, OPTIONS, and CORS open to any origin (RFC 9725 §4.2 wants browsers of any site to publish).
//
// Patterns: "/healthz", "/whip/{room}", "/whip/{room}/{id}", "/assets/*". A parameter is one non-empty path
// segment, percent-decoded after the split, so an encoded '/' stays inside it. '*' is last, matches the rest of the
// path (also empty) and is params["*"], decoded. The most literal pattern wins: literal before parameter before '*',
// from the left.
//
// Thread: filled before the server starts, then the io thread only.
#pragma once

#include "signaling/http/message.hpp"
#include "signaling/http/websocket.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::http {

using WebSocketHandler = std::function<void(Request, std::shared_ptr<WebSocket>)>;
/// Decides before the upgrade: a Response refuses (401, 403, ...), nothing accepts.
using WebSocketGate = std::function<void(const Request&, std::function<void(std::optional<Response>)>)>;

class Router {
public:
    /// A malformed pattern is a programming error and aborts.
    void handle(std::string method, std::string pattern, Handler handler);
    void websocket(std::string pattern, WebSocketHandler handler, WebSocketGate gate = {});

    /// Answers the request, now or later, with CORS headers in place. `reply` is called exactly once.
    void dispatch(Request request, Reply reply) const;

    struct WebSocketRoute {
        const WebSocketHandler* handler = nullptr;  // null: no such route
        const WebSocketGate* gate = nullptr;
    };
    /// Looks up the WebSocket route and fills request.params.
    WebSocketRoute websocket_route(Request& request) const;

    static void add_cors(Response& response);

private:
    struct Segment {
        enum class Kind : std::uint8_t { literal, parameter, rest } kind;
        std::string text;
    };
    struct Route {
        std::string pattern;
        std::vector<Segment> segments;
        std::map<std::string, Handler> methods;
        WebSocketHandler websocket;
        WebSocketGate gate;
    };

    Route& route_for(std::string pattern);
    const Route* match(Request& request) const;

    std::vector<Route> routes_;  // the most specific first
};

}  // namespace sluice::http
