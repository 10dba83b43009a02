// The promises of every kind of link: in process, over ipc, over tcp, and encrypted.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "braid/wire/transport/dispatch.h"
#include "braid/wire/transport/in_process_link.h"
#include "braid/wire/transport/zmq_link.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/wire/message_maker.h"

namespace braid {
namespace {

constexpr double kPatience = 20;  // seconds; reached only if an awaited event never comes

SharedBytes message(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return SharedBytes(std::vector<std::byte>(bytes.begin(), bytes.end()));
}

struct Ends {
  std::unique_ptr<ControllerLink> controller;
  std::vector<std::unique_ptr<PublisherLink>> publishers;
};

struct LinkKind {
  std::string name;
  std::string scheme;
  bool is_encrypted = false;
};
void PrintTo(const LinkKind& kind, std::ostream* out) {
  *out << kind.name;
}

CurveKeyPair new_keys() {
  return make_curve_key_pair().value();
}

ZmqEndpoints endpoints_in(const testing::TemporaryFolder& folder, const std::string& scheme) {
  if (scheme == "tcp") return {.maps = "tcp://127.0.0.1:*", .outputs = "tcp://127.0.0.1:*"};
  return {.maps = "ipc://" + folder.path().string() + "/maps",
          .outputs = "ipc://" + folder.path().string() + "/outputs"};
}

class LinkTest : public ::testing::TestWithParam<LinkKind> {
 protected:
  Ends make(int32_t num_groups, const LinkLimits& limits = {}) {
    if (GetParam().scheme.empty()) {
      InProcessLinks links = make_in_process_links(num_groups, limits);
      return {std::move(links.controller), std::move(links.publishers)};
    }
    ZmqControllerOptions options{
        .endpoints = endpoints_in(folder_, GetParam().scheme), .num_groups = num_groups, .limits = limits, .curve = {}};
    const CurveKeyPair server = new_keys();
    const CurveKeyPair client = new_keys();
    if (GetParam().is_encrypted) options.curve = CurveServer{.own = server, .allowed_clients = {client.public_key}};
    auto controller = listen_as_controller(options);
    EXPECT_TRUE(controller.ok()) << controller.error().message;
    Ends ends{.controller = std::move(controller.value().link), .publishers = {}};
    for (int32_t group = 0; group < num_groups; ++group) {
      ZmqPublisherOptions own{.endpoints = controller.value().endpoints, .group = group, .limits = limits, .curve = {}};
      if (GetParam().is_encrypted) own.curve = CurveClient{.own = client, .server_key = server.public_key};
      auto publisher = connect_to_controller(own);
      EXPECT_TRUE(publisher.ok()) << publisher.error().message;
      ends.publishers.push_back(std::move(publisher).value());
    }
    return ends;
  }

  static std::optional<LinkEvent> next(ControllerLink& link) {
    auto event = link.receive(kPatience);
    EXPECT_TRUE(event.ok()) << event.error().message;
    return event.ok() ? event.value() : std::nullopt;
  }

  static void wait_until_all_joined(ControllerLink& link, int32_t num_groups) {
    std::set<int32_t> joined;
    while (static_cast<int32_t>(joined.size()) < num_groups) {
      const auto event = next(link);
      ASSERT_TRUE(event.has_value());
      ASSERT_EQ(event->kind, LinkEvent::Kind::kJoined) << event->reason;
      joined.insert(event->group);
    }
  }

  static std::string next_map(PublisherLink& link) {
    auto map = link.receive(kPatience);
    if (!map.ok()) return "error: " + map.error().message;
    return map.value() ? std::string(reinterpret_cast<const char*>(map.value()->span().data()), map.value()->size())
                       : "nothing";
  }

