#include "tools/sluicectl/table.hpp"

#include <algorithm>
#include <cassert>
#include <cwchar>

namespace sluice::ctl {
namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t narrowest = 10;
constexpr std::string_view ellipsis = "…";

// Calls `each(bytes, cells)` for every character; cells is -1 for what cannot be shown.
template <typename Each>
void characters(std::string_view text, Each each) {
    std::mbstate_t state{};
    while (!text.empty()) {
        wchar_t c = 0;
        std::size_t n = std::mbrtowc(&c, text.data(), text.size(), &state);
        int cells = -1;
        if (n == 0 || n > text.size()) {
            n = 1;
            state = {};
        } else {
            cells = ::wcwidth(c);
        }
        if (!each(text.substr(0, n), cells)) return;
        text.remove_prefix(n);
    }
}

std::string padded(std::string_view text, std::size_t cells, Align align) {
    const std::string blanks(cells - std::min(cells, width_of(text)), ' ');
    return align == Align::left ? std::string(text) + blanks : blanks + std::string(text);
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    characters(text, [&out](std::string_view bytes, int cells) {
        out += cells < 0 ? std::string_view("?") : bytes;
        return true;
    });
    return out;
}

std::size_t width_of(std::string_view printable_text) {
    std::size_t total = 0;
    characters(printable_text, [&total](std::string_view, int cells) {
        total += static_cast<std::size_t>(std::max(cells, 0));
        return true;
    });
    return total;
}

std::string fitted(std::string_view printable_text, std::size_t cells) {
    if (width_of(printable_text) <= cells) return std::string(printable_text);
    std::string out;
    if (cells == 0) return out;
    std::size_t used = 1;
    characters(printable_text, [&](std::string_view bytes, int width) {
        used += static_cast<std::size_t>(std::max(width, 0));
        if (used > cells) return false;
        out += bytes;
        return true;
    });
    return out + (printable(ellipsis) == ellipsis ? std::string(ellipsis) : std::string("~"));
}

void Table::add(std::vector<std::string> cells) {
    assert(cells.size() == columns_.size());
    for (std::string& cell : cells) cell = printable(cell);
    rows_.push_back(std::move(cells));
}

std::string Table::to_string(std::size_t max_width) const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::size_t width = width_of(columns_[i].title);
        for (const auto& row : rows_) width = std::max(width, width_of(row[i]));
        widths.push_back(width);
    }
    if (max_width != 0) {
        std::size_t before = 0;
        for (std::size_t i = 0; i + 1 < widths.size(); ++i) before += widths[i] + gap;
        widths.back() = std::min(widths.back(), std::max(narrowest, max_width - std::min(max_width, before)));
    }
    std::string out;
    const auto line = [&](const auto& cell_of) {
        std::string text;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (i > 0) text.append(gap, ' ');
            text += padded(fitted(cell_of(i), widths[i]), widths[i], columns_[i].align);
        }
        out += text.substr(0, text.find_last_not_of(' ') + 1) + '\n';
    };
    line([&](std::size_t i) -> const std::string& { return columns_[i].title; });
    for (const auto& row : rows_) line([&](std::size_t i) -> const std::string& { return row[i]; });
    return out;
}

void Facts::add(std::string_view name, std::string_view value) {
    facts_.emplace_back(name, printable(value));
}

std::string Facts::to_string() const {
    std::size_t width = 0;
    for (const auto& [name, value] : facts_) width = std::max(width, name.size() + 1);
    std::string out;
    for (const auto& [name, value] : facts_) out += padded(name + ":", width + gap - 1, Align::left) + ' ' + value + '\n';
    return out;
}

}  // namespace sluice::ctl
