// Who makes the images of a process's ranks, and how their groups' publishers ask for them.
//
// Tested by rank_set_test.cc, rank_processes_test.cc and api/engine_images_test.cc.
#include <algorithm>
#include <memory>

#include "braid/base/log_parts.h"
#include "braid/base/system_info.h"
#include "braid/worker/model_image_maker.h"
#include "braid/worker/rank_set.h"

namespace braid {
namespace {

// An image may come this much later, so that text does not wait for it. It matters where cores are busy: there a queue
// of images soon is as old, and then takes its part of them.
constexpr double kMaxIdle_s = 0.1;

}  // namespace

Status RankSet::make_image_store(const Checkpoint& checkpoint, const RankOptions& options, const LoadedModel& loaded) {
  if (loaded.vision == nullptr) return {};
  const std::optional<ImageProcessorConfig>& processor = checkpoint.config().image_processor;
  if (!processor) {
    log_of(LogPart::kWorker, logger_)
        ->warn("{} has no preprocessor_config.json: requests with images are refused", checkpoint.model().path);
    return {};
  }
  // All cores, also where other processes of the host have ranks: these threads give way to ranks', and the ranks of
  // the group wait for the image. Processes that encode an image together share them out.
  const int32_t num_threads = available_cores();
  if (tower_share_.is_split()) {
    const WorldOptions world{.timeout_s = options.collective_timeout_s, .ranks_share_cpus = own_.ranks_share_cpus};
    tower_ = std::make_unique<JointTower>(loaded.vision,
                                          own_.transport->make_process_world(layout().groups_per_world(), world), isa_,
                                          std::max(num_threads * own_.num_own() / own_.ranks_on_host, 1));
  }
  TRY(realms_, own_.transport->gather(shared_segment_realm()));
  const auto is_own = [&](const std::string& realm) { return realm == realms_[own_process()]; };
  images_ = std::make_unique<ImageStore>(
      std::make_shared<ModelImageMaker>(loaded.vision, *processor, isa_, num_threads, tower_.get()),
      ImageStoreOptions{.num_preparing = num_threads,
                        .max_entries = options.mm_cache_entries,
                        .max_bytes = options.mm_cache_bytes,
                        .is_shared = std::ranges::count_if(realms_, is_own) > 1,
                        .patience_s = options.mm_timeout_s,
                        .watches_encoding = tower_ == nullptr,
                        .max_idle_s = kMaxIdle_s,
                        .log = log_of(LogPart::kWorker, logger_).get()});
  carrier_ = {.broadcast = options.mm_broadcast,
              .max_entries = options.mm_cache_entries,
              .max_bytes = options.mm_cache_bytes,
              .hidden = config_.hidden,
              .layers = 1 + static_cast<int32_t>(loaded.vision->config().deepstack_blocks.size()),
              .max_tokens = scheduler_.context_len};
  if (options.mm_broadcast.strategy && realms_.size() == 1) {
    log_of(LogPart::kWorker, logger_)
        ->info("--mm-broadcast {}: all ranks are in one process and share its images, so none is sent",
               name_of(*options.mm_broadcast.strategy));
  }
  return {};
}

ImageDesk* RankSet::image_desk(int32_t world, int32_t group) const {
  const auto& courier = couriers_[index_of(world, group * layout().attn_tp_size())];
  return courier == nullptr ? nullptr : courier->image_desk();
}

void RankSet::on_images_made(int32_t world, const std::function<void()>& call) {
  const IndexRange ranks = own_tp_ranks(world);
  for (auto tp_rank = static_cast<int32_t>(ranks.begin); tp_rank < ranks.end; ++tp_rank) {
    if (const auto& courier = couriers_[index_of(world, tp_rank)]) courier->on_images_made(call);
  }
  if (tower_ != nullptr) tower_->on_call(call);
}

}  // namespace braid
