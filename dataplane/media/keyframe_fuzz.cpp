// First byte: the codec; second: how many bytes of the rest are the dependency descriptor; then that, then the payload.
#include <algorithm>
#include <cstdlib>

#include "dataplane/media/frame_info.hpp"
#include "dataplane/media/header_extensions.hpp"
#include "dataplane/media/red.hpp"

namespace media = sluice::media;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const auto codec = static_cast<media::Codec>(data[0] % 10);
    const std::size_t split = std::min<std::size_t>(data[1] % 16, size - 2);
    const sluice::ByteView extension{data + 2, split};
    const sluice::ByteView payload{data + 2 + split, size - 2 - split};

    const auto info = media::frame_info(codec, payload, extension);
    if (info.keyframe_start && !info.valid) std::abort();
    if (media::is_video(codec) && info.keyframe_start != media::is_keyframe_start(codec, payload, extension)) std::abort();
    if (const auto d = media::parse_vp8_descriptor(payload)) {
        if (d->size > payload.size() || d->tid_keyidx_offset >= d->size || d->picture_id_offset >= d->size) std::abort();
    }
    if (const auto d = media::parse_vp9_descriptor(payload); d && d->size > payload.size()) std::abort();
    if (const auto primary = media::find_red_primary(payload)) {
        if (primary->offset == 0 || primary->offset >= payload.size() || primary->payload_type > 127) std::abort();
    }
    (void)media::parse_audio_level(payload);
    return 0;
}
