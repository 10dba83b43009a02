#include "braid/parallel/message_bundle.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace braid {
namespace {

OpRecord call_of(int64_t step) {
  return {.step = step, .op = 3, .kind = OpKind::kAllGather, .is_group = true, .bytes = 12, .peer = 1};
}

std::vector<std::byte> encoded(std::span<const BundlePart> parts) {
  std::vector<std::byte> bytes(bundle_bytes(parts));
  encode_bundle(parts, bytes);
  return bytes;
}

TEST(MessageBundle, EveryReceiverFindsItsPieces) {
  const std::vector<std::byte> one(5, std::byte{1});
  const std::vector<std::byte> two(300, std::byte{2});
  const std::vector<std::byte> three(7, std::byte{3});
  const std::vector<BundlePart> parts{{.call = call_of(9), .pieces = {one, two, {}}},
                                      {.call = call_of(10), .pieces = {three, three, three}},
                                      {.call = call_of(11), .pieces = {{}, {}, {}}}};
  const std::vector<std::byte> bytes = encoded(parts);
  const auto decoded = decode_bundle(bytes, 3, 3);
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  for (size_t sender = 0; sender < parts.size(); ++sender) {
    EXPECT_TRUE((*decoded)[sender].call.is_same_call(parts[sender].call));
    EXPECT_TRUE((*decoded)[sender].call.is_group);
    ASSERT_EQ((*decoded)[sender].pieces.size(), 3U);
    for (size_t receiver = 0; receiver < 3; ++receiver) {
      EXPECT_TRUE(std::ranges::equal((*decoded)[sender].pieces[receiver], parts[sender].pieces[receiver]));
    }
  }
}

TEST(MessageBundle, WhatAllGetTravelsOnce) {
  const std::vector<std::byte> rows(1000);
  const std::vector<BundlePart> alike{{.call = call_of(1), .pieces = {rows, rows, rows, rows}}};
  EXPECT_LT(bundle_bytes(alike), 1100U);
  const auto half = std::span(rows).first(500);
  const std::vector<BundlePart> unlike{{.call = call_of(1), .pieces = {rows, rows, rows, half}}};
  EXPECT_GT(bundle_bytes(unlike), 3500U);
}

TEST(MessageBundle, OtherBytesAreNoBundle) {
  const std::vector<std::byte> data(5);
  const std::vector<BundlePart> parts{{.call = call_of(1), .pieces = {data, std::span(data).first(2)}},
                                      {.call = call_of(1), .pieces = {data, data}}};
  std::vector<std::byte> bytes = encoded(parts);
  ASSERT_TRUE(decode_bundle(bytes, 2, 2).ok());
  for (size_t shorter = 0; shorter < bytes.size(); ++shorter) {
    EXPECT_FALSE(decode_bundle(std::span(bytes).first(shorter), 2, 2).ok()) << shorter;
  }
  EXPECT_FALSE(decode_bundle(bytes, 3, 2).ok());
  EXPECT_FALSE(decode_bundle(bytes, 2, 3).ok());
  bytes.push_back(std::byte{0});
  const auto longer = decode_bundle(bytes, 2, 2);
  ASSERT_FALSE(longer.ok());
  EXPECT_EQ(longer.error().message, std::to_string(bytes.size()) + " bytes that are no bundle of messages");
  bytes = encoded(parts);
  bytes[26] = std::byte{2};  // neither alike nor not
  EXPECT_FALSE(decode_bundle(bytes, 2, 2).ok());
}

}  // namespace
}  // namespace braid
