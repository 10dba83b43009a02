// How numbers and operations become bytes: every field has its place and width, so that padding and compilers do not
// matter.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "braid/parallel/flight_recorder.h"

namespace braid {

static_assert(std::endian::native == std::endian::little, "numbers travel as they are");

class ByteWriter {
 public:
  explicit ByteWriter(std::byte* to) : to_(to) {}

  template <typename T>
  void put(T value) {
    std::memcpy(to_, &value, sizeof(T));
    to_ += sizeof(T);
  }

 private:
  std::byte* to_;
};

// The caller has checked that the bytes are there.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> from) : from_(from) {}

  template <typename T>
  T get() {
    T value = {};
    std::memcpy(&value, from_.data(), sizeof(T));
    from_ = from_.subspan(sizeof(T));
    return value;
  }

 private:
  std::span<const std::byte> from_;
};

inline constexpr size_t kCallBytes = 26;

inline void put_call(ByteWriter& out, const OpRecord& call) {
  out.put(call.step);
  out.put(call.op);
  out.put(static_cast<uint8_t>(call.kind));
  out.put(static_cast<uint8_t>(call.is_group));
  out.put(call.bytes);
  out.put(call.peer);
}

// Nothing if there is no such operation.
inline std::optional<OpRecord> get_call(ByteReader& in) {
  OpRecord call;
  call.step = in.get<int64_t>();
  call.op = in.get<int32_t>();
  const auto kind = in.get<uint8_t>();
  const auto is_group = in.get<uint8_t>();
  call.bytes = in.get<int64_t>();
  call.peer = in.get<int32_t>();
  if (kind > static_cast<uint8_t>(OpKind::kTakeOver) || is_group > 1) return std::nullopt;
  call.kind = static_cast<OpKind>(kind);
  call.is_group = is_group == 1;
  return call;
}

}  // namespace braid
