#include "braid/grammar/automaton/build_rules.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "braid/grammar/automaton/byte_tree.h"
#include "braid/grammar/automaton/character_bytes.h"
#include "braid/grammar/automaton/number_lists.h"
#include "braid/grammar/automaton/rule_order.h"
#include "braid/grammar/automaton/text_anchors.h"

namespace braid::grammar {
namespace {

using Kind = Expression::Kind;

// Builds the automata, within the limits. It adds rules (counted parts, large sets of characters) after the grammar's
// own.
class Builder {
 public:
  Builder(const Grammar& grammar, const GrammarLimits& limits)
      : grammar_(grammar), limits_(limits), infos_(rule_infos(grammar)) {
    for (const Rule& rule : grammar.rules) {
      pending_.push_back({.name = rule.name, .shared_key = rule.shared_key, .body = rule.body, .mark = rule.mark});
    }
  }

  Result<RuleSet> build() {
    RuleSet out{.arena = std::make_unique<Arena>(kFirstBytes), .rules = {}, .root = grammar_.root, .text = {}};
    for (size_t i = 0; i < pending_.size(); ++i) {  // pending_ grows in the loop
      if (i >= static_cast<size_t>(limits_.max_rules)) return fail("more than {} rules", limits_.max_rules);
      const Pending pending = pending_[i];
      const bool is_copied = i < infos_.size() && infos_[i].inlines && static_cast<RuleId>(i) != grammar_.root;
      rule_ = {.arena = out.arena.get(),
               .name = pending.name,
               .shared_key = pending.shared_key,
               .mark = pending.mark,
               .counts_characters = pending.counts_characters};
      has_sets_in_place_ = pending.has_sets_in_place;
      if (!is_copied && is_whole_dfa(pending)) {
        TRY_STATUS(build_from_dfa(*pending.body));
        out.rules.push_back(std::move(rule_));
        continue;
      }
      anchors_.clear();
      rule_.start = add_state();
      const StateId end = add_state();
      if (!is_copied) {
        TRY_STATUS(add(*pending.body, rule_.start, end));
      }
      rule_.states[end].accepts = true;
      if (!anchors_.empty()) resolve_anchors(rule_, anchors_, end);
      out.rules.push_back(std::move(rule_));
    }
    out.text = std::move(text_);
    return out;
  }

 private:
  struct Pending {
    std::string name;
    std::string shared_key;
    Expr body;
    bool has_sets_in_place = false;  // however large they are
    RuleMark mark = RuleMark::kNone;
    bool counts_characters = false;
  };

  static bool is_whole_dfa(const Pending& pending) {
    const Expression& body = *pending.body;
    if (body.kind != Kind::kDfa || body.dfa->is_empty()) return false;
    return pending.counts_characters || (body.min == 0 && body.max == kUnbounded);
  }

  StateId add_state() {
    ++num_states_;
    return rule_.add_state();
  }
  AutomatonState& state(StateId id) { return rule_.states[id]; }

  Status check_size() const {
    if (num_states_ > limits_.max_states || num_edges_ > limits_.max_edges) {
      return fail("the grammar is too large: more than {} states or {} edges (rule \"{}\")", limits_.max_states,
                  limits_.max_edges, rule_.name);
    }
    return {};
  }

  void add_epsilon(StateId from, StateId to) {
    ++num_edges_;
    state(from).epsilons.push_back(*rule_.arena, to);
  }

  // Adds paths from `from` to `to` for the texts of `expression`. It adds only edges that leave `from` or enter `to`,
  // so that parts beside each other do not mix.
  Status add(const Expression& expression, StateId from, StateId to) {
    TRY_STATUS(check_size());
    switch (expression.kind) {
      case Kind::kBytes:
        return add_literal(expression.bytes, from, to);
      case Kind::kCharacters:
        return add_characters(expression, from, to);
      case Kind::kSequence:
        for (size_t i = 0; i < expression.parts.size(); ++i) {
          const StateId next = i + 1 == expression.parts.size() ? to : add_state();
          TRY_STATUS(add(*expression.parts[i], from, next));
          from = next;
        }
        if (expression.parts.empty()) add_epsilon(from, to);
        return {};
      case Kind::kChoice:
        for (const Expr& part : expression.parts) TRY_STATUS(add(*part, from, to));
        return {};
      case Kind::kRepeat:
        return add_repeat(expression, from, to);
      case Kind::kRule:
        return add_reference(expression.rule, from, to);
      case Kind::kDfa:
        return add_dfa(expression, from, to);
      case Kind::kGraph:
        return add_graph(expression, from, to);
      case Kind::kStart:
      case Kind::kEnd:
        anchors_.push_back({from, to, expression.kind == Kind::kStart});
        return {};
      case Kind::kLook:
        CHECK(false, "a look-around in a rule");
    }
    return {};
  }

