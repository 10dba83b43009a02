// FlatBuffers helpers that the codecs of wire/ share: lists of ids within limits, and aligned bytes. Tested by
// assignment_map_codec_test.cc, step_plan_codec_test.cc and group_outputs_codec_test.cc.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/wire/shared_bytes.h"

namespace braid::flat {

using Builder = flatbuffers::FlatBufferBuilder;
template <typename T>
using Offset = flatbuffers::Offset<T>;
template <typename T>
using VectorOffset = flatbuffers::Offset<flatbuffers::Vector<T>>;
using Ints = flatbuffers::Vector<int32_t>;

// Adds a list; an empty one is left out.
template <typename T>
VectorOffset<T> add_list(Builder& builder, const std::vector<T>& list) {
  return list.empty() ? VectorOffset<T>() : builder.CreateVector(list);
}

template <typename T>
std::vector<T> copy_of(const flatbuffers::Vector<T>* list) {
  if (list == nullptr) return {};
  if constexpr (sizeof(T) > sizeof(flatbuffers::uoffset_t)) {
    // The verifier checks only the alignment of the list's length: in damaged bytes the items may lie anywhere.
    std::vector<T> copy(list->size());
    if (!copy.empty()) std::memcpy(copy.data(), list->Data(), copy.size() * sizeof(T));
    return copy;
  }
  return {list->begin(), list->end()};  // does not write zeros first: prompts are long
}

template <typename T>
Status check_count(const flatbuffers::Vector<T>* list, std::string_view what, int64_t max_count) {
  const int64_t count = list == nullptr ? 0 : list->size();
  if (count > max_count) return fail("{} {}, at most {} fit", count, what, max_count);
  return {};
}

// Decodes a list of at most max_count numbers in [0, end).
inline Result<std::vector<int32_t>> decode_ids(const Ints* ints, std::string_view what, int64_t max_count,
                                               int64_t end) {
  TRY_STATUS(check_count(ints, what, max_count));
  std::vector<int32_t> ids = copy_of(ints);
  // A negative id is large as an unsigned number, so finding the largest checks all in one pass without branches.
  uint32_t largest = 0;
  for (const int32_t id : ids) largest = std::max(largest, static_cast<uint32_t>(id));
  if (ids.empty() || largest < end) return ids;
  for (const int32_t id : ids) {
    if (id < 0 || id >= end) return fail("{}: {} is not in [0, {})", what, id, end);
  }
  return ids;
}

// The same for tokens of a prompt, which may be an image's placeholders (request/image_span.h).
inline Result<std::vector<int32_t>> decode_tokens(const Ints* ints, std::string_view what, int64_t max_count,
                                                  int64_t vocab_size) {
  TRY_STATUS(check_count(ints, what, max_count));
  std::vector<int32_t> ids = copy_of(ints);
  int32_t largest = 0;
  for (const int32_t id : ids) largest = std::max(largest, id);
  if (largest >= vocab_size) return fail("{}: {} is not below {}", what, largest, vocab_size);
  return ids;
}

// The bytes of a finished message, without a copy.
inline SharedBytes take_bytes(Builder& builder) {
  auto owner = std::make_shared<const flatbuffers::DetachedBuffer>(builder.Release());
  const auto span = std::as_bytes(std::span(owner->data(), owner->size()));
  return {std::move(owner), span};
}

// FlatBuffers needs aligned bytes. Bytes from the network or inside other bytes may not be aligned: then this copies
// them.
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
