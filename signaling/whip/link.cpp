#include "signaling/whip/link.hpp"

namespace sluice::whip {
namespace {

/// quoted-string (RFC 9110 §5.6.4).
std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

}  // namespace

std::string link_value(const IceServer& server) {
    std::string value = "<" + server.url + ">; rel=\"ice-server\"";
    if (!server.username.empty())
        value += "; username=" + quoted(server.username) + "; credential=" + quoted(server.credential) +
                 "; credential-type=\"password\"";
    return value;
}

}  // namespace sluice::whip
