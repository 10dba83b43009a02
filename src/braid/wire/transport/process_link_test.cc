// Messages between the front and processes with ranks: in order, to whom they are for, and nothing from strangers.
#include "braid/wire/transport/process_link.h"

#include <gtest/gtest.h>
#include <zmq.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "braid/wire/transport/bound_socket.h"
#include "braid/wire/transport/zmq_socket.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

SharedBytes link_text(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return SharedBytes(std::vector<std::byte>(bytes.begin(), bytes.end()));
}

// Collects what one end is told.
class HeardAtFront final : public FrontLinkOwner {
 public:
  void on_message(const PeerId& peer, LinkMessageKind kind, SharedBytes body) override {
    const std::lock_guard lock(mutex_);
    peers_by_name_.try_emplace(std::string(text_of(body)), peer);
    heard_[peer] += static_cast<char>(kind) + std::string(text_of(body)) + " ";
    changed_.notify_all();
  }
  void on_unreachable(const PeerId& peer) override {
    const std::lock_guard lock(mutex_);
    unreachable_.push_back(peer);
    changed_.notify_all();
  }
  void on_garbage(const std::string& what) override {
    const std::lock_guard lock(mutex_);
    garbage_.push_back(what);
    changed_.notify_all();
  }

  // The peer that has sent this text first.
  PeerId wait_for_peer(const std::string& text) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return peers_by_name_.contains(text); });
    return peers_by_name_.at(text);
  }
  std::string wait_for_text(const PeerId& peer, size_t size) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return heard_[peer].size() >= size; });
    return heard_[peer];
  }
  std::string wait_for_garbage() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !garbage_.empty(); });
    return garbage_.back();
  }
  PeerId wait_for_unreachable() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !unreachable_.empty(); });
    return unreachable_.back();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, PeerId> peers_by_name_;
  std::map<PeerId, std::string> heard_;
  std::vector<PeerId> unreachable_;
  std::vector<std::string> garbage_;
};

class HeardAtProcess final : public ProcessLinkOwner {
 public:
  void on_message(LinkMessageKind kind, SharedBytes body) override {
    const std::lock_guard lock(mutex_);
    heard_ += static_cast<char>(kind) + std::string(text_of(body)) + " ";
    changed_.notify_all();
  }
  void on_lost(const std::string& why) override {
    const std::lock_guard lock(mutex_);
    lost_ = why;
    changed_.notify_all();
  }
  std::string wait_for_text(size_t size) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return heard_.size() >= size || !lost_.empty(); });
    return lost_.empty() ? heard_ : "lost: " + lost_;
  }
  std::string wait_for_loss() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !lost_.empty(); });
    return lost_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string heard_;
  std::string lost_;
};

class ProcessLinkTest : public ::testing::TestWithParam<const char*> {
 protected:
  ProcessLinkTest() {
    auto link = FrontLink::listen(
        {.endpoint = std::string(GetParam()) == "tcp" ? "tcp://127.0.0.1:*" : "ipc://" + folder_.path().string() + "/f",
         .keys = {.own = front_keys_, .allowed_clients = {process_keys_.public_key}},
         .limits = {.max_queued = 1000}},
        front);
    EXPECT_TRUE(link.ok()) << link.error().message;
    front_link = std::move(link).value();
  }

  std::unique_ptr<ProcessLink> connect(HeardAtProcess& owner, const LinkLimits& limits = {}) {
    return connect(owner, {.own = process_keys_, .server_key = front_keys_.public_key}, limits);
  }
  std::unique_ptr<ProcessLink> connect(HeardAtProcess& owner, const CurveClient& keys, const LinkLimits& limits = {}) {
    auto link = ProcessLink::connect({.endpoint = front_link->endpoint(), .keys = keys, .limits = limits}, owner);
    EXPECT_TRUE(link.ok()) << link.error().message;
    return std::move(link).value();
  }

  const testing::TemporaryFolder folder_;
  const CurveKeyPair front_keys_ = make_curve_key_pair().value();
  const CurveKeyPair process_keys_ = make_curve_key_pair().value();
  HeardAtFront front;
  std::unique_ptr<FrontLink> front_link;
};

TEST_P(ProcessLinkTest, MessagesArriveInOrderAndOnlyWhereTheyAreFor) {
  HeardAtProcess first;
  HeardAtProcess second;
  const auto first_link = connect(first);
  const auto second_link = connect(second);
  first_link->send(LinkMessageKind::kMessage, link_text("one"));
  second_link->send(LinkMessageKind::kMessage, link_text("two"));
  const PeerId one = front.wait_for_peer("one");
  const PeerId two = front.wait_for_peer("two");
  std::string expected;
  for (int i = 0; i < 500; ++i) {
    front_link->send(one, LinkMessageKind::kMap, link_text(std::to_string(i)));
    expected += "M" + std::to_string(i) + " ";
  }
  front_link->send(two, LinkMessageKind::kMessage, link_text("hello"));
  EXPECT_EQ(first.wait_for_text(expected.size()), expected);
  EXPECT_EQ(second.wait_for_text(7), "Phello ");
  for (int i = 0; i < 300; ++i) second_link->send(LinkMessageKind::kOutputs, link_text("x"));
  std::string sent = "Ptwo ";
  for (int i = 0; i < 300; ++i) sent += "Ox ";
  EXPECT_EQ(front.wait_for_text(two, sent.size()), sent);
}

