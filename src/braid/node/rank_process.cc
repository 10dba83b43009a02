#include "braid/node/rank_process.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "braid/base/log_parts.h"
#include "braid/base/system_info.h"
#include "braid/parallel/host_memory.h"
#include "braid/parallel/mpi_module.h"
#include "braid/parallel/process_join.h"
#include "braid/parallel/process_transport.h"
#include "braid/wire/group_outputs_codec.h"
#include "braid/wire/process_message_codec.h"
#include "braid/worker/group_publisher.h"

namespace braid {
namespace {

constexpr std::chrono::milliseconds kBeat{100};

}  // namespace

RankProcess::RankProcess(RankProcessOptions options, std::shared_ptr<Logger> logger)
    : options_(std::move(options)),
      logger_(std::move(logger)),
      port_(options_.port),
      recorder_([this](const ProcessMessage& message) { tell(message); }),
      weights_([this](const ProcessMessage& message) { tell(message); }) {}

RankProcess::~RankProcess() {
  if (beats_.joinable()) {
    beats_.request_stop();
    beats_.join();
  }
  if (link_ != nullptr) link_->close();  // it calls this object
}

Result<std::unique_ptr<RankProcess>> RankProcess::join(RankProcessOptions options, std::shared_ptr<Logger> logger) {
  auto process = std::unique_ptr<RankProcess>(new RankProcess(std::move(options), std::move(logger)));
  const RankProcessOptions& own = process->options_;
  const auto num_processes = static_cast<int32_t>(own.ranks_of_each.size());
  if (num_processes > 1 && process->port_ == nullptr) {
    TRY(process->port_, open_mpi(mpi_module_path(), own.join_timeout_s));
    if (process->port_->num_processes() != num_processes) {
      return fail("the job has {} processes, and the ranks are for {}", process->port_->num_processes(), num_processes);
    }
  }
  process->masks_ = std::make_unique<RemoteMasks>(
      [own = process.get()](const MaskWanted& wanted) { own->tell(wanted); }, own.ranks.collective_timeout_s);
  TRY(process->link_, ProcessLink::connect(own.front, *process));
  process->tell(ProcessHello{.world = own.world,
                             .num_restarts = own.num_restarts,
                             .process = process->port_ != nullptr ? process->port_->process() : 0,
                             .num_processes = num_processes,
                             .pid = getpid(),
                             .host = host_name(),
                             .system = boot_id()});
  process->beats_ = std::jthread([own = process.get()](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      own->tell_progress();
      std::this_thread::sleep_for(kBeat);
    }
  });
  TRY_STATUS(process->wait_for_start());
  return process;
}

void RankProcess::tell(const ProcessMessage& message) {
  link_->send(LinkMessageKind::kMessage, encode(message));
}

Status RankProcess::wait_for_start() {
  std::unique_lock lock(mutex_);
  const bool has_come = changed_.wait_for(lock, std::chrono::duration<double>(options_.join_timeout_s),
                                          [&] { return start_.has_value() || ending_.has_value(); });
  if (ending_) return ending_->ok() ? Status(fail("the front wants no ranks")) : *ending_;
  if (!has_come)
    return fail("the front at {} has not answered within {} s", options_.front.endpoint, options_.join_timeout_s);
  return {};
}

void RankProcess::tell_progress() {
  ProcessProgress beat;
  {
    const std::lock_guard lock(mutex_);
    if (worker_ != nullptr) {
      beat.progress = worker_->progress(0);
      beat.ranks = worker_->ranks().counts(0);
      if (const ImageStore* images = worker_->ranks().images()) beat.images = images->counts();
    }
  }
  tell(beat);
}

void RankProcess::give_up(const std::string& reason) {
  tell(ProcessFailure{.reason = reason});
  beats_.request_stop();
  beats_.join();
  link_->close();  // ranks may still report
}

Status RankProcess::run(const Checkpoint& checkpoint) {
  Status done = load(checkpoint);
  if (done.ok()) done = work();
  if (!done.ok()) give_up(done.error().message);
  return done;
}

