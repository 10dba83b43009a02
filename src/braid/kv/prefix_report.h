// Composes what a group reports of its prefix cache (request/prefix_digest.h): remembers what was told of each page,
// and states the difference. Nothing has changed in most steps: then it costs nothing. Tested by prefix_report_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "braid/kv/kv_group.h"
#include "braid/request/ids.h"
#include "braid/request/prefix_digest.h"

namespace braid {

class PrefixReport {
 public:
  PrefixReport(std::span<const KvGroupPool> kv_groups, int32_t page_size);

  // The page's state has changed, maybe several times. `prefix`: its hash, nothing if the cache does not have it.
  // `is_held`: by more than the cache.
  void note(int32_t kv_group, PageId page, std::optional<uint64_t> prefix, bool is_held);
  // The next digest has everything: its receiver has lost one.
  void start_anew() { is_whole_due_ = true; }
  // What has changed since the last call, or everything if that is shorter. The first digest has everything.
  PrefixDigest take();

 private:
  struct Told {
    uint64_t prefix = 0;
    bool is_cached = false;
    bool is_held = false;
  };
  PrefixDigest whole() const;

  PrefixShape shape_;
  std::vector<std::vector<Told>> told_;  // by KV group, by page
  int64_t num_told_ = 0;                 // cached pages, and held ones
  PrefixDigest changes_;
  bool is_whole_due_ = true;
};

}  // namespace braid
