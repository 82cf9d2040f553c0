#include "controlplane/ice/candidate.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace sluice::ice {
namespace {

constexpr std::array<std::string_view, 4> type_names{"host", "srflx", "prflx", "relay"};

std::string_view take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    std::size_t const end = std::min(text.find(' '), text.size());
    std::string_view const word = text.substr(0, end);
    text.remove_prefix(end);
    return word;
}

template <typename T>
std::optional<T> number(std::string_view word) {
    T value{};
    auto const [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
    return value;
}

bool equals_ignoring_case(std::string_view word, std::string_view lower) {
    return std::ranges::equal(word, lower, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

bool is_foundation(std::string_view word) {
    return !word.empty() && word.size() <= 32 && std::ranges::all_of(word, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
    });
}

}  // namespace

std::string_view to_string(CandidateError error) noexcept {
    switch (error) {
        case CandidateError::malformed: return "malformed candidate";
        case CandidateError::not_udp: return "candidate is not UDP";
        case CandidateError::not_an_address: return "candidate has a name instead of an address";
        case CandidateError::wrong_component: return "candidate is not of component 1";
    }
    return "unknown";
}

std::expected<Candidate, CandidateError> parse_candidate(std::string_view line) {
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    if (line.starts_with("a=")) line.remove_prefix(2);
    if (line.starts_with("candidate:")) line.remove_prefix(10);
    std::string_view const foundation = take_word(line);
    auto const component = number<std::uint16_t>(take_word(line));
    std::string_view const transport = take_word(line);
    auto const priority = number<std::uint32_t>(take_word(line));
    std::string_view const address = take_word(line);
    auto const port = number<std::uint16_t>(take_word(line));
    std::string_view const typ = take_word(line);
    std::string_view const type = take_word(line);
    const auto* const type_name = std::ranges::find(type_names, type);
    // RFC 8445 section 5.1.2: 1 to 2^31 - 1.
    if (!is_foundation(foundation) || !component || *component == 0 || transport.empty() || !priority || *priority == 0 ||
        *priority > 0x7fff'ffff || address.empty() || !port || typ != "typ" || type_name == type_names.end())
        return std::unexpected(CandidateError::malformed);
    if (!equals_ignoring_case(transport, "udp")) return std::unexpected(CandidateError::not_udp);
    if (*component != 1) return std::unexpected(CandidateError::wrong_component);
    auto const ip = IpAddress::parse(address);
    if (!ip) return std::unexpected(CandidateError::not_an_address);
    return Candidate{.foundation = std::string(foundation),
                     .component = 1,
                     .priority = *priority,
                     .endpoint = {*ip, *port},
                     .type = static_cast<CandidateType>(type_name - type_names.begin())};
}

std::string format_candidate(const Candidate& candidate) {
    std::string out = "candidate:" + candidate.foundation + ' ' + std::to_string(candidate.component) + " udp " +
                      std::to_string(candidate.priority) + ' ' + candidate.endpoint.address.to_string() + ' ' +
                      std::to_string(candidate.endpoint.port) + " typ ";
    out += type_names[static_cast<std::size_t>(candidate.type)];
    return out;
}

std::uint32_t candidate_priority(CandidateType type, std::uint16_t local_preference) noexcept {
    // RFC 8445 section 5.1.2.2, in the order of CandidateType.
    constexpr std::array<std::uint32_t, 4> preferences{126, 100, 110, 0};
    constexpr std::uint32_t component = 1;
    return preferences[static_cast<std::size_t>(type)] << 24 | static_cast<std::uint32_t>(local_preference) << 8 |
           (256 - component);
}

std::uint64_t pair_priority(std::uint32_t controlling, std::uint32_t controlled) noexcept {
    std::uint64_t const low = std::min(controlling, controlled);
    std::uint64_t const high = std::max(controlling, controlled);
    return (low << 32) + 2 * high + (controlling > controlled ? 1 : 0);
}

std::vector<Candidate> host_candidates(std::span<const Endpoint> addresses) {
    std::vector<Candidate> out;
    std::uint16_t preference = std::numeric_limits<std::uint16_t>::max();
    for (const Endpoint& endpoint : addresses) {
        out.push_back({.foundation = std::to_string(out.size() + 1),
                       .component = 1,
                       .priority = candidate_priority(CandidateType::host, preference--),
                       .endpoint = endpoint,
                       .type = CandidateType::host});
    }
    return out;
}

}  // namespace sluice::ice
