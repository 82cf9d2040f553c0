#include "signaling/http/router.hpp"

#include "signaling/http/url.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

namespace sluice::http {
namespace {

[[noreturn]] void refuse_pattern(const std::string& pattern, const char* why) {
    std::fprintf(stderr, "http::Router: pattern \"%s\": %s\n", pattern.c_str(), why);
    std::abort();
}

std::string join(const std::set<std::string>& words) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
    return out;
}

}  // namespace

Router::Route& Router::route_for(std::string pattern) {
    for (Route& route : routes_)
        if (route.pattern == pattern) return route;

    if (pattern.empty() || pattern.front() != '/') refuse_pattern(pattern, "must begin with '/'");
    Route route;
    const auto parts = split_path(pattern);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::string_view part = parts[i];
        if (part == "*") {
            if (i + 1 != parts.size()) refuse_pattern(pattern, "'*' must be last");
            route.segments.push_back({Segment::Kind::rest, "*"});
        } else if (part.starts_with('{')) {
            if (part.size() < 3 || !part.ends_with('}')) refuse_pattern(pattern, "malformed {parameter}");
            route.segments.push_back({Segment::Kind::parameter, std::string(part.substr(1, part.size() - 2))});
        } else {
            route.segments.push_back({Segment::Kind::literal, std::string(part)});
        }
    }
    route.pattern = std::move(pattern);

    const auto more_specific = [](const Route& a, const Route& b) {
        return std::lexicographical_compare(a.segments.begin(), a.segments.end(), b.segments.begin(), b.segments.end(),
                                            [](const Segment& x, const Segment& y) { return x.kind < y.kind; });
    };
    const auto place = std::upper_bound(routes_.begin(), routes_.end(), route, more_specific);
    return *routes_.insert(place, std::move(route));
}

void Router::handle(std::string method, std::string pattern, Handler handler) {
    route_for(std::move(pattern)).methods[std::move(method)] = std::move(handler);
}

void Router::websocket(std::string pattern, WebSocketHandler handler, WebSocketGate gate) {
    Route& route = route_for(std::move(pattern));
    route.websocket = std::move(handler);
    route.gate = std::move(gate);
}

const Router::Route* Router::match(Request& request) const {
    const auto parts = split_path(request.path);
    for (const Route& route : routes_) {
        std::map<std::string, std::string> params;
        bool matches = true;
        std::size_t i = 0;
        for (const Segment& segment : route.segments) {
            if (segment.kind == Segment::Kind::rest) {
                const std::size_t from =
                    i < parts.size() ? static_cast<std::size_t>(parts[i].data() - request.path.data()) : request.path.size();
                auto rest = percent_decode(std::string_view(request.path).substr(from));
                matches = rest.has_value();
                if (matches) params.emplace("*", std::move(*rest));
                i = parts.size();
                break;
            }
            if (i == parts.size()) {
                matches = false;
                break;
            }
            auto decoded = percent_decode(parts[i++]);
            if (!decoded || (segment.kind == Segment::Kind::literal ? *decoded != segment.text : decoded->empty())) {
                matches = false;
                break;
            }
            if (segment.kind == Segment::Kind::parameter) params.emplace(segment.text, std::move(*decoded));
        }
        if (matches && i == parts.size()) {
            request.params = std::move(params);
            return &route;
        }
    }
    return nullptr;
}

Router::WebSocketRoute Router::websocket_route(Request& request) const {
    const Route* route = match(request);
    if (route == nullptr || !route->websocket) return {};
    return {&route->websocket, route->gate ? &route->gate : nullptr};
}

void Router::add_cors(Response& response) {
    response.headers.set("Access-Control-Allow-Origin", "*");
    response.headers.set("Access-Control-Expose-Headers",
                         "Location, ETag, Link, Accept-Patch, Accept-Post, Retry-After, WWW-Authenticate");
}

void Router::dispatch(Request request, Reply reply) const {
    Reply with_cors = [reply = std::move(reply)](Response response) {
        add_cors(response);
        reply(std::move(response));
    };
    const bool server_wide = request.method == "OPTIONS" && request.path == "*";
    const Route* route = server_wide ? nullptr : match(request);
    if (route == nullptr && !server_wide)
        return with_cors(Response::problem(404, "Not found", "There is nothing at " + request.path));

    std::set<std::string> allowed{"OPTIONS"};
    if (route != nullptr) {
        for (const auto& [method, handler] : route->methods) allowed.insert(method);
        if (allowed.contains("GET")) allowed.insert("HEAD");
        if (route->websocket) allowed.insert("GET");
    }

    if (request.method == "OPTIONS") {
        Reply preflight = [with_cors, allow = join(allowed)](Response response) {
            response.headers.set("Allow", allow);
            response.headers.set("Access-Control-Allow-Methods", allow);
            response.headers.set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match");
            response.headers.set("Access-Control-Max-Age", "86400");
            with_cors(std::move(response));
        };
        if (route != nullptr)
            if (const auto own = route->methods.find("OPTIONS"); own != route->methods.end())
                return own->second(std::move(request), std::move(preflight));
        return preflight(Response::empty(204));
    }

    auto handler = route->methods.find(request.method);
    if (handler == route->methods.end() && request.method == "HEAD") handler = route->methods.find("GET");
    if (handler != route->methods.end()) return handler->second(std::move(request), std::move(with_cors));

    if (route->websocket && request.method == "GET") {
        Response response = Response::problem(426, "Upgrade required", "This address speaks WebSocket only");
        response.headers.set("Upgrade", "websocket");
        response.headers.set("Connection", "Upgrade");
        return with_cors(std::move(response));
    }
    Response response = Response::problem(405, "Method not allowed", request.method + " is not among " + join(allowed));
    response.headers.set("Allow", join(allowed));
    with_cors(std::move(response));
}

}  // namespace sluice::http
