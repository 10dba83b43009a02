#include "braid/worker/kept_group_pages.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "braid/base/byte_string.h"
#include "braid/base/check.h"
#include "braid/parallel/process_texts.h"
#include "braid/request/prefix_hash.h"

namespace braid {
namespace {

// More pages of a process are computed again: their number of messages would cost more than a second.
constexpr size_t kMaxMarkBytes = size_t{1} << 20;

using Marks = std::vector<KeptPages::Mark>;

// Calls visit(page, first slot, page before it, new tokens) for each page that the sequence writes.
template <typename Visit>
void for_each_written_page(const SequencePlan& sequence, int32_t page_size, const Visit& visit) {
  const PageTable& table = sequence.page_tables[0];
  const std::span<const TokenId> tokens = sequence.new_tokens;
  const int64_t end = sequence.first_position + std::ssize(tokens);
  for (int64_t at = sequence.first_position; at < end;) {
    const auto index = static_cast<size_t>(at / page_size);
    const auto slot = static_cast<int32_t>(at % page_size);
    const int64_t count = std::min<int64_t>(page_size - slot, end - at);
    visit(table.pages[index], slot, index == 0 ? -1 : table.pages[index - 1],
          tokens.subspan(static_cast<size_t>(at - sequence.first_position), static_cast<size_t>(count)));
    at += count;
  }
}

// The texts of all processes may be longer than one message.
Result<std::vector<std::string>> gather_long(const RankTransport& transport, const std::string& own) {
  TRY(const std::vector<std::string> sizes, transport.gather(std::to_string(own.size())));
  size_t longest = 0;
  for (const std::string& size : sizes) longest = std::max<size_t>(longest, std::strtoull(size.c_str(), nullptr, 10));
  std::vector<std::string> all(sizes.size());
  for (size_t at = 0; at < longest && at < 2 * kMaxMarkBytes; at += kMaxProcessText) {
    TRY(const std::vector<std::string> parts, transport.gather(at < own.size() ? own.substr(at, kMaxProcessText) : ""));
    for (size_t process = 0; process < all.size(); ++process) all[process] += parts[process];
  }
  return all;
}

bool is_whole_here(const ProcessRanks& ranks, int32_t group) {
  const int64_t attn_tp_size = ranks.layout.attn_tp_size();
  return ranks.own.begin <= group * attn_tp_size && (group + 1) * attn_tp_size <= ranks.own.end;
}

// Keeps of `marks` what the other rank has, too.
void intersect(Marks& marks, const Marks& other) {
  std::map<PageId, const KeptPages::Mark*> theirs;
  for (const KeptPages::Mark& mark : other) theirs.emplace(mark.page, &mark);
  std::erase_if(marks, [&](KeptPages::Mark& mark) {
    const auto found = theirs.find(mark.page);
    if (found == theirs.end() || found->second->mark != mark.mark) return true;
    mark.num_tokens = std::min(mark.num_tokens, found->second->num_tokens);
    return false;
  });
}

}  // namespace

void begin_kept_step(KeptPages& kept, const StepPlan& plan, int32_t page_size) {
  for (const MovedPages& moved : plan.arriving) {
    for (const std::vector<PageId>& pages : moved.pages) {
      for (const PageId page : pages) kept.forget(page);
    }
  }
  for (const SequencePlan& sequence : plan.sequences) {
    for_each_written_page(sequence, page_size, [&](PageId page, int32_t slot, PageId, std::span<const TokenId>) {
      kept.begin(page, slot, plan.step);
    });
  }
  KeptPages::separate();
}

void end_kept_step(KeptPages& kept, const StepPlan& plan, const StepResult& result, int32_t page_size) {
  std::set<RequestId> failed;
  for (const SequenceResult& sequence : result.sequences) {
    if (!sequence.error.empty()) failed.insert(sequence.request);
  }
  for (const SequencePlan& sequence : plan.sequences) {
    if (failed.contains(sequence.request)) continue;
    const TokenId bit = sequence.has_long_rope ? kLongPrefixBit : 0;
    for_each_written_page(sequence, page_size,
                          [&](PageId page, int32_t slot, PageId parent, std::span<const TokenId> tokens) {
                            kept.end(page, slot, parent, tokens, bit);
                          });
  }
}

Result<std::vector<std::vector<KeptPage>>> agree_on_kept_pages(const ProcessRanks& ranks,
                                                               std::span<const std::unique_ptr<KeptPages>> kept) {
  const int32_t attn_tp_size = ranks.layout.attn_tp_size();
  std::map<int64_t, Marks> all;  // by rank
  std::random_device random;
  uint64_t start = uint64_t{random()} << 32 | random();
  std::string own;
  append_bytes(own, start);
  for (size_t i = 0; i < kept.size(); ++i) {
    const int64_t rank = ranks.own.begin + static_cast<int64_t>(i);
    Marks& marks = all[rank];
    if (kept[i] != nullptr) marks = kept[i]->marks();
    if (is_whole_here(ranks, static_cast<int32_t>(rank / attn_tp_size))) continue;
    const size_t most = (kMaxMarkBytes - std::min(kMaxMarkBytes, own.size())) / sizeof(KeptPages::Mark);
    if (marks.size() > most) marks.resize(most);
    append_bytes(own, rank);
    append_bytes(own, static_cast<uint64_t>(marks.size()));
    for (const KeptPages::Mark& mark : marks) append_bytes(own, mark);
  }
  TRY(const std::vector<std::string> texts, gather_long(*ranks.transport, own));
  for (size_t process = 0; process < texts.size(); ++process) {
    std::string_view text = texts[process];
    uint64_t their_start = 0;
    int64_t rank = 0;
    uint64_t count = 0;
    if (!take_bytes(text, their_start)) return fail("process {} does not say which pages it has", process);
    if (process == 0) start = their_start;
    while (take_bytes(text, rank) && take_bytes(text, count)) {
      Marks marks;
      for (KeptPages::Mark mark; count > 0 && take_bytes(text, mark); --count) marks.push_back(mark);
      all[rank] = std::move(marks);
    }
  }
  std::vector<std::vector<KeptPage>> agreed(kept.size());
  for (size_t i = 0; i < kept.size(); ++i) {
    if (kept[i] == nullptr) continue;
    const int64_t rank = ranks.own.begin + static_cast<int64_t>(i);
    if (rank % attn_tp_size == 0) {
      Marks marks = all[rank];
      for (int64_t other = rank + 1; other < rank + attn_tp_size; ++other) intersect(marks, all[other]);
      agreed[i] = kept[i]->chains(marks);
    }
    kept[i]->begin_start(start);
  }
  return agreed;
}

}  // namespace braid
