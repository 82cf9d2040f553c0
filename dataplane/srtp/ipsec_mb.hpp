// The intel-ipsec-mb header behind one door: ownership of a manager, and the checks that our key
// layout agrees with the library's.
#pragma once

#include <intel-ipsec-mb.h>

#include <memory>
#include <utility>

#include "dataplane/srtp/key.hpp"

namespace sluice::srtp {

struct FreeMbMgr {
    void operator()(IMB_MGR* manager) const noexcept { free_mb_mgr(manager); }
};
using MbMgr = std::unique_ptr<IMB_MGR, FreeMbMgr>;

// Null if the library does not run on this CPU.
[[nodiscard]] inline MbMgr make_mb_mgr() {
    MbMgr manager(alloc_mb_mgr(0));
    if (!manager) return nullptr;
    IMB_ARCH arch = IMB_ARCH_NONE;
    init_mb_mgr_auto(manager.get(), &arch);
    const bool usable = imb_get_errno(manager.get()) == 0 && (manager->features & IMB_FEATURE_SELF_TEST_PASS) != 0;
    return usable ? std::move(manager) : nullptr;
}

// The library declares gcm_key_data with the alignment of a byte array unless LINUX is defined, but
// its vector code wants 64; KeyState and every local of ours align it themselves.
static_assert(sizeof(gcm_key_data) == sizeof(KeyState::GcmState));

[[nodiscard]] inline const gcm_key_data* gcm_key(const KeyState& key) noexcept {
    return static_cast<const gcm_key_data*>(static_cast<const void*>(&key.rtp.gcm));
}

[[nodiscard]] inline const std::uint8_t* pad_bytes(const std::array<std::uint32_t, 5>& pad) noexcept {
    return static_cast<const std::uint8_t*>(static_cast<const void*>(pad.data()));
}

}  // namespace sluice::srtp
