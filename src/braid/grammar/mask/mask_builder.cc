#include "braid/grammar/mask/mask_builder.h"

#include <algorithm>

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
  std::vector<Item> heavy;
  std::vector<Item> light;
  for (const Item& item : explorer.items(config)) (is_heavy(item.state) ? heavy : light).push_back(item);
  for (const Item& item : heavy) TRY_STATUS(add_heavy(explorer, item, mask));
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

Status MaskBuilder::add_heavy(Explorer& explorer, const Item& item, TokenMask& mask) {
  std::vector<Frame> plain;
  bool has_plain = false;
  const auto frames = explorer.frames(item.node);
  const std::vector<Frame> all(frames.begin(), frames.end());  // a copy: the code below adds nodes
  const bool counts_characters = machine_->states[item.state].counts_characters;
  for (const Frame& frame : all) {
    if (counts_characters) {
      TRY_STATUS(add_local(explorer, item.state, false, frame.more_min, frame.more_max, {&frame, 1}, mask));
      continue;
    }
    if (frame.more_max > 0) {
      TRY_STATUS(add_local(explorer, item.state, true, frame.more_min, frame.more_max, {&frame, 1}, mask));
      continue;
    }
    has_plain = true;
    if (frame.target != kRootTarget) plain.push_back(frame);
  }
  if (!has_plain) return {};
  return add_local(explorer, item.state, false, 0, 0, plain, mask);
}

// Adds the tokens inside the rule, which do not depend on its callers, and the tokens that continue after its end, at
// `returns`.
Status MaskBuilder::add_local(Explorer& explorer, StateId state, bool loops, uint32_t more_min, uint32_t more_max,
                              std::span<const Frame> returns, TokenMask& mask) {
  const ConfigId context = explorer.after_return(returns);
  if (context == kFailedConfig) return too_ambiguous();
  const ByteSet next_bytes = explorer.next_bytes(context);
  FoundMask found = find_local(explorer, state, loops, more_min, more_max, next_bytes);
  const std::shared_ptr<LocalMask>& local = found.mask;
  if (local == nullptr) return too_ambiguous();
  mask.bases.push_back(std::move(found.tokens));
  std::vector<Continuation> continuations;
  for (size_t byte = 0; byte < 256; ++byte) {
    if (!next_bytes.test(byte)) continue;
    const ConfigId after = explorer.step(context, static_cast<uint8_t>(byte));
    if (after == kFailedConfig) return too_ambiguous();
    if (after == kDeadConfig) continue;
    for (const LocalMask::Exit& exit : local->exits(static_cast<uint8_t>(byte))) {
      if (exit.passes >= more_min && exit.passes <= more_max) continuations.push_back({exit.node, after});
    }
  }
  return add_continuations(explorer, continuations, mask);
}

// Adds the tokens at and below the nodes.
Status MaskBuilder::add_continuations(Explorer& explorer, std::vector<Continuation>& continuations,
                                      TokenMask& mask) const {
  // Where the rule may end at every byte, as in `.{1,2048}.*`, most continuations lie on the way of one above them.
  constexpr size_t kFew = 256;
  std::vector<ConfigId> reached;  // by node: where a walk from above came to
  if (continuations.size() > kFew) {
    reached.resize(vocabulary_->nodes().size(), kDeadConfig);
    std::ranges::sort(continuations, {}, &Continuation::node);
  }
  const auto add = [&](uint32_t node, ConfigId here) {
    const auto tokens = vocabulary_->tokens_at(node);
    mask.extra.insert(mask.extra.end(), tokens.begin(), tokens.end());
    if (!reached.empty()) reached[node] = here;
  };
  for (const auto& [top, after] : continuations) {
    if (!reached.empty() && reached[top] == after) continue;
    add(top, after);
    const TriePart rest = below(*vocabulary_, top);
    if (rest.begin == rest.end) continue;
    const bool is_found = walk(explorer, *vocabulary_, rest, after, [&](uint32_t node, ConfigId, ConfigId here) {
      if (here != kDeadConfig) add(node, here);
      return here != kDeadConfig;
    });
    if (!is_found) return too_ambiguous();
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

MaskBuilder::FoundMask MaskBuilder::find_local(Explorer& explorer, StateId state, bool loops, uint32_t min_passes,
                                               uint32_t max_passes, const ByteSet& exit_bytes) {
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
  const bool is_prepared = found.mask->prepare(state, explorer, *vocabulary_, exit_bytes);
  if (is_prepared) found.tokens = found.mask->tokens(min_passes, max_passes, *vocabulary_);
  if (is_own) own_bytes_ += found.mask->memory_bytes() - known_bytes;
  return is_prepared ? found : FoundMask();
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
  constexpr int kMaxMasks = 3;                              // each takes milliseconds
  std::vector<char> is_called(machine_->rules.size(), 0);   // called once
  std::vector<char> is_counted(machine_->rules.size(), 0);  // called with a count
  is_called[machine_->root] = 1;
  for (const CallEdge& call : machine_->call_edges) {
    const auto rule = static_cast<size_t>(call.rule);
    (call.max > 1 && !machine_->rules[rule].counts_characters ? is_counted : is_called)[rule] = 1;
  }
  int num_masks = 0;
  const auto prepare = [&](StateId state, bool loops) {
    ++num_masks;
    (void)find_local(explorer, state, loops, 0, UINT32_MAX, {});
  };
  for (StateId state = 0; state < machine_->num_states() && num_masks < kMaxMasks; ++state) {
    if (!is_heavy(state)) continue;
    const uint32_t rule = machine_->states[state].rule;
    if (is_called[rule] != 0) prepare(state, false);
    if (is_counted[rule] != 0) prepare(state, true);
  }
  if (explorer.start() != kFailedConfig) (void)mask_of(explorer, explorer.start()).ok();
}

}  // namespace braid::grammar
