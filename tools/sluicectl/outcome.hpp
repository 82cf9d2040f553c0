// What a verb hands back, and how it becomes output: text for people, one versioned JSON document for scripts.
//
// The document: {"version":1, "command":"drops", "unix_ms":N, "exit_code":0, "error":"..." (only if it failed),
// "data_plane":{"up":true}, "control_plane":{"up":false,"reason":"..."} (those that the verb asked), "data":{...}}.
// Fields are only ever added; `version` rises when one changes its meaning.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::ctl {

inline constexpr int json_version = 1;

enum class Exit : std::uint8_t {
    ok = 0,
    failure = 1,
    usage = 2,
    data_plane_unreachable = 3,
    control_plane_unreachable = 4,
};

struct PlaneState {
    bool up = false;
    std::string reason;  // why not
};

struct Outcome {
    Exit exit = Exit::ok;
    std::string error;  // for a person; empty when exit is ok
    std::optional<PlaneState> data_plane;
    std::optional<PlaneState> control_plane;
    boost::json::object data;
    std::string text;

    [[nodiscard]] static Outcome failed(Exit exit, std::string error);
};

// One line, with its line feed.
[[nodiscard]] std::string envelope(std::string_view command, const Outcome& outcome, std::int64_t unix_ms);
// What goes to stderr beside the text: the error, and a plane that is down although the verb did its work.
[[nodiscard]] std::string remarks(const Outcome& outcome);

}  // namespace sluice::ctl
