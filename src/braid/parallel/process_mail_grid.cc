#include "braid/parallel/process_mail_grid.h"

#include <fmt/format.h>

#include <utility>

#include "braid/base/spin.h"

namespace braid {

ProcessMail::Grid::Grid(ProcessMail& mail, HeadType purpose)
    : mail_(mail),
      purpose_(purpose),
      boxes_(mail.state_, mail.spread_.ranks_of(mail.port_->process())),
      rings_(static_cast<size_t>(mail.spread_.num_processes())),
      has_lent_(boxes_.num_receivers()) {
  if (purpose == HeadType::kWorldMail || purpose == HeadType::kGroupMail) return;
  const int32_t own = mail.port_->process();
  for (int32_t process = 0; mail.memory_ != nullptr && process < mail.spread_.num_processes(); ++process) {
    const bool is_group = purpose == HeadType::kInGroup;
    rings_[static_cast<size_t>(process)] = {.out = mail.memory_->writer_to(process, is_group),
                                            .in = mail.memory_->reader_of(process, is_group),
                                            .from_port = {}};
  }
  mail.state_.on_failure([this] {
    for (const Rings& rings : rings_) {
      if (rings.in != nullptr) rings.in->wake();
    }
  });
  for (int32_t first = 0; first < mail.state_.num_ranks(); first += set_size()) {
    for (int32_t process = 0; process < mail.spread_.num_processes(); ++process) {
      const IndexRange set{.begin = first, .end = first + set_size()};
      const IndexRange senders = mail.ranks_in(set, own);
      const IndexRange receivers = mail.ranks_in(set, process);
      const int64_t num_pairs = (senders.end - senders.begin) * (receivers.end - receivers.begin);
      const bool may_bundle = process != own && num_pairs > 0;
      bundles_.push_back(may_bundle ? std::make_unique<BundleQueue>(senders, receivers, mail.pool_) : nullptr);
    }
  }
}

BundleQueue* ProcessMail::Grid::bundles_of(int32_t rank, int32_t process) const {
  if (bundles_.empty()) return nullptr;
  return bundles_[static_cast<size_t>(rank / set_size() * mail_.spread_.num_processes() + process)].get();
}

void ProcessMail::Grid::deliver(int32_t from, int32_t to, Message message) {
  boxes_.from_to(from, to).push(std::move(message));
  if (const Rings& rings = rings_with(from); rings.in != nullptr) rings.in->wake();
}

void ProcessMail::Grid::push(const OpRecord& call, int32_t from, int32_t to, std::span<const std::byte> data) {
  send(call, from, to, data, false, false);
}

void ProcessMail::Grid::lend(const OpRecord& call, int32_t from, int32_t to, std::span<const std::byte> data,
                             bool is_early) {
  send(call, from, to, data, true, is_early);
}

Status ProcessMail::Grid::settle(const OpRecord& call, int32_t from) {
  bool& has_lent = has_lent_[own_index(from)].value;
  if (!has_lent) return {};
  Wait wait(mail_, call, from);
  while (!is_settled(from) || !mail_.has_sent_all(from)) TRY_STATUS(wait.turn(nullptr));
  has_lent = false;
  return {};
}

void ProcessMail::Grid::withdraw(int32_t from) {
  for (int32_t process = 0; process < mail_.spread_.num_processes(); ++process) {
    if (BundleQueue* const queue = bundles_of(from, process)) queue->withdraw(from);
  }
}

Status ProcessMail::Grid::fetch(const Message& message, int32_t rank, std::span<std::byte> to) {
  return mail_.fetch(message, rank, to);
}

Result<Message> ProcessMail::Grid::pop(const OpRecord& call, int32_t from, int32_t to) {
  Mailbox& box = boxes_.from_to(from, to);
  if (Rings& rings = rings_with(from); rings.in != nullptr) return pop_ring(call, from, to, rings, box);
  Wait wait(mail_, call, to);
  for (;;) {
    if (std::optional<Message> message = box.try_pop()) return std::move(*message);
    TRY_STATUS(wait.turn(&box));
  }
}

int32_t ProcessMail::Grid::set_size() const {
  return purpose_ == HeadType::kInGroup ? mail_.state_.group_size() : mail_.state_.num_ranks();
}

size_t ProcessMail::Grid::own_index(int32_t rank) const {
  return static_cast<size_t>(rank - mail_.spread_.ranks_of(mail_.port_->process()).begin);
}

// The port is left alone as long as ranks are as fast as each other.
Result<Message> ProcessMail::Grid::pop_ring(const OpRecord& call, int32_t from, int32_t to, Rings& rings,
                                            Mailbox& box) {
  constexpr int kLooks = 100;
  const auto has_come = [&] { return rings.in->has_next() || rings.from_port || !box.is_empty(); };
  for (int i = 0; i < kLooks && !has_come(); ++i) pause_briefly();
  std::optional<Wait> wait;
  for (;;) {
    // What the port brought before this look, the sender sent behind what it had written to the ring before.
    if (!rings.from_port) rings.from_port = box.try_pop();
    if (rings.in->has_next()) {
      const auto next = rings.in->take();
      if (!next.ok()) {
        return mail_.state_.end(fmt::format("rank {} sent to rank {} {}", from, to, next.error().message));
      }
      Message message{.call = next->call, .num_bytes = next->num_bytes, .data = next->data, .memory = {}, .remote = {}};
      if (next->tag >= 0) message.remote = RemoteData{.process = mail_.spread_.process_of(from), .tag = next->tag};
      return message;
    }
    if (rings.from_port) {
      rings.in->pass();
      return *std::exchange(rings.from_port, std::nullopt);
    }
    if (!wait) wait.emplace(mail_, call, to);
    TRY_STATUS(wait->turn(&box, rings.in.get()));
  }
}

bool ProcessMail::Grid::is_settled(int32_t from) const {
  for (int32_t process = 0; process < mail_.spread_.num_processes(); ++process) {
    const BundleQueue* const queue = bundles_of(from, process);
    if (queue != nullptr && !queue->is_settled(from)) return false;
  }
  return true;
}

// A long message between two ranks is received where the receiver wants it, which it says when it waits for it. The
// bundle's memory is there before, so that it can arrive while the receiver computes.
void ProcessMail::Grid::send(const OpRecord& call, int32_t from, int32_t to, std::span<const std::byte> data,
                             bool is_lent, bool is_early) {
  if (mail_.has_rank(to)) return boxes_.from_to(from, to).push(message_of(call, data, mail_.pool_));
  RingWriter* const ring = rings_with(to).out.get();
  if (ring != nullptr && ring->try_send(call, data)) return;
  BundleQueue* const queue = bundles_of(from, mail_.spread_.process_of(to));
  if (is_early) mail_.care_for_early();
  has_lent_[own_index(from)].value = true;
  if (queue != nullptr && (is_early || queue->num_pairs() > 1)) {
    if (ring != nullptr) ring->pass();
    if (auto bundle = queue->lend(call, from, to, data)) mail_.send_bundle(purpose_, *queue, std::move(*bundle));
  } else {
    const auto num_bytes = static_cast<int64_t>(data.size());
    mail_.send({.type = purpose_, .from = from, .to = to, .call = call, .num_bytes = num_bytes}, data, is_lent, ring);
  }
}

}  // namespace braid
