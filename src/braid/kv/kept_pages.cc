#include "braid/kv/kept_pages.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "braid/base/check.h"

namespace braid {
namespace {

constexpr uint64_t kMagic = 0x3170656b64696172U;
constexpr int64_t kHeaderBytes = 4096;
constexpr int64_t kFileUnit = CommittedPages::kPieceBytes;

uint64_t mark_of(uint64_t start, uint64_t step) {
  uint64_t mark = (start ^ step * 0x9e3779b97f4a7c15U) * 0xff51afd7ed558ccdU;
  mark ^= mark >> 32;
  return mark == 0 ? 1 : mark;
}

}  // namespace

struct KeptPages::Header {
  uint64_t magic = 0;  // written last
  int64_t pool_bytes = 0;
  std::array<char, 3072> what = {};
};

struct KeptPages::Record {
  uint64_t mark;
  uint64_t parent_mark;
  PageId parent;
  int32_t num_tokens;  // that are there; the tokens follow
};

int64_t KeptPages::pool_bytes_in(const KeptMemory& memory, const std::string& what) {
  static_assert(sizeof(Header) <= kHeaderBytes);
  if (memory.bytes() < kHeaderBytes || what.size() >= Header().what.size()) return 0;
  const Mapping mapping(memory.file(), kHeaderBytes);
  const auto& header = *reinterpret_cast<const Header*>(mapping.data());
  const bool is_same =
      header.magic == kMagic && header.what.back() == 0 && std::string_view(header.what.data()) == what;
  return is_same ? header.pool_bytes : 0;
}

Result<std::unique_ptr<KeptPages>> KeptPages::open(KeptMemory memory, const std::string& what, const KvShape& shape,
                                                   std::span<const KvGroupPool> kv_groups, int64_t pool_bytes) {
  CHECK(kv_groups.size() == 1 && kv_groups[0].window == 0 && what.size() < Header().what.size());
  const int64_t record_bytes =
      static_cast<int64_t>(sizeof(Record)) + int64_t{shape.page_size} * int64_t{sizeof(TokenId)};
  const int64_t records = kHeaderBytes + kv_groups[0].num_pages * record_bytes;
  const int64_t bytes = (records + kFileUnit - 1) / kFileUnit * kFileUnit + KvCache::file_bytes(shape, kv_groups);
  const bool is_new = pool_bytes_in(memory, what) != pool_bytes || memory.bytes() != bytes;
  if (is_new) TRY_STATUS(memory.clear(bytes));
  auto mapping = std::make_shared<const Mapping>(memory.file(), bytes);
  auto kept = std::unique_ptr<KeptPages>(new KeptPages(std::move(memory), std::move(mapping), shape, kv_groups));
  if (is_new) {
    Header& header = kept->header();
    header.pool_bytes = pool_bytes;
    std::ranges::copy(what, header.what.begin());
    separate();
    header.magic = kMagic;
  }
  return kept;
}

KeptPages::KeptPages(KeptMemory memory, std::shared_ptr<const Mapping> mapping, KvShape shape,
                     std::span<const KvGroupPool> kv_groups)
    : memory_(std::move(memory)),
      mapping_(std::move(mapping)),
      shape_(std::move(shape)),
      kv_groups_(kv_groups.begin(), kv_groups.end()),
      num_bytes_of_record_(static_cast<int64_t>(sizeof(Record)) + int64_t{shape_.page_size} * int64_t{sizeof(TokenId)}),
      is_of_this_start_(static_cast<size_t>(kv_groups_[0].num_pages)) {}

KeptPages::Header& KeptPages::header() const {
  return *reinterpret_cast<Header*>(mapping_->data());
}

KeptPages::Record& KeptPages::record(PageId page) const {
  CHECK(page >= 0 && page < kv_groups_[0].num_pages, "page {} of {}", page, kv_groups_[0].num_pages);
  return *reinterpret_cast<Record*>(mapping_->data() + kHeaderBytes + page * num_bytes_of_record_);
}

std::span<TokenId> KeptPages::tokens(PageId page) const {
  return {reinterpret_cast<TokenId*>(&record(page) + 1), static_cast<size_t>(shape_.page_size)};
}

KvCache KeptPages::make_cache() const {
  return {shape_, kv_groups_, mapping_, mapping_->bytes() - KvCache::file_bytes(shape_, kv_groups_)};
}

std::vector<KeptPages::Mark> KeptPages::marks() const {
  std::vector<Mark> marks;
  for (PageId page = 0; page < kv_groups_[0].num_pages; ++page) {
    const Record& own = record(page);
    if (own.mark == 0 || own.num_tokens < 1 || own.num_tokens > shape_.page_size) continue;
    marks.push_back({.page = page, .num_tokens = own.num_tokens, .mark = own.mark});
  }
  return marks;
}

std::vector<KeptPage> KeptPages::chains(std::span<const Mark> marks) const {
  std::unordered_map<PageId, std::vector<size_t>> children;  // in marks
  std::vector<size_t> next;
  for (size_t i = 0; i < marks.size(); ++i) {
    const PageId parent = record(marks[i].page).parent;
    if (parent < 0) {
      next.push_back(i);
    } else {
      children[parent].push_back(i);
    }
  }
  std::vector<KeptPage> chains;
  std::vector<int32_t> parents(next.size(), -1);  // of the next ones, in chains
  while (!next.empty()) {
    const Mark& mark = marks[next.back()];
    const int32_t parent = parents.back();
    next.pop_back();
    parents.pop_back();
    const std::span<const TokenId> own = tokens(mark.page).first(static_cast<size_t>(mark.num_tokens));
    chains.push_back({.page = mark.page, .parent = parent, .tokens = {own.begin(), own.end()}});
    if (mark.num_tokens < shape_.page_size) continue;
    for (const size_t child : children[mark.page]) {
      if (record(marks[child].page).parent_mark != mark.mark) continue;
      next.push_back(child);
      parents.push_back(static_cast<int32_t>(chains.size()) - 1);
    }
  }
  return chains;
}

void KeptPages::separate() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void KeptPages::begin(PageId page, int32_t first_slot, uint64_t step) {
  Record& own = record(page);
  own.num_tokens = std::min(own.num_tokens, first_slot);
  if (first_slot > 0 && is_of_this_start_[static_cast<size_t>(page)]) return;
  is_of_this_start_[static_cast<size_t>(page)] = true;
  separate();
  own.mark = mark_of(start_, step);
}

void KeptPages::forget(PageId page) {
  record(page).num_tokens = 0;
}

void KeptPages::end(PageId page, int32_t first_slot, PageId parent, std::span<const TokenId> added, TokenId bit) {
  Record& own = record(page);
  if (own.num_tokens != first_slot) return;  // what is before them is not known
  const auto out = tokens(page).subspan(static_cast<size_t>(first_slot), added.size());
  std::ranges::transform(added, out.begin(), [bit](TokenId token) { return token | bit; });
  own.parent = parent;
  own.parent_mark = parent < 0 ? 0 : record(parent).mark;
  std::atomic_thread_fence(std::memory_order_release);
  own.num_tokens = first_slot + static_cast<int32_t>(added.size());
}

}  // namespace braid
