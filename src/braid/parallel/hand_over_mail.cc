#include "braid/parallel/hand_over_mail.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "braid/base/check.h"
#include "braid/parallel/segment_bytes.h"

namespace braid {
namespace {

// In a hurry the receiver copies one chunk while the next arrives. At a pace, chunks are small, so that little lies
// before a message of a step.
constexpr int64_t kLargestChunk = int64_t{1} << 20;
constexpr int64_t kSmallestChunk = int64_t{16} << 10;
constexpr double kChunkOfPace_s = 1e-3;
constexpr double kMostCredit_s = 5e-3;       // of rest made up for
constexpr int32_t kMostChunksUnderWay = 16;  // of which none moves while both ends nap

std::string describe(const HandOverId& id) {
  return fmt::format("part {} of item {} from rank {} to rank {}", id.part, id.item, id.from, id.to);
}

// Of something that has `total` bytes. `num_bytes`: of the data that come with the head.
MessageHead head_of(HeadType type, const HandOverId& id, int64_t total, int64_t num_bytes) {
  return {.type = type,
          .from = id.from,
          .to = id.to,
          .call = {.step = static_cast<int64_t>(id.item),
                   .op = id.part,
                   .kind = OpKind::kHandOver,
                   .bytes = total,
                   .peer = id.to},
          .num_bytes = num_bytes};
}

// Where something lies: the process' segment, and the first byte in it.
constexpr size_t kPlaceBytes = kSegmentBytes + 8;

std::array<std::byte, kPlaceBytes> encode_place(const SharedSegment::Handle& handle, int64_t offset) {
  std::array<std::byte, kPlaceBytes> bytes{};
  ByteWriter out(bytes.data());
  put_segment(out, handle);
  out.put(offset);
  return bytes;
}

}  // namespace

HandOverMail::HandOverMail(ProcessPort& port, const RankSpread& spread, Announce announce)
    : port_(port),
      spread_(spread),
      announce_(std::move(announce)),
      memory_of_(static_cast<size_t>(spread.num_processes())),
      handle_of_(memory_of_.size()) {}

void HandOverMail::give(const HandOverId& id, Buffer data, bool is_seen) {
  CHECK(data.bytes() > 0, "{} is empty", describe(id));
  const std::optional<int64_t> offset = is_seen && room_ != nullptr ? room_->offset_of(data) : std::nullopt;
  if (offset) {
    const auto place = encode_place(room_->handle(), *offset);
    announce_(head_of(HeadType::kHandOverSeen, id, data.bytes(), static_cast<int64_t>(place.size())), place,
              spread_.process_of(id.to));
    shown_.emplace(id, std::move(data));
    return;
  }
  giving_.push_back({.id = id, .data = std::move(data)});
}

bool HandOverMail::is_giving(int32_t from) const {
  return std::ranges::any_of(giving_, [&](const Given& given) { return given.id.from == from; });
}

bool HandOverMail::is_giving(int32_t from, uint64_t item) const {
  return std::ranges::any_of(giving_,
                             [&](const Given& given) { return given.id.from == from && given.id.item == item; });
}

bool HandOverMail::is_showing() const {
  if (!shown_.empty()) return true;
  const std::lock_guard lock(read_->mutex);
  return read_->num_unread > 0 || !read_->ids.empty();
}

Result<std::optional<Buffer>> HandOverMail::try_take(const HandOverId& id) {
  const auto found = coming_.find(id);
  if (found == coming_.end()) return std::optional<Buffer>();
  Coming& coming = found->second;
  if (!coming.error.empty()) return Error{coming.error};
  forget_done(coming.under_way, num_receiving_);
  if (coming.num_announced < coming.data.bytes() || !coming.under_way.empty()) return std::optional<Buffer>();
  std::optional<Buffer> data = std::move(coming.data);
  num_waiting_ -= data->bytes();
  coming_.erase(found);
  return data;
}

void HandOverMail::forget_done(std::vector<PortRequest>& requests, int32_t& count) {
  const auto num_done =
      static_cast<int32_t>(std::erase_if(requests, [&](PortRequest request) { return port_.test(request); }));
  count -= num_done;
  num_moved_ += num_done;
}

void HandOverMail::begin_chunk(Given& given, int64_t bytes) {
  const HandOverId& id = given.id;
  const int32_t process = spread_.process_of(id.to);
  const int32_t tag = announce_(head_of(HeadType::kHandOver, id, given.data.bytes(), bytes), {}, process);
  given.under_way.push_back(port_.send(given.data.data() + given.num_begun, static_cast<size_t>(bytes), process, tag));
  given.num_begun += bytes;
  ++num_sending_;
}

void HandOverMail::look_after(double now_s) {
  say_what_is_read();
  for (auto& [id, coming] : coming_) forget_done(coming.under_way, num_receiving_);
  for (Given& given : giving_) forget_done(given.under_way, num_sending_);
  std::erase_if(giving_,
                [](const Given& given) { return given.num_begun == given.data.bytes() && given.under_way.empty(); });
  const bool is_free = pace_ <= 0 || num_hurries_ > 0;
  const int64_t chunk =
      is_free ? kLargestChunk : std::clamp(static_cast<int64_t>(pace_ * kChunkOfPace_s), kSmallestChunk, kLargestChunk);
  const double most_credit = std::max(static_cast<double>(chunk), pace_ * kMostCredit_s);
  credit_ = std::min(credit_ + pace_ * (now_s - looked_s_), most_credit);
  looked_s_ = now_s;
  for (Given& given : giving_) {
    while (given.num_begun < given.data.bytes()) {
      if (num_sending_ >= kMostChunksUnderWay || (!is_free && credit_ <= 0)) return;
      const int64_t bytes = std::min(chunk, given.data.bytes() - given.num_begun);
      begin_chunk(given, bytes);
      if (!is_free) credit_ -= static_cast<double>(bytes);
    }
  }
}

Status HandOverMail::deliver(const MessageHead& head, std::span<const std::byte> data, int32_t process) {
  HandOverId id{.from = head.from, .to = head.to, .item = static_cast<uint64_t>(head.call.step), .part = head.call.op};
  if (head.type == HeadType::kHandOver) return deliver_chunk(id, head, process);
  if (head.type == HeadType::kHandOverSeen) return deliver_seen(id, head, data, process);
  std::swap(id.from, id.to);
  if (shown_.erase(id) == 0) return fail("{} was never shown, and process {} has read it", describe(id), process);
  return {};
}

Result<HandOverMail::Coming*> HandOverMail::begin_coming(const HandOverId& id, int64_t total) {
  if (total < 1 || total > max_waiting_ - num_waiting_) {
    return fail("{} has {} bytes, and {} of at most {} wait to be taken", describe(id), total, num_waiting_,
                max_waiting_);
  }
  num_waiting_ += total;
  return &coming_[id];
}

Status HandOverMail::deliver_chunk(const HandOverId& id, const MessageHead& head, int32_t process) {
  if (!coming_.contains(id)) {
    TRY(Coming* const begun, begin_coming(id, head.call.bytes));
    auto memory = pool_.take(static_cast<size_t>(head.call.bytes));
    std::byte* const first = memory.get();
    begun->data = Buffer(std::move(memory), first, head.call.bytes);
  }
  Coming& coming = coming_[id];
  const int64_t left = coming.data.bytes() - coming.num_announced;
  if (head.tag < 0 || head.call.bytes != coming.data.bytes() || head.num_bytes > left) {
    return fail("{} bytes of {} came, and {} of {} were left", head.num_bytes, describe(id), left, coming.data.bytes());
  }
  coming.under_way.push_back(
      port_.receive(coming.data.data() + coming.num_announced, static_cast<size_t>(head.num_bytes), process, head.tag));
  coming.num_announced += head.num_bytes;
  ++num_receiving_;
  return {};
}

// Where the other process has ended meanwhile, only whoever takes it need know.
Status HandOverMail::deliver_seen(const HandOverId& id, const MessageHead& head, std::span<const std::byte> data,
                                  int32_t process) {
  if (data.size() != kPlaceBytes || coming_.contains(id)) {
    return fail("{} is shown by {} bytes, or came before", describe(id), data.size());
  }
  ByteReader in(data);
  const SharedSegment::Handle handle = get_segment(in);
  const auto offset = in.get<int64_t>();
  const int64_t total = head.call.bytes;
  if (offset < 0 || offset > handle.bytes || total > handle.bytes - offset) {
    return fail("{} lies at {} of {} bytes and has {}", describe(id), offset, handle.bytes, total);
  }
  TRY(Coming* const coming, begin_coming(id, total));
  auto memory = seen(id, handle, offset, total, process);
  if (memory.ok()) {
    coming->data = *std::move(memory);
    coming->num_announced = total;
  } else {
    coming->error = fmt::format("{}: {}", describe(id), memory.error().message);
  }
  return {};
}

Result<Buffer> HandOverMail::seen(const HandOverId& id, const SharedSegment::Handle& handle, int64_t offset,
                                  int64_t bytes, int32_t process) {
  const auto index = static_cast<size_t>(process);
  if (memory_of_[index] == nullptr || handle_of_[index] != handle) {
    TRY(SharedSegment segment, SharedSegment::open(handle));
    memory_of_[index] = std::make_shared<const SharedSegment>(std::move(segment));
    handle_of_[index] = handle;
  }
  const std::shared_ptr<const SharedSegment>& memory = memory_of_[index];
  {
    const std::lock_guard lock(read_->mutex);
    ++read_->num_unread;
  }
  auto* const data = const_cast<std::byte*>(memory->memory().data() + offset);  // which nobody writes
  std::shared_ptr<const void> owner(data, [memory, read = read_, id](const void*) {
    const std::lock_guard lock(read->mutex);
    read->ids.push_back(id);
    --read->num_unread;
  });
  return Buffer(std::move(owner), data, bytes);
}

void HandOverMail::say_what_is_read() {
  std::vector<HandOverId> ids;
  {
    const std::lock_guard lock(read_->mutex);
    if (read_->ids.empty()) return;
    ids.swap(read_->ids);
  }
  for (const HandOverId& id : ids) {
    const HandOverId back{.from = id.to, .to = id.from, .item = id.item, .part = id.part};
    announce_(head_of(HeadType::kHandOverRead, back, 0, 0), {}, spread_.process_of(id.from));
  }
}

}  // namespace braid
