// The controller's view of the groups' prefix caches, from the digests in their outputs: what each has of a prompt. A
// group decides by its own cache what it reads, so a wrong hash costs time, never a wrong token.
//
// The view of a group is empty until the group has told everything: at first, when it was lost, and from a lost digest
// until it has told all again. It has at most as many prefixes as the group has pages. Tested by prefix_view_test.cc
// and simulation/prefix_view_simulation_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "braid/controller/prefix_index.h"
#include "braid/request/ids.h"
#include "braid/request/prefix_digest.h"
#include "braid/request/prefix_probe.h"

namespace braid {

class PrefixView {
 public:
  explicit PrefixView(int32_t num_groups);

  // The digest of the group's outputs with this number. False if one before it was lost: the group should tell all.
  bool take(int32_t group, uint64_t sequence, const PrefixDigest& digest);
  void lose(int32_t group);

  // The prompt's prefixes, by which it is looked up in all groups; none while no group has told anything.
  std::vector<uint64_t> prefixes_of(std::span<const TokenId> prompt) const;
  // Those of the prompt's first `reusable_len` tokens (SchedulerRequest::reusable_prompt), of which the last one is
  // always computed.
  std::span<const uint64_t> reusable(std::span<const uint64_t> prefixes, int64_t reusable_len) const;
  // What each group has of a prompt.
  void probe(std::span<const uint64_t> prefixes, std::span<PrefixProbe> by_group) const;
  std::span<const PrefixVersion> versions() const { return versions_; }  // by group

  int64_t num_prefixes(int32_t group) const { return groups_.at(static_cast<size_t>(group)).num_prefixes; }
  int64_t num_bytes() const { return index_.num_bytes(); }

 private:
  struct Group {
    uint64_t last = 0;      // the number of its last outputs
    bool is_known = false;  // it has told all
    int64_t num_prefixes = 0;
  };

  bool begin(int32_t group, const PrefixDigest& digest);
  void apply(int32_t group, const PrefixDigest& digest);
  void forget(int32_t group);
  bool has_windows() const;
  void probe_without_windows(std::span<const uint64_t> prefixes, std::span<PrefixProbe> by_group) const;
  void probe_with_windows(std::span<const uint64_t> prefixes, std::span<PrefixProbe> by_group) const;
  int32_t first_read(size_t kv_group, int32_t num_pages) const;

  std::optional<PrefixShape> shape_;  // of all groups
  PrefixIndex index_;
  std::vector<Group> groups_;
  std::vector<PrefixVersion> versions_;
};

}  // namespace braid
