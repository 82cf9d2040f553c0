#include "dataplane/srtp/key.hpp"

#include <cstring>

#include "dataplane/srtp/engine.hpp"

namespace sluice::srtp {

void secure_zero(void* memory, std::size_t size) noexcept {
    if (size == 0) return;  // an empty vector has no memory
    explicit_bzero(memory, size);
}

void KeyState::wipe() noexcept {
    delete session;
    secure_zero(this, sizeof *this);
}

void TxKey::init(Suite suite_in, const MasterKey& master, Engine& engine) {
    wipe();
    engine.load(*this, suite_in, master);
}

void RxKey::init(Suite suite_in, const MasterKey& master, Engine& engine) {
    wipe();
    engine.load(*this, suite_in, master);
}

}  // namespace sluice::srtp
