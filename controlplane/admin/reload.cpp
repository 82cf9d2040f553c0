#include "controlplane/admin/reload.hpp"

#include <boost/json.hpp>
#include <utility>

#include "config/readers.hpp"
#include "controlplane/admin/views.hpp"

namespace sluice::admin {
namespace {

namespace json = boost::json;

json::object change_json(const config::Difference& d) {
    json::object o{{"key", d.path},
                   {"change", config::name_of(d.change)},
                   {"before", d.before},
                   {"after", d.after},
                   {"applied", d.change == config::Change::warm}};
    // Whoever takes the new value only when it starts: of a warm key that is the data plane at most.
    json::array restart;
    for (const std::string_view plane : config::restarts_for(d.path))
        if (d.change == config::Change::cold || plane != "control plane") restart.emplace_back(plane);
    o["restart"] = std::move(restart);
    return o;
}

http::Response refused(const ReloadRefusal& refusal) {
    const bool conflict = refusal.diagnostics.empty();
    json::array diagnostics;
    for (const config::Diagnostic& d : refusal.diagnostics)
        diagnostics.push_back(json::object{
            {"file", d.file}, {"line", d.line}, {"key", d.key}, {"message", d.message}, {"suggestion", d.suggestion}});
    const int status = conflict ? 409 : 422;
    http::Response response = http::Response::problem(status, "Nothing was reloaded", "");
    response.body =
        json::serialize(json::object{{"title", "Nothing was reloaded"},
                                     {"status", status},
                                     {"detail", conflict ? refusal.reason : config::to_string(refusal.diagnostics)},
                                     {"diagnostics", std::move(diagnostics)}});
    return response;
}

}  // namespace

void mount_reload(http::Router& router, std::function<ReloadResult()> reload) {
    router.handle("POST", "/v1/config/reload", [reload = std::move(reload)](http::Request, http::Reply reply) {
        const ReloadResult result = reload();
        if (!result) return reply(refused(result.error()));
        json::array changes;
        for (const config::Difference& d : result->changes) changes.push_back(change_json(d));
        reply(http::Response::json(json::serialize(
            json::object{{"version", view_version}, {"file", result->file}, {"changes", std::move(changes)}})));
    });
}

}  // namespace sluice::admin
