#include "braid/cli/answer_feed.h"

#include <gtest/gtest.h>

#include <thread>

namespace braid {
namespace {

using std::chrono::milliseconds;

Delta make_delta(std::string text, TokenId token) {
  Delta made{.text = std::move(text)};
  made.tokens.push_back({.token = token});
  return made;
}

TEST(AnswerFeed, WhatNobodyTookYetComesTogetherAndOnce) {
  AnswerFeed feed;
  feed.add(make_delta("a", 1));
  feed.add(make_delta("b", 2));
  AnswerFeed::News news = feed.take(milliseconds(0));
  EXPECT_EQ(news.text, "ab");
  EXPECT_EQ(news.ids, (std::vector<TokenId>{1, 2}));
  EXPECT_FALSE(news.has_ended);
  EXPECT_EQ(feed.take(milliseconds(0)).text, "");

  Delta last = make_delta("c", 3);
  last.finish = FinishReason::kLength;
  last.usage.output_tokens = 3;
  feed.add(last);
  news = feed.take(milliseconds(0));
  EXPECT_TRUE(news.has_ended);
  EXPECT_EQ(news.text, "c");
  EXPECT_EQ(news.finish, FinishReason::kLength);
  EXPECT_EQ(news.usage.output_tokens, 3);
}

TEST(AnswerFeed, TakeWaitsForNews) {
  AnswerFeed feed;
  std::thread engine([&] { feed.add(make_delta("late", 1)); });
  EXPECT_EQ(feed.take(std::chrono::minutes(1)).text, "late");
  engine.join();
}

}  // namespace
}  // namespace braid
