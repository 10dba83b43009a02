#include "braid/parallel/process_mail.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "braid/base/clock.h"
#include "braid/parallel/port_tags.h"
#include "braid/parallel/process_mail_grid.h"

namespace braid {
namespace {

constexpr double kEarly_s = 0.25e-3;  // between two looks after the port while early messages are about
constexpr double kHurry_s = 10e-3;    // after which a rank looks whether there is work

}  // namespace

ProcessMail::ProcessMail(WorldState& state, const RankSpread& spread, std::shared_ptr<ProcessPort> port,
                         std::shared_ptr<const HostMemory> memory)
    : state_(state),
      spread_(spread),
      port_(std::move(port)),
      memory_(std::move(memory)),
      bundles_(*port_, spread.num_processes(), pool_,
               [this](HeadType purpose, int32_t from, int32_t to, Message message) {
                 grids_[static_cast<size_t>(purpose)]->deliver(from, to, std::move(message));
               }),
      hand_overs_(*port_, spread,
                  [this](MessageHead head, std::span<const std::byte> data, int32_t process) {
                    if (head.type == HeadType::kHandOver) head.tag = next_tag();
                    send_message(head, data, process);
                    return head.tag;
                  }),
      end_(spread),
      has_left_(static_cast<size_t>(spread.num_processes())),
      heard_s_(static_cast<size_t>(spread.num_processes()), monotonic_seconds()),
      progress_(static_cast<size_t>(spread.num_processes())) {
  const IndexRange own = spread_.ranks_of(port_->process());
  lent_.resize(static_cast<size_t>(own.end - own.begin));
  for (size_t i = 0; i < grids_.size(); ++i) grids_[i] = std::make_unique<Grid>(*this, static_cast<HeadType>(i));
  state_.agree_on_end([this](const std::string& reason) { return agree_on_end(reason); });
  inbox_request_ = port_->receive(inbox_.data(), inbox_.size(), ProcessPort::kAnyProcess, kHeadTag);
  errands_ = std::thread([this] { run_errands(); });
}

// A port that is still in use has requests on memory that ends with this object.
ProcessMail::~ProcessMail() {
  {
    const std::lock_guard lock(errands_mutex_);
    is_stopping_ = true;
  }
  errands_changed_.notify_all();
  errands_.join();
  const std::lock_guard lock(port_mutex_);
  if (!is_quiet_) port_->give_up();
}

MessageGrid& ProcessMail::grid(HeadType purpose) {
  return *grids_[static_cast<size_t>(purpose)];
}

// With a ring that had no slot for the message, or whose slots are too short for it: then its head alone goes there.
void ProcessMail::send(const MessageHead& head, std::span<const std::byte> data, bool is_lent, RingWriter* ring) {
  const int32_t process = spread_.process_of(head.to);
  if (data.size() <= kMaxShortBytes) {
    if (ring != nullptr) ring->pass();
    const std::lock_guard lock(port_mutex_);
    send_message(head, data, process);
    return;
  }
  Sending copy;
  if (!is_lent) {
    copy.data = pool_.take(data.size());
    std::memcpy(copy.data.get(), data.data(), data.size());
  }
  const std::lock_guard lock(port_mutex_);
  if (is_quiet_) return;
  MessageHead long_head = head;
  long_head.tag = next_tag();
  if (ring == nullptr || !ring->try_announce(head.call, head.num_bytes, long_head.tag)) {
    if (ring != nullptr) ring->pass();
    send_message(long_head, {}, process);
  }
  const std::byte* const from = is_lent ? data.data() : copy.data.get();
  const PortRequest request = port_->send(from, data.size(), process, long_head.tag);
  if (is_lent) {
    lent_[static_cast<size_t>(head.from - spread_.ranks_of(port_->process()).begin)].push_back(request);
  } else {
    copy.request = request;
    sending_.push_back(std::move(copy));
  }
}

void ProcessMail::send_bundle(HeadType purpose, const BundleQueue& queue, EncodedBundle bundle) {
  MessageHead head{.type = purpose == HeadType::kInWorld ? HeadType::kWorldBundle : HeadType::kGroupBundle,
                   .from = static_cast<int32_t>(queue.senders().begin),
                   .to = static_cast<int32_t>(queue.receivers().begin),
                   .num_bytes = static_cast<int64_t>(bundle.size)};
  const int32_t process = spread_.process_of(head.to);
  const std::lock_guard lock(port_mutex_);
  if (is_quiet_) return;
  if (bundle.size <= kMaxShortBytes) {
    send_message(head, {bundle.bytes.get(), bundle.size}, process);
    return;
  }
  head.tag = next_tag();
  send_message(head, {}, process);
  const PortRequest request = port_->send(bundle.bytes.get(), bundle.size, process, head.tag);
  sending_.push_back({.request = request, .message = {}, .data = std::move(bundle.bytes)});
}

// The ranks of a set of consecutive ones that the process has.
IndexRange ProcessMail::ranks_in(IndexRange set, int32_t process) const {
  const IndexRange of_process = spread_.ranks_of(process);
  const int64_t begin = std::max(set.begin, of_process.begin);
  return {.begin = begin, .end = std::max(begin, std::min(set.end, of_process.end))};
}

int32_t ProcessMail::next_tag() {
  last_tag_ = last_tag_ < kFirstDataTag || last_tag_ == kLastDataTag ? kFirstDataTag : last_tag_ + 1;
  return last_tag_;
}

// Most messages are on their way when the port's call returns.
void ProcessMail::send_message(const MessageHead& head, std::span<const std::byte> data, int32_t process) {
  if (is_quiet_) return;
  Sending sending{.is_last_word = head.type == HeadType::kTrack || head.type == HeadType::kEnd};
  if (unused_messages_.empty()) {
    sending.message = std::make_unique<MessageBytes>();
  } else {
    sending.message = std::move(unused_messages_.back());
    unused_messages_.pop_back();
  }
  const size_t size = encode_message(head, data, *sending.message);
  sending.request = port_->send(sending.message->data(), size, process, kHeadTag);
  if (port_->test(sending.request)) {
    unused_messages_.push_back(std::move(sending.message));
  } else {
    sending_.push_back(std::move(sending));
  }
}

void ProcessMail::tell_all(HeadType type, int32_t from, std::span<const std::byte> data) {
  const MessageHead head{.type = type, .from = from, .num_bytes = static_cast<int64_t>(data.size())};
  for (int32_t process = 0; process < spread_.num_processes(); ++process) {
    if (process != port_->process()) send_message(head, data, process);
  }
}

bool ProcessMail::has_sent_all(int32_t rank) {
  const std::lock_guard lock(port_mutex_);
  std::vector<PortRequest>& lent = lent_[static_cast<size_t>(rank - spread_.ranks_of(port_->process()).begin)];
  std::erase_if(lent, [&](PortRequest request) { return port_->test(request); });
  return lent.empty();
}

// If the world ends meanwhile, the wait does not return before the port has been given up: then it writes no more.
Status ProcessMail::fetch(const Message& message, int32_t rank, std::span<std::byte> to) {
  PortRequest request = 0;
  {
    const std::lock_guard lock(port_mutex_);
    request = port_->receive(to.data(), to.size(), message.remote->process, message.remote->tag);
    ++num_fetches_;
  }
  Wait wait(*this, message.call, rank);
  for (;;) {
    {
      const std::lock_guard lock(port_mutex_);
      if (port_->test(request)) {
        --num_fetches_;
        return {};
      }
    }
    TRY_STATUS(wait.turn(nullptr));
  }
}

void ProcessMail::give(const HandOverId& id, Buffer data) {
  const std::lock_guard lock(port_mutex_);
  if (is_quiet_) return;
  hand_overs_.give(id, std::move(data), is_seen_by(id.to));
  hand_overs_.look_after(monotonic_seconds());
}

Buffer ProcessMail::room(int32_t to, int64_t bytes) {
  if (bytes > 0 && room_ != nullptr && is_seen_by(to)) {
    if (std::optional<Buffer> shared = room_->take(bytes)) return *std::move(shared);
  }
  return Buffer(bytes);
}

Status ProcessMail::set_room(int64_t bytes) {
  bool is_seen = false;
  for (int32_t process = 0; process < spread_.num_processes(); ++process) is_seen |= sees_memory(process);
  if (!is_seen) return {};
  TRY(auto room, HandOverRoom::make(std::min(bytes, kMostRoom)));
  room_ = room;
  const std::lock_guard lock(port_mutex_);
  hand_overs_.use_room(std::move(room));
  return {};
}

Result<Buffer> ProcessMail::take(const HandOverId& id) {
  const OpRecord call{.step = state_.step(id.to), .kind = OpKind::kTakeOver, .peer = id.from};
  const RecordedOp recorded(state_, id.to, call);
  Wait wait(*this, call, id.to);
  for (;;) {
    {
      const std::lock_guard lock(port_mutex_);
      if (!is_quiet_) {
        TRY(std::optional<Buffer> data, hand_overs_.try_take(id));
        if (data) return *std::move(data);
      }
    }
    TRY_STATUS(wait.turn(nullptr));
  }
}

bool ProcessMail::is_giving(int32_t from, uint64_t item) {
  const std::lock_guard lock(port_mutex_);
  return !is_quiet_ && hand_overs_.is_giving(from, item);
}

Status ProcessMail::finish(int32_t from) {
  {
    const std::lock_guard lock(port_mutex_);
    if (!hand_overs_.is_giving(from)) return {};
    hand_overs_.begin_hurry();
  }
  const OpRecord call{.step = state_.step(from), .kind = OpKind::kHandOver};
  const RecordedOp recorded(state_, from, call);
  Wait wait(*this, call, from);
  const double until_s = monotonic_seconds() + kHurry_s;
  for (;;) {
    {
      const std::lock_guard lock(port_mutex_);
      if (!hand_overs_.is_giving(from) || (!is_quiet_ && monotonic_seconds() > until_s)) {
        hand_overs_.end_hurry();
        return {};
      }
    }
    TRY_STATUS(wait.turn(nullptr));
  }
}

void ProcessMail::set_pace(double bytes_per_s) {
  const std::lock_guard lock(port_mutex_);
  hand_overs_.set_pace(bytes_per_s);
}

void ProcessMail::set_max_waiting(int64_t bytes) {
  const std::lock_guard lock(port_mutex_);
  hand_overs_.set_max_waiting(bytes);
}

// With what `box` waits for, a rank leaves the rest to the next look: each test of MPI that finds nothing asks all its
// ways again.
void ProcessMail::look_after_port(const Mailbox* box) {
  if (is_quiet_) return;
  PortArrival arrival;
  while (port_->test(inbox_request_, &arrival)) {
    const Status status = deliver(std::span(inbox_).first(arrival.bytes), arrival.process);
    if (!status.ok() && trouble_.empty()) trouble_ = status.error().message;
    inbox_request_ = port_->receive(inbox_.data(), inbox_.size(), ProcessPort::kAnyProcess, kHeadTag);
    const bool is_moving = is_moving_data_.load(std::memory_order_relaxed);
    if (trouble_.empty() && !is_moving && box != nullptr && !box->is_empty()) return;
  }
  const Status opened = bundles_.look_after();
  if (!opened.ok() && trouble_.empty()) trouble_ = opened.error().message;
  std::erase_if(sending_, [&](Sending& sending) {
    if (!port_->test(sending.request)) return false;
    if (sending.message) unused_messages_.push_back(std::move(sending.message));
    return true;
  });
  hand_overs_.look_after(monotonic_seconds());
  if (!port_->error().empty() && trouble_.empty()) {
    trouble_ = fmt::format("process {} cannot reach the others: {}", port_->process(), port_->error());
  }
  if (!trouble_.empty() || end_.has_any()) must_end_.store(true);
  is_moving_data_.store(is_moving_data(), std::memory_order_relaxed);
  num_moved_.store(hand_overs_.num_moved(), std::memory_order_relaxed);
}

void ProcessMail::try_look_after_port(const Mailbox* box) {
  const std::unique_lock lock(port_mutex_, std::try_to_lock);
  if (lock) look_after_port(box);
}

Status ProcessMail::deliver(std::span<const std::byte> bytes, int32_t process) {
  heard_s_[static_cast<size_t>(process)] = monotonic_seconds();
  TRY(const DecodedMessage message, decode_message(bytes));
  const MessageHead& head = message.head;
  if (head.type >= HeadType::kProgress) return deliver_news(message, process);
  if (!spread_.has_rank(process, head.from) || !has_rank(head.to)) {
    return fail("process {} sent a message from rank {} to rank {}", process, head.from, head.to);
  }
  if (head.type >= HeadType::kHandOver) return hand_overs_.deliver(head, message.data, process);
  if (head.type >= HeadType::kWorldBundle) return deliver_bundle(message, process);
  Message box_message{.call = head.call, .num_bytes = head.num_bytes};
  if (head.tag < 0) {
    box_message = message_of(head.call, message.data, pool_);
  } else {
    box_message.remote = RemoteData{.process = process, .tag = head.tag};
  }
  bundles_.pass(head.type, process, head.from, head.to, std::move(box_message));
  return {};
}

// Who sends it is read from what this process sends there.
Status ProcessMail::deliver_bundle(const DecodedMessage& message, int32_t process) {
  const HeadType purpose = message.head.type == HeadType::kWorldBundle ? HeadType::kInWorld : HeadType::kInGroup;
  const Grid& grid = *grids_[static_cast<size_t>(purpose)];
  return bundles_.deliver(message, purpose, grid.bundles_of(message.head.to, process), process);
}

// Messages that arrive while the ranks compute move only when somebody looks after the port. A notice that is missed
// costs the first such messages after a pause kIdle_s.
void ProcessMail::care_for_early() {
  constexpr double kPause_s = 0.1;
  const double now_s = monotonic_seconds();
  const bool was_idle = now_s >= early_until_s_.load();
  early_until_s_.store(now_s + kPause_s);
  if (was_idle) errands_changed_.notify_all();
}

// The port needs care while all ranks compute, too: data of send() goes out only when MPI is called.
void ProcessMail::run_errands() {
  constexpr double kBusy_s = 1e-3;
  constexpr double kIdle_s = 20e-3;
  const double progress_interval_s = Patience(state_.timeout_s()).interval_s();
  double next_progress_s = monotonic_seconds() + progress_interval_s;
  std::unique_lock errands_lock(errands_mutex_);
  bool is_busy = false;
  while (!is_stopping_) {
    const bool is_early = monotonic_seconds() < early_until_s_.load();
    errands_changed_.wait_for(errands_lock,
                              std::chrono::duration<double>(is_early ? kEarly_s : (is_busy ? kBusy_s : kIdle_s)));
    if (is_stopping_) return;
    {
      const std::lock_guard lock(port_mutex_);
      look_after_port();
      is_busy = !is_quiet_ && (is_moving_data() || hand_overs_.has_to_give() || hand_overs_.is_showing());
    }
    if (must_end_.load() && !state_.has_failed()) end_as_told();
    if (monotonic_seconds() < next_progress_s) continue;
    tell_progress();
    next_progress_s = monotonic_seconds() + progress_interval_s;
  }
}

bool ProcessMail::has_sent_all() const {
  return sending_.empty() && !hand_overs_.is_moving();
}

bool ProcessMail::is_moving_data() const {
  return num_fetches_ > 0 || !has_sent_all() || bundles_.is_receiving() ||
         std::ranges::any_of(lent_, [](const auto& requests) { return !requests.empty(); });
}

}  // namespace braid
