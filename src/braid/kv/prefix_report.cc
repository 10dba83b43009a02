#include "braid/kv/prefix_report.h"

#include <utility>

#include "braid/request/prefix_hash.h"

namespace braid {

PrefixReport::PrefixReport(std::span<const KvGroupPool> kv_groups, int32_t page_size)
    : shape_{.page_size = page_size, .window_pages = {}} {
  for (const KvGroupPool& kv_group : kv_groups) {
    shape_.num_pages += kv_group.num_pages;
    shape_.window_pages.push_back(kv_group.window == 0 ? -1 : window_pages(kv_group.window, page_size));
    told_.emplace_back(static_cast<size_t>(kv_group.num_pages));
  }
}

// Only the widest KV group's pages are told as held: the others do not decide whether a request has room.
void PrefixReport::note(int32_t kv_group, PageId page, std::optional<uint64_t> prefix, bool is_held) {
  Told& told = told_[static_cast<size_t>(kv_group)][static_cast<size_t>(page)];
  const Told before = told;
  told = {.prefix = prefix ? prefix_hash_in(*prefix, kv_group) : 0,
          .is_cached = prefix.has_value(),
          .is_held = prefix && is_held && kv_group == 0};
  num_told_ += told.is_cached + told.is_held - before.is_cached - before.is_held;
  const bool is_same_page = before.is_cached && told.is_cached && before.prefix == told.prefix;
  if (!is_same_page) {
    if (before.is_cached) changes_.removed.push_back(before.prefix);
    if (told.is_cached) changes_.added.push_back(told.prefix);
    if (told.is_held) changes_.held.push_back(told.prefix);
  } else if (told.is_held != before.is_held) {
    (told.is_held ? changes_.held : changes_.released).push_back(told.prefix);
  }
}

PrefixDigest PrefixReport::take() {
  if (!is_whole_due_ && changes_.is_empty()) return {};
  const size_t num_changes =
      changes_.removed.size() + changes_.added.size() + changes_.released.size() + changes_.held.size();
  PrefixDigest changes = std::exchange(changes_, {});
  if (!is_whole_due_ && static_cast<int64_t>(num_changes) <= num_told_) return changes;
  is_whole_due_ = false;
  return whole();
}

PrefixDigest PrefixReport::whole() const {
  PrefixDigest all{.is_whole = true, .shape = shape_};
  for (const std::vector<Told>& of_kv_group : told_) {
    for (const Told& told : of_kv_group) {
      if (told.is_cached) all.added.push_back(told.prefix);
      if (told.is_held) all.held.push_back(told.prefix);
    }
  }
  return all;
}

}  // namespace braid
