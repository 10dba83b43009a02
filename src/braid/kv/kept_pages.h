// A rank's KV cache in memory that outlives the process (base/kept_memory.h), with a record of each page's tokens: what
// the next process needs to go on with the pages instead of computing them again.
//
// A record is true at every moment, since the process may be killed in any: before a step writes tokens, begin() takes
// back what the page's record says from there on, and once the step is done, end() says what the page has. A page's
// mark is of the start and the step in which it was begun. All ranks of a group carry out the same plans, so where
// their marks are equal, the tokens that all of their records have are the same.
//
// Only for layers that see all positions: the pages of a sequence are a chain from its first token on.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "braid/base/kept_memory.h"
#include "braid/base/result.h"
#include "braid/kv/kv_cache.h"
#include "braid/kv/kv_index.h"
#include "braid/request/ids.h"
#include "braid/tensor/buffer.h"

namespace braid {

class KeptPages;

// What a group's publisher is given.
struct KeptOfGroup {
  std::vector<KeptPage> found;   // from the last start
  KeptPages* records = nullptr;  // of its own rank, for the next one; null: nothing is kept
};

class KeptPages {
 public:
  // What a page has, as ranks tell each other.
  struct Mark {
    PageId page = 0;
    int32_t num_tokens = 0;
    uint64_t mark = 0;

    bool operator==(const Mark&) const = default;
  };

  // What the memory has is kept if it was made for the same: `what` describes all that its bits depend on. Otherwise it
  // is cleared.
  static Result<std::unique_ptr<KeptPages>> open(KeptMemory memory, const std::string& what, const KvShape& shape,
                                                 std::span<const KvGroupPool> kv_groups, int64_t pool_bytes);
  // The last argument when the memory was made; 0: it has nothing for `what`.
  static int64_t pool_bytes_in(const KeptMemory& memory, const std::string& what);

  KvCache make_cache() const;

  // From the last start, in ascending order.
  std::vector<Mark> marks() const;
  // Those of these pages that lead back to the first token of a sequence, parents first. Each of `marks` is a mark that
  // this memory has, with at most its number of tokens.
  std::vector<KeptPage> chains(std::span<const Mark> marks) const;

  // A new start: marks of this one differ from all others.
  void begin_start(uint64_t start) { start_ = start; }
  // A step is about to write tokens to a page, from `first_slot` on.
  void begin(PageId page, int32_t first_slot, uint64_t step);
  // What it has is not for the next start: something else than a sequence's next tokens will be written to it, or it
  // was flushed.
  void forget(PageId page);
  // Call between begin() of all pages and the first write.
  static void separate();
  // The tokens are there. `parent`: the sequence's page before this one; -1: it is the first.
  void end(PageId page, int32_t first_slot, PageId parent, std::span<const TokenId> tokens, TokenId bit);

 private:
  struct Header;
  struct Record;

  KeptPages(KeptMemory memory, std::shared_ptr<const Mapping> mapping, KvShape shape,
            std::span<const KvGroupPool> kv_groups);
  Header& header() const;
  Record& record(PageId page) const;
  std::span<TokenId> tokens(PageId page) const;

  KeptMemory memory_;  // its lock is held as long as somebody may write
  const std::shared_ptr<const Mapping> mapping_;
  const KvShape shape_;
  const std::vector<KvGroupPool> kv_groups_;
  const int64_t num_bytes_of_record_;
  uint64_t start_ = 0;
  std::vector<bool> is_of_this_start_;  // [pages]
};

}  // namespace braid
