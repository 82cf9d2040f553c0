// A first byte with its lowest bit set: the rest is a candidate line. Otherwise packets, each with a length
// of two bytes before it, into an agent; with the second bit set each gets the MESSAGE-INTEGRITY and
// FINGERPRINT of a peer that knows the password, so that the state behind them is reached too.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "controlplane/ice/hmac.hpp"
#include "controlplane/ice/lite_agent.hpp"
#include "dataplane/wire/stun_writer.hpp"

namespace {

using namespace sluice;
using namespace sluice::ice;

const Credentials server{"SFUufrag", "serverpasswordserverpass"};

void candidate_line(ByteView in) {
    auto const parsed = parse_candidate({reinterpret_cast<const char*>(in.data()), in.size()});
    if (parsed && parse_candidate(format_candidate(*parsed)) != *parsed) std::abort();
}

ByteView sealed(ByteView part, std::span<std::uint8_t> buffer) {
    wire::StunWriter writer(buffer, wire::StunType::binding_request, {});
    writer.add_username("SFUufrag:peer");
    if (!part.empty() && (part[0] & 1) != 0) writer.add_use_candidate();
    if (!part.empty() && (part[0] & 2) != 0) writer.add_priority(part[0]);
    // The rest is one attribute of any type.
    if (part.size() >= 3) writer.add_attribute(static_cast<wire::StunAttribute>(part[1] << 8 | part[2]), part.subspan(3));
    writer.add_message_integrity(StunHmac(server.pwd));
    writer.add_fingerprint();
    return writer.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    std::uint8_t const mode = data[0];
    ByteView in{data + 1, size - 1};
    if ((mode & 1) != 0) {
        candidate_line(in);
        return 0;
    }
    LiteAgent agent(server);
    if ((mode & 4) != 0) agent.set_remote("peer", "peerpasswordpeerpassword");
    std::int64_t now = 0;
    while (in.size() >= 2) {
        std::size_t const length = std::min<std::size_t>((in[0] << 8 | in[1]) & 0x3ff, in.size() - 2);
        ByteView const part = in.subspan(2, length);
        // The top of the length makes time pass, moves the source, and restarts.
        now += (in[0] >> 2) * std::int64_t{500'000'000};
        Endpoint const from{IpAddress::from_v4(be32{0xc0000201}), static_cast<std::uint16_t>(1000 + in[1] % 40)};
        if (in[0] == 0x80) agent.restart({"restart1", "restartpasswordrestartpa"});
        in = in.subspan(2 + length);
        std::array<std::uint8_t, 2048> buffer{};
        CheckResult const result = agent.handle_check((mode & 2) != 0 ? sealed(part, buffer) : part, from, now);
        bool const silent = result.verdict == CheckVerdict::not_a_request || result.verdict == CheckVerdict::bad_fingerprint;
        if (silent != result.response.empty()) std::abort();
        if (agent.pairs().size() > max_pairs) std::abort();
        agent.expire(now);
        auto const selected = agent.selected();
        if (selected && std::ranges::find(agent.pairs(), *selected, &PairState::pair) == agent.pairs().end()) std::abort();
    }
    return 0;
}
