#include "braid/parallel/message_head.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "braid/base/check.h"

namespace braid {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers travel as they are");

constexpr size_t kRecordBytes = 42;
constexpr double kNotLeft = -1;
constexpr uint16_t kMark = 0xb4a1;

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

void put_call(ByteWriter& out, const OpRecord& call) {
  out.put(call.step);
  out.put(call.op);
  out.put(static_cast<uint8_t>(call.kind));
  out.put(static_cast<uint8_t>(call.is_group));
  out.put(call.bytes);
  out.put(call.peer);
}

// Nothing if there is no such operation.
std::optional<OpRecord> get_call(ByteReader& in) {
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

Error no_message(std::string_view what, size_t bytes) {
  return fail("{} bytes that are no {}", bytes, what);
}

}  // namespace

size_t encode_message(const MessageHead& head, std::span<const std::byte> data, MessageBytes& bytes) {
  CHECK(head.tag >= 0 || data.size() <= kMaxShortBytes, "{} bytes behind a head", data.size());
  ByteWriter out(bytes.data());
  out.put(static_cast<uint8_t>(head.type));
  out.put(static_cast<uint8_t>(0));
  out.put(kMark);
  out.put(head.from);
  out.put(head.to);
  put_call(out, head.call);
  out.put(head.num_bytes);
  out.put(head.tag);
  if (head.tag >= 0 || data.empty()) return kHeadBytes;
  std::memcpy(bytes.data() + kHeadBytes, data.data(), data.size());
  return kHeadBytes + data.size();
}

Result<DecodedMessage> decode_message(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeadBytes) return no_message("message", bytes.size());
  ByteReader in(bytes);
  DecodedMessage message{.data = bytes.subspan(kHeadBytes)};
  MessageHead& head = message.head;
  const auto type = in.get<uint8_t>();
  const bool is_marked = in.get<uint8_t>() == 0 && in.get<uint16_t>() == kMark;
  head.from = in.get<int32_t>();
  head.to = in.get<int32_t>();
  const auto call = get_call(in);
  head.num_bytes = in.get<int64_t>();
  head.tag = in.get<int32_t>();
  const bool has_data = head.tag < 0 ? head.num_bytes == static_cast<int64_t>(message.data.size())
                                     : head.num_bytes > 0 && message.data.empty();
  if (!is_marked || type > static_cast<uint8_t>(HeadType::kGoodbye) || !call || !has_data) {
    return no_message("message", bytes.size());
  }
  head.type = static_cast<HeadType>(type);
  head.call = *call;
  return message;
}

std::vector<std::byte> encode_progress(const Progress& progress) {
  std::vector<std::byte> bytes(16);
  ByteWriter out(bytes.data());
  out.put(progress.num_operations);
  out.put(progress.cpu_ticks);
  return bytes;
}

Result<Progress> decode_progress(std::span<const std::byte> bytes) {
  if (bytes.size() != 16) return no_message("progress", bytes.size());
  ByteReader in(bytes);
  Progress progress;
  progress.num_operations = in.get<uint64_t>();
  progress.cpu_ticks = in.get<int64_t>();
  return progress;
}

std::vector<std::byte> encode_track(std::span<const OpRecord> records, double now_s) {
  records = records.last(std::min(records.size(), kMaxShortBytes / kRecordBytes));
  std::vector<std::byte> bytes(records.size() * kRecordBytes);
  ByteWriter out(bytes.data());
  for (const OpRecord& record : records) {
    put_call(out, record);
    out.put(now_s - record.entered_s);
    out.put(record.left_s < 0 ? kNotLeft : std::max(now_s - record.left_s, 0.0));
  }
  return bytes;
}

Result<std::vector<OpRecord>> decode_track(std::span<const std::byte> bytes, double now_s) {
  if (bytes.size() % kRecordBytes != 0) return no_message("track", bytes.size());
  ByteReader in(bytes);
  std::vector<OpRecord> records;
  for (size_t i = 0; i < bytes.size() / kRecordBytes; ++i) {
    auto record = get_call(in);
    if (!record) return no_message("track", bytes.size());
    record->entered_s = now_s - in.get<double>();
    const auto left_age_s = in.get<double>();
    record->left_s = left_age_s == kNotLeft ? -1 : now_s - left_age_s;
    records.push_back(*record);
  }
  return records;
}

}  // namespace braid
