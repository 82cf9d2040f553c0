#include "dataplane/abi/message_reader.hpp"

namespace sluice::abi {

std::string_view name(AbiError error) noexcept {
    switch (error) {
        case AbiError::too_short: return "too_short";
        case AbiError::size_mismatch: return "size_mismatch";
        case AbiError::wrong_type: return "wrong_type";
        case AbiError::bad_blob: return "bad_blob";
    }
    return "unknown";
}

std::string_view name(MessageType type) noexcept {
    switch (type) {
        case MessageType::none: return "none";
        case MessageType::hello: return "hello";
        case MessageType::hello_reply: return "hello_reply";
        case MessageType::ack: return "ack";
        case MessageType::upsert_transport: return "upsert_transport";
        case MessageType::upsert_source: return "upsert_source";
        case MessageType::upsert_leg: return "upsert_leg";
        case MessageType::upsert_blob: return "upsert_blob";
        case MessageType::remove: return "remove";
        case MessageType::txn_begin: return "txn_begin";
        case MessageType::txn_commit: return "txn_commit";
        case MessageType::dump: return "dump";
        case MessageType::dump_end: return "dump_end";
        case MessageType::sync_begin: return "sync_begin";
        case MessageType::sync_end: return "sync_end";
        case MessageType::request_keyframe: return "request_keyframe";
        case MessageType::event_path: return "event_path";
        case MessageType::event_source_bound: return "event_source_bound";
        case MessageType::event_transport_silent: return "event_transport_silent";
        case MessageType::event_bye: return "event_bye";
        case MessageType::event_fenced: return "event_fenced";
        case MessageType::observe_start: return "observe_start";
        case MessageType::observe_started: return "observe_started";
        case MessageType::observe_stop: return "observe_stop";
        case MessageType::subscribe: return "subscribe";
        case MessageType::event_observation: return "event_observation";
    }
    return "unknown";
}

std::string_view name(Status status) noexcept {
    switch (status) {
        case Status::ok: return "ok";
        case Status::malformed: return "malformed";
        case Status::unknown_type: return "unknown_type";
        case Status::stale_epoch: return "stale_epoch";
        case Status::stale_generation: return "stale_generation";
        case Status::not_programmer: return "not_programmer";
        case Status::no_such_object: return "no_such_object";
        case Status::capacity: return "capacity";
        case Status::bad_worker: return "bad_worker";
        case Status::bad_value: return "bad_value";
        case Status::sweep_refused: return "sweep_refused";
        case Status::plaintext_refused: return "plaintext_refused";
        case Status::abi_mismatch: return "abi_mismatch";
        case Status::no_transaction: return "no_transaction";
        case Status::not_permitted: return "not_permitted";
        case Status::busy: return "busy";
        case Status::not_movable: return "not_movable";
    }
    return "unknown";
}

std::string_view name(ObjectKind kind) noexcept {
    switch (kind) {
        case ObjectKind::none: return "none";
        case ObjectKind::transport: return "transport";
        case ObjectKind::source: return "source";
        case ObjectKind::leg: return "leg";
        case ObjectKind::blob: return "blob";
    }
    return "unknown";
}

std::expected<MessageHeader, AbiError> read_header(ByteView record) noexcept {
    if (record.size() < sizeof(MessageHeader)) return std::unexpected(AbiError::too_short);
    const auto header = load<MessageHeader>(record.data());
    if (header.size != record.size()) return std::unexpected(AbiError::size_mismatch);
    return header;
}

std::expected<BlobView, AbiError> read_blob(ByteView record) noexcept {
    auto spec = read_as<BlobSpec>(record);
    if (!spec) return std::unexpected(spec.error());
    // `length` stands before anything that may be appended, so it is known before the struct's own size is.
    constexpr std::size_t smallest = offsetof(BlobSpec, length) + sizeof(BlobSpec::length);
    if (record.size() < smallest) return std::unexpected(AbiError::too_short);
    const std::size_t length = spec->length;
    if (length > max_blob || length > record.size() - smallest) return std::unexpected(AbiError::bad_blob);
    const std::size_t struct_size = record.size() - length;
    if (struct_size < sizeof(BlobSpec)) {  // an older peer: what was copied beyond its struct is payload
        std::memset(reinterpret_cast<std::uint8_t*>(&*spec) + struct_size, 0, sizeof(BlobSpec) - struct_size);
    }
    return BlobView{*spec, record.last(length)};
}

}  // namespace sluice::abi
