#include "braid/parallel/bundle_arrivals.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace braid {
namespace {

constexpr int64_t kMaxBundleBytes = int64_t{1} << 36;

}  // namespace

BundleArrivals::BundleArrivals(ProcessPort& port, int32_t num_processes, BytePool& pool, Push push)
    : port_(port), pool_(pool), push_(std::move(push)), arrived_(static_cast<size_t>(num_processes)) {}

Status BundleArrivals::deliver(const DecodedMessage& message, HeadType purpose, const BundleQueue* back,
                               int32_t process) {
  const MessageHead& head = message.head;
  if (back == nullptr || head.from != back->receivers().begin || head.to != back->senders().begin ||
      head.num_bytes > kMaxBundleBytes) {
    return fail("process {} sent a bundle of {} bytes from rank {} to rank {}", process, head.num_bytes, head.from,
                head.to);
  }
  const auto size = static_cast<size_t>(head.num_bytes);
  Arriving arriving{.purpose = purpose,
                    .senders = back->receivers(),
                    .receivers = back->senders(),
                    .bundle = {.bytes = pool_.take(size), .size = size},
                    .request = {},
                    .message = {}};
  if (head.tag < 0) {
    std::memcpy(arriving.bundle.bytes.get(), message.data.data(), size);
  } else {
    arriving.request = port_.receive(arriving.bundle.bytes.get(), size, process, head.tag);
  }
  std::deque<Arriving>& arrived = arrived_[static_cast<size_t>(process)];
  arrived.push_back(std::move(arriving));
  return open(arrived);
}

void BundleArrivals::pass(HeadType purpose, int32_t process, int32_t from, int32_t to, Message message) {
  std::deque<Arriving>& arrived = arrived_[static_cast<size_t>(process)];
  const bool must_wait =
      std::ranges::any_of(arrived, [&](const Arriving& arriving) { return arriving.purpose == purpose; });
  if (!must_wait) return push_(purpose, from, to, std::move(message));
  arrived.push_back({.purpose = purpose,
                     .senders = {.begin = from, .end = from + 1},
                     .receivers = {.begin = to, .end = to + 1},
                     .bundle = {},
                     .request = {},
                     .message = std::move(message)});
}

Status BundleArrivals::look_after() {
  Status first_error;
  for (std::deque<Arriving>& arrived : arrived_) {
    Status opened = open(arrived);
    if (!opened.ok() && first_error.ok()) first_error = std::move(opened);
  }
  return first_error;
}

bool BundleArrivals::is_receiving() const {
  return std::ranges::any_of(arrived_, [](const auto& arrived) { return !arrived.empty(); });
}

Status BundleArrivals::open(std::deque<Arriving>& arrived) {
  for (; !arrived.empty(); arrived.pop_front()) {
    Arriving& first = arrived.front();
    if (first.request && !port_.test(*first.request)) return {};
    first.request.reset();
    if (first.message) {
      push_(first.purpose, static_cast<int32_t>(first.senders.begin), static_cast<int32_t>(first.receivers.begin),
            *std::move(first.message));
      continue;
    }
    const EncodedBundle& bundle = first.bundle;
    TRY(const auto parts,
        decode_bundle({bundle.bytes.get(), bundle.size}, static_cast<int32_t>(first.senders.end - first.senders.begin),
                      static_cast<int32_t>(first.receivers.end - first.receivers.begin)));
    for (size_t sender = 0; sender < parts.size(); ++sender) {
      for (size_t receiver = 0; receiver < parts[sender].pieces.size(); ++receiver) {
        const std::span<const std::byte> piece = parts[sender].pieces[receiver];
        const auto from = static_cast<int32_t>(first.senders.begin) + static_cast<int32_t>(sender);
        const auto to = static_cast<int32_t>(first.receivers.begin) + static_cast<int32_t>(receiver);
        push_(first.purpose, from, to,
              {.call = parts[sender].call,
               .num_bytes = static_cast<int64_t>(piece.size()),
               .data = piece,
               .memory = bundle.bytes,
               .remote = {}});
      }
    }
  }
  return {};
}

}  // namespace braid
