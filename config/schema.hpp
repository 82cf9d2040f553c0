// The table of all keys: one row each, from which validation, the diff of a reload, `config show`, the sample file and
// KEYS.md come. Rows stand in the order of the sample; keys of a group stand together.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "config/value.hpp"

namespace sluice::config {

enum class Type : std::uint8_t {
    integer,
    string,
    choice,   // a string out of `choices`
    strings,  // a list of strings
    keys,     // a group whose members are names of the author's choice, with string values
};

// Whether a change takes effect by a reload or needs a restart.
enum class Change : std::uint8_t { warm, cold };

struct Row {
    std::string_view path;  // "rtc.dtls.mtu"
    Type type;
    std::int64_t min = 0;  // integers: the value; strings: nothing
    std::int64_t max = 0;
    std::span<const std::string_view> choices;         // in the order of the enum
    std::string (*check)(std::string_view) = nullptr;  // of a string, or each of a list: what is wrong with it, or ""
    Change change = Change::cold;
    std::string_view doc;
    std::string_view example;               // a value in the file's spelling, where the default explains nothing
    Value (*get)(const Config&) = nullptr;  // choices as their number
    void (*set)(Config&, const Value&) = nullptr;

    [[nodiscard]] std::string_view leaf() const noexcept;   // "mtu"
    [[nodiscard]] std::string_view group() const noexcept;  // "rtc.dtls", "" at the top
};

[[nodiscard]] std::span<const Row> schema() noexcept;
[[nodiscard]] const Row* find_row(std::string_view path) noexcept;
// True if some key lies below it.
[[nodiscard]] bool is_group(std::string_view path) noexcept;
// What the group is for, for the sample and KEYS.md.
[[nodiscard]] std::string_view group_doc(std::string_view path) noexcept;

// The value as it is written in the file. Secrets become "***" unless `reveal`.
[[nodiscard]] std::string spell(const Row& row, const Value& value, bool reveal = false);
[[nodiscard]] std::string_view name_of(Type type) noexcept;
[[nodiscard]] std::string_view name_of(Change change) noexcept;
// "1..65535", "tap | af_xdp | ...", or "".
[[nodiscard]] std::string range_of(const Row& row);

}  // namespace sluice::config
