#include "signaling/sdp/candidate.hpp"

#include "signaling/sdp/text.hpp"

namespace sluice::sdp {

namespace {
constexpr std::uint8_t host_type_preference = 126;
constexpr std::size_t max_extensions = 32;
}  // namespace

Candidate host_candidate(std::string foundation, std::string address, std::uint16_t port, std::uint16_t local_preference) {
    Candidate c;
    c.foundation = std::move(foundation);
    c.address = std::move(address);
    c.port = port;
    c.priority = candidate_priority(host_type_preference, local_preference);
    return c;
}

std::expected<Candidate, std::string> parse_candidate(std::string_view value) {
    auto rest = text::trim(value);
    if (text::has_control_characters(rest)) return std::unexpected("candidate with control characters");
    if (rest.starts_with("a=")) rest.remove_prefix(2);
    if (rest.starts_with("candidate:")) rest.remove_prefix(10);

    Candidate c;
    c.foundation = text::take_word(rest);
    if (c.foundation.empty() || c.foundation.size() > 64) return std::unexpected("candidate with a bad foundation");
    const auto component = text::number<std::uint16_t>(text::take_word(rest));
    if (!component || *component == 0 || *component > 256) return std::unexpected("candidate with a bad component");
    c.component = *component;
    c.transport = text::to_lower(text::take_word(rest));
    if (c.transport.empty()) return std::unexpected("candidate without a transport");
    const auto priority = text::number<std::uint32_t>(text::take_word(rest));
    if (!priority) return std::unexpected("candidate with a bad priority");
    c.priority = *priority;
    c.address = text::take_word(rest);
    if (c.address.empty() || c.address.size() > 255) return std::unexpected("candidate with a bad address");
    const auto port = text::number<std::uint16_t>(text::take_word(rest));
    if (!port) return std::unexpected("candidate with a bad port");
    c.port = *port;
    if (text::take_word(rest) != "typ") return std::unexpected("candidate without \"typ\"");
    c.type = text::take_word(rest);
    if (c.type.empty()) return std::unexpected("candidate without a type");

    while (!rest.empty()) {
        const auto name = text::take_word(rest);
        const auto word = text::take_word(rest);
        if (word.empty()) return std::unexpected("candidate attribute " + text::quoted(name) + " without a value");
        if (name == "raddr") {
            c.related.emplace(std::string(word), c.related ? c.related->second : 0);
        } else if (name == "rport") {
            const auto related_port = text::number<std::uint16_t>(word);
            if (!related_port || !c.related) return std::unexpected("candidate with a bad rport");
            c.related->second = *related_port;
        } else if (name == "tcptype") {
            c.tcp_type = word;
        } else if (c.extensions.size() < max_extensions) {
            c.extensions.emplace_back(name, word);
        } else {
            return std::unexpected("candidate with too many attributes");
        }
    }
    return c;
}

std::string write_candidate(const Candidate& c) {
    std::string out = "candidate:" + c.foundation + ' ' + std::to_string(c.component) + ' ' + c.transport + ' ' +
                      std::to_string(c.priority) + ' ' + c.address + ' ' + std::to_string(c.port) + " typ " + c.type;
    if (c.related) out += " raddr " + c.related->first + " rport " + std::to_string(c.related->second);
    if (!c.tcp_type.empty()) out += " tcptype " + c.tcp_type;
    for (const auto& [name, value] : c.extensions) out += ' ' + name + ' ' + value;
    return out;
}

}  // namespace sluice::sdp