  Status add_literal(const std::string& text, StateId from, StateId to) {
    num_edges_ += static_cast<int64_t>(text.size());
    num_states_ += static_cast<int64_t>(text.size());
    if (text.empty()) {
      add_epsilon(from, to);
    } else if (text.size() == 1) {
      const auto byte = static_cast<uint8_t>(text.front());
      state(from).bytes.push_back(*rule_.arena, {byte, byte, to});
    } else {
      state(from).literals.push_back(*rule_.arena,
                                     {static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(text.size()), to});
      text_ += text;
    }
    return check_size();
  }

  // True if each of the characters is written as itself, in one byte.
  static bool is_plain(const Expression& expression) {
    const auto is_itself = [&](const unicode::CodePointRange& range) {
      if (range.last >= 0x80) return false;
      const auto has = [&](char32_t c) { return range.first <= c && c <= range.last; };
      return expression.spelling == Spelling::kUtf8 || (range.first >= 0x20 && !has('"') && !has('\\'));
    };
    return std::ranges::all_of(expression.set.ranges(), is_itself);
  }

  Status add_characters(const Expression& expression, StateId from, StateId to) {
    if (is_plain(expression)) {  // most are plain, and automata have very many of them
      for (const auto& range : expression.set.ranges()) {
        state(from).bytes.push_back(*rule_.arena,
                                    {static_cast<uint8_t>(range.first), static_cast<uint8_t>(range.last), to});
        ++num_edges_;
      }
      return check_size();
    }
    ByteTrees own(shapes_);  // not shared with other characters
    return add_set(way_to_read(expression), own, from, to);
  }

  struct WayToRead {
    std::optional<RuleId> rule;  // of a large set; else
    std::vector<ByteShapes::Branch> branches;
  };

  WayToRead way_to_read(const Expression& set) {
    const bool is_large = set.set.ranges().size() > kMaxRangesInPlace && !has_sets_in_place_ && !is_plain(set);
    if (is_large) return {large_set_rule(set), {}};
    return {std::nullopt, shapes_.branches_of(set.set, set.spelling)};
  }

  Status add_set(const WayToRead& set, ByteTrees& trees, StateId from, StateId to) {
    if (set.rule) {
      add_call(*set.rule, 1, 1, from, to);
      return check_size();
    }
    const size_t num_before = rule_.states.size();
    num_edges_ += trees.add(rule_, set.branches, from, to);
    num_states_ += static_cast<int64_t>(rule_.states.size() - num_before);
    return check_size();
  }

  Status add_repeat(const Expression& expression, StateId from, StateId to) {
    const Expression& part = *expression.parts[0];
    const uint32_t min = expression.min;
    const uint32_t max = expression.max;
    if (max == 0) {
      add_epsilon(from, to);
      return {};
    }
    if (!is_written_out(part, estimated_size(part, infos_), min, max)) {
      TRY(const RuleId rule, counted_rule(expression.parts[0]));
      if (min == 0) add_epsilon(from, to);
      add_call(rule, std::max(min, 1U), max, from, to);
      return {};
    }
    for (uint32_t i = 0; i < min; ++i) {
      const StateId next = add_state();
      TRY_STATUS(add(part, from, next));
      from = next;
    }
    if (max == kUnbounded) {
      const StateId loop = add_state();
      add_epsilon(from, loop);
      add_epsilon(loop, to);
      return add(part, loop, loop);
    }
    for (uint32_t i = min; i < max; ++i) {
      const StateId next = add_state();
      add_epsilon(from, to);
      TRY_STATUS(add(part, from, next));
      from = next;
    }
    add_epsilon(from, to);
    return {};
  }

