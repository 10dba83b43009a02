#include "braid/parallel/hand_over_mail.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "tests/support/parallel/memory_port.h"

namespace braid {
namespace {

using testing::memory_ports;

constexpr int64_t kMegabyte = int64_t{1} << 20;

Buffer numbered(int64_t bytes, int seed) {
  Buffer data(bytes);
  for (int64_t i = 0; i < bytes; ++i) data.data()[i] = static_cast<std::byte>(i / 7 + seed);
  return data;
}

bool same_bytes(const Buffer& a, const Buffer& b) {
  return a.bytes() == b.bytes() && std::equal(a.data(), a.data() + a.bytes(), b.data());
}

// Two processes of two ranks each. Heads go straight to the other process.
class HandOverMailTest : public ::testing::Test {
 protected:
  HandOverMailTest() {
    for (int32_t process = 0; process < 2; ++process) {
      mails_.push_back(std::make_unique<HandOverMail>(
          *ports_[static_cast<size_t>(process)], spread_,
          [this, process](MessageHead head, std::span<const std::byte> data, int32_t to) {
            if (head.type == HeadType::kHandOver) head.tag = ++last_tag_;
            num_chunks_ += 1;
            largest_chunk_ = std::max(largest_chunk_, head.num_bytes);
            const Status status = mail(to).deliver(head, data, process);
            if (!status.ok()) trouble_ = status.error().message;
            return head.tag;
          }));
    }
  }
  HandOverMail& mail(int32_t process) { return *mails_[static_cast<size_t>(process)]; }
  void look_after_both(double now_s) {
    mail(0).look_after(now_s);
    mail(1).look_after(now_s);
  }