TEST_P(ProcessLinkTest, AProcessThatIsGoneCannotBeReached) {
  HeardAtProcess gone;
  auto link = connect(gone);
  link->send(LinkMessageKind::kMessage, link_text("here"));
  const PeerId peer = front.wait_for_peer("here");
  link.reset();
  std::jthread sender([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      front_link->send(peer, LinkMessageKind::kMap, link_text("map"));
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(front.wait_for_unreachable(), peer);
}

TEST_P(ProcessLinkTest, AFrontThatIsGoneIsToldAndSendsWaitForNothing) {
  HeardAtProcess process;
  const auto link = connect(process, LinkLimits{.max_queued = 4});
  link->send(LinkMessageKind::kMessage, link_text("here"));
  front.wait_for_peer("here");
  const std::string endpoint = front_link->endpoint();
  front_link.reset();
  EXPECT_EQ(process.wait_for_loss(), "the front at " + endpoint + " is gone");
  for (int i = 0; i < 100; ++i) link->send(LinkMessageKind::kOutputs, link_text("x"));
}

TEST_P(ProcessLinkTest, AStrangerGetsNothingAndIsNamed) {
  HeardAtProcess stranger;
  const auto link =
      connect(stranger, CurveClient{.own = make_curve_key_pair().value(), .server_key = front_keys_.public_key});
  link->send(LinkMessageKind::kMessage, link_text("let me in"));
  EXPECT_EQ(front.wait_for_garbage(), "a client was refused: its key is not allowed");
  EXPECT_EQ(stranger.wait_for_loss(), "the front at " + front_link->endpoint() + " does not allow this key");
}

// A message that is handed over after the refusal, and before the link has heard of it, is never taken.
TEST_P(ProcessLinkTest, AStrangerThatSpeaksLateIsNamedToo) {
  HeardAtProcess stranger;
  const auto link =
      connect(stranger, CurveClient{.own = make_curve_key_pair().value(), .server_key = front_keys_.public_key},
              LinkLimits{.send_timeout_s = 0.2});
  std::jthread sender([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) link->send(LinkMessageKind::kMessage, link_text("let me in"));
  });
  EXPECT_EQ(stranger.wait_for_loss(), "the front at " + front_link->endpoint() + " does not allow this key");
}

TEST_P(ProcessLinkTest, WhatNoProcessSendsIsOneLine) {
  const ZmqContext context = make_zmq_context();
  auto socket = ZmqSocket::make(context, ZMQ_DEALER);
  ASSERT_TRUE(socket.ok());
  ASSERT_TRUE(set_curve(*socket, CurveClient{.own = process_keys_, .server_key = front_keys_.public_key}).ok());
  ASSERT_TRUE(socket->connect(front_link->endpoint()).ok());
  ASSERT_TRUE(socket->send_frames({"X", "rubbish"}).ok());
  EXPECT_EQ(front.wait_for_garbage(), "7 bytes that no process sends");
}

INSTANTIATE_TEST_SUITE_P(EveryAddress, ProcessLinkTest, ::testing::Values("ipc", "tcp"));

TEST(BoundSocket, ALinkListensWhereProcessesHaveTriedBefore) {
  auto socket = BoundSocket::bind("127.0.0.1", 0);
  ASSERT_TRUE(socket.ok()) << socket.error().message;
  const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(socket->port());
  const CurveKeyPair front_keys = make_curve_key_pair().value();
  const CurveKeyPair process_keys = make_curve_key_pair().value();
  HeardAtProcess process;
  const auto link = ProcessLink::connect(
      {.endpoint = endpoint, .keys = {.own = process_keys, .server_key = front_keys.public_key}, .limits = {}},
      process);
  ASSERT_TRUE(link.ok());
  (*link)->send(LinkMessageKind::kMessage, link_text("early"));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  HeardAtFront front;
  const auto front_link = FrontLink::listen({.endpoint = endpoint,
                                             .keys = {.own = front_keys, .allowed_clients = {process_keys.public_key}},
                                             .limits = {},
                                             .socket = socket->release()},
                                            front);
  ASSERT_TRUE(front_link.ok()) << front_link.error().message;
  (*front_link)->send(front.wait_for_peer("early"), LinkMessageKind::kMessage, link_text("welcome"));
  EXPECT_EQ(process.wait_for_text(9), "Pwelcome ");
}

TEST(BoundSocket, WhatCannotBeBoundIsNamed) {
  const auto name = BoundSocket::bind("localhost", 0);
  ASSERT_FALSE(name.ok());
  EXPECT_EQ(name.error().message, "localhost is no IPv4 address");
  const auto elsewhere = BoundSocket::bind("192.0.2.1", 0);  // an address for documentation
  ASSERT_FALSE(elsewhere.ok());
  EXPECT_EQ(elsewhere.error().message, "cannot listen at 192.0.2.1:0: Cannot assign requested address");
}

}  // namespace
}  // namespace braid
