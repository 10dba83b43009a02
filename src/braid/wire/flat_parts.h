// What the codecs of this room share around FlatBuffers: lists of ids within limits, and bytes that lie as reading
// needs them.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "braid/base/result.h"

namespace braid::flat {

using Builder = flatbuffers::FlatBufferBuilder;
template <typename T>
using Offset = flatbuffers::Offset<T>;
template <typename T>
using VectorOffset = flatbuffers::Offset<flatbuffers::Vector<T>>;
using Ints = flatbuffers::Vector<int32_t>;

// An empty list is left out.
template <typename T>
VectorOffset<T> add_list(Builder& builder, const std::vector<T>& list) {
  return list.empty() ? VectorOffset<T>() : builder.CreateVector(list);
}

template <typename T>
std::vector<T> copy_of(const flatbuffers::Vector<T>* list) {
  if (list == nullptr) return {};
  if constexpr (sizeof(T) > sizeof(flatbuffers::uoffset_t)) {
    // The verifier holds a list to its length's alignment alone: of damaged bytes these may lie anywhere.
    std::vector<T> copy(list->size());
    if (!copy.empty()) std::memcpy(copy.data(), list->Data(), copy.size() * sizeof(T));
    return copy;
  }
  return {list->begin(), list->end()};  // without zeros first: prompts are long
}

template <typename T>
Status check_count(const flatbuffers::Vector<T>* list, std::string_view what, int64_t max_count) {
  const int64_t count = list == nullptr ? 0 : list->size();
  if (count > max_count) return fail("{} {}, at most {} fit", count, what, max_count);
  return {};
}

// A list of numbers in [0, end), at most max_count of them.
inline Result<std::vector<int32_t>> decode_ids(const Ints* ints, std::string_view what, int64_t max_count,
                                               int64_t end) {
  TRY_STATUS(check_count(ints, what, max_count));
  std::vector<int32_t> ids = copy_of(ints);
  // A negative one is large without its sign. The largest alone is looked for first: that is one pass without branches.
  uint32_t largest = 0;
  for (const int32_t id : ids) largest = std::max(largest, static_cast<uint32_t>(id));
  if (ids.empty() || largest < end) return ids;
  for (const int32_t id : ids) {
    if (id < 0 || id >= end) return fail("{}: {} is not in [0, {})", what, id, end);
  }
  return ids;
}

// Reading needs an alignment that bytes from the network, or inside others, may lack: then they are copied.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::span<const std::byte> bytes)
      : data_(reinterpret_cast<const uint8_t*>(bytes.data())), size_(bytes.size()) {
    if (reinterpret_cast<uintptr_t>(data_) % alignof(uint64_t) == 0 && !bytes.empty()) return;
    copy_.resize(size_ / sizeof(uint64_t) + 1);
    if (size_ > 0) std::memcpy(copy_.data(), data_, size_);
    data_ = reinterpret_cast<const uint8_t*>(copy_.data());
  }
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;

  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  const uint8_t* data_;
  size_t size_;
  std::vector<uint64_t> copy_;
};

}  // namespace braid::flat
