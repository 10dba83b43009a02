#include "braid/server/http/answer.h"

#include <gtest/gtest.h>

#include <thread>

namespace braid::http {
namespace {

struct Fixture {
  explicit Fixture(size_t buffer_bytes = 1000)
      : answer(std::make_shared<Answer>(buffer_bytes, [this] { ++num_wakes; })), responder(make_responder(answer)) {
    responder->on_gone([this] { ++num_gone; });
  }
  int num_wakes = 0;
  int num_gone = 0;
  std::shared_ptr<Answer> answer;
  std::shared_ptr<Responder> responder;
};

TEST(Answer, ReturnsAResponseWhole) {
  Fixture f;
  f.responder->respond({.status = 201, .body = std::string(5000, 'x')});
  f.responder->respond({.status = 500});
  EXPECT_EQ(f.num_wakes, 1);
  const Answer::Piece piece = f.answer->take(10);
  EXPECT_EQ(piece.head->status, 201);
  EXPECT_EQ(piece.bytes.size(), 5000U);
  EXPECT_TRUE(piece.is_last);
  EXPECT_FALSE(piece.is_stream);
}

TEST(Answer, ReturnsAStreamInPiecesOfTheRequestedSize) {
  Fixture f;
  f.responder->start_stream({.body = "0"});
  std::string sent = "0";
  for (int i = 0; i < 200; ++i) {
    f.responder->write(std::to_string(i));
    sent += std::to_string(i);
  }
  f.responder->finish();
  std::string got;
  for (Answer::Piece piece; !piece.is_last;) {
    piece = f.answer->take(7);
    EXPECT_LE(piece.bytes.size(), 7U);
    EXPECT_EQ(piece.head.has_value(), got.empty());
    got += piece.bytes;
  }
  EXPECT_EQ(got, sent);
}

TEST(Answer, WakesOnceUntilSomethingIsTaken) {
  Fixture f;
  f.responder->start_stream({});
  f.responder->write("a");
  f.responder->write("b");
  EXPECT_EQ(f.num_wakes, 1);
  EXPECT_EQ(f.answer->take(100).bytes, "ab");
  EXPECT_EQ(f.answer->take(100).bytes, "");
  f.responder->write("c");
  EXPECT_EQ(f.num_wakes, 2);
}

TEST(Answer, TellsTheHandlerOnceThatTheClientLeft) {
  Fixture f;
  EXPECT_FALSE(f.responder->is_gone());
  f.responder->start_stream({});
  f.answer->close(true);
  f.answer->close(true);
  EXPECT_EQ(f.num_gone, 1);
  EXPECT_TRUE(f.responder->is_gone());
  f.responder->write("into the void");
  f.responder->finish();
  EXPECT_EQ(f.answer->take(100).bytes, "");
  EXPECT_EQ(f.num_wakes, 1);
}

TEST(Answer, TellsAHandlerThatAsksTooLateAtOnce) {
  int num_gone = 0;
  const auto answer = std::make_shared<Answer>(10, [] {});
  answer->close(true);
  make_responder(answer)->on_gone([&] { ++num_gone; });
  EXPECT_EQ(num_gone, 1);
}

TEST(Answer, AClientThatLeavesAfterTheEndIsNotReported) {
  for (const bool is_sent : {false, true}) {
    Fixture f;
    f.responder->respond({});
    if (is_sent) f.answer->take(10);
    f.answer->close(true);
    EXPECT_EQ(f.num_gone, 0);
  }
  int num_gone = 0;
  const auto answer = std::make_shared<Answer>(10, [] {});
  answer->close(false);
  make_responder(answer)->on_gone([&] { ++num_gone; });
  EXPECT_EQ(num_gone, 0);
}

TEST(Answer, IsDroppedWithItsLastResponder) {
  Fixture unanswered;
  unanswered.responder.reset();
  Answer::Piece piece = unanswered.answer->take(10);
  EXPECT_TRUE(piece.is_dropped && piece.is_last && !piece.head);
  EXPECT_EQ(unanswered.num_wakes, 1);

  Fixture stream;
  stream.responder->start_stream({.body = "begun"});
  stream.responder.reset();
  piece = stream.answer->take(10);
  EXPECT_TRUE(piece.is_dropped && piece.is_last);
  EXPECT_EQ(piece.bytes, "begun");

  Fixture answered;
  answered.responder->respond({});
  answered.responder.reset();
  EXPECT_FALSE(answered.answer->take(10).is_dropped);
}

TEST(Answer, AFullBufferTakesThreeTimesAsMuchMoreAndThenOverflows) {
  Fixture f(1000);
  f.responder->start_stream({});
  f.answer->take(100);
  f.responder->write(std::string(1000, 'x'));
  EXPECT_EQ(f.answer->fill(), Answer::Fill::kHasRoom);
  int num_wakes = f.num_wakes;
  f.responder->write("x");
  EXPECT_EQ(f.answer->fill(), Answer::Fill::kFull);
  EXPECT_GT(f.num_wakes, num_wakes) << "the connection may be busy sending";
  num_wakes = f.num_wakes;
  for (int i = 0; i < 3; ++i) f.responder->write(std::string(i < 2 ? 1000 : 999, 'x'));
  EXPECT_EQ(f.answer->fill(), Answer::Fill::kFull);
  EXPECT_EQ(f.num_wakes, num_wakes);
  f.responder->write("x");
  EXPECT_EQ(f.answer->fill(), Answer::Fill::kOverflowed);
  EXPECT_GT(f.num_wakes, num_wakes) << "the connection may be busy sending";
  f.answer->close(true);
  EXPECT_EQ(f.num_gone, 1);
}

TEST(Answer, OneEventMayBeLongerThanTheBuffer) {
  Fixture f(1000);
  f.responder->start_stream({});
  f.answer->take(100);
  for (int i = 0; i < 4; ++i) f.responder->write(std::string(8000, 'x'));
  EXPECT_EQ(f.answer->fill(), Answer::Fill::kFull);
  while (f.answer->num_taken_bytes() < 31'000) f.answer->take(100);
  EXPECT_EQ(f.answer->fill(), Answer::Fill::kFull);
  f.answer->take(100);
  EXPECT_EQ(f.answer->fill(), Answer::Fill::kHasRoom);
  for (int i = 0; i < 5; ++i) f.responder->write(std::string(8000, 'x'));
  EXPECT_EQ(f.answer->fill(), Answer::Fill::kOverflowed);
}

TEST(Answer, CallsOnceWhenThereIsRoom) {
  Fixture f(1000);
  int num_calls = 0;
  const auto ask = [&] { f.responder->when_room([&] { ++num_calls; }); };
  ask();
  EXPECT_EQ(num_calls, 0) << "no stream has begun";
  f.responder->start_stream({});
  ask();
  EXPECT_EQ(num_calls, 1);
  EXPECT_TRUE(f.responder->has_room());
  f.responder->write(std::string(1500, 'x'));
  EXPECT_FALSE(f.responder->has_room());
  ask();
  f.answer->take(500);
  EXPECT_EQ(num_calls, 1);
  f.answer->take(1);
  EXPECT_EQ(num_calls, 2);
  EXPECT_TRUE(f.responder->has_room());
  f.answer->take(500);
  EXPECT_EQ(num_calls, 2);
}

TEST(Answer, ReleasesTheHandlersCallbacksWhenItEnds) {
  const auto shared = std::make_shared<int>(0);
  for (const bool gone : {false, true}) {
    const auto answer = std::make_shared<Answer>(10, [] {});
    auto responder = make_responder(answer);
    // Holds the responder itself: a cycle, until the answer ends.
    responder->on_gone([shared, responder] { responder->write("x"); });
    responder->start_stream({});
    responder->write("more than ten bytes");
    responder->when_room([shared, responder] { responder->write("x"); });
    responder.reset();
    EXPECT_EQ(shared.use_count(), 3);
    answer->close(gone);
    EXPECT_EQ(shared.use_count(), 1);
  }
}

TEST(Answer, MayBeWrittenWhileItIsTakenAndClosed) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> num_gone = 0;
    const auto answer = std::make_shared<Answer>(100, [] {});
    std::thread writer([&, responder = make_responder(answer)] {
      responder->on_gone([&] { ++num_gone; });
      responder->start_stream({});
      for (int i = 0; i < 100; ++i) responder->write("0123456789");
    });
    for (int i = 0; i < 20; ++i) answer->take(13);
    answer->close(true);
    writer.join();
    EXPECT_LE(num_gone, 1);
  }
}

}  // namespace
}  // namespace braid::http
