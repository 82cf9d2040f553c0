// What a control plane of the next version would have left in a data plane of this one, and whether it is still there.
//
// Theory of operation. Before the control plane proper starts, the prologue is programmer for a moment: it adopts
// everything, checks what an earlier life of the fake left, prints one line "fake-next: ..." about it, and then leaves
//   - blobs of a kind that this version has never heard of, empty and full ones,
//   - a session's blob of a version that this version cannot read,
//   - a key of its own in every session's blob, and a value in every appended field.
#pragma once

#include <string>

namespace sluice::fake_next {

// False when the data plane could not be programmed in five seconds.
bool prologue(const std::string& control_socket);

}  // namespace sluice::fake_next
