#include "braid/server/service/journaled_streams.h"

#include <gtest/gtest.h>

#include "braid/base/clock.h"
#include "tests/support/server/service/fake_client.h"

namespace braid {
namespace {

using testing::FakeClient;

TEST(JournaledStream, AClientGoesOnBehindWhatItHas) {
  JournaledStream stream;
  const auto first = std::make_shared<FakeClient>();
  stream.attach(first, 0);
  stream.start_stream({.body = {}});
  stream.write("data: 1\n\ndata: 2\n\n");
  const auto second = std::make_shared<FakeClient>();
  stream.attach(second, 1);
  stream.write("data: 3\n\n");
  stream.finish();
  EXPECT_EQ(first->body(), "data: 1\n\ndata: 2\n\n") << "the second client took its place";
  EXPECT_EQ(second->body(), "data: 2\n\ndata: 3\n\n");
  const auto late = std::make_shared<FakeClient>();
  stream.attach(late, 2);
  EXPECT_EQ(late->body(), "data: 3\n\n");
  EXPECT_EQ(stream.bytes(), 27U);
}

TEST(JournaledStream, AClientThatIsAheadWaitsForWhatItLacks) {
  JournaledStream stream;
  const auto client = std::make_shared<FakeClient>();
  stream.attach(client, 2);
  stream.start_stream({.body = {}});
  for (const char* event : {"data: 1\n\n", "data: 2\n\n", "data: 3\n\n"}) stream.write(event);
  stream.finish();
  EXPECT_EQ(client->body(), "data: 3\n\n");
}

TEST(JournaledStream, AnErrorBeforeTheStreamIsTheAnswer) {
  JournaledStream stream;
  const auto client = std::make_shared<FakeClient>();
  stream.attach(client, 0);
  stream.respond({.status = 429, .body = "full"});
  EXPECT_EQ(client->status(), 429);
  const auto late = std::make_shared<FakeClient>();
  stream.attach(late, 0);
  EXPECT_EQ(late->body(), "full");
}

TEST(JournaledStreams, ANameIsTakenUntilItsStreamHasEnded) {
  JournaledStreams streams(100, 1000);
  const auto first = streams.add("a", 0);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(streams.add("a", 0), nullptr);
  EXPECT_EQ(streams.find("a", 0), first);
  first->respond({.body = "x"});
  EXPECT_NE(streams.add("a", 0), first);
  EXPECT_EQ(streams.find("b", 0), nullptr);
}

TEST(JournaledStreams, EndedOnesAreKeptForATimeAndUpToASize) {
  JournaledStreams streams(100, 1000);
  const auto running = streams.add("running", 0);
  for (int i = 0; i < 4; ++i) {
    const auto stream = streams.add(std::to_string(i), monotonic_seconds());
    stream->respond({.body = std::string(400, 'x')});
  }
  EXPECT_EQ(streams.find("1", monotonic_seconds()), nullptr) << "the oldest go first";
  EXPECT_NE(streams.find("3", monotonic_seconds()), nullptr);
  EXPECT_EQ(streams.find("3", monotonic_seconds() + 200), nullptr);
  EXPECT_EQ(streams.find("running", monotonic_seconds() + 200), running);
}

}  // namespace
}  // namespace braid
