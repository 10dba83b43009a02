#include "braid/request/frame_group.h"

#include <gtest/gtest.h>

#include <string>

namespace braid {
namespace {

TEST(FrameGroup, ComesBackAsItWas) {
  const FrameGroup group{
      .rows = 300, .cols = 4, .time = 70'000, .continues_video = true, .frames = {std::string_view("a\0b", 3), "cd"}};
  const std::string bytes = pack_frames(group);
  EXPECT_TRUE(are_packed_frames(bytes));
  const auto unpacked = unpack_frames(bytes);
  ASSERT_TRUE(unpacked.ok() && unpacked->has_value());
  const FrameGroup& got = **unpacked;
  EXPECT_EQ(got.rows, 300);
  EXPECT_EQ(got.cols, 4);
  EXPECT_EQ(got.time, 70'000);
  EXPECT_TRUE(got.continues_video);
  EXPECT_EQ(got.frames, group.frames);
}

// The key is made from the bytes.
TEST(FrameGroup, AllOfItIsInItsBytes) {
  const FrameGroup group{.rows = 1, .cols = 2, .frames = {"ab", "c"}};
  const std::string bytes = pack_frames(group);
  for (const auto& change : {+[](FrameGroup& g) { g.rows = 3; }, +[](FrameGroup& g) { g.cols = 3; },
                             +[](FrameGroup& g) { g.time = 3; }, +[](FrameGroup& g) { g.continues_video = true; },
                             +[](FrameGroup& g) {
                               g.frames = {"a", "bc"};
                             },
                             +[](FrameGroup& g) { g.frames = {"abc"}; },
                             +[](FrameGroup& g) {
                               g.frames = {"c", "ab"};
                             }}) {
    FrameGroup other = group;
    change(other);
    EXPECT_NE(pack_frames(other), bytes);
  }
}

TEST(FrameGroup, AnImageIsNone) {
  for (const std::string image : {"", "\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "RIFF", "frames"}) {
    EXPECT_FALSE(are_packed_frames(image));
    const auto unpacked = unpack_frames(image);
    ASSERT_TRUE(unpacked.ok());
    EXPECT_FALSE(unpacked->has_value());
  }
}

TEST(FrameGroup, WhatIsCutOffIsAnError) {
  const std::string bytes = pack_frames({.rows = 1, .cols = 2, .frames = {"ab", "cde"}});
  const std::string mark = bytes.substr(0, 8);
  for (size_t size = mark.size(); size < bytes.size(); ++size) {
    const auto unpacked = unpack_frames(std::string_view(bytes).substr(0, size));
    const bool ends_with_a_frame = size + 4 + 3 == bytes.size();
    EXPECT_EQ(unpacked.ok(), ends_with_a_frame) << size;
  }
  std::string huge = bytes;
  huge[8 + 16 + 3] = '\x7f';  // the highest byte of a frame's size
  EXPECT_FALSE(unpack_frames(huge).ok());
}

}  // namespace
}  // namespace braid
