// Owning pointers to OpenSSL objects, and the library's error queue as text. Internal to this folder.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace sluice::dtls {

template <auto free_function>
struct Free {
    template <typename T>
    void operator()(T* object) const noexcept {
        free_function(object);
    }
};

using SslPtr = std::unique_ptr<SSL, Free<SSL_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using BioMethodPtr = std::unique_ptr<BIO_METHOD, Free<BIO_meth_free>>;

// The newest reason on this thread's queue, which is then emptied.
[[nodiscard]] inline std::string take_openssl_error() {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    std::string text = reason != nullptr ? reason : "unknown library error";
    ERR_clear_error();
    return text;
}

}  // namespace sluice::dtls
