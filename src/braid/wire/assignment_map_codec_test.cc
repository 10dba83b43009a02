#include "braid/wire/assignment_map_codec.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <string>

#include "tests/support/wire/message_maker.h"

namespace braid {
namespace {

constexpr int32_t kNumMapGroups = 5;
const AssignmentLimits kMapLimits = MessageMaker::map_limits(kNumMapGroups);

std::vector<std::byte> bytes_of(const AssignmentMap& map) {
  const SharedBytes bytes = encode(map);
  return {bytes.span().begin(), bytes.span().end()};
}

GroupCommand command_for(const AssignmentMap& map, int32_t group) {
  for (const GroupCommand& command : map.commands) {
    if (command.group == group) return command;
  }
  return {.group = group};
}

TEST(AssignmentMapCodec, EveryGroupFindsItsOwnPart) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const AssignmentMap map = MessageMaker(seed).map(kNumMapGroups);
    auto bytes = bytes_of(map);
    bytes.insert(bytes.begin(), std::byte{0});
    for (int32_t group = 0; group < kNumMapGroups; ++group) {
      // With aligned and unaligned bytes.
      for (const size_t shift : {size_t{0}, size_t{1}}) {
        const auto own = shift == 1 ? decode_assignment(std::span(bytes).subspan(1), group, kMapLimits)
                                    : decode_assignment(encode(map).span(), group, kMapLimits);
        ASSERT_TRUE(own.ok()) << "seed " << seed << ": " << own.error().message;
        EXPECT_EQ(own.value().sequence, map.sequence);
        EXPECT_EQ(own.value().command, command_for(map, group)) << "seed " << seed << ", group " << group;
      }
    }
  }
}

TEST(AssignmentMapCodec, AnErrorInOneGroupsPartDoesNotAffectOthers) {
  AssignmentMap map{.sequence = 3, .commands = {}};
  for (int32_t group = 0; group < 3; ++group) {
    GroupCommand& command = map.commands.emplace_back();
    command.group = group;
    command.add.push_back({.id = static_cast<RequestId>(group), .prompt = std::vector<TokenId>(50, 100 + group)});
  }
  auto bytes = bytes_of(map);
  // Group 1's prompt becomes ids that no vocabulary has.
  const std::vector<int32_t> prompt(50, 101);
  const auto* begin = reinterpret_cast<const char*>(prompt.data());
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const size_t at = all.find(std::string_view(begin, prompt.size() * sizeof(int32_t)));
  ASSERT_NE(at, std::string_view::npos);
  std::memset(bytes.data() + at, 0xff, prompt.size() * sizeof(int32_t));
  EXPECT_EQ(decode_assignment(bytes, 1, kMapLimits).error().message,
            "assignment map 3, group 1: request 1: prompt token 0 is -1, which is not of an image there");
  for (const int32_t group : {0, 2}) {
    const auto own = decode_assignment(bytes, group, kMapLimits);
    ASSERT_TRUE(own.ok());
    EXPECT_EQ(own.value().command, map.commands[static_cast<size_t>(group)]);
  }
}

