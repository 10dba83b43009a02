#include "braid/request/frame_group.h"

#include <type_traits>
#include <utility>

namespace braid {
namespace {

constexpr std::string_view kMark("\0frames\1", 8);

// A number as four bytes, the lowest first.
void add_number(std::string& bytes, uint32_t number) {
  for (int32_t shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(number >> shift & 0xFF);
}

// Takes a number from the front of the bytes.
std::optional<uint32_t> take_number(std::string_view& bytes) {
  if (bytes.size() < 4) return std::nullopt;
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) number |= uint32_t{static_cast<unsigned char>(bytes[i])} << 8 * i;
  bytes.remove_prefix(4);
  return number;
}

}  // namespace

std::string pack_frames(const FrameGroup& group) {
  std::string bytes(kMark);
  for (const int32_t number : {group.rows, group.cols, group.time, group.continues_video ? 1 : 0}) {
    add_number(bytes, static_cast<uint32_t>(number));
  }
  for (const std::string_view frame : group.frames) {
    add_number(bytes, static_cast<uint32_t>(frame.size()));
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
  uint32_t continues = 0;
  const auto read = [&](auto& value) {
    const auto number = take_number(bytes);
    if (number) value = static_cast<std::remove_reference_t<decltype(value)>>(*number);
    return number.has_value();
  };
  if (!read(group.rows) || !read(group.cols) || !read(group.time) || !read(continues)) {
    return fail("frames of a video are cut off before the first");
  }
  group.continues_video = continues != 0;
  while (!bytes.empty()) {
    uint32_t size = 0;
    if (!read(size) || size > bytes.size()) return fail("frame {} of a video is cut off", group.frames.size());
    group.frames.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  if (group.frames.empty()) return fail("a video without frames");
  return std::optional(std::move(group));
}

}  // namespace braid
