#include "braid/controller/group_ledger.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

GroupLoad load_of(int64_t num_context_tokens, uint64_t num_commands = 0) {
  GroupLoad load;
  load.scheduler.num_running = 2;
  load.scheduler.num_context_tokens = num_context_tokens;
  load.credits = {.num_requests = 8, .num_pages = 100, .page_size = 16};
  load.num_commands = num_commands;
  return load;
}

TEST(GroupLedger, ASequenceThatMovesCountsInItsTargetAlone) {
  GroupLedger source(load_of(300));
  GroupLedger target(load_of(40));
  const int64_t before = source.num_tokens() + target.num_tokens();
  source.depart({.request = 1}, 120);
  target.expect(9, 120);
  EXPECT_EQ(source.num_tokens(), 180);
  EXPECT_EQ(target.num_tokens(), 160);
  EXPECT_EQ(source.num_tokens() + target.num_tokens(), before);

  source.take(load_of(180, 1));  // it has left
  source.leaves_no_more(120);
  target.expect_no_more(9, 120);
  target.arrive({}, 9, {.num_context_tokens = 120});
  EXPECT_EQ(source.num_tokens() + target.num_tokens(), before);
  EXPECT_EQ(source.num_requests(), 2);
}

TEST(GroupLedger, ASequenceThatEndedBeforeItCouldLeaveMakesNoLoadNegative) {
  GroupLedger source(load_of(100));
  source.depart({.request = 1}, 100);
  source.take(load_of(0));
  EXPECT_EQ(source.num_tokens(), 0);
  source.leaves_no_more(100);
  EXPECT_EQ(source.num_tokens(), 0);
}

TEST(GroupLedger, ALostGroupHasNothingAndTakesNothing) {
  GroupLoad load = load_of(100);
  load.num_arriving_pages = 7;
  GroupLedger group(load);
  group.expect(9, 120);
  const uint64_t command = group.abort(1);
  EXPECT_FALSE(group.has_seen(command));
  EXPECT_TRUE(group.has_work());
  group.lose(false);
  EXPECT_TRUE(group.has_seen(command));
  EXPECT_FALSE(group.has_work());
  EXPECT_TRUE(group.take_commands().empty());
  EXPECT_EQ(group.credits().num_requests, 0);
  EXPECT_EQ(group.credits().num_pages, 0);
  EXPECT_EQ(group.load().num_arriving_pages, 0);
}

TEST(GroupLedger, AGroupThatStartsAgainIsEmptyAndCountsOn) {
  GroupLoad load = load_of(100, 2);
  load.num_steps = 50;
  GroupLedger group(load);
  group.abort(1);
  group.abort(2);
  const uint64_t unseen = group.abort(3);
  group.lose(true);
  EXPECT_TRUE(group.is_down());
  EXPECT_FALSE(group.is_gone());
  group.restart(load_of(0));
  EXPECT_FALSE(group.is_down());
  EXPECT_TRUE(group.has_seen(unseen)) << "it waits for nothing from before";
  EXPECT_EQ(group.load().num_steps, 50U);
  EXPECT_EQ(group.credits().num_requests, 8);
  const uint64_t command = group.abort(4);
  EXPECT_FALSE(group.has_seen(command));
  GroupLoad later = load_of(0, 1);
  later.num_steps = 3;
  group.take(later);
  EXPECT_TRUE(group.has_seen(command));
  EXPECT_EQ(group.load().num_steps, 53U);
}

TEST(GroupLedger, EachPauseAndItsEndIsACommandOfItsOwn) {
  GroupLedger group(load_of(0));
  group.pause(true);
  const uint64_t last = group.pause(false);
  const std::vector<GroupCommand> commands = group.take_commands();
  ASSERT_EQ(commands.size(), 2U);
  EXPECT_EQ(commands[0].is_paused, true);
  EXPECT_EQ(commands[1].is_paused, false);
  EXPECT_EQ(commands[0].size() + commands[1].size(), last);
}

}  // namespace
}  // namespace braid
