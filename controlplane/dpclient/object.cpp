#include "controlplane/dpclient/object.hpp"

#include <openssl/crypto.h>

namespace sluice::dpclient {

void wipe(Record& record) noexcept {
    OPENSSL_cleanse(record.data(), record.size());
    record.clear();
}

}  // namespace sluice::dpclient