  Status add_reference(RuleId rule, StateId from, StateId to) {
    if (!infos_[static_cast<size_t>(rule)].inlines) {
      add_call(rule, 1, 1, from, to);
      return {};
    }
    return add(*grammar_.rules[static_cast<size_t>(rule)].body, from, to);
  }

  void add_call(RuleId rule, uint32_t min, uint32_t max, StateId from, StateId to) {
    ++num_edges_;
    state(from).calls.push_back(*rule_.arena, {rule, min, max, to});
  }

  Status add_dfa(const Expression& expression, StateId from, StateId to) {
    const CharacterDfa& dfa = *expression.dfa;
    if (dfa.is_empty()) return {};
    if (expression.min > 0 || expression.max != kUnbounded) {
      add_call(counting_rule(expression), expression.min, expression.max, from, to);
      return {};
    }
    TRY(const std::vector<StateId> states, add_states(dfa, expression.spelling));
    add_epsilon(from, states[static_cast<size_t>(dfa.start)]);
    for (size_t i = 0; i < states.size(); ++i) {
      if (dfa.accepts[i] != 0) add_epsilon(states[i], to);
    }
    return {};
  }

  // A rule of the texts of one automaton, with its states: mostly it is deterministic as it is.
  Status build_from_dfa(const Expression& expression) {
    const CharacterDfa& dfa = *expression.dfa;
    TRY(const std::vector<StateId> states, add_states(dfa, expression.spelling));
    rule_.start = states[static_cast<size_t>(dfa.start)];
    for (size_t i = 0; i < states.size(); ++i) {
      state(states[i]).accepts = dfa.accepts[i] != 0;
      state(states[i]).ends_character = rule_.counts_characters;
    }
    return {};
  }

  // The states of `dfa` and the characters between them.
  Result<std::vector<StateId>> add_states(const CharacterDfa& dfa, Spelling spelling) {
    std::vector<StateId> states;
    for (int32_t i = 0; i < dfa.num_states(); ++i) states.push_back(add_state());
    TRY_STATUS(check_size());
    ByteTrees trees(shapes_);
    NumberLists lists;            // of classes
    std::vector<WayToRead> sets;  // by the numbers of their lists
    std::vector<ClassesTo> next;
    for (int32_t i = 0; i < dfa.num_states(); ++i) {
      group_classes(dfa, i, next);
      for (const auto& [target, classes] : next) {
        if (classes.empty()) continue;
        const uint32_t number = lists.find_or_add(classes);
        if (number == sets.size()) sets.push_back(way_to_read(*characters(union_of(dfa, classes), spelling)));
        TRY_STATUS(add_set(sets[number], trees, states[static_cast<size_t>(i)], states[static_cast<size_t>(target)]));
      }
    }
    return states;
  }

  // The classes that lead from a state of an automaton to one target.
  using ClassesTo = std::pair<int32_t, std::vector<uint32_t>>;

  // Mostly there are few targets, and all but a few classes have the same.
  static void group_classes(const CharacterDfa& dfa, int32_t state, std::vector<ClassesTo>& groups) {
    for (auto& [target, classes] : groups) classes.clear();
    size_t num_groups = 0;
    for (size_t symbol = 0; symbol < dfa.classes.size(); ++symbol) {
      const int32_t target = dfa.target(state, symbol);
      if (target == CharacterDfa::kDead) continue;
      size_t i = 0;
      while (i < num_groups && groups[i].first != target) ++i;
      if (i == num_groups) {
        if (groups.size() == num_groups) groups.emplace_back();
        groups[num_groups++].first = target;
      }
      groups[i].second.push_back(static_cast<uint32_t>(symbol));
    }
  }

  static unicode::CodePointSet union_of(const CharacterDfa& dfa, const std::vector<uint32_t>& classes) {
    std::vector<unicode::CodePointRange> ranges;
    for (const uint32_t symbol : classes) {
      const auto more = dfa.classes[symbol].ranges();
      ranges.insert(ranges.end(), more.begin(), more.end());
    }
    return unicode::CodePointSet(std::move(ranges));
  }

  Status add_graph(const Expression& expression, StateId from, StateId to) {
    std::vector<StateId> nodes;
    for (uint32_t i = 0; i < expression.num_nodes; ++i) nodes.push_back(add_state());
    add_epsilon(from, nodes[Graph::kStart]);
    add_epsilon(nodes[Graph::kEnd], to);
    for (size_t i = 0; i < expression.edges.size(); ++i) {
      const auto [first, last] = expression.edges[i];
      TRY_STATUS(add(*expression.parts[i], nodes[first], nodes[last]));
    }
    return {};
  }

