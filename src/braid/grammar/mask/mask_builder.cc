#include "braid/grammar/mask/mask_builder.h"

#include <algorithm>

#include "braid/grammar/mask/step_table.h"
#include "braid/grammar/mask/walk.h"

namespace braid::grammar {
namespace {

Error too_ambiguous() {
  return fail("the grammar is too ambiguous here: too many ways to read the text so far");
}

constexpr size_t kMaskOverhead = 96;  // bytes of an entry in the table of masks

}  // namespace

void TokenMask::write(std::span<uint32_t> mask) const {
  if (bases.empty()) {
    std::ranges::fill(mask, 0U);
  } else {
    std::ranges::copy(*bases.front(), mask.begin());
  }
  for (size_t i = 1; i < bases.size(); ++i) {
    const MaskBits& other = *bases[i];
    for (size_t word = 0; word < other.size(); ++word) mask[word] |= other[word];
  }
  for (const TokenId token : extra) set_bit(mask, token);
}

MaskBuilder::MaskBuilder(std::shared_ptr<const Machine> machine, std::shared_ptr<const Vocabulary> vocabulary,
                         std::shared_ptr<SharedLocalMasks> shared)
    : machine_(std::move(machine)),
      vocabulary_(std::move(vocabulary)),
      shared_(std::move(shared)),
      heavy_(machine_->num_states(), -1) {}

Result<const TokenMask*> MaskBuilder::mask_of(Explorer& explorer, ConfigId config) {
  const auto found = masks_.find(config);
  if (found != masks_.end()) return &found->second;
  TRY(TokenMask mask, compute(explorer, config));
  if (mask_bytes_ > kMaxMaskBytes) {
    masks_.clear();
    mask_bytes_ = 0;
  }
  mask_bytes_ += kMaskOverhead + make_compact(mask) + mask.bases.size() * sizeof(mask.bases[0]);
  return &masks_.insert_or_assign(config, std::move(mask)).first->second;
}

Result<TokenMask> MaskBuilder::compute(Explorer& explorer, ConfigId config) {
  TokenMask mask;
  std::vector<Item> light;
  Callers heavy;
  for (const Item& item : explorer.items(config)) {
    if (is_heavy(item.state)) {
      const auto frames = explorer.frames(item.node);
      heavy[item.state].insert(heavy[item.state].end(), frames.begin(), frames.end());
    } else {
      light.push_back(item);
    }
  }
  if (const auto unknown = first_unknown(heavy); unknown != heavy.end()) {
    // One walk for all. So that later configurations of these states need none, one state gets its own mask, too.
    TRY_STATUS(add_heavy(explorer, unknown->first, std::move(unknown->second), mask));
    TRY_STATUS(add_walked(explorer, config, mask));
    return mask;
  }
  // What counts no characters comes first: it often allows nearly all tokens, and the rest looks for others only.
  for (const bool counts_characters : {false, true}) {
    for (auto& [state, frames] : heavy) {
      if (machine_->states[state].counts_characters != counts_characters) continue;
      TRY_STATUS(add_heavy(explorer, state, std::move(frames), mask));
    }
  }
  if (light.empty()) return mask;
  const ConfigId from = heavy.empty() ? config : explorer.config_of(std::move(light));
  const bool is_found =
      walk(explorer, *vocabulary_, whole_trie(*vocabulary_), from, [&](uint32_t node, ConfigId, ConfigId here) {
        if (here == kDeadConfig) return false;
        const auto tokens = vocabulary_->tokens_at(node);
        mask.extra.insert(mask.extra.end(), tokens.begin(), tokens.end());
        return true;
      });
  if (!is_found) return too_ambiguous();
  return mask;
}

// Of the states, if more than a few have no mask yet. Otherwise the end.
MaskBuilder::Callers::iterator MaskBuilder::first_unknown(Callers& callers) const {
  constexpr int kFewUnknown = 2;
  auto first = callers.end();
  int num_unknown = 0;
  for (auto it = callers.begin(); it != callers.end(); ++it) {
    const auto& [state, frames] = *it;
    const auto loops = [&](const Frame& frame) { return frame.more_max > 0; };
    const bool is_looped = !machine_->states[state].counts_characters && std::ranges::any_of(frames, loops);
    const bool is_shared = !machine_->rules[machine_->states[state].rule].shared_key.empty();
    if (is_shared || own_.contains({state, is_looped})) continue;
    if (++num_unknown == 1) first = it;
  }
  return num_unknown > kFewUnknown ? first : callers.end();
}

// Adds all tokens that may follow.
Status MaskBuilder::add_walked(Explorer& explorer, ConfigId config, TokenMask& mask) const {
  StepTable steps(explorer);
  auto bits = std::make_shared<MaskBits>(mask_words(vocabulary_->size()), 0);
  const auto visit = [&](uint32_t node, StepTable::Row, StepTable::Row here) {
    if (here == kDeadConfig) return false;
    const bool stays = steps.stays_below(*vocabulary_, node, here, [](StepTable::Row) { return true; });
    for (const TokenId token : stays ? vocabulary_->tokens_below(node) : vocabulary_->tokens_at(node)) {
      set_bit(*bits, token);
    }
    return !stays;
  };
  if (!walk(steps, *vocabulary_, whole_trie(*vocabulary_), steps.row_of(config), visit)) return too_ambiguous();
  mask.bases.push_back(std::move(bits));
  return {};
}

Status MaskBuilder::add_heavy(Explorer& explorer, StateId state, std::vector<Frame> frames, TokenMask& mask) {
  const bool counts_characters = machine_->states[state].counts_characters;
  std::ranges::sort(frames);
  // Calls from one place that have read differently much go on alike: `[a-z]{12}` anywhere in a text runs twelve times.
  const auto go_on_alike = [&](const Frame& a, const Frame& b) {
    const bool are_of_a_kind = counts_characters || (a.more_max > 0) == (b.more_max > 0);
    return are_of_a_kind && a.target == b.target && a.parent == b.parent;
  };
  std::vector<Frame> plain;
  bool has_plain = false;
  for (size_t i = 0; i < frames.size();) {
    const Frame& first = frames[i];
    std::vector<Bounds> bounds;
    for (; i < frames.size() && go_on_alike(first, frames[i]); ++i) {
      bounds.push_back({frames[i].more_min, frames[i].more_max});
    }
    if (counts_characters || first.more_max > 0) {
      TRY_STATUS(add_local(explorer, state, !counts_characters, bounds, {&first, 1}, mask));
      continue;
    }
    has_plain = true;
    if (first.target != kRootTarget) plain.push_back(first);
  }
  if (!has_plain) return {};
  return add_local(explorer, state, false, std::array{Bounds{}}, plain, mask);
}

// Adds the tokens inside the rule, which do not depend on its callers, and the tokens that continue after its end, at
// `returns`, both within any of `bounds`.
Status MaskBuilder::add_local(Explorer& explorer, StateId state, bool loops, std::span<const Bounds> bounds,
                              std::span<const Frame> returns, TokenMask& mask) {
  const ConfigId context = explorer.after_return(returns);
  if (context == kFailedConfig) return too_ambiguous();
  const ByteSet next_bytes = explorer.next_bytes(context);
  std::shared_ptr<LocalMask> local;
  for (const Bounds& one : bounds) {
    FoundMask found = find_local(explorer, state, loops, one, next_bytes);
    local = std::move(found.mask);
    if (local == nullptr) return too_ambiguous();
    mask.bases.push_back(std::move(found.tokens));
  }
  std::array<ConfigId, 256> after{};  // the context, by byte
  std::vector<uint32_t> ends;         // the nodes whose byte is the context's first
  for (size_t byte = 0; byte < 256; ++byte) {
    if (!next_bytes.test(byte)) continue;
    after[byte] = explorer.step(context, static_cast<uint8_t>(byte));
    if (after[byte] == kFailedConfig) return too_ambiguous();
    if (after[byte] == kDeadConfig) continue;
    for (const LocalMask::Exit& exit : local->exits(static_cast<uint8_t>(byte))) {
      const auto may_end = [&](const Bounds& one) { return one.min <= exit.passes && exit.passes <= one.max; };
      if (std::ranges::any_of(bounds, may_end)) ends.push_back(exit.node);
    }
  }
  constexpr size_t kFew = 256;
  return ends.size() <= kFew ? add_continuations(explorer, ends, after, mask)
                             : add_many_continuations(explorer, ends, after, mask);
}

// Adds the tokens at and below the nodes.
Status MaskBuilder::add_continuations(Explorer& explorer, std::span<const uint32_t> nodes,
                                      const std::array<ConfigId, 256>& after, TokenMask& mask) const {
  const auto add = [&](uint32_t node) {
    const auto tokens = vocabulary_->tokens_at(node);
    mask.extra.insert(mask.extra.end(), tokens.begin(), tokens.end());
  };
  for (const uint32_t top : nodes) {
    add(top);
    const TriePart rest = below(*vocabulary_, top);
    if (rest.begin == rest.end) continue;
    const ConfigId from = after[vocabulary_->nodes()[top].byte];
    const bool is_found = walk(explorer, *vocabulary_, rest, from, [&](uint32_t node, ConfigId, ConfigId here) {
      if (here != kDeadConfig) add(node);
      return here != kDeadConfig;
    });
    if (!is_found) return too_ambiguous();
  }
  return {};
}

// The same where the rule may end at most bytes, as in `.{1,2048}.*`. There the rule itself allows nearly all tokens,
// so only those are looked for that it does not; and most nodes lie on the way of one above them.
Status MaskBuilder::add_many_continuations(Explorer& explorer, std::span<const uint32_t> nodes,
                                           const std::array<ConfigId, 256>& after, TokenMask& mask) const {
  std::vector<uint32_t> allowed(mask_words(vocabulary_->size()));
  mask.write(allowed);
  const auto sorted = vocabulary_->sorted_tokens();
  std::vector<uint32_t> num_missing(sorted.size() + 1, 0);  // among the first tokens, in the order of their bytes
  for (size_t i = 0; i < sorted.size(); ++i)
    num_missing[i + 1] = num_missing[i] + (has_bit(allowed, sorted[i]) ? 0 : 1);
  const auto misses = [&](uint32_t node, uint32_t end) {
    return num_missing[vocabulary_->first_token(end)] > num_missing[vocabulary_->first_token(node)];
  };
  std::vector<char> begins(vocabulary_->nodes().size(), 0);
  for (const uint32_t node : nodes) begins[node] = 1;
  std::vector<ConfigId> reached(begins.size(), kDeadConfig);  // by node: where a walk from above came to
  const auto add = [&](uint32_t node, ConfigId here) {
    reached[node] = here;
    for (const TokenId token : vocabulary_->tokens_at(node)) {
      if (!has_bit(allowed, token)) mask.extra.push_back(token);
    }
  };
  for (uint32_t top = 1; top < begins.size();) {
    const uint32_t end = vocabulary_->nodes()[top].subtree_end;
    if (!misses(top, end)) {
      top = end;
      continue;
    }
    const ConfigId from = after[vocabulary_->nodes()[top].byte];
    if (begins[top] != 0 && reached[top] != from) {
      add(top, from);
      const TriePart rest = below(*vocabulary_, top);
      const bool is_found = walk(explorer, *vocabulary_, rest, from, [&](uint32_t node, ConfigId, ConfigId here) {
        if (here == kDeadConfig || !misses(node, vocabulary_->nodes()[node].subtree_end)) return false;
        add(node, here);
        return true;
      });
      if (!is_found) return too_ambiguous();
    }
    ++top;
  }
  return {};
}

Result<std::vector<TokenId>> MaskBuilder::after_space(Explorer& explorer, ConfigId config) const {
  std::vector<TokenId> tokens;
  const uint32_t space = vocabulary_->child_of_root(' ');
  if (space == 0) return tokens;
  const bool is_found =
      walk(explorer, *vocabulary_, below(*vocabulary_, space), config, [&](uint32_t node, ConfigId, ConfigId here) {
        if (here == kDeadConfig) return false;
        const auto at = vocabulary_->tokens_at(node);
        tokens.insert(tokens.end(), at.begin(), at.end());
        return true;
      });
  if (!is_found) return too_ambiguous();
  return tokens;
}

// True if checking all tokens from here takes long: many first bytes, with a large part of the tokens below them. (If
// few bytes may follow, e.g. a space, the next byte nearly always narrows the search.)
bool MaskBuilder::is_heavy(StateId state) {
  constexpr int kFewBytes = 24;
  int8_t& known = heavy_[state];
  if (known < 0) {
    int64_t num_tokens = 0;
    int num_bytes = 0;
    for (const ByteEdge& edge : machine_->bytes_of(state)) {
      num_bytes += edge.last - edge.first + 1;
      for (int byte = edge.first; byte <= edge.last; ++byte) {
        const uint32_t child = vocabulary_->child_of_root(static_cast<uint8_t>(byte));
        if (child != 0) num_tokens += static_cast<int64_t>(vocabulary_->tokens_below(child).size());
      }
    }
    known = num_bytes >= kFewBytes && num_tokens * 16 > vocabulary_->size() ? 1 : 0;
  }
  return known != 0;
}

MaskBuilder::FoundMask MaskBuilder::find_local(Explorer& explorer, StateId state, bool loops, Bounds passes,
                                               const ByteSet& exit_bytes) {
  const Machine::RuleEntry& rule = machine_->rules[machine_->states[state].rule];
  FoundMask found;
  size_t known_bytes = 0;
  const bool is_own = rule.shared_key.empty();
  if (!is_own) {
    found.mask = shared_->find(rule.shared_key, state - rule.first_state, loops);
  } else if (const auto known = own_.find({state, loops}); known != own_.end()) {
    found.mask = known->second;
    known_bytes = found.mask->memory_bytes();
  } else {
    if (own_bytes_ > kMaxOwnBytes) forget_states();
    found.mask = std::make_shared<LocalMask>(loops);
    own_.emplace(std::pair(state, loops), found.mask);
  }
  const auto num_visits = found.mask->prepare(state, explorer, *vocabulary_, exit_bytes);
  if (num_visits) found.tokens = found.mask->tokens(passes.min, passes.max, *vocabulary_);
  if (is_own) own_bytes_ += found.mask->memory_bytes() - known_bytes;
  if (!num_visits) return {};
  found.num_visits = *num_visits;
  return found;
}

// Replaces many single tokens by bits for the whole vocabulary, which are smaller then. Returns the bytes owned by the
// mask.
size_t MaskBuilder::make_compact(TokenMask& mask) const {
  const size_t num_words = mask_words(vocabulary_->size());
  if (mask.extra.size() <= num_words) {
    mask.extra.shrink_to_fit();
    return mask.extra.size() * sizeof(TokenId);
  }
  auto bits = std::make_shared<MaskBits>(num_words, 0);
  for (const TokenId token : mask.extra) set_bit(*bits, token);
  mask.extra = {};
  mask.bases.push_back(std::move(bits));
  return num_words * sizeof(uint32_t);
}

void MaskBuilder::warm_up(Explorer& explorer) {
  constexpr int kMaxMasks = 3;
  constexpr size_t kEnoughVisits = 100'000;  // two milliseconds
  constexpr size_t kManyStates = 4096;       // so many that three are seldom those that are needed
  const int max_masks = machine_->num_states() < kManyStates ? kMaxMasks : 0;
  std::vector<char> is_called(machine_->rules.size(), 0);   // called once
  std::vector<char> is_counted(machine_->rules.size(), 0);  // called with a count
  std::vector<ByteSet> follows(machine_->rules.size());     // the bytes right after its calls
  is_called[machine_->root] = 1;
  for (const CallEdge& call : machine_->call_edges) {
    const auto rule = static_cast<size_t>(call.rule);
    (call.max > 1 && !machine_->rules[rule].counts_characters ? is_counted : is_called)[rule] = 1;
    for (const ByteEdge& edge : machine_->bytes_of(call.target)) follows[rule] |= byte_range(edge.first, edge.last);
  }
  int num_masks = 0;
  size_t num_visits = 0;
  const auto prepare = [&](StateId state, bool loops) {
    ++num_masks;
    num_visits += find_local(explorer, state, loops, {0, UINT32_MAX}, follows[machine_->states[state].rule]).num_visits;
  };
  for (StateId state = 0; state < machine_->num_states() && num_masks < max_masks; ++state) {
    if (num_visits > kEnoughVisits) break;
    if (!is_heavy(state)) continue;
    const uint32_t rule = machine_->states[state].rule;
    if (is_called[rule] != 0) prepare(state, false);
    if (is_counted[rule] != 0) prepare(state, true);
  }
  if (explorer.start() != kFailedConfig) (void)mask_of(explorer, explorer.start()).ok();
}

}  // namespace braid::grammar
