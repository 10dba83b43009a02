#include "braid/request/frame_group.h"

#include <utility>

#include "braid/base/byte_string.h"

namespace braid {
namespace {

constexpr std::string_view kMark("\0frames\1", 8);

}  // namespace

std::string pack_frames(const FrameGroup& group) {
  std::string bytes(kMark);
  for (const int32_t number : {group.rows, group.cols, group.time, group.continues_video ? 1 : 0}) {
    append_bytes(bytes, number);
  }
  for (const std::string_view frame : group.frames) {
    append_bytes(bytes, static_cast<uint32_t>(frame.size()));
    bytes += frame;
  }
  return bytes;
}

bool are_packed_frames(std::string_view bytes) {
  return bytes.starts_with(kMark);
}

Result<std::optional<FrameGroup>> unpack_frames(std::string_view bytes) {
  if (!are_packed_frames(bytes)) return std::optional<FrameGroup>();
  bytes.remove_prefix(kMark.size());
  FrameGroup group;
  int32_t continues = 0;
  if (!take_bytes(bytes, group.rows) || !take_bytes(bytes, group.cols) || !take_bytes(bytes, group.time) ||
      !take_bytes(bytes, continues)) {
    return fail("frames of a video are cut off before the first");
  }
  group.continues_video = continues != 0;
  while (!bytes.empty()) {
    uint32_t size = 0;
    if (!take_bytes(bytes, size) || size > bytes.size())
      return fail("frame {} of a video is cut off", group.frames.size());
    group.frames.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  if (group.frames.empty()) return fail("a video without frames");
  return std::optional(std::move(group));
}

}  // namespace braid
