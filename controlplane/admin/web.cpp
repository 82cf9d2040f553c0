#include "controlplane/admin/web.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <memory>

#include "controlplane/admin/metrics.hpp"
#include "controlplane/admin/views.hpp"

namespace sluice::admin {
namespace {

using http::Reply;
using http::Request;
using http::Response;

Response page_response(const PageFile& file, const std::string& source) {
    if (source == "off") return Response::problem(404, "Not Found", "this server has no page (http.page is \"off\")");
    Response response;
    response.headers.set("Content-Type", std::string{file.content_type});
    response.headers.set("Cache-Control", "no-cache");
    // Only our own files and our own server; no inline script or style, no frame around the page. Its URL may hold a token.
    response.headers.set(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob: mediastream:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    response.headers.set("X-Content-Type-Options", "nosniff");
    response.headers.set("Referrer-Policy", "no-referrer");
    if (source == "builtin") {
        response.body = file.body;
        return response;
    }
    // Only names that are compiled in are ever opened, so no path of a request reaches the file system.
    std::ifstream in(source + "/" + std::string{file.path}, std::ios::binary);
    if (!in) return Response::problem(404, "Not Found", "the page directory has no " + std::string{file.path});
    response.body.assign(std::istreambuf_iterator<char>{in}, {});
    return response;
}

Response no_such_room() {
    return Response::problem(404, "Not Found", "nobody is in this room");
}

std::string room_param(const Request& request) {
    const std::string* room = request.param("room");
    return room == nullptr ? std::string{} : *room;
}

Response or_404(std::optional<std::string> body, const char* detail) {
    return body ? Response::json(std::move(*body)) : Response::problem(404, "Not Found", detail);
}

}  // namespace

void mount_web(http::Router& router, const room::Engine& engine, WebOptions web_options) {
    const auto options = std::make_shared<const WebOptions>(std::move(web_options));
    for (const PageFile& file : options->page) {
        const auto serve = [options, &file](Request, Reply reply) {
            reply(page_response(file, options->page_source ? options->page_source() : "builtin"));
        };
        router.handle("GET", "/" + std::string{file.path}, serve);
        if (file.path == "index.html") router.handle("GET", "/", serve);
    }
    router.handle("GET", "/healthz", [](Request, Reply reply) { reply(Response::text("ok\n")); });
    router.handle("GET", "/readyz", [&engine](Request, Reply reply) {
        const std::string reason = engine.not_ready();
        if (reason.empty())
            return reply(Response::json(engine.draining() ? R"({"ready":true,"draining":true})" : R"({"ready":true})"));
        Response response = Response::json(R"({"ready":false,"reason":")" + http::json_escape(reason) + "\"}", 503);
        response.headers.set("Retry-After", "1");
        reply(std::move(response));
    });
    router.handle("GET", "/metrics", [&engine, options](Request, Reply reply) {
        Response response;
        response.headers.set("Content-Type", openmetrics_type);
        response.body = metrics_text(engine, options->http_stats ? options->http_stats() : http::Stats{});
        reply(std::move(response));
    });
    const auto gated = [options](const Request& request) {
        return options->gate ? options->gate(room_param(request), request.bearer_token()) : std::nullopt;
    };
    router.handle("GET", "/api/rooms", [&engine, gated](Request request, Reply reply) {
        if (auto refusal = gated(request)) return reply(std::move(*refusal));
        reply(Response::json(rooms_json(engine)));
    });
    router.handle("GET", "/api/rooms/{room}", [&engine, gated](Request request, Reply reply) {
        if (auto refusal = gated(request)) return reply(std::move(*refusal));
        auto body = room_json(engine, room_param(request));
        reply(body ? Response::json(std::move(*body)) : no_such_room());
    });
}

void mount_admin(http::Router& router, room::Engine& engine) {
    router.handle("GET", "/v1/status", [&engine](Request, Reply reply) { reply(Response::json(status_json(engine))); });
    router.handle("GET", "/v1/rooms", [&engine](Request, Reply reply) { reply(Response::json(rooms_json(engine))); });
    router.handle("GET", "/v1/rooms/{room}", [&engine](Request request, Reply reply) {
        reply(or_404(room_detail_json(engine, room_param(request)), "no such room"));
    });
    router.handle("GET", "/v1/transports/{id}", [&engine](Request request, Reply reply) {
        const std::string* id = request.param("id");
        reply(or_404(transport_json(engine, abi::TransportId{session::parse_hex_id(id == nullptr ? "" : *id)}),
                     "no such transport"));
    });
    // ?after=ID&room=NAME&wait_ms=N, all optional: with wait_ms the answer waits so long for an event to tell of
    router.handle("GET", "/v1/events", [&engine](Request request, Reply reply) {
        const auto number = [&](const char* name) {
            const auto found = request.query.find(name);
            std::uint64_t value = 0;
            if (found != request.query.end())
                (void)std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
            return value;
        };
        const auto named = request.query.find("room");
        const std::string room = named == request.query.end() ? std::string{} : named->second;
        constexpr std::uint64_t longest_ms = 8'000;  // below the deadline of the socket
        const auto wait_ms = std::min(number("wait_ms"), longest_ms);
        const auto answer = [&engine, reply = std::move(reply)](const std::vector<room::Event>& events) {
            reply(Response::json(events_json(events, engine.events().last())));
        };
        if (wait_ms == 0) return answer(engine.events().after(number("after"), room));
        engine.events().wait(number("after"), room, engine.now_ns() + static_cast<std::int64_t>(wait_ms) * 1'000'000,
                             answer);
    });
    // ?transport=ID, or ?room=NAME for everybody in it
    router.handle("POST", "/v1/kick", [&engine](Request request, Reply reply) {
        std::vector<abi::TransportId> ids;
        if (const auto id = request.query.find("transport"); id != request.query.end()) {
            ids.push_back(abi::TransportId{session::parse_hex_id(id->second)});
        } else if (const auto name = request.query.find("room"); name != request.query.end()) {
            if (const auto room = engine.rooms().find(name->second); room != engine.rooms().end()) {
                ids = room->second.publishers;
                ids.insert(ids.end(), room->second.viewers.begin(), room->second.viewers.end());
            }
        } else {
            return reply(Response::problem(400, "Bad Request", "say whom: ?transport=ID or ?room=NAME"));
        }
        std::size_t kicked = 0;
        for (const abi::TransportId id : ids) kicked += engine.kick(id, "kicked by the operator");
        if (kicked == 0) return reply(Response::problem(404, "Not Found", "no such transport or room"));
        reply(Response::json("{\"version\":1,\"kicked\":" + std::to_string(kicked) + "}"));
    });
    // ?transport=ID&worker=N
    router.handle("POST", "/v1/move", [&engine](Request request, Reply reply) {
        const auto id = request.query.find("transport");
        const auto worker = request.query.find("worker");
        std::uint16_t to = 0;
        if (id == request.query.end() || worker == request.query.end() ||
            std::from_chars(worker->second.data(), worker->second.data() + worker->second.size(), to).ec != std::errc{})
            return reply(Response::problem(400, "Bad Request", "say whom and where: ?transport=ID&worker=N"));
        const std::string refused = engine.move(abi::TransportId{session::parse_hex_id(id->second)}, to);
        if (!refused.empty()) return reply(Response::problem(409, "Not Moved", refused));
        reply(Response::json("{\"version\":1,\"worker\":" + std::to_string(to) + "}"));
    });
    router.handle("POST", "/v1/drain", [&engine](Request request, Reply reply) {
        const auto off = request.query.find("off");
        engine.drain(off == request.query.end());
        reply(Response::json(engine.draining() ? R"({"version":1,"draining":true})" : R"({"version":1,"draining":false})"));
    });
}

}  // namespace sluice::admin
