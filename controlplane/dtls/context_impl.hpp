// The library state behind a Context. Internal to this folder.
#pragma once

#include "controlplane/dtls/context.hpp"
#include "controlplane/dtls/openssl_ptr.hpp"

namespace sluice::dtls {

struct Context::Impl {
    BioMethodPtr bio_method;
    SslCtxPtr ssl_ctx;  // both roles
};

}  // namespace sluice::dtls
