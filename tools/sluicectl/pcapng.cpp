#include "tools/sluicectl/pcapng.hpp"

#include <algorithm>
#include <concepts>

namespace sluice::ctl::pcapng {
namespace {

constexpr std::uint16_t link_type_ethernet = 1;

// In the byte order of this machine, which the section header tells.
class Block {
public:
    explicit Block(std::uint32_t type) {
        put(type);
        put(std::uint32_t{0});
    }
    template <std::unsigned_integral T>
    void put(T value) {
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void put(ByteView bytes) {
        bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        bytes_.append((4 - bytes.size() % 4) % 4, '\0');
    }
    // Times are 64 bits, the upper half first whatever the byte order.
    void put_time(std::int64_t unix_ns) {
        const auto t = static_cast<std::uint64_t>(unix_ns);
        put(static_cast<std::uint32_t>(t >> 32));
        put(static_cast<std::uint32_t>(t));
    }
    void option(std::uint16_t code, std::string_view text) {
        if (text.empty()) return;
        text = text.substr(0, std::min<std::size_t>(text.size(), 0xffff));
        head(code, text.size());
        put(ByteView{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    }
    template <std::unsigned_integral T>
    void option(std::uint16_t code, T value) {
        head(code, sizeof value);
        put(ByteView{reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
    }
    void option_time(std::uint16_t code, std::int64_t unix_ns) {
        head(code, 8);
        put_time(unix_ns);
    }
    std::string finish(bool has_options) {
        if (has_options) put(std::uint32_t{0});  // opt_endofopt
        const auto size = static_cast<std::uint32_t>(bytes_.size() + 4);
        put(size);
        std::copy_n(reinterpret_cast<const char*>(&size), 4, bytes_.begin() + 4);
        return std::move(bytes_);
    }

private:
    void head(std::uint16_t code, std::size_t size) {
        put(code);
        put(static_cast<std::uint16_t>(size));
    }
    std::string bytes_;
};

}  // namespace

std::string block(const Section& section) {
    Block b(0x0a0d0d0a);
    b.put(std::uint32_t{0x1a2b3c4d});
    b.put(std::uint16_t{1});  // version 1.0
    b.put(std::uint16_t{0});
    b.put(~std::uint64_t{0});          // length of the section: not told
    b.option(1, section.comment);      // opt_comment
    b.option(4, section.application);  // shb_userappl
    return b.finish(true);
}

std::string block(const Interface& interface) {
    Block b(1);
    b.put(link_type_ethernet);
    b.put(std::uint16_t{0});
    b.put(interface.snaplen);
    b.option(2, interface.name);
    b.option(3, interface.description);
    b.option(9, std::uint8_t{9});  // if_tsresol: nanoseconds
    return b.finish(true);
}

std::string block(const Packet& packet) {
    Block b(6);
    b.put(packet.interface);
    b.put_time(packet.unix_ns);
    b.put(static_cast<std::uint32_t>(packet.bytes.size()));
    b.put(packet.length);
    b.put(packet.bytes);
    b.option(2, static_cast<std::uint32_t>(packet.direction));     // epb_flags: 1 inbound, 2 outbound
    if (packet.lost_before != 0) b.option(4, packet.lost_before);  // epb_dropcount
    return b.finish(true);
}

std::string block(const Statistics& statistics) {
    Block b(5);
    b.put(statistics.interface);
    b.put_time(statistics.ended_unix_ns);
    b.option_time(2, statistics.started_unix_ns);
    b.option_time(3, statistics.ended_unix_ns);
    b.option(4, statistics.received);
    b.option(5, statistics.dropped);
    return b.finish(true);
}

}  // namespace sluice::ctl::pcapng