Status RankProcess::load(const Checkpoint& checkpoint) {
  std::shared_ptr<const RankTransport> transport = std::make_shared<const SharedMemoryTransport>();
  const ParallelLayout& layout = options_.ranks.layout;
  if (port_ != nullptr) {
    TRY(RankSpread spread,
        join_processes(*port_, {.layout = layout,
                                .num_ranks = options_.ranks_of_each[static_cast<size_t>(port_->process())],
                                .padding = options_.ranks.dp_padding,
                                .exchange_dtype = options_.ranks.exchange_dtype,
                                .identity = options_.identity,
                                .timeout_s = options_.join_timeout_s}));
    TRY(auto memory, HostMemory::meet(*port_, spread, layout.attn_tp_size(), options_.join_timeout_s));
    if (!memory->trouble().empty()) {
      log_of(LogPart::kDp, logger_)
          ->warn("messages to processes of this host go through MPI, which is slower: {}", memory->trouble());
    }
    transport =
        std::make_shared<const ProcessTransport>(port_, std::move(spread), options_.load_timeout_s, std::move(memory));
  }
  RankOptions own = options_.ranks;
  own.exchange_costs = start_->exchange_costs;
  own.least_context_len = start_->least_context_len;
  TRY_STATUS(check_rank_options(own, checkpoint.config()));
  TRY(ProcessRanks placed, place_own_ranks(own, std::move(transport)));
  TRY(auto ranks, RankSet::load(checkpoint, own, std::move(placed), logger_, {}));
  published_ = ranks->published_groups(0);
  links_ = make_in_process_links(static_cast<int32_t>(published_.size()), kGroupLinks);
  const SchedulerConfig& group = ranks->scheduler_config();
  const ProcessReady ready{.load = GroupPublisher(group).load(),
                           .context_len = group.context_len,
                           .num_kv_tokens = int64_t{group.num_pages} * group.page_size,
                           .max_moving_tokens = ranks->max_moving_tokens(),
                           .published = published_,
                           .ranks = own_ranks(*ranks),
                           .num_kept_tokens = ranks->num_kept_tokens(),
                           .exchange_costs = ranks->first().exchange_costs()};
  const int32_t groups_per_world = ranks->layout().groups_per_world();
  auto worker = std::make_unique<Worker>(std::move(ranks));
  worker->start(std::move(links_.publishers), *this, *masks_,
                {.prefill_alignment = options_.prefill_alignment,
                 .stop_timeout_s = options_.ranks.collective_timeout_s,
                 .first_group = options_.world * groups_per_world,
                 .num_groups = options_.num_worlds * groups_per_world,
                 .on_images_made = [this] { tell(ProcessNews{}); }},
                start_->last_maps);
  recorder_.record(worker->ranks().trace());
  weights_.use(worker->ranks().weight_check());
  {
    const std::lock_guard lock(mutex_);
    worker_ = std::move(worker);
  }
  tell(ready);
  return {};
}

// By their numbers among those of all worlds: each has a world of its own here.
std::vector<RankStatus> RankProcess::own_ranks(const RankSet& ranks) const {
  std::vector<RankStatus> own = ranks.status(0);
  for (RankStatus& rank : own) {
    rank.world = options_.world;
    rank.rank += options_.world * ranks.layout().tp_size;
    rank.group += options_.world * ranks.layout().groups_per_world();
  }
  return own;
}

Status RankProcess::work() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ending_.has_value(); });
    if (!ending_->ok()) return *ending_;
  }
  worker_->stop();
  return worker_->ranks().leave_worlds();
}

void RankProcess::end(Status how) {
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return;
    ending_ = std::move(how);
  }
  changed_.notify_all();
}

void RankProcess::on_message(LinkMessageKind kind, SharedBytes body) {
  if (kind == LinkMessageKind::kMap) {
    take_map(body);
    return;
  }
  auto message = decode_process_message(body.span());
  if (kind != LinkMessageKind::kMessage || !message.ok()) {
    end(fail("the front sent what is no message: {}", message.ok() ? "outputs" : message.error().message));
    return;
  }
  take(std::move(message).value());
}

void RankProcess::take(ProcessMessage message) {
  if (auto* start = std::get_if<ProcessStart>(&message)) {
    {
      const std::lock_guard lock(mutex_);
      start_ = std::move(*start);
    }
    changed_.notify_all();
  } else if (auto* mask = std::get_if<MaskAnswer>(&message)) {
    masks_->take(std::move(*mask));
  } else if (const auto* begun = std::get_if<ProfileStart>(&message)) {
    recorder_.take(*begun);
  } else if (const auto* wanted = std::get_if<ProfileWanted>(&message)) {
    recorder_.take(*wanted);
  } else if (const auto* question = std::get_if<ClockQuestion>(&message)) {
    recorder_.take(*question);
  } else if (const auto* of_weights = std::get_if<WeightsWanted>(&message)) {
    weights_.take(*of_weights);
  } else if (const auto* direct = std::get_if<DirectMap>(&message)) {
    take_direct_map(*direct);
  } else if (std::holds_alternative<ProcessNews>(message)) {
    if (worker_ != nullptr) worker_->wake(0);
  } else if (std::holds_alternative<ProcessStop>(message)) {
    end({});
  }
}

// Maps come once this process is ready.
void RankProcess::take_map(const SharedBytes& map) {
  for (size_t i = 0; i < published_.size(); ++i) {
    const Status sent = links_.controller->send_to(static_cast<int32_t>(i), map);
    if (!sent.ok()) end(sent);
  }
  worker_->wake(0);
}

void RankProcess::take_direct_map(const DirectMap& direct) {
  const int32_t groups_per_world = worker_->ranks().layout().groups_per_world();
  const auto found = std::ranges::find(published_, direct.group - options_.world * groups_per_world);
  if (found == published_.end()) {
    end(fail("a map for group {} came to a process that does not have its publisher", direct.group));
    return;
  }
  const Status sent =
      links_.controller->send_to(static_cast<int32_t>(found - published_.begin()), SharedBytes(direct.map));
  if (!sent.ok()) end(sent);
  worker_->wake(0);
}

void RankProcess::on_lost(const std::string& why) {
  end(Error{why});
}

void RankProcess::on_outputs(int32_t group, GroupOutputs outputs) {
  outputs.group = group;
  link_->send(LinkMessageKind::kOutputs, encode(outputs));
}

void RankProcess::on_failure(int32_t /*group*/, const std::string& reason, int32_t /*num_restarts*/) {
  end(Error{reason});
}

void RankProcess::on_restart(WorldRestart /*restart*/) {}

}  // namespace braid
