// What can go wrong outside a handshake: making or reading a certificate, building a context.
#pragma once

#include <string>

namespace sluice::dtls {

struct Error {
    std::string message;  // for a person; never holds key material
};

}  // namespace sluice::dtls