  const RankSpread spread_{std::vector<int32_t>{2, 2}};
  std::vector<std::shared_ptr<testing::MemoryPort>> ports_ = memory_ports(2);
  std::vector<std::unique_ptr<HandOverMail>> mails_;
  int32_t last_tag_ = 7;
  int32_t num_chunks_ = 0;
  int64_t largest_chunk_ = 0;
  std::string trouble_;
};

TEST_F(HandOverMailTest, BringsAllBytesInChunks) {
  const HandOverId first{.from = 0, .to = 3, .item = 9, .part = 1};
  const HandOverId second{.from = 1, .to = 2, .item = 9, .part = 1};
  const HandOverId back{.from = 3, .to = 0, .item = 9, .part = 1};
  mail(0).give(first, numbered(9 * kMegabyte + 3, 1));
  mail(0).give(second, numbered(5, 2));
  mail(1).give(back, numbered(kMegabyte, 3));
  EXPECT_FALSE(mail(1).try_take(first).value().has_value());
  for (int i = 0; i < 4; ++i) look_after_both(i);
  EXPECT_TRUE(same_bytes(mail(1).try_take(first).value().value(), numbered(9 * kMegabyte + 3, 1)));
  EXPECT_TRUE(same_bytes(mail(1).try_take(second).value().value(), numbered(5, 2)));
  EXPECT_TRUE(same_bytes(mail(0).try_take(back).value().value(), numbered(kMegabyte, 3)));
  EXPECT_EQ(num_chunks_, 10 + 1 + 1);
  EXPECT_FALSE(mail(1).try_take(first).value().has_value()) << "once";
  look_after_both(5);
  for (const int32_t process : {0, 1}) {
    EXPECT_FALSE(mail(process).has_to_give());
    EXPECT_FALSE(mail(process).is_moving());
  }
}

TEST_F(HandOverMailTest, KnowsWhatIsStillToLeave) {
  mail(0).give({.from = 0, .to = 2, .item = 1}, numbered(18 * kMegabyte, 1));
  mail(0).give({.from = 0, .to = 2, .item = 2}, numbered(kMegabyte, 1));
  EXPECT_TRUE(mail(0).is_giving(0, 1) && mail(0).is_giving(0, 2) && mail(0).is_giving(0));
  EXPECT_FALSE(mail(0).is_giving(1) || mail(0).is_giving(0, 3));
  look_after_both(0);  // sixteen chunks
  EXPECT_TRUE(mail(0).is_giving(0, 1));
  look_after_both(0);
  look_after_both(0);
  EXPECT_FALSE(mail(0).is_giving(0, 1));
  EXPECT_FALSE(mail(0).has_to_give());
}

TEST_F(HandOverMailTest, KeepsToItsPaceUnlessInAHurry) {
  mail(0).look_after(10);
  mail(0).set_pace(10.0 * kMegabyte);
  const HandOverId id{.from = 0, .to = 2, .item = 1};
  mail(0).give(id, numbered(8 * kMegabyte, 1));
  double now_s = 10;
  const auto look_for = [&](double seconds) {
    for (const double until_s = now_s + seconds; now_s < until_s; now_s += 1e-3) look_after_both(now_s);
  };
  look_for(0.4);
  EXPECT_LE(largest_chunk_, kMegabyte / 64) << "the least: a step's message waits for no more";
  EXPECT_NEAR(num_chunks_, 0.4 * 10 * 64, 10);
  now_s += 0.2;  // nobody looks: little of it is made up for
  const int32_t before = num_chunks_;
  look_after_both(now_s);
  look_after_both(now_s);
  EXPECT_LE(num_chunks_ - before, 8);
  mail(0).begin_hurry();
  look_for(0.004);
  EXPECT_EQ(largest_chunk_, kMegabyte);
  EXPECT_TRUE(same_bytes(mail(1).try_take(id).value().value(), numbered(8 * kMegabyte, 1)));
  mail(0).end_hurry();
  mail(0).give({.from = 0, .to = 2, .item = 2}, numbered(8 * kMegabyte, 1));
  look_for(0.01);
  EXPECT_TRUE(mail(0).has_to_give());
}

TEST_F(HandOverMailTest, MoreThanMayWaitIsAnErrorThatNamesIt) {
  mail(1).set_max_waiting(3 * kMegabyte);
  mail(0).give({.from = 0, .to = 2, .item = 1}, numbered(2 * kMegabyte, 1));
  mail(0).give({.from = 0, .to = 2, .item = 2}, numbered(kMegabyte, 1));
  look_after_both(0);
  look_after_both(0);
  EXPECT_EQ(trouble_, "");
  mail(0).give({.from = 1, .to = 3, .item = 4, .part = 2}, numbered(8, 1));
  look_after_both(0);
  EXPECT_EQ(trouble_,
            "part 2 of item 4 from rank 1 to rank 3 has 8 bytes, and 3145728 of at most 3145728 wait to be taken");
  EXPECT_TRUE(mail(1).try_take({.from = 0, .to = 2, .item = 2}).value().has_value());
  trouble_.clear();
  mail(0).give({.from = 1, .to = 3, .item = 5}, numbered(8, 1));
  look_after_both(0);
  EXPECT_EQ(trouble_, "") << "there is room again";
}

TEST_F(HandOverMailTest, AChunkThatDoesNotFitIsAnError) {
  MessageHead head{.type = HeadType::kHandOver,
                   .from = 0,
                   .to = 2,
                   .call = {.step = 1, .op = 0, .kind = OpKind::kHandOver, .bytes = 100},
                   .num_bytes = 60,
                   .tag = 8};
  EXPECT_TRUE(mail(1).deliver(head, {}, 0).ok());
  EXPECT_EQ(mail(1).deliver(head, {}, 0).error().message,
            "60 bytes of part 0 of item 1 from rank 0 to rank 2 came, and 40 of 100 were left");
  head.num_bytes = 40;
  head.tag = -1;
  EXPECT_FALSE(mail(1).deliver(head, {}, 0).ok()) << "without data";
  head.tag = 9;
  head.call.bytes = 101;
  EXPECT_FALSE(mail(1).deliver(head, {}, 0).ok());
  head.call.bytes = 0;
  head.call.step = 2;
  EXPECT_FALSE(mail(1).deliver(head, {}, 0).ok());
  ports_[1]->give_up();  // its receive is under way
}

// Rank 2 takes it where it lies: nothing travels.
TEST_F(HandOverMailTest, WhatBothProcessesSeeStaysWhereItIs) {
  const auto room = HandOverRoom::make(3 * kMegabyte).value();
  mail(0).use_room(room);
  const HandOverId id{.from = 0, .to = 2, .item = 4, .part = 3};
  Buffer data = room->take(3 * kMegabyte).value();
  const Buffer expected = numbered(3 * kMegabyte, 5);
  std::copy_n(expected.data(), expected.bytes(), data.data());
  mail(0).give(id, std::move(data), true);
  EXPECT_EQ(ports_[0]->num_sends(), 0);
  EXPECT_FALSE(mail(0).has_to_give() || mail(0).is_giving(0, 4));
  EXPECT_TRUE(mail(0).is_showing() && mail(1).is_showing());
  {
    const Buffer taken = mail(1).try_take(id).value().value();
    EXPECT_TRUE(same_bytes(taken, expected));
    EXPECT_FALSE(mail(1).try_take(id).value().has_value()) << "once";
    look_after_both(0);
    EXPECT_FALSE(room->take(1).has_value()) << "it is still read";
  }
  EXPECT_TRUE(mail(1).is_showing());
  look_after_both(1);
  EXPECT_TRUE(room->take(3 * kMegabyte).has_value());
  EXPECT_FALSE(mail(0).is_showing() || mail(1).is_showing());
  EXPECT_EQ(trouble_, "");
}

TEST_F(HandOverMailTest, WhatLiesElsewhereTravelsToAProcessThatSees) {
  const auto room = HandOverRoom::make(kMegabyte).value();
  mail(0).use_room(room);
  const HandOverId own{.from = 0, .to = 2, .item = 1};
  mail(0).give(own, numbered(kMegabyte, 1), true);
  const HandOverId unseen{.from = 0, .to = 3, .item = 1};
  Buffer data = room->take(kMegabyte).value();
  const Buffer expected = numbered(kMegabyte, 2);
  std::copy_n(expected.data(), expected.bytes(), data.data());
  mail(0).give(unseen, std::move(data), false);
  EXPECT_TRUE(mail(0).is_giving(0, 1));
  for (int i = 0; i < 4; ++i) look_after_both(i);
  EXPECT_EQ(num_chunks_, 2);
  EXPECT_TRUE(same_bytes(mail(1).try_take(own).value().value(), numbered(kMegabyte, 1)));
  EXPECT_TRUE(same_bytes(mail(1).try_take(unseen).value().value(), expected));
  EXPECT_TRUE(room->take(kMegabyte).has_value());
}

TEST_F(HandOverMailTest, WhatIsSeenCountsAsWaitingToo) {
  const auto room = HandOverRoom::make(3 * kMegabyte).value();
  mail(0).use_room(room);
  mail(1).set_max_waiting(2 * kMegabyte);
  mail(0).give({.from = 0, .to = 2, .item = 1}, room->take(2 * kMegabyte).value(), true);
  mail(0).give({.from = 0, .to = 2, .item = 2}, room->take(1).value(), true);
  EXPECT_EQ(trouble_,
            "part 0 of item 2 from rank 0 to rank 2 has 1 bytes, and 2097152 of at most 2097152 wait to be taken");
}

// A segment that is gone is an error of whoever takes it.
TEST_F(HandOverMailTest, APlaceThatDoesNotFitIsAnError) {
  MessageHead head{.type = HeadType::kHandOverSeen,
                   .from = 0,
                   .to = 2,
                   .call = {.step = 1, .op = 0, .kind = OpKind::kHandOver, .bytes = 4096},
                   .num_bytes = 24};
  EXPECT_FALSE(mail(1).deliver(head, {}, 0).ok());
  std::array<std::byte, 24> place{};  // process 0, file 0, no bytes
  EXPECT_EQ(mail(1).deliver(head, place, 0).error().message,
            "part 0 of item 1 from rank 0 to rank 2 lies at 0 of 0 bytes and has 4096");
  place[8 + 1] = std::byte{0x10};
  EXPECT_TRUE(mail(1).deliver(head, place, 0).ok());
  EXPECT_FALSE(mail(1).deliver(head, place, 0).ok()) << "twice";
  EXPECT_NE(mail(1).try_take({.from = 0, .to = 2, .item = 1}).error().message.find("shared memory /proc/0/fd/0"),
            std::string::npos);
  head.type = HeadType::kHandOverRead;
  EXPECT_EQ(mail(1).deliver(head, {}, 0).error().message,
            "part 0 of item 1 from rank 2 to rank 0 was never shown, and process 0 has read it");
}

}  // namespace
}  // namespace braid
