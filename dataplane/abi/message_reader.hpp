// Reads and finishes control messages without trusting the other side: the one place where a received record becomes a
// struct. The append-only rule lives here: a shorter (older) record leaves the rest zero, a longer (newer) one is cut.
// Example: auto spec = read_as<TransportSpec>(record); if (!spec) reject(name(spec.error()));
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <expected>
#include <string_view>
#include <type_traits>

#include "dataplane/abi/messages.hpp"
#include "dataplane/base/bytes.hpp"

namespace sluice::abi {

enum class AbiError : std::uint8_t {
    too_short,      // the record ends before the fields without which the message means nothing
    size_mismatch,  // header.size is not the length of the record
    wrong_type,     // another message than the one that was asked for
    bad_blob,       // a blob's length exceeds its record or max_blob
};

[[nodiscard]] std::string_view name(AbiError error) noexcept;
[[nodiscard]] std::string_view name(MessageType type) noexcept;  // "unknown" for values of a newer peer
[[nodiscard]] std::string_view name(Status status) noexcept;
[[nodiscard]] std::string_view name(ObjectKind kind) noexcept;

template <typename T>
concept Message = std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T> && requires(T t) {
    { t.header } -> std::same_as<MessageHeader&>;
};

template <Message T>
inline constexpr MessageType type_of = T{}.header.type;

// Bytes that even the oldest peer sends: header, id, and what gives the message its sense.
template <Message T>
inline constexpr std::size_t required_size =
    std::is_same_v<T, HelloReply> ? offsetof(HelloReply, port) : std::min(sizeof(T), sizeof(MessageHeader) + 8);

// Checks the header against the record, not the type.
[[nodiscard]] std::expected<MessageHeader, AbiError> read_header(ByteView record) noexcept;

// The message in `record`; fields that an older peer did not send are zero, unknown ones are left out.
template <Message T>
[[nodiscard]] std::expected<T, AbiError> read_as(ByteView record) noexcept {
    const auto header = read_header(record);
    if (!header) return std::unexpected(header.error());
    if (header->type != type_of<T>) return std::unexpected(AbiError::wrong_type);
    if (record.size() < required_size<T>) return std::unexpected(AbiError::too_short);
    T message;
    std::memset(static_cast<void*>(&message), 0, sizeof message);
    std::memcpy(static_cast<void*>(&message), record.data(), std::min(record.size(), sizeof message));
    return message;
}

// What a newer peer appended to T, to be handed back untouched by one who does not know it.
template <Message T>
[[nodiscard]] ByteView unknown_tail(ByteView record) noexcept {
    return record.size() > sizeof(T) ? record.subspan(sizeof(T)) : ByteView{};
}

struct BlobView {
    BlobSpec spec;
    ByteView bytes;  // into the record
};

// The payload is the last `length` bytes of the record, so that BlobSpec can grow like every other message.
[[nodiscard]] std::expected<BlobView, AbiError> read_blob(ByteView record) noexcept;

// Stamps what the sender has to fill in; `payload` counts the bytes that follow the struct (blobs).
template <Message T>
constexpr void finish(T& message, std::uint64_t seq, std::uint64_t epoch, std::size_t payload = 0) noexcept {
    message.header.type = type_of<T>;
    message.header.size = static_cast<std::uint32_t>(sizeof(T) + payload);
    message.header.seq = seq;
    message.header.epoch = epoch;
}

}  // namespace sluice::abi
