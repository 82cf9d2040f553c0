#include "controlplane/dtls/datagram_bio.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::dtls {
namespace {

DatagramPort& port_of(BIO* bio) {
    return *static_cast<DatagramPort*>(BIO_get_data(bio));
}

int bio_write(BIO* bio, const char* data, int length) {
    BIO_clear_retry_flags(bio);
    if (length <= 0) return 0;
    port_of(bio).send({reinterpret_cast<const std::uint8_t*>(data), static_cast<std::size_t>(length)});
    return length;
}

int bio_read(BIO* bio, char* data, int length) {
    BIO_clear_retry_flags(bio);
    DatagramPort& port = port_of(bio);
    if (port.incoming.empty() || length <= 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    std::size_t const size = std::min(port.incoming.size(), static_cast<std::size_t>(length));
    std::memcpy(data, port.incoming.data(), size);
    port.incoming = {};
    return static_cast<int>(size);
}

long bio_ctrl(BIO* bio, int command, long, void*) {
    const DatagramPort& port = port_of(bio);
    switch (command) {
        case BIO_CTRL_FLUSH: return 1;
        // Unanswered, this one makes datagrams of 256 bytes.
        case BIO_CTRL_DGRAM_QUERY_MTU:
        case BIO_CTRL_DGRAM_GET_MTU:
        case BIO_CTRL_DGRAM_GET_FALLBACK_MTU: return static_cast<long>(port.mtu);
        case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD: return 48;  // IPv6 and UDP
        case BIO_CTRL_PENDING: return static_cast<long>(port.incoming.size());
        default: return 0;
    }
}

int bio_create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
}

}  // namespace

BioMethodPtr make_datagram_bio_method() {
    BioMethodPtr method(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagram port"));
    if (method) {
        BIO_meth_set_write(method.get(), bio_write);
        BIO_meth_set_read(method.get(), bio_read);
        BIO_meth_set_ctrl(method.get(), bio_ctrl);
        BIO_meth_set_create(method.get(), bio_create);
    }
    return method;
}

BIO* make_datagram_bio(const BIO_METHOD* method, DatagramPort& port) {
    BIO* bio = BIO_new(method);
    if (bio != nullptr) BIO_set_data(bio, &port);
    return bio;
}

}  // namespace sluice::dtls
