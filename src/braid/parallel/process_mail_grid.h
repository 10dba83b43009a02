// The mailboxes of one purpose, and the way out for the other processes' ranks. Tested by communicator_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "braid/parallel/message_grid.h"
#include "braid/parallel/process_mail.h"
#include "braid/parallel/shared_ring.h"

namespace braid {

class ProcessMail::Grid final : public MessageGrid {
 public:
  Grid(ProcessMail& mail, HeadType purpose);

  // To this process, of the set that the rank is in; null if the set has no rank there. Between two processes of one
  // rank each only what is early travels in bundles.
  BundleQueue* bundles_of(int32_t rank, int32_t process) const;

  // Takes what came through the port.
  void deliver(int32_t from, int32_t to, Message message);

  void push(const OpRecord& call, int32_t from, int32_t to, std::span<const std::byte> data) override;
  void lend(const OpRecord& call, int32_t from, int32_t to, std::span<const std::byte> data, bool is_early) override;
  Status settle(const OpRecord& call, int32_t from) override;
  void withdraw(int32_t from) override;
  Status fetch(const Message& message, int32_t rank, std::span<std::byte> to) override;
  Result<Message> pop(const OpRecord& call, int32_t from, int32_t to) override;

 private:
  // Both ends of this rank's messages with that of another process. Used by the rank's thread.
  struct Rings {
    std::unique_ptr<RingWriter> out;
    std::unique_ptr<RingReader> in;
    std::optional<Message> from_port;  // the next one, unless it is in the ring
  };
  struct alignas(64) RankFlag {
    bool value = false;
  };

  int32_t set_size() const;
  // Of the rank's process; without rings if they share no memory, or if it is this one.
  Rings& rings_with(int32_t rank) { return rings_[static_cast<size_t>(mail_.spread_.process_of(rank))]; }
  size_t own_index(int32_t rank) const;
  bool is_settled(int32_t from) const;
  Result<Message> pop_ring(const OpRecord& call, int32_t from, int32_t to, Rings& rings, Mailbox& box);
  void send(const OpRecord& call, int32_t from, int32_t to, std::span<const std::byte> data, bool is_lent,
            bool is_early);

  ProcessMail& mail_;
  const HeadType purpose_;
  Mailboxes boxes_;
  std::vector<Rings> rings_;                           // with each process
  std::vector<RankFlag> has_lent_;                     // each own rank, since it last settled
  std::vector<std::unique_ptr<BundleQueue>> bundles_;  // set by set, to each process
};

}  // namespace braid
