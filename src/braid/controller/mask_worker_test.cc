// A waiting sampler gets its mask once the previous token is accepted, and does not wait on when the request ends.
#include "braid/controller/mask_worker.h"

#include <gtest/gtest.h>

#include <future>

#include "braid/grammar/grammar_compiler.h"
#include "tests/support/tokenizer/tiny_tokenizer.h"

namespace braid {
namespace {

class MaskWorkerTest : public ::testing::Test {
 protected:
  MaskWorkerTest() {
    GrammarCompiler compiler(*tokenizer_);
    constraint_.grammar = *compiler.regex("ab");
    grammar_.emplace(constraint_, *tokenizer_);
  }
  TokenId id_of(std::string_view token) const { return *tokenizer_->token_to_id(token); }
  static bool allows(const TokenMask& mask, TokenId token) {
    return ((mask->at(static_cast<size_t>(token) / 32) >> (static_cast<uint32_t>(token) % 32)) & 1U) != 0;
  }

  std::unique_ptr<Tokenizer> tokenizer_ = testing::load_tiny_tokenizer();
  GrammarConstraint constraint_;
  std::optional<ChoiceGrammar> grammar_;
  MaskWorker worker_;
};

TEST_F(MaskWorkerTest, WaitForReturnsTheMaskOfThePosition) {
  worker_.ask(1, 0, *grammar_);
  const TokenMask first = *worker_.wait_for(1, 0);
  EXPECT_TRUE(allows(first, id_of("a")));
  EXPECT_FALSE(allows(first, id_of("b")));
  auto second = std::async(std::launch::async, [&] { return *worker_.wait_for(1, 1); });
  ASSERT_TRUE(grammar_->accept(id_of("a")).ok());
  worker_.ask(1, 1, *grammar_);
  const TokenMask mask = second.get();
  EXPECT_FALSE(allows(mask, id_of("a")));
  EXPECT_TRUE(allows(mask, id_of("b")));
  EXPECT_TRUE(allows(first, id_of("a"))) << "a mask stays with its holder";
}

TEST_F(MaskWorkerTest, WaitForReturnsNoMaskIfTheRequestEnds) {
  worker_.ask(1, 0, *grammar_);
  ASSERT_TRUE(worker_.wait_for(1, 0).ok());
  auto next = std::async(std::launch::async, [&] { return *worker_.wait_for(1, 1); });
  worker_.forget(1);
  EXPECT_EQ(next.get(), nullptr);
  EXPECT_EQ(*worker_.wait_for(2, 0), nullptr) << "nobody knows it";
  worker_.forget(2);
}

// As a rank does that was given up as lost, when it wakes up.
TEST_F(MaskWorkerTest, WhoComesLateForAMaskGetsAnError) {
  worker_.ask(1, 0, *grammar_);
  ASSERT_TRUE(worker_.wait_for(1, 0).ok());
  ASSERT_TRUE(grammar_->accept(id_of("a")).ok());
  worker_.ask(1, 1, *grammar_);
  EXPECT_EQ(worker_.wait_for(1, 0).error().message, "mask 0 is wanted, 1 is there");
  EXPECT_TRUE(worker_.wait_for(1, 1).ok());
}

TEST_F(MaskWorkerTest, WhoDoesNotWaitIsCalled) {
  std::promise<TokenMask> second;
  worker_.ask(1, 0, *grammar_);
  worker_.when_found(1, 1, [&](const Result<TokenMask>& mask) { second.set_value(*mask); });
  std::promise<TokenMask> first;
  worker_.when_found(1, 0, [&](const Result<TokenMask>& mask) { first.set_value(*mask); });
  EXPECT_TRUE(allows(first.get_future().get(), id_of("a")));
  ASSERT_TRUE(grammar_->accept(id_of("a")).ok());
  worker_.ask(1, 1, *grammar_);
  EXPECT_TRUE(allows(second.get_future().get(), id_of("b")));
  std::string late;
  worker_.when_found(1, 0, [&](const Result<TokenMask>& mask) { late = mask.error().message; });
  EXPECT_EQ(late, "mask 0 is wanted, 1 is there") << "at once";
  bool has_ended = false;
  worker_.when_found(1, 2, [&](const Result<TokenMask>& mask) { has_ended = *mask == nullptr; });
  EXPECT_FALSE(has_ended);
  worker_.forget(1);
  EXPECT_TRUE(has_ended);
}

TEST_F(MaskWorkerTest, ARequestMayEndWhileItsMaskIsComputed) {
  for (RequestId request = 1; request <= 200; ++request) {
    worker_.ask(request, 0, *grammar_);
    worker_.forget(request);
    EXPECT_EQ(*worker_.wait_for(request, 0), nullptr);
  }
}

TEST_F(MaskWorkerTest, NobodyWaitsForAMaskWhenHisWorldHasEnded) {
  worker_.ask(1, 0, *grammar_);
  ASSERT_TRUE(worker_.wait_for(1, 0).ok());
  std::stop_source world;
  auto next = std::async(std::launch::async, [&] { return worker_.wait_for(1, 1, world.get_token()); });
  world.request_stop();
  EXPECT_EQ(next.get().error().message, "the world of the request has ended");
  ASSERT_TRUE(grammar_->accept(id_of("a")).ok());
  worker_.ask(1, 1, *grammar_);
  EXPECT_TRUE(allows(*worker_.wait_for(1, 1), id_of("b"))) << "it goes on in another world";
}

}  // namespace
}  // namespace braid
