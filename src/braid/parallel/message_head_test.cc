#include "braid/parallel/message_head.h"

#include <gtest/gtest.h>

#include <limits>

namespace braid {
namespace {

const MessageHead kHead{
    .type = HeadType::kGroupMail,
    .from = 4095,
    .to = 17,
    .call = {.step = std::numeric_limits<int64_t>::max(),
             .op = 77,
             .kind = OpKind::kRecv,
             .is_group = true,
             .bytes = int64_t{1} << 40,
             .peer = 3},
    .num_bytes = 5,
};

TEST(MessageHead, ComesBackAsItWas) {
  const std::vector<std::byte> data(5, std::byte{42});
  MessageBytes bytes;
  const size_t size = encode_message(kHead, data, bytes);
  EXPECT_EQ(size, kHeadBytes + 5);
  const auto decoded = decode_message(std::span(bytes).first(size));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  const MessageHead& head = decoded->head;
  EXPECT_EQ(head.type, kHead.type);
  EXPECT_EQ(head.from, kHead.from);
  EXPECT_EQ(head.to, kHead.to);
  EXPECT_TRUE(head.call.is_same_call(kHead.call));
  EXPECT_TRUE(head.call.is_group);
  EXPECT_EQ(head.num_bytes, 5);
  EXPECT_EQ(head.tag, -1);
  EXPECT_TRUE(std::ranges::equal(decoded->data, data));
}

TEST(MessageHead, OfLongDataGoesAlone) {
  MessageHead head = kHead;
  head.num_bytes = int64_t{1} << 33;
  head.tag = 99;
  MessageBytes bytes;
  const size_t size = encode_message(head, {}, bytes);
  EXPECT_EQ(size, kHeadBytes);
  const auto decoded = decode_message(std::span(bytes).first(size));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(decoded->head.tag, 99);
  EXPECT_EQ(decoded->head.num_bytes, head.num_bytes);
}

TEST(MessageHead, OtherBytesAreNoMessage) {
  const std::vector<std::byte> data(5);
  MessageBytes good;
  const size_t size = encode_message(kHead, data, good);
  for (size_t shorter = 0; shorter < size; ++shorter) {
    EXPECT_FALSE(decode_message(std::span(good).first(shorter)).ok()) << shorter;
  }
  EXPECT_FALSE(decode_message(std::span(good).first(size + 1)).ok());
  for (const size_t damaged : {0, 1, 2, 24, 25}) {  // type, mark, kind, is_group
    MessageBytes bytes = good;
    bytes[damaged] = std::byte{200};
    EXPECT_FALSE(decode_message(std::span(bytes).first(size)).ok()) << damaged;
  }
}

TEST(MessageHead, ProgressComesBackAsItWas) {
  const Progress progress{.num_operations = 1ULL << 60, .cpu_ticks = 12};
  const auto decoded = decode_progress(encode_progress(progress));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, progress);
  EXPECT_FALSE(decode_progress(std::vector<std::byte>(15)).ok());
}

TEST(MessageHead, ATrackKeepsItsAges) {
  const std::vector<OpRecord> records{{.step = 1, .kind = OpKind::kAllGather, .entered_s = 10, .left_s = 11},
                                      {.step = 2, .is_group = true, .bytes = 8, .entered_s = 12}};
  const auto decoded = decode_track(encode_track(records, 15), 1000);
  ASSERT_TRUE(decoded.ok());
  ASSERT_EQ(decoded->size(), 2U);
  EXPECT_TRUE(decoded->front().is_same_call(records.front()));
  EXPECT_DOUBLE_EQ(decoded->front().entered_s, 995);
  EXPECT_DOUBLE_EQ(decoded->front().left_s, 996);
  EXPECT_DOUBLE_EQ(decoded->back().entered_s, 997);
  EXPECT_LT(decoded->back().left_s, 0);
  EXPECT_FALSE(decode_track(std::vector<std::byte>(41), 0).ok());
}

TEST(MessageHead, ATrackKeepsTheLastOperationsThatFit) {
  std::vector<OpRecord> records(FlightRecorder::kKept);
  for (size_t i = 0; i < records.size(); ++i) records[i].op = static_cast<int32_t>(i);
  const auto bytes = encode_track(records, 0);
  EXPECT_LE(bytes.size(), kMaxShortBytes);
  const auto decoded = decode_track(bytes, 0);
  ASSERT_TRUE(decoded.ok());
  EXPECT_GT(decoded->size(), 40U);
  EXPECT_EQ(decoded->back().op, FlightRecorder::kKept - 1);
}

}  // namespace
}  // namespace braid
