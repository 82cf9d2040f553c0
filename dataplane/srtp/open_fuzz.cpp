// Arbitrary bytes through the opener: byte 0 chooses suite and kind, byte 1 the header length. Nothing may
// crash or write out of bounds, and what opens must have been sealed with our key, which no input was.
#include <cstdlib>
#include <memory>
#include <vector>

#include "dataplane/srtp/engine.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice::srtp;
    static const std::unique_ptr<Engine> engine = make_engine(best_backend());
    static RxKey* const keys = [] {
        static RxKey made[2];
        const MasterKey master{.key = {1, 2, 3}, .salt = {4, 5, 6}};
        made[0].init(Suite::aead_aes_128_gcm, master, *engine);
        made[1].init(Suite::aes_cm_128_hmac_sha1_80, master, *engine);
        return made;
    }();
    if (size < 2) return 0;
    const RxKey& key = keys[data[0] & 1];
    const sluice::ByteView packet(data + 2, size - 2);
    const bool rtcp = (data[0] & 2) != 0;
    const std::size_t overhead = rtcp ? rtcp_overhead(key.suite) : rtp_overhead(key.suite);
    // Exactly as large as the contract says, so that the address sanitizer sees one byte more.
    std::vector<std::uint8_t> dst(packet.size() > overhead ? packet.size() - overhead : 0);
    const bool opened = rtcp ? engine->opener().open_rtcp(key, packet, dst.data()).has_value()
                             : engine->opener().open_rtp(key, packet, data[1], 77, dst.data()).has_value();
    if (opened) std::abort();
    return 0;
}