TEST(AssignmentMapCodec, APromptCostsFourBytesAToken) {
  AssignmentMap map{.sequence = 1, .commands = {{.group = 2}}};
  map.commands[0].add.push_back({.id = 1, .prompt = std::vector<TokenId>(1)});
  const size_t short_bytes = encode(map).size();
  map.commands[0].add[0].prompt.resize(32'769);
  const size_t long_bytes = encode(map).size();
  EXPECT_EQ(long_bytes - short_bytes, 4 * 32'768U);
  EXPECT_LT(short_bytes, 400U);
}

// Most damaged bytes are refused; what decodes keeps the limits. (The sanitizers watch.)
TEST(AssignmentMapCodec, DamagedBytesAreRefusedOrHarmless) {
  int refused = 0;
  constexpr int kRounds = 3000;
  for (uint64_t seed = 1; seed <= kRounds; ++seed) {
    MessageMaker maker(seed);
    auto bytes = bytes_of(maker.map(kNumMapGroups));
    maker.damage(bytes);
    bool any_refused = false;
    for (int32_t group = 0; group < kNumMapGroups; ++group) {
      const auto own = decode_assignment(bytes, group, kMapLimits);
      any_refused = any_refused || !own.ok();
      if (!own.ok()) continue;
      const GroupCommand& command = own.value().command;
      EXPECT_EQ(command.group, group);
      EXPECT_LE(command.add.size(), 8U);
      EXPECT_LE(std::max(command.abort.size(), command.finish.size()), 8U);
      for (const SchedulerRequest& request : command.add) {
        EXPECT_FALSE(request.prompt.empty());
        EXPECT_LE(request.prompt.size(), 300U);
        for (const TokenId token : request.prompt) {
          EXPECT_TRUE(token < 1000 && (token >= 0 || !request.images.empty()));
        }
      }
    }
    refused += any_refused ? 1 : 0;
  }
  EXPECT_GT(refused, kRounds / 4);
}

TEST(AssignmentMapCodec, EveryTruncationIsRefused) {
  const AssignmentMap map{.sequence = 1, .commands = {{.group = 0, .add = {{.id = 1, .prompt = {7, 7, 7}}}}}};
  const auto bytes = bytes_of(map);
  for (size_t size = 0; size < bytes.size(); ++size) {
    // The last bytes may be padding.
    const auto own = decode_assignment(std::span(bytes).first(size), 0, kMapLimits);
    EXPECT_TRUE(!own.ok() || own.value().command == map.commands[0]) << size;
    EXPECT_TRUE(!own.ok() || size + 8 >= bytes.size()) << size;
  }
}

TEST(AssignmentMapCodec, HugeCountsAreRefused) {
  AssignmentMap map{.sequence = 1, .commands = {{.group = 0}}};
  map.commands[0].add.push_back({.id = 1, .prompt = {7, 7, 7}});
  const auto good = bytes_of(map);
  int refused = 0;
  for (size_t at = 0; at + 4 <= good.size(); at += 4) {
    for (const uint32_t count : {0xffffffffU, 0x7fffffffU, 0x40000000U}) {
      auto bytes = good;
      std::memcpy(bytes.data() + at, &count, sizeof(count));
      const auto own = decode_assignment(bytes, 0, kMapLimits);
      refused += own.ok() ? 0 : 1;
      EXPECT_TRUE(!own.ok() || own.value().command.add.size() <= 1);
    }
  }
  EXPECT_GT(refused, 30);
}

TEST(AssignmentMapCodec, ErrorsNameWhatBreaksALimit) {
  const auto error_of = [&](auto change) {
    AssignmentMap map{.sequence = 9, .commands = {{.group = 4}}};
    map.commands[0].add.push_back({.id = 5, .prompt = {1, 2, 3}});
    change(map.commands[0]);
    const auto own = decode_assignment(encode(map).span(), 4, kMapLimits);
    return own.ok() ? std::string() : own.error().message;
  };
  const std::string place = "assignment map 9, group 4: ";
  EXPECT_EQ(error_of([](GroupCommand&) {}), "");
  EXPECT_EQ(error_of([](GroupCommand& c) { c.add[0].prompt[1] = 1000; }),
            place + "request 5: prompt tokens: 1000 is not below 1000");
  EXPECT_EQ(error_of([](GroupCommand& c) { c.add[0].prompt[1] = -7; }),
            place + "request 5: prompt token 1 is -7, which is not of an image there");
  const auto image = [](GroupCommand& c) -> RequestImage& {
    const ImageKey key = {1, 2, 3};
    c.add[0].prompt = {1, placeholder_token(key, 0), placeholder_token(key, 1), 4};
    return c.add[0].images.emplace_back(RequestImage{.bytes = std::make_shared<const std::string>("image"),
                                                     .span = {.first = 1, .key = key, .grid = {.rows = 1, .cols = 2}}});
  };
  EXPECT_EQ(error_of([&](GroupCommand& c) { image(c); }), "");
  EXPECT_EQ(error_of([&](GroupCommand& c) { image(c).span.time = 5; }), "");
  EXPECT_EQ(error_of([&](GroupCommand& c) { image(c).span.time = -5; }),
            place + "request 5: frames at token 1 with time -5 continue a video that ends at 0");
  EXPECT_EQ(error_of([&](GroupCommand& c) { image(c).span.continues_video = true; }),
            place + "request 5: frames at token 1 with time 0 continue a video that ends at 0");
  EXPECT_EQ(error_of([&](GroupCommand& c) { image(c).span.key[0] = 2; }),
            place + fmt::format("request 5: prompt token 1 is {}, which is not of an image there",
                                placeholder_token({1, 2, 3}, 0)));
  EXPECT_EQ(error_of([&](GroupCommand& c) { image(c).span.grid.cols = 1; }),
            place + fmt::format("request 5: prompt token 2 is {}, which is not of an image there",
                                placeholder_token({1, 2, 3}, 1)));
  EXPECT_EQ(error_of([&](GroupCommand& c) { image(c).span.grid.cols = 4; }),
            place + "request 5: an image of 1 x 1 x 4 tokens at 1 of a prompt of 4, behind 0");
  EXPECT_EQ(error_of([&](GroupCommand& c) { image(c).span.grid = {.frames = 1 << 30, .rows = 1 << 30, .cols = 16}; }),
            place + "request 5: an image of 1073741824 x 1073741824 x 16 tokens at 1 of a prompt of 4, behind 0");
  EXPECT_EQ(error_of([&](GroupCommand& c) { image(c).span.first = -1; }),
            place + "request 5: an image of 1 x 1 x 2 tokens at -1 of a prompt of 4, behind 0");
  EXPECT_EQ(error_of([&](GroupCommand& c) { c.add[0].images.push_back(image(c)); }),
            place + "request 5: an image of 1 x 1 x 2 tokens at 1 of a prompt of 4, behind 3");
  EXPECT_EQ(error_of([&](GroupCommand& c) { c.add[0].images.assign(257, image(c)); }),
            place + "request 5: 257 images, at most 256 fit");
  EXPECT_EQ(error_of([](GroupCommand& c) { c.add[0].prompt.clear(); }), place + "request 5: no prompt");
  EXPECT_EQ(error_of([](GroupCommand& c) { c.add[0].prompt.assign(301, 0); }),
            place + "request 5: 301 prompt tokens, at most 300 fit");
  EXPECT_EQ(error_of([](GroupCommand& c) { c.add[0].sampling.top_p = std::numeric_limits<float>::quiet_NaN(); }),
            place + "request 5: a sampling parameter is out of its range");
  EXPECT_EQ(error_of([](GroupCommand& c) { c.add.push_back(c.add[0]); }), place + "request 5 is there twice");
  EXPECT_EQ(error_of([](GroupCommand& c) { c.abort.assign(9, 1); }), place + "9 aborts, at most 8 fit");
  EXPECT_EQ(error_of([](GroupCommand& c) { c.finish.assign(9, 1); }), place + "9 finishes, at most 8 fit");
  EXPECT_NE(error_of([](GroupCommand& c) { c.add.assign(9, c.add[0]); }), "");
  const auto arriving = [](GroupCommand& c) -> MovingSequence& {
    return c.arrive.emplace_back(MovingSequence{.move = {.id = 3, .from_group = 1, .to_group = 4, .num_pages = 1},
                                                .sequence = {.request = c.add[0], .output = {4}}});
  };
  EXPECT_EQ(error_of([&](GroupCommand& c) { arriving(c); }), "");
  EXPECT_EQ(error_of([&](GroupCommand& c) { arriving(c).sequence.output.clear(); }),
            place + "request 5: it moves before its first token, with a prefix of 0 of its 3 tokens in 1 pages");
  const auto prefix = [&](GroupCommand& c) -> MovedSequence& {
    MovedSequence& sequence = arriving(c).sequence;
    sequence.output.clear();
    sequence.cached_tokens = 2;
    return sequence;
  };
  EXPECT_EQ(error_of([&](GroupCommand& c) { prefix(c); }), "");
  EXPECT_EQ(error_of([&](GroupCommand& c) { prefix(c).cached_tokens = 4; }),
            place + "request 5: it moves before its first token, with a prefix of 4 of its 3 tokens in 1 pages");
  const auto order = [](GroupCommand& c) -> DepartOrder& {
    return c.depart.emplace_back(DepartOrder{
        .request = 8, .move = {.id = 3, .from_group = 1, .to_group = 4}, .prefix = {1, 2, 3}, .prompt_len = 3});
  };
  EXPECT_EQ(error_of([&](GroupCommand& c) { order(c); }), "");
  EXPECT_EQ(error_of([&](GroupCommand& c) { order(c).prompt_len = 2; }),
            place + "request 8: a prefix of 3 tokens of a prompt of 2");
  EXPECT_EQ(error_of([&](GroupCommand& c) { order(c).prompt_len = 301; }),
            place + "request 8: a prefix of 3 tokens of a prompt of 301");
  EXPECT_EQ(error_of([&](GroupCommand& c) { order(c).prefix[1] = 1000; }),
            place + "request 8: tokens of a prefix: 1000 is not below 1000");
  EXPECT_EQ(error_of([&](GroupCommand& c) { order(c).prefix.assign(301, 1); }),
            place + "request 8: 301 tokens of a prefix, at most 300 fit");
  EXPECT_EQ(error_of([&](GroupCommand& c) { arriving(c).sequence.output.assign(298, 1); }),
            place + "request 5: 301 tokens, the context is 300");
  EXPECT_EQ(error_of([&](GroupCommand& c) { arriving(c).sequence.cached_tokens = -1; }),
            place + "request 5: -1 cached tokens, the context is 300");
  EXPECT_EQ(error_of([&](GroupCommand& c) { arriving(c).move.from_group = 5; }),
            place + "request 5: move 3 from group 5 to group 4, there are 5 groups");
  EXPECT_EQ(error_of([&](GroupCommand& c) { arriving(c).move.from_group = 4; }),
            place + "request 5: move 3 from group 4 to group 4, there are 5 groups");
  EXPECT_EQ(error_of([&](GroupCommand& c) { arriving(c).move = {.id = 3, .from_group = 4, .to_group = 4}; }), "")
      << "without pages: the group was lost and has started again";
  EXPECT_EQ(error_of([&](GroupCommand& c) { arriving(c).move.num_pages = 33; }),
            place + "request 5: 33 pages of 4 tokens");
  EXPECT_EQ(error_of([&](GroupCommand& c) { arriving(c), arriving(c); }), place + "request 5 is there twice");
  EXPECT_EQ(error_of([&](GroupCommand& c) { c.arrive.assign(11, {}); }),
            place + "11 sequences that move, at most 10 fit");
  EXPECT_EQ(error_of([&](GroupCommand& c) { c.depart = {{.request = 8, .move = {.from_group = 2, .to_group = 2}}}; }),
            place + "request 8: move 0 from group 2 to group 2, there are 5 groups");
  EXPECT_EQ(error_of([](GroupCommand& c) { c.is_paused = true; }), "");
  EXPECT_EQ(error_of([&](GroupCommand& c) { c.depart.assign(3, {}); }), place + "3 departures, at most 2 fit");

  const AssignmentMap unknown{.sequence = 9, .commands = {{.group = 5}}};
  EXPECT_EQ(decode_assignment(encode(unknown).span(), 4, kMapLimits).error().message,
            "assignment map 9: group 5 after group -1, of 5 groups in ascending order");
  AssignmentLimits small = kMapLimits;
  small.max_bytes = 10;
  EXPECT_EQ(decode_assignment(std::vector<std::byte>(11), 0, small).error().message,
            "an assignment map of 11 bytes, at most 10");
  EXPECT_EQ(decode_assignment(std::vector<std::byte>(64), 0, kMapLimits).error().message,
            "an assignment map of 64 bytes is malformed");
  EXPECT_FALSE(decode_assignment({}, 0, kMapLimits).ok());
}

}  // namespace
}  // namespace braid