  testing::TemporaryFolder folder_;
};

TEST_P(LinkTest, BroadcastsReachAllAndDirectMapsOnlyTheirGroup) {
  Ends ends = make(3);
  wait_until_all_joined(*ends.controller, 3);
  ASSERT_TRUE(ends.controller->send_to_all(message("for all")).ok());
  ASSERT_TRUE(ends.controller->send_to(1, message("for one")).ok());
  ASSERT_TRUE(ends.controller->send_to_all(message("the end")).ok());
  for (size_t group = 0; group < 3; ++group) {
    EXPECT_EQ(next_map(*ends.publishers[group]), "for all");
    if (group == 1) {
      EXPECT_EQ(next_map(*ends.publishers[group]), "for one");
    }
    EXPECT_EQ(next_map(*ends.publishers[group]), "the end");
  }
}

TEST_P(LinkTest, OutputsArriveInOrderWithTheirGroup) {
  Ends ends = make(2);
  wait_until_all_joined(*ends.controller, 2);
  for (int i = 0; i < 50; ++i) {
    for (size_t group = 0; group < 2; ++group) {
      ASSERT_TRUE(ends.publishers[group]->send(message(std::to_string(i))).ok());
    }
  }
  std::map<int32_t, int> counts;
  for (int i = 0; i < 100; ++i) {
    const auto event = next(*ends.controller);
    ASSERT_TRUE(event.has_value());
    ASSERT_EQ(event->kind, LinkEvent::Kind::kOutputs) << event->reason;
    const std::string text(reinterpret_cast<const char*>(event->bytes.span().data()), event->bytes.size());
    EXPECT_EQ(text, std::to_string(counts[event->group]++));
  }
  EXPECT_EQ(counts[0], 50);
  EXPECT_EQ(counts[1], 50);
}

TEST_P(LinkTest, AnEndThatIsGoneIsNamedAtTheOther) {
  Ends ends = make(2);
  wait_until_all_joined(*ends.controller, 2);
  ends.publishers[1].reset();
  auto event = next(*ends.controller);
  // A publisher that reconnected joins again.
  while (event && event->kind == LinkEvent::Kind::kJoined) event = next(*ends.controller);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->kind, LinkEvent::Kind::kLeft);
  EXPECT_EQ(event->group, 1);
  const Status sent = ends.controller->send_to(1, message("x"));
  ASSERT_FALSE(sent.ok());
  EXPECT_NE(sent.error().message.find("group 1"), std::string::npos) << sent.error().message;
  EXPECT_TRUE(ends.controller->send_to_all(message("x")).ok());
  EXPECT_EQ(next_map(*ends.publishers[0]), "x");
  ends.controller.reset();
  const std::string answer = next_map(*ends.publishers[0]);
  EXPECT_TRUE(answer.starts_with("error: the controller") && answer.ends_with("is gone")) << answer;
}

// The system's buffers hold some of the messages.
TEST_P(LinkTest, AReceiverThatDoesNotReadIsNamedInsteadOfFillingMemory) {
  Ends ends = make(2, {.max_queued = 4, .send_timeout_s = 0.1});
  wait_until_all_joined(*ends.controller, 2);
  const SharedBytes large = message(std::string(1 << 20, 'x'));
  Status sent;
  for (int i = 0; i < 1000 && sent.ok(); ++i) sent = ends.controller->send_to(0, large);
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().message, "the publisher of group 0 takes nothing: 4 maps wait since 0.1 s");
  EXPECT_TRUE(ends.controller->send_to(1, message("still served")).ok());
  EXPECT_EQ(next_map(*ends.publishers[1]), "still served");
  sent = Status();
  for (int i = 0; i < 1000 && sent.ok(); ++i) sent = ends.publishers[1]->send(large);
  ASSERT_FALSE(sent.ok());
  EXPECT_NE(sent.error().message.find("takes no outputs since 0.1 s"), std::string::npos) << sent.error().message;
}

TEST_P(LinkTest, WakeEndsAWait) {
  Ends ends = make(1);
  wait_until_all_joined(*ends.controller, 1);
  std::thread waker([&] {
    ends.controller->wake();
    ends.publishers[0]->wake();
  });
  EXPECT_FALSE(ends.controller->receive(kPatience).value().has_value());
  EXPECT_FALSE(ends.publishers[0]->receive(kPatience).value().has_value());
  waker.join();
  EXPECT_FALSE(ends.controller->receive(0).value().has_value());
}