  Result<RuleId> counted_rule(const Expr& part) {
    if (part->kind == Kind::kCharacters) return counted_set_rule(*part);
    // A named rule is called with a count. Any other part becomes a rule first, one for all uses of the same
    // expression.
    if (part->kind == Kind::kRule && !infos_[static_cast<size_t>(part->rule)].inlines) return part->rule;
    const auto [found, is_new] = counted_.emplace(part.get(), static_cast<RuleId>(pending_.size()));
    if (is_new) pending_.push_back({"a repetition in " + rule_.name, {}, part});
    if (has_anchor(*part)) return fail("an anchor (^ or $) inside a long repetition is not supported");
    return found->second;
  }

  // One rule for all texts that one automaton accepts, whatever their bounds.
  RuleId counting_rule(const Expression& expression) {
    const auto [found, is_new] =
        counting_.emplace(std::pair(expression.dfa.get(), expression.spelling), static_cast<RuleId>(pending_.size()));
    if (is_new) {
      pending_.push_back({.name = "a bounded text in " + rule_.name,
                          .shared_key = {},
                          .body = std::make_shared<Expression>(expression),
                          .counts_characters = true});
    }
    return found->second;
  }

  // One rule for all places with the same characters.
  RuleId large_set_rule(const Expression& expression) {
    const auto [found, is_new] = large_sets_.emplace(key_of_set(expression), static_cast<RuleId>(pending_.size()));
    if (is_new) pending_.push_back({"a set of characters", {}, std::make_shared<Expression>(expression), true});
    return found->second;
  }

  // One rule for all texts of the same characters. Its one state is the same before each of them, so its mask takes
  // whole parts of the vocabulary at once.
  RuleId counted_set_rule(const Expression& set) {
    const auto [found, is_new] = counted_sets_.emplace(key_of_set(set), static_cast<RuleId>(pending_.size()));
    if (is_new) {
      auto texts = std::make_shared<const CharacterDfa>(
          CharacterDfa{.classes = {set.set}, .next = {0}, .accepts = {1}, .start = 0});
      pending_.push_back({.name = "characters of a set",
                          .shared_key = {},
                          .body = automaton(std::move(texts), set.spelling),
                          .has_sets_in_place = true,
                          .counts_characters = true});
    }
    return found->second;
  }

  static std::vector<char32_t> key_of_set(const Expression& expression) {
    std::vector<char32_t> key = {static_cast<char32_t>(expression.spelling)};
    for (const auto& range : expression.set.ranges()) key.insert(key.end(), {range.first, range.last});
    return key;
  }

  static constexpr size_t kMaxRangesInPlace = 24;
  static constexpr size_t kFirstBytes = 65'536;  // of the arena, which grows by factors

  const Grammar& grammar_;
  const GrammarLimits limits_;
  const std::vector<RuleInfo> infos_;
  std::vector<Pending> pending_;
  std::map<const Expression*, RuleId> counted_;
  std::map<std::vector<char32_t>, RuleId> large_sets_;
  std::map<std::vector<char32_t>, RuleId> counted_sets_;
  std::map<std::pair<const CharacterDfa*, Spelling>, RuleId> counting_;
  std::string text_;
  ByteShapes shapes_;
  RuleAutomaton rule_;
  std::vector<AnchorEdge> anchors_;
  bool has_sets_in_place_ = false;  // of rule_
  int64_t num_states_ = 0;
  int64_t num_edges_ = 0;
};

}  // namespace

Result<RuleSet> build_rules(const Grammar& grammar, const GrammarLimits& limits) {
  return Builder(grammar, limits).build();
}

std::vector<StateId> epsilon_closure(const RuleAutomaton& rule, std::vector<StateId> from) {
  std::vector<char> seen(rule.states.size(), 0);
  std::vector<StateId> found;
  for (const StateId state : from) seen[state] = 1;
  while (!from.empty()) {
    const StateId here = from.back();
    from.pop_back();
    found.push_back(here);
    for (const StateId to : rule.states[here].epsilons) {
      if (seen[to] == 0) from.push_back(to);
      seen[to] = 1;
    }
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace braid::grammar
