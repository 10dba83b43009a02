#include "braid/parallel/message_head.h"

#include <algorithm>
#include <cstring>

#include "braid/base/check.h"
#include "braid/parallel/call_bytes.h"

namespace braid {
namespace {

constexpr size_t kRecordBytes = 42;
constexpr double kNotLeft = -1;
constexpr uint16_t kMark = 0xb4a1;

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