TEST_P(LinkTest, CommandsReachTheirGroupsInBothDispatchModes) {
  constexpr int32_t kNumGroups = 4;
  const AssignmentLimits limits = MessageMaker::map_limits(kNumGroups);
  for (const DispatchMode mode : {DispatchMode::kBroadcast, DispatchMode::kDirect}) {
    Ends ends = make(kNumGroups);
    wait_until_all_joined(*ends.controller, kNumGroups);
    Dispatcher dispatcher(*ends.controller, mode, kNumGroups);
    std::map<int32_t, std::vector<GroupCommand>> sent;
    MessageMaker maker(7);
    for (int i = 0; i < 20; ++i) {
      auto commands = maker.map(kNumGroups).commands;
      for (const GroupCommand& command : commands) sent[command.group].push_back(command);
      ASSERT_TRUE(dispatcher.send(std::move(commands)).ok());
    }
    for (int32_t group = 0; group < kNumGroups; ++group) {
      AssignmentReader reader(group, limits);
      std::vector<GroupCommand> received;
      while (reader.last_map() < dispatcher.last_map(group)) {
        const auto map = ends.publishers[static_cast<size_t>(group)]->receive(kPatience);
        ASSERT_TRUE(map.ok() && map.value());
        auto command = reader.read(*map.value());
        ASSERT_TRUE(command.ok()) << command.error().message;
        if (!command.value().is_empty()) received.push_back(std::move(command).value());
      }
      std::erase_if(sent[group], [](const GroupCommand& command) { return command.is_empty(); });
      EXPECT_EQ(received, sent[group]) << dispatch_mode_name(mode) << ", group " << group;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Links, LinkTest,
                         ::testing::Values(LinkKind{"in_process", "", false}, LinkKind{"ipc", "ipc", false},
                                           LinkKind{"tcp", "tcp", false}, LinkKind{"ipc_curve", "ipc", true},
                                           LinkKind{"tcp_curve", "tcp", true}),
                         [](const auto& kind) { return kind.param.name; });

TEST(Dispatch, ALostMapIsNoticed) {
  const AssignmentLimits limits{
      .num_groups = 1, .max_requests = 1, .max_ended = 1, .max_prompt_len = 1, .vocab_size = 1};
  AssignmentReader reader(0, limits);
  EXPECT_TRUE(reader.read(encode(AssignmentMap{.sequence = 1})).ok());
  EXPECT_EQ(reader.read(encode(AssignmentMap{.sequence = 3})).error().message,
            "the publisher of group 0: assignment map 3 comes after map 1");
  EXPECT_TRUE(AssignmentReader(0, limits, 2).read(encode(AssignmentMap{.sequence = 3})).ok()) << "it joined later";
}

TEST(InProcessLink, AReceiverThatDoesNotReadIsLeftOutOfABroadcastAndTheOthersGoOn) {
  InProcessLinks ends = make_in_process_links(2, {.max_queued = 4, .send_timeout_s = 0});
  for (int i = 0; i < 2; ++i) ASSERT_EQ((*ends.controller->receive(0))->kind, LinkEvent::Kind::kJoined);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(ends.controller->send_to_all(message(std::to_string(i))).ok());
    const auto map = ends.publishers[1]->receive(0);
    EXPECT_TRUE(map.ok() && map->has_value()) << "map " << i;
  }
  const auto event = ends.controller->receive(0);
  ASSERT_TRUE(event.ok() && event->has_value());
  EXPECT_EQ((*event)->kind, LinkEvent::Kind::kLeft);
  EXPECT_EQ((*event)->group, 0);
  EXPECT_EQ((*event)->reason, "the publisher of group 0 takes nothing: 4 maps wait since 0 s");
  EXPECT_FALSE(ends.controller->receive(0)->has_value()) << "said once";
  ends.controller->leave_out(1);
  EXPECT_FALSE(ends.controller->send_to_all(message("x")).ok());
  EXPECT_EQ(ends.publishers[1]->receive(0).error().message, "the controller is gone");
}

TEST(InProcessLink, ABroadcastIsOneBuffer) {
  InProcessLinks links = make_in_process_links(3);
  const SharedBytes map = message("the same for all");
  ASSERT_TRUE(links.controller->send_to_all(map).ok());
  for (const auto& publisher : links.publishers) {
    EXPECT_EQ(publisher->receive(kPatience).value()->span().data(), map.span().data());
  }
}

TEST(ZmqLink, BadEndpointsAndKeysAreNamed) {
  ZmqControllerOptions options{.endpoints = {.maps = "udp://x", .outputs = "tcp://127.0.0.1:*"}};
  EXPECT_EQ(listen_as_controller(options).error().message,
            "\"udp://x\" is no endpoint: use ipc://PATH or tcp://HOST:PORT");
  options.endpoints.maps = "ipc:///nowhere/at/all";
  EXPECT_EQ(listen_as_controller(options).error().message,
            "cannot listen at ipc:///nowhere/at/all: No such file or directory");
  options.endpoints.maps = "tcp://127.0.0.1:*";
  options.curve = CurveServer{.own = {.public_key = "short", .secret_key = "short"}, .allowed_clients = {}};
  EXPECT_EQ(listen_as_controller(options).error().message,
            "the own public key is no CURVE key: it has 5 characters, a key is 40 characters of Z85");
}

// Strangers do not keep the group's own publisher from being served.
class ZmqLinkStrangers : public ::testing::Test {
 protected:
  void listen(bool is_encrypted) {
    ZmqControllerOptions options{.endpoints = {.maps = "tcp://127.0.0.1:*", .outputs = "tcp://127.0.0.1:*"},
                                 .num_groups = 2,
                                 .limits = {.max_message_bytes = 1000},
                                 .curve = {}};
    if (is_encrypted) options.curve = CurveServer{.own = server_, .allowed_clients = {client_.public_key}};
    auto made = listen_as_controller(options);
    ASSERT_TRUE(made.ok()) << made.error().message;
    controller_ = std::move(made).value();
  }

  std::unique_ptr<PublisherLink> connect(int32_t group, std::optional<CurveClient> curve = {}) {
    return std::move(
        connect_to_controller({.endpoints = controller_.endpoints, .group = group, .limits = {}, .curve = curve})
            .value());
  }

  LinkEvent next_event() {
    const auto event = controller_.link->receive(kPatience);
    EXPECT_TRUE(event.ok() && event.value().has_value());
    return event.ok() && event.value() ? *event.value() : LinkEvent{};
  }

  const CurveKeyPair server_ = new_keys();
  const CurveKeyPair client_ = new_keys();
  ZmqController controller_;
};

TEST_F(ZmqLinkStrangers, AnUnknownOrSecondPublisherIsNamed) {
  listen(false);
  const auto first = connect(1);
  EXPECT_EQ(next_event().kind, LinkEvent::Kind::kJoined);
  const auto second = connect(1);
  const LinkEvent twice = next_event();
  EXPECT_EQ(twice.kind, LinkEvent::Kind::kGarbage);
  EXPECT_EQ(twice.group, 1);
  EXPECT_EQ(twice.reason, "a second publisher of group 1 has joined");
  const auto unknown = connect(7);
  EXPECT_EQ(next_event().reason, "a subscription of 6 bytes that is none of a publisher of 2 groups");
  ASSERT_TRUE(unknown->send(message("hello")).ok());
  EXPECT_EQ(next_event().reason, "5 bytes that are no outputs of one of 2 groups");
}

TEST_F(ZmqLinkStrangers, AMessageBeyondTheLimitEndsItsConnectionAlone) {
  listen(false);
  const auto good = connect(0);
  EXPECT_EQ(next_event().kind, LinkEvent::Kind::kJoined);
  const auto bad = connect(1);
  EXPECT_EQ(next_event().kind, LinkEvent::Kind::kJoined);
  ASSERT_TRUE(bad->send(message(std::string(2000, 'x'))).ok());
  ASSERT_TRUE(good->send(message("small")).ok());
  const LinkEvent event = next_event();
  EXPECT_EQ(event.kind, LinkEvent::Kind::kOutputs);
  EXPECT_EQ(event.group, 0);
}

TEST_F(ZmqLinkStrangers, WithoutTheRightKeysAClientIsRefused) {
  listen(true);
  const auto plain = connect(0);
  LinkEvent event = next_event();
  EXPECT_EQ(event.kind, LinkEvent::Kind::kGarbage);
  EXPECT_NE(event.reason.find("is no publisher, or does not have the right keys"), std::string::npos) << event.reason;

  const auto not_allowed = connect(0, CurveClient{.own = new_keys(), .server_key = server_.public_key});
  while (event.reason != "a client was refused: its key is not allowed") {
    event = next_event();
    ASSERT_EQ(event.kind, LinkEvent::Kind::kGarbage);
  }

  const auto good = connect(1, CurveClient{.own = client_, .server_key = server_.public_key});
  while (event.kind == LinkEvent::Kind::kGarbage) event = next_event();
  EXPECT_EQ(event.kind, LinkEvent::Kind::kJoined);
  EXPECT_EQ(event.group, 1);
}

TEST_F(ZmqLinkStrangers, APublisherNoticesAWrongController) {
  listen(true);
  const auto mistaken = connect(0, CurveClient{.own = client_, .server_key = new_keys().public_key});
  Result<std::optional<SharedBytes>> map = std::optional<SharedBytes>();
  std::thread front([&] {
    while (next_event().kind != LinkEvent::Kind::kGarbage) {
    }
  });
  map = mistaken->receive(kPatience);
  front.join();
  ASSERT_FALSE(map.ok());
  EXPECT_NE(map.error().message.find(controller_.endpoints.maps), std::string::npos) << map.error().message;
}

TEST(InProcessLink, AGroupThatIsLetBackGetsWhatIsSentFromThenOn) {
  InProcessLinks ends = make_in_process_links(2);
  for (int i = 0; i < 2; ++i) ASSERT_EQ((*ends.controller->receive(0))->kind, LinkEvent::Kind::kJoined);
  ends.controller->leave_out(0);
  ASSERT_TRUE(ends.controller->send_to_all(message("before")).ok());
  const auto publisher = ends.controller->let_back(0);
  ASSERT_TRUE(ends.controller->send_to_all(message("after")).ok());
  ends.publishers[0].reset();  // the old end
  EXPECT_EQ((*ends.controller->receive(0))->kind, LinkEvent::Kind::kLeft);
  ASSERT_TRUE(ends.controller->send_to(0, message("direct")).ok());
  for (const std::string_view text : {"after", "direct"}) {
    const auto map = publisher->receive(0);
    ASSERT_TRUE(map.ok() && map->has_value());
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>((*map)->span().data()), (*map)->size()), text);
  }
}

}  // namespace
}  // namespace braid
