// Spans as they come within messages: process_message_codec.h is the way to them.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "braid/wire/process_message_codec.h"

namespace braid {
namespace {

ProfilePart part_of(size_t num_spans) {
  ProfilePart part{.id = 3, .rank = 1, .has_more = true, .spans = {}};
  for (size_t i = 0; i < num_spans; ++i) {
    const auto begin_s = static_cast<double>(i);
    part.spans.push_back({.phase = static_cast<TracePhase>(i % kNumTracePhases),
                          .step = i / 7,
                          .begin_s = begin_s,
                          .end_s = begin_s + 0.5});
  }
  return part;
}

std::string profile_error(const ProfilePart& part) {
  const auto decoded = decode_process_message(encode(ProcessMessage(part)).span());
  return decoded.ok() ? "none" : decoded.error().message;
}

TEST(ProfilePartCodec, APartComesBackAsItWas) {
  for (const size_t num_spans : {size_t{0}, size_t{1}, ProfilePart::kMaxSpans}) {
    const ProfilePart part = part_of(num_spans);
    const SharedBytes bytes = encode(ProcessMessage(part));
    EXPECT_LE(bytes.size(), size_t{1} << 19);
    const auto decoded = decode_process_message(bytes.span());
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_EQ(std::get<ProfilePart>(*decoded), part);
  }
}

TEST(ProfilePartCodec, OperationsComeBackWithTheirHeaders) {
  ProfilePart part = part_of(5);
  part.spans[1] = {.phase = TracePhase::kOperation,
                   .step = 9,
                   .begin_s = 1,
                   .end_s = 2,
                   .op = {.bytes = int64_t{1} << 40, .number = 3, .kind = 13, .is_group = true}};
  part.spans[4] = {.phase = TracePhase::kOperation, .begin_s = 2, .end_s = 2};
  const auto decoded = decode_process_message(encode(ProcessMessage(part)).span());
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(std::get<ProfilePart>(*decoded), part);
}

TEST(ProfilePartCodec, WhatIsNoSpanIsNamed) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto with = [](const TraceSpan& span) {
    ProfilePart part = part_of(3);
    part.spans[1] = span;
    return profile_error(part);
  };
  EXPECT_EQ(with({.begin_s = 1, .end_s = 1}), "none");
  EXPECT_EQ(with({.phase = static_cast<TracePhase>(kNumTracePhases + 1)}), "a span of unknown phase 12");
  EXPECT_EQ(with({.phase = TracePhase::kOperation, .op = {.kind = 14}}), "an operation of unknown kind 14");
  EXPECT_EQ(with({.phase = TracePhase::kOperation, .op = {.bytes = -1, .number = 2}}), "operation 2 of -1 bytes");
  EXPECT_EQ(with({.begin_s = 2, .end_s = 1}), "a span from 2 s to 1 s");
  EXPECT_EQ(with({.begin_s = -1, .end_s = 1}), "a span from -1 s to 1 s");
  EXPECT_NE(with({.begin_s = 1, .end_s = kInfinity}), "none");
  EXPECT_NE(with({.begin_s = std::numeric_limits<double>::quiet_NaN(), .end_s = 1}), "none");
  EXPECT_NE(with({.begin_s = 1, .end_s = std::numeric_limits<double>::quiet_NaN()}), "none");
  EXPECT_EQ(profile_error(part_of(ProfilePart::kMaxSpans + 1)), "16385 spans of a profile, at most 16384 fit");
  ProfilePart part = part_of(1);
  part.rank = -1;
  EXPECT_EQ(profile_error(part), "a profile of rank -1");
}

TEST(ProfilePartCodec, ListsOfDifferentLengthsAreRefused) {
  constexpr uint64_t kStep = 0x1122334455667788;
  const ProfilePart part{.spans = {{.step = kStep, .begin_s = 1, .end_s = 2}, {.step = 7, .begin_s = 2, .end_s = 3}}};
  const SharedBytes encoded = encode(ProcessMessage(part));
  std::vector<std::byte> bytes(encoded.span().begin(), encoded.span().end());
  const auto step_bytes = std::as_bytes(std::span(&kStep, 1));
  const auto steps = std::ranges::search(bytes, step_bytes);
  ASSERT_EQ(steps.size(), sizeof(kStep));
  *(steps.begin() - 4) = std::byte{1};  // the number of steps
  const auto decoded = decode_process_message(bytes);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().message, "2 spans of a profile, not all with step and times");
}

}  // namespace
}  // namespace braid
