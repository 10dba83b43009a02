#include "braid/grammar/automaton/build_rules.h"

#include <gtest/gtest.h>

#include "braid/grammar/automaton/machine.h"
#include "braid/grammar/regex/regex_parser.h"

namespace braid::grammar {
namespace {

Expr pattern_body(std::string_view pattern) {
  auto body = parse_regex(pattern, {});
  EXPECT_TRUE(body.ok());
  return body.ok() ? *body : no_text();
}

Grammar one_rule(Expr body) {
  return {.rules = {{"the rule", std::move(body)}}};
}

// Texts of letters, an x after each, of `min` to `max` characters.
Expr bounded_pairs(uint32_t min, uint32_t max) {
  const unicode::CodePointSet x = unicode::CodePointSet::of(U'x');
  const auto dfa = std::make_shared<const CharacterDfa>(CharacterDfa{
      .classes = {pattern_body("\\p{Lu}")->set, x}, .next = {1, -1, -1, 0}, .accepts = {1, 0}, .start = 0});
  return bounded_automaton(dfa, Spelling::kUtf8, min, max);
}

TEST(BuildRules, ALargeSetIsOneRuleWhereverItStands) {
  const Expr letter = pattern_body("\\p{Lu}");
  const auto num_states = [](std::vector<Expr> parts) {
    const auto machine = make_machine(one_rule(sequence(std::move(parts))), ByteSet().set());
    EXPECT_TRUE(machine.ok());
    return machine.ok() ? machine->num_states() : 0;
  };
  const Expr pairs = bounded_pairs(2, 1000);
  EXPECT_EQ(num_states({letter, bytes("-"), pairs}), num_states({pairs, bytes("-"), letter}));
}

TEST(BuildRules, CountedCharactersThatCannotBeWrittenAreLeftOut) {
  const Grammar grammar = one_rule(pattern_body("[b-z]{9,99}|[a-z]{9,99}|c[0-9]{9,99}"));
  const auto machine = make_machine(grammar, byte_range('a', 'a'));
  ASSERT_TRUE(machine.ok()) << machine.error().message;
  EXPECT_EQ(machine->rules.size(), 2U);
  EXPECT_FALSE(make_machine(grammar, byte_range('A', 'Z')).ok());
}

}  // namespace
}  // namespace braid::grammar
