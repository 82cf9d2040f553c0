// Who applies each key of the schema. A test of each reader changes every key that stands here for it and sees what it makes
// of the configuration change; a key that nobody applies cannot be added without saying so.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace sluice::config {

enum Reader : std::uint8_t {
    reader_control_plane = 1,
    reader_data_plane = 2,
    reader_host_setup = 4,  // what prepares the machine before the data plane starts: quickstart
    reader_none = 8,        // kept for a function that is not there yet; its documentation says so
};

struct KeyReaders {
    std::string_view path;
    std::uint8_t readers;  // of Reader
};
[[nodiscard]] std::span<const KeyReaders> all_readers() noexcept;

// Nothing for a key that is not in the table: a test fails then.
[[nodiscard]] std::optional<std::uint8_t> readers_of(std::string_view path) noexcept;

// "control plane", "data plane": those whose restart puts a cold key in force.
[[nodiscard]] std::vector<std::string_view> restarts_for(std::string_view path);

}  // namespace sluice::config
