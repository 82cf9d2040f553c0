// Datagrams, each with a length of two bytes before it, into a server; a first byte chooses whether they
// stand alone or are laid over a real client's flights, so that they reach the later states too.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "controlplane/dtls/endpoint.hpp"
#include "controlplane/dtls/record.hpp"

namespace {

using namespace sluice;
using namespace sluice::dtls;

struct World {
    Context server = Context::create(Certificate::generate(1'800'000'000).value()).value();
    Context client = Context::create(Certificate::generate(1'800'000'000).value()).value();
    Fingerprints of_server{parse_fingerprint("sha-256 " + server.certificate().fingerprint_sha256()).value()};
    Fingerprints of_client{parse_fingerprint("sha-256 " + client.certificate().fingerprint_sha256()).value()};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static World world;
    if (size == 0) return 0;
    bool const with_client = (data[0] & 1) != 0;
    ByteView in{data + 1, size - 1};
    Endpoint server(world.server, Role::server, world.of_client);
    Endpoint client(world.client, Role::client, world.of_server);
    std::vector<std::uint8_t> out;
    client.start();
    while (in.size() >= 2) {
        std::size_t const length = std::min<std::size_t>((in[0] << 8 | in[1]) & 0x7ff, in.size() - 2);
        ByteView const part = in.subspan(2, length);
        in = in.subspan(2 + length);
        if (!with_client) {
            if (well_formed_prefix(part) > part.size()) std::abort();
            server.receive(part);
        } else {
            // The client's next datagram, with the input XORed over it.
            if (client.take_output(out)) {
                for (std::size_t n = 0; n < part.size() && n < out.size(); ++n) out[n] ^= part[n];
                server.receive(out);
            } else {
                server.receive(part);
            }
        }
        int outputs = 0;
        while (server.take_output(out)) {
            if (out.size() > 1200 || ++outputs > 32) std::abort();
            client.receive(out);
        }
        server.handle_timeout();
    }
    // Nobody is let in without the certificate of the description.
    if (!with_client && server.state() == State::connected) std::abort();
    if (server.state() == State::connected && !server.keys()) std::abort();
    return 0;
}
