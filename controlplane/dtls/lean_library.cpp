#include "controlplane/dtls/lean_library.hpp"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace sluice::dtls {
namespace {

// Of which a handshake's certificate may be, and what its key exchange and derivation need.
constexpr std::array<std::string_view, 4> certificate_keys{"EC", "RSA", "RSA-PSS", "ED25519"};
constexpr std::array<std::string_view, 2> other_keys{"X25519", "TLS1-PRF"};

struct Upstream {
    OSSL_PROVIDER* provider = nullptr;
    std::vector<OSSL_ALGORITHM> decoders, keys;
};
Upstream upstream;  // written once, before the lean context is there

std::string_view first_name(const OSSL_ALGORITHM& algorithm) {
    const std::string_view names = algorithm.algorithm_names;
    return names.substr(0, names.find(':'));
}

template <typename Wanted>
std::vector<OSSL_ALGORITHM> select(int operation, Wanted wanted) {
    std::vector<OSSL_ALGORITHM> chosen;
    int no_cache = 0;
    const OSSL_ALGORITHM* at = OSSL_PROVIDER_query_operation(upstream.provider, operation, &no_cache);
    for (; at != nullptr && at->algorithm_names != nullptr; ++at)
        if (wanted(*at)) chosen.push_back(*at);
    chosen.push_back({nullptr, nullptr, nullptr, nullptr});
    return chosen;
}

const OSSL_ALGORITHM* query(void*, int operation, int* no_cache) {
    *no_cache = 0;
    switch (operation) {
        case OSSL_OP_DECODER: return upstream.decoders.data();
        case OSSL_OP_KEYMGMT: return upstream.keys.data();
        case OSSL_OP_ENCODER:
        case OSSL_OP_STORE: return nullptr;
        default: return OSSL_PROVIDER_query_operation(upstream.provider, operation, no_cache);
    }
}

// TLS groups.
int capabilities(void*, const char* capability, OSSL_CALLBACK* callback, void* argument) {
    return OSSL_PROVIDER_get_capabilities(upstream.provider, capability, callback, argument);
}

int init(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out, void** context) {
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(query)},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, reinterpret_cast<void (*)()>(capabilities)},
        {0, nullptr},
    };
    *out = functions;
    *context = OSSL_PROVIDER_get0_provider_ctx(upstream.provider);  // what the algorithms expect
    return 1;
}

OSSL_LIB_CTX* make() noexcept {
    // Never freed: the algorithms live in the first, and whoever uses the second may outlive main().
    OSSL_LIB_CTX* const source = OSSL_LIB_CTX_new();
    OSSL_LIB_CTX* const lean = OSSL_LIB_CTX_new();
    upstream.provider = source != nullptr ? OSSL_PROVIDER_load(source, "default") : nullptr;
    if (upstream.provider == nullptr || lean == nullptr) return nullptr;
    const auto is_certificate_key = [](const OSSL_ALGORITHM& a) {
        return std::ranges::find(certificate_keys, first_name(a)) != certificate_keys.end();
    };
    upstream.decoders = select(OSSL_OP_DECODER, [&](const OSSL_ALGORITHM& a) {
        return is_certificate_key(a) &&
               std::string_view(a.property_definition).find("structure=SubjectPublicKeyInfo") != std::string_view::npos;
    });
    upstream.keys = select(OSSL_OP_KEYMGMT, [&](const OSSL_ALGORITHM& a) {
        return is_certificate_key(a) || std::ranges::find(other_keys, first_name(a)) != other_keys.end();
    });
    if (OSSL_PROVIDER_add_builtin(lean, "lean", init) != 1 || OSSL_PROVIDER_load(lean, "lean") == nullptr) return nullptr;
    return lean;
}

}  // namespace

OSSL_LIB_CTX* lean_library() noexcept {
    static OSSL_LIB_CTX* const library = make();
    return library;
}

}  // namespace sluice::dtls
