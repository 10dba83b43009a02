// What a DP group's prefix cache has, as hashes (prefix_hash.h): the group reports it, and the controller keeps a view
// of it. Plain data.
#pragma once

#include <cstdint>
#include <vector>

namespace braid {

// By what a group finds prefixes. The same in all groups of an engine, and constant.
struct PrefixShape {
  int32_t page_size = 0;       // tokens
  int32_t long_rope_from = 0;  // a request with more tokens has other keys at all its positions; 0: there are none
  int64_t num_pages = 0;       // of all KV groups together: the most hashes at once
  // By KV group, widest first: how many pages before its end a prefix needs there; -1: all.
  std::vector<int32_t> window_pages;

  bool operator==(const PrefixShape&) const = default;
};

// The pages in a group's prefix cache: one hash for each page of each KV group. Either what has changed since the
// group's last outputs, or all.
struct PrefixDigest {
  bool is_whole = false;           // nothing is cached or held but what `added` and `held` list
  std::vector<uint64_t> removed;   // these are no longer held either
  std::vector<uint64_t> added;     // after `removed`: a prefix may have left and come back
  std::vector<uint64_t> released;  // cached pages of the widest KV group that no sequence holds any more
  std::vector<uint64_t> held;      // of these, those that sequences hold, so that another one can share them
  PrefixShape shape = {};          // if it is whole

  bool is_empty() const { return !is_whole && removed.empty() && added.empty() && released.empty() && held.empty(); }
  bool operator==(const PrefixDigest&) const = default;
};

}  // namespace braid
