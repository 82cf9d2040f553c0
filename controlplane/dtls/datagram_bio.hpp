// OpenSSL's view of the network: one read is one datagram, one write is one datagram. BIO_s_mem is a byte
// stream, loses those boundaries, and makes a flight one oversized packet. Internal to this folder.
#pragma once

#include <cstddef>
#include <functional>

#include "controlplane/dtls/openssl_ptr.hpp"
#include "dataplane/base/bytes.hpp"

namespace sluice::dtls {

// What the BIO reads and writes; outlives the BIO.
struct DatagramPort {
    ByteView incoming;  // read once, then empty
    std::function<void(ByteView)> send;
    std::size_t mtu = 1200;
};

[[nodiscard]] BioMethodPtr make_datagram_bio_method();
// Null when out of memory.
[[nodiscard]] BIO* make_datagram_bio(const BIO_METHOD* method, DatagramPort& port);

}  // namespace sluice::dtls
