#include "braid/scheduler/static_page_tables.h"

#include <algorithm>

namespace braid {

StaticPageTables::StaticPageTables(const SchedulerConfig& config, int64_t max_len)
    : page_size_(config.page_size), max_len_(max_len), kv_groups_(config.kv_groups()) {
  for (const KvGroupPool& kv_group : kv_groups_) {
    int64_t pages = (max_len + page_size_ - 1) / page_size_;
    if (kv_group.window > 0) {
      pages = std::min(pages, most_kept_pages(kv_group.window, config.chunked_prefill_size, page_size_));
    }
    pages_each_.push_back(pages);
  }
}

Status StaticPageTables::check_room(int64_t num_sequences) const {
  for (size_t i = 0; i < kv_groups_.size(); ++i) {
    const int64_t pages = pages_each_[i] * num_sequences;
    if (pages <= kv_groups_[i].num_pages) continue;
    const std::string window =
        kv_groups_[i].window == 0 ? "" : fmt::format(" of the layers with a window of {}", kv_groups_[i].window);
    return fail("{} sequences of {} tokens take {} KV pages{}, the pool has {}", num_sequences, max_len_, pages, window,
                kv_groups_[i].num_pages);
  }
  return {};
}

std::vector<PageTable> StaticPageTables::tables(int64_t index, int64_t first_position, int64_t end) const {
  std::vector<PageTable> tables;
  for (size_t i = 0; i < kv_groups_.size(); ++i) {
    PageTable& table = tables.emplace_back();
    table.first_page = first_kept_page(kv_groups_[i].window, first_position, page_size_);
    for (int64_t page = table.first_page; page * page_size_ < end; ++page) {
      table.pages.push_back(static_cast<PageId>(index * pages_each_[i] + page % pages_each_[i]));
    }
  }
  return tables;
}

}  // namespace braid
