// Aligned columns for terminals: widths are counted in cells (wcwidth), so wide and combining characters line up, and what
// a terminal would obey (control characters, bytes that are no text) becomes "?": names come from strangers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::ctl {

enum class Align : std::uint8_t { left, right };

// UTF-8 or not, printable in the locale of LC_CTYPE or replaced.
[[nodiscard]] std::string printable(std::string_view text);
// Cells of a printable text.
[[nodiscard]] std::size_t width_of(std::string_view printable_text);
// At most `cells`, the last one being "…" where something was cut.
[[nodiscard]] std::string fitted(std::string_view printable_text, std::size_t cells);

class Table {
public:
    struct Column {
        std::string title;
        Align align = Align::left;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    // As many cells as there are columns.
    void add(std::vector<std::string> cells);

    [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
    // Title line and rows, each with its line feed; no trailing blanks. The last column is cut to keep lines within
    // `max_width` cells, but never below ten; 0 = no limit.
    [[nodiscard]] std::string to_string(std::size_t max_width = 0) const;

private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

// "name:  value" lines, values aligned.
class Facts {
public:
    void add(std::string_view name, std::string_view value);
    [[nodiscard]] std::string to_string() const;

private:
    std::vector<std::pair<std::string, std::string>> facts_;
};

}  // namespace sluice::ctl
