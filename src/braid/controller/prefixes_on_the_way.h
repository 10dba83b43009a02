// The prefixes of prompts that are on their way to a group, and that its prefix cache has not got yet. Requests that
// begin alike and arrive together so go to one group, which computes what they share once. A prompt is forgotten when
// the group has seen its command: from then on the group reports what it has computed.
//
// Each prompt counts from the first page that was not there when it was bound. Tested by prefixes_on_the_way_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

#include "braid/request/prefix_probe.h"

namespace braid {

class PrefixesOnTheWay {
 public:
  explicit PrefixesOnTheWay(int32_t num_groups) : by_group_(static_cast<size_t>(num_groups)) {}

  // `prefixes`: of a prompt that was bound to the group (PrefixView::prefixes_of). `num_there`: of these, those that
  // the group has, or that are on their way.
  void add(int32_t group, uint64_t command, std::span<const uint64_t> prefixes, int32_t num_there);
  // The group has seen all commands up to this one.
  void arrive(int32_t group, uint64_t command);
  void lose(int32_t group);

  // Adds what is on its way to the pages that each group has of a prompt.
  void extend(std::span<const uint64_t> prefixes, std::span<int32_t> num_pages) const;

 private:
  struct Prompt {
    int32_t group = 0;
    uint64_t command = 0;
    std::vector<uint64_t> prefixes;  // from the first that was not there
  };
  void forget_first(int32_t group);

  std::vector<std::deque<Prompt>> by_group_;  // in order of their commands
  std::unordered_multimap<uint64_t, const Prompt*> by_first_;
};

}  // namespace braid
