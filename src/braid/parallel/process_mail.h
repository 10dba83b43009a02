// The messages between all ranks of a world whose ranks are in several processes. Ranks of this process exchange
// through mailboxes, the others through the processes' port: in each operation one message from all ranks of a process
// to all of another (bundle_queue.h, bundle_arrivals.h). Where these are one rank each, unless it is early
// (MessageGrid::lend), and for what is sent from rank to rank, short data travels behind its head and long data from
// and to the ranks' own memory. Between two such processes of one host heads and short data of operations go round the
// port, through memory that both share (host_memory.h). Also what ranks hand over to each other beside the steps, and
// what processes tell each other about the world itself: how far they are, and why it ends. Tested by
// communicator_test.cc, process_world_test.cc and tests/e2e/test_mpi.py.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "braid/parallel/bundle_arrivals.h"
#include "braid/parallel/bundle_queue.h"
#include "braid/parallel/byte_pool.h"
#include "braid/parallel/end_of_world.h"
#include "braid/parallel/hand_over_mail.h"
#include "braid/parallel/host_memory.h"
#include "braid/parallel/mailbox.h"
#include "braid/parallel/message_head.h"
#include "braid/parallel/process_port.h"
#include "braid/parallel/rank_spread.h"

namespace braid {

class ProcessMail final : public HandOver {
 public:
  // `memory`: what this process shares with others, for this world alone; null: nothing.
  ProcessMail(WorldState& state, const RankSpread& spread, std::shared_ptr<ProcessPort> port,
              std::shared_ptr<const HostMemory> memory);
  ~ProcessMail() override;
  ProcessMail(const ProcessMail&) = delete;
  ProcessMail& operator=(const ProcessMail&) = delete;

  // The messages of one purpose: kInWorld, kInGroup, kWorldMail or kGroupMail.
  MessageGrid& grid(HeadType purpose);

  bool is_seen_by(int32_t to) const override { return sees_memory(spread_.process_of(to)); }
  Buffer room(int32_t to, int64_t bytes) override;
  void give(const HandOverId& id, Buffer data) override;
  Result<Buffer> take(const HandOverId& id) override;
  bool is_giving(int32_t from, uint64_t item) override;
  Status finish(int32_t from) override;
  void set_pace(double bytes_per_s) override;
  Status set_room(int64_t bytes) override;
  void set_max_waiting(int64_t bytes) override;

  // Waits until all processes have called it: nothing will be sent any more. Afterwards the port is free for others.
  // What was handed over and never taken is received and dropped.
  Status leave();

 private:
  class Grid;

  // A rank's wait. It looks after the port at every turn, so that what it waits for arrives without another thread.
  class Wait {
   public:
    Wait(ProcessMail& mail, const OpRecord& call, int32_t rank);
    // Rests a moment, where the next message comes if that is one. An error if the world ends, or if no rank gets on
    // for too long.
    Status turn(Mailbox* box, RingReader* ring = nullptr);

   private:
    void begin_again_if_moved();

    ProcessMail& mail_;
    const OpRecord& call_;
    const int32_t rank_;
    Patience patience_;
    std::optional<double> start_s_;  // after the first turn
    int64_t num_moved_ = 0;          // of what is handed over, at the last turn
    double next_look_s_ = 0;
  };

  // Memory of ours that the port reads until the request is done.
  struct Sending {
    PortRequest request = 0;
    std::unique_ptr<MessageBytes> message;
    std::shared_ptr<std::byte> data;
    bool is_last_word = false;  // of this process, on the world's end
  };

  bool sees_memory(int32_t process) const { return memory_ != nullptr && memory_->is_shared_with(process); }
  bool has_rank(int32_t rank) const { return spread_.has_rank(port_->process(), rank); }
  void send(const MessageHead& head, std::span<const std::byte> data, bool is_lent, RingWriter* ring);
  void send_bundle(HeadType purpose, const BundleQueue& queue, EncodedBundle bundle);
  IndexRange ranks_in(IndexRange set, int32_t process) const;
  bool has_sent_all(int32_t rank);
  Status fetch(const Message& message, int32_t rank, std::span<std::byte> to);

  // With port_mutex_.
  void send_message(const MessageHead& head, std::span<const std::byte> data, int32_t process);
  void tell_all(HeadType type, int32_t from, std::span<const std::byte> data);
  int32_t next_tag();
  void look_after_port(const Mailbox* box = nullptr);  // `box`: what the caller waits for
  Status deliver(std::span<const std::byte> bytes, int32_t process);
  Status deliver_bundle(const DecodedMessage& message, int32_t process);
  Status deliver_news(const DecodedMessage& message, int32_t process);
  void tell_end(const std::string& reason);
  bool has_told_end() const;
  bool is_moving_data() const;
  bool has_sent_all() const;

  void care_for_early();
  void try_look_after_port(const Mailbox* box);
  Progress progress() const;  // of all processes
  Error end_as_told();        // when must_end_
  std::string agree_on_end(const std::string& reason);
  void run_errands();
  void tell_progress();
  bool has_heard_from(int32_t process) const;  // lately. With port_mutex_

  WorldState& state_;
  const RankSpread spread_;
  const std::shared_ptr<ProcessPort> port_;
  const std::shared_ptr<const HostMemory> memory_;  // may be null
  BytePool pool_;
  std::array<std::unique_ptr<Grid>, 4> grids_;

  std::mutex port_mutex_;
  bool is_quiet_ = false;  // the port is not ours any more
  MessageBytes inbox_ = {};
  PortRequest inbox_request_ = 0;
  std::list<Sending> sending_;
  std::vector<std::unique_ptr<MessageBytes>> unused_messages_;
  std::vector<std::vector<PortRequest>> lent_;  // of each own rank
  BundleArrivals bundles_;
  HandOverMail hand_overs_;
  std::shared_ptr<HandOverRoom> room_;  // null: none
  int32_t num_fetches_ = 0;             // under way
  int32_t last_tag_ = 0;
  EndOfWorld end_;
  std::vector<bool> has_left_;   // of each process
  std::vector<double> heard_s_;  // of each process, when its last message came
  std::string trouble_;          // why the world must end, if this process found it while it looked after the port

  std::atomic<double> early_until_s_{0};  // until when errands_ look after the port all the time
  std::atomic<bool> must_end_{false};
  std::atomic<bool> is_moving_data_{false};
  std::atomic<int64_t> num_moved_{0};  // chunks of what is handed over
  mutable std::mutex progress_mutex_;
  std::vector<Progress> progress_;  // of each process, as it said last

  std::mutex errands_mutex_;
  std::condition_variable errands_changed_;
  bool is_stopping_ = false;
  std::thread errands_;  // the end of the world and progress while all ranks compute
};

}  // namespace braid
