#include "braid/wire/process_message_codec.h"

#include <cmath>
#include <string_view>
#include <utility>

#include "braid/wire/flat_parts.h"
#include "braid/wire/group_outputs_codec.h"
#include "braid/wire/process_message_generated.h"
#include "braid/wire/profile_part_codec.h"
#include "braid/wire/weights_checked_codec.h"

namespace braid {
namespace {

namespace message_format = process_message_format;

constexpr flatbuffers::uoffset_t kMaxMessageDepth = 4;
constexpr int32_t kMaxNameLen = 1024;
constexpr int32_t kMaxCostNumbers = 1024;

// One overload for each message: the union's member, and where it is.
struct EncodedBody {
  message_format::Body type = message_format::Body::NONE;
  flat::Offset<void> at;
};

EncodedBody encode_body(flat::Builder& builder, const ProcessHello& hello) {
  const auto host_at = builder.CreateString(hello.host);
  const auto system_at = builder.CreateString(hello.system);
  return {message_format::Body::Hello,
          message_format::CreateHello(builder, hello.world, hello.num_restarts, hello.process, hello.num_processes,
                                      hello.pid, host_at, system_at)
              .Union()};
}

EncodedBody encode_body(flat::Builder& builder, const ProcessReady& ready) {
  const SharedBytes outputs = encode(GroupOutputs{.load = ready.load});
  builder.ForceVectorAlignment(outputs.size(), sizeof(uint8_t), sizeof(uint64_t));
  const auto outputs_at = builder.CreateVector(reinterpret_cast<const uint8_t*>(outputs.span().data()), outputs.size());
  const auto published_at = builder.CreateVector(ready.published);
  std::vector<flat::Offset<message_format::Rank>> ranks;
  for (const RankStatus& rank : ready.ranks) {
    const auto kernels_at = builder.CreateString(rank.kernels);
    const auto cpus_at = flat::add_list(builder, rank.cpus);
    ranks.push_back(message_format::CreateRank(builder, rank.rank, rank.world, rank.group, rank.pid, kernels_at,
                                               cpus_at, rank.numa_domain, rank.memory_bytes));
  }
  const auto ranks_at = flat::add_list(builder, ranks);
  const auto costs_at = flat::add_list(builder, costs_as_numbers(ready.exchange_costs));
  return {message_format::Body::Ready,
          message_format::CreateReady(builder, outputs_at, ready.context_len, ready.num_kv_tokens,
                                      ready.max_moving_tokens, published_at, ranks_at, costs_at, ready.num_kept_tokens)
              .Union()};
}

EncodedBody encode_body(flat::Builder& builder, const ProcessFailure& failure) {
  const auto reason_at = builder.CreateString(failure.reason);
  return {message_format::Body::Failure, message_format::CreateFailure(builder, reason_at).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const ProcessProgress& message) {
  const Progress& progress = message.progress;
  std::vector<message_format::RankCounts> ranks;
  for (const RankCounts& counts : message.ranks) {
    ranks.emplace_back(counts.num_steps, counts.step_s, counts.exchange_s, counts.even_work_s);
  }
  const auto ranks_at = builder.CreateVectorOfStructs(ranks);
  const ImageCounts& own = message.images;
  const message_format::ImageCounts images(own.num_entries, own.num_in_use, own.bytes, own.num_hits, own.num_misses,
                                           own.num_evictions, own.num_failures, own.num_unshared, own.num_fallbacks,
                                           own.prepare_seconds, own.encode_seconds);
  std::vector<message_format::BroadcastCounts> broadcasts;
  for (const BroadcastCounts& counts : own.broadcasts) {
    broadcasts.emplace_back(counts.num_messages, counts.num_images, counts.bytes, counts.seconds);
  }
  const auto broadcasts_at = builder.CreateVectorOfStructs(broadcasts);
  const auto batch_sizes_at = builder.CreateVector(own.batch_sizes.data(), own.batch_sizes.size());
  const bool has_images = own != ImageCounts();
  return {message_format::Body::Progress,
          message_format::CreateProgress(builder, progress.num_operations, progress.cpu_ticks, ranks_at,
                                         has_images ? &images : nullptr, broadcasts_at, batch_sizes_at)
              .Union()};
}

EncodedBody encode_body(flat::Builder& builder, const MaskWanted& wanted) {
  return {message_format::Body::MaskWanted,
          message_format::CreateMaskWanted(builder, wanted.request, wanted.position).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const ProcessStart& start) {
  const auto maps_at = builder.CreateVector(start.last_maps);
  const auto costs_at = flat::add_list(builder, costs_as_numbers(start.exchange_costs));
  return {message_format::Body::Start,
          message_format::CreateStart(builder, maps_at, costs_at, start.least_context_len).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const MaskAnswer& answer) {
  const auto words_at = flat::add_list(builder, answer.words);
  const auto error_at = builder.CreateString(answer.error);
  return {message_format::Body::Mask,
          message_format::CreateMask(builder, answer.request, answer.position, words_at, error_at).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const DirectMap& direct) {
  builder.ForceVectorAlignment(direct.map.size(), sizeof(uint8_t), sizeof(uint64_t));
  const auto map_at = builder.CreateVector(reinterpret_cast<const uint8_t*>(direct.map.data()), direct.map.size());
  return {message_format::Body::DirectMap, message_format::CreateDirectMap(builder, direct.group, map_at).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const NodeHello& hello) {
  const auto host_at = builder.CreateString(hello.host);
  const auto identity_at = builder.CreateString(hello.identity);
  return {
      message_format::Body::NodeHello,
      message_format::CreateNodeHello(builder, hello.node, hello.num_nodes, hello.pid, host_at, identity_at).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const NodeRefusal& refusal) {
  const auto reason_at = builder.CreateString(refusal.reason);
  return {message_format::Body::NodeRefusal, message_format::CreateNodeRefusal(builder, reason_at).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const RunOnNode& run) {
  const auto command_at = builder.CreateString(run.command);
  return {message_format::Body::RunOnNode,
          message_format::CreateRunOnNode(builder, run.node, run.world, command_at).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const RunCommand& run) {
  const auto command_at = builder.CreateString(run.command);
  return {message_format::Body::RunCommand,
          message_format::CreateRunCommand(builder, run.id, run.world, command_at).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const CommandEnded& ended) {
  const auto ending_at = builder.CreateString(ended.ending);
  return {message_format::Body::CommandEnded,
          message_format::CreateCommandEnded(builder, ended.id, ended.exit_code, ending_at).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const EndCommands& end) {
  return {message_format::Body::EndCommands, message_format::CreateEndCommands(builder, end.world).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const NodeQuestion& question) {
  return {message_format::Body::NodeQuestion, message_format::CreateNodeQuestion(builder, question.id).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const NodeAnswer& answer) {
  const auto isa_at = builder.CreateString(answer.isa);
  return {message_format::Body::NodeAnswer,
          message_format::CreateNodeAnswer(builder, answer.id, answer.unix_s, isa_at).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const ProfileStart& start) {
  return {message_format::Body::ProfileStart, message_format::CreateProfileStart(builder, start.id).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const ProfileWanted& wanted) {
  return {message_format::Body::ProfileWanted,
          message_format::CreateProfileWanted(builder, wanted.id, wanted.is_last).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const ProfilePart& part) {
  return {message_format::Body::ProfilePart, encode_profile_part(builder, part).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const ClockQuestion& question) {
  return {message_format::Body::ClockQuestion, message_format::CreateClockQuestion(builder, question.id).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const ClockAnswer& answer) {
  return {message_format::Body::ClockAnswer,
          message_format::CreateClockAnswer(builder, answer.id, answer.monotonic_s).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const NodeBeat& beat) {
  const auto isa_at = builder.CreateString(beat.isa);
  return {message_format::Body::NodeBeat, message_format::CreateNodeBeat(builder, isa_at).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const JournalPart& part) {
  const auto bytes_at = builder.CreateVector(reinterpret_cast<const uint8_t*>(part.bytes.data()), part.bytes.size());
  return {message_format::Body::JournalPart,
          message_format::CreateJournalPart(builder, part.copy, part.begin, part.is_whole, bytes_at).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const JournalKept& kept) {
  const auto refusal_at = builder.CreateString(kept.refusal);
  return {message_format::Body::JournalKept,
          message_format::CreateJournalKept(builder, kept.copy, kept.end, refusal_at).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const FrontClaim& claim) {
  const auto host_at = builder.CreateString(claim.host);
  return {message_format::Body::FrontClaim, message_format::CreateFrontClaim(builder, claim.node, host_at).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const NodeLeaving& /*leaving*/) {
  return {message_format::Body::NodeLeaving, message_format::CreateNodeLeaving(builder).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const WeightsWanted& wanted) {
  return {message_format::Body::WeightsWanted, message_format::CreateWeightsWanted(builder, wanted.id).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const WeightsChecked& checked) {
  return {message_format::Body::WeightsChecked, encode_weights_checked(builder, checked).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const ProcessNews& /*news*/) {
  return {message_format::Body::News, message_format::CreateNews(builder).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const ProcessBeat& /*beat*/) {
  return {message_format::Body::Beat, message_format::CreateBeat(builder).Union()};
}

EncodedBody encode_body(flat::Builder& builder, const ProcessStop& /*stop*/) {
  return {message_format::Body::Stop, message_format::CreateStop(builder).Union()};
}

Result<std::string> decode_text(const flatbuffers::String* text, std::string_view what, int32_t max_len) {
  if (text == nullptr) return std::string();
  if (static_cast<int64_t>(text->size()) > max_len) {
    return fail("{} of {} bytes, at most {} fit", what, text->size(), max_len);
  }
  return text->str();
}

Result<ProcessMessage> decode_hello(const message_format::Hello& from) {
  ProcessHello hello{.world = from.world(),
                     .num_restarts = from.num_restarts(),
                     .process = from.process(),
                     .num_processes = from.num_processes(),
                     .pid = from.pid()};
  if (hello.world < 0 || hello.num_restarts < 0 || hello.process < 0 || hello.process >= hello.num_processes) {
    return fail("process {} of {} in world {} after {} restarts", hello.process, hello.num_processes, hello.world,
                hello.num_restarts);
  }
  TRY(hello.host, decode_text(from.host(), "a host's name", kMaxNameLen));
  TRY(hello.system, decode_text(from.system(), "a system's name", kMaxNameLen));
  return ProcessMessage(std::move(hello));
}

Result<RankStatus> decode_rank(const message_format::Rank& from, const ProcessMessageLimits& limits) {
  RankStatus rank{.rank = from.rank(),
                  .world = from.world(),
                  .group = from.group(),
                  .pid = from.pid(),
                  .numa_domain = from.numa_domain(),
                  .memory_bytes = from.memory_bytes()};
  if (rank.rank < 0 || rank.world < 0 || rank.group < 0) {
    return fail("rank {} of group {} in world {}", rank.rank, rank.group, rank.world);
  }
  TRY(rank.kernels, decode_text(from.kernels(), "a name of kernels", kMaxNameLen));
  TRY(rank.cpus, flat::decode_ids(from.cpus(), "CPUs", limits.max_cpus, limits.max_cpus));
  return rank;
}

Result<ProcessMessage> decode_progress(const message_format::Progress& from, const ProcessMessageLimits& limits) {
  ProcessProgress beat{.progress = {.num_operations = from.num_operations(), .cpu_ticks = from.cpu_ticks()}};
  const auto* ranks = from.ranks();
  const int64_t num_ranks = ranks == nullptr ? 0 : ranks->size();
  if (num_ranks > limits.max_ranks) return fail("{} ranks, at most {} fit", num_ranks, limits.max_ranks);
  for (int64_t i = 0; i < num_ranks; ++i) {
    const message_format::RankCounts& counts = *ranks->Get(static_cast<flatbuffers::uoffset_t>(i));
    beat.ranks.push_back({.num_steps = counts.num_steps(),
                          .step_s = counts.step_s(),
                          .exchange_s = counts.exchange_s(),
                          .even_work_s = counts.even_work_s()});
  }
  if (const message_format::ImageCounts* images = from.images()) {
    beat.images = {.num_entries = images->num_entries(),
                   .num_in_use = images->num_in_use(),
                   .bytes = images->bytes(),
                   .num_hits = images->num_hits(),
                   .num_misses = images->num_misses(),
                   .num_evictions = images->num_evictions(),
                   .num_failures = images->num_failures(),
                   .num_unshared = images->num_unshared(),
                   .num_fallbacks = images->num_fallbacks(),
                   .prepare_seconds = images->prepare_seconds(),
                   .encode_seconds = images->encode_seconds()};
  }
  if (const auto* broadcasts = from.broadcasts()) {
    for (size_t i = 0; i < std::min<size_t>(broadcasts->size(), kNumMmStrategies); ++i) {
      const message_format::BroadcastCounts& counts = *broadcasts->Get(static_cast<flatbuffers::uoffset_t>(i));
      beat.images.broadcasts[i] = {.num_messages = counts.num_messages(),
                                   .num_images = counts.num_images(),
                                   .bytes = counts.bytes(),
                                   .seconds = counts.seconds()};
    }
  }
  if (from.batch_sizes() != nullptr) {
    const std::vector<uint64_t> sizes = flat::copy_of(from.batch_sizes());
    std::copy_n(sizes.begin(), std::min(sizes.size(), beat.images.batch_sizes.size()), beat.images.batch_sizes.begin());
  }
  return ProcessMessage(std::move(beat));
}

Result<ExchangeCosts> decode_costs(const flatbuffers::Vector<double>* numbers) {
  TRY_STATUS(flat::check_count(numbers, "costs of exchanges", kMaxCostNumbers));
  return costs_of_numbers(flat::copy_of(numbers));
}

Result<ProcessMessage> decode_ready(const message_format::Ready& from, const ProcessMessageLimits& limits) {
  if (from.outputs() == nullptr) return fail("ready without a load");
  const std::span outputs_bytes(reinterpret_cast<const std::byte*>(from.outputs()->Data()), from.outputs()->size());
  TRY(GroupOutputs outputs, decode_group_outputs(outputs_bytes, {}));
  ProcessReady ready{.load = outputs.load,
                     .context_len = from.context_len(),
                     .num_kv_tokens = from.num_kv_tokens(),
                     .max_moving_tokens = from.max_moving_tokens(),
                     .num_kept_tokens = from.num_kept_tokens()};
  if (ready.context_len < 1 || ready.num_kv_tokens < 1 || ready.max_moving_tokens < 0 || ready.num_kept_tokens < 0) {
    return fail("ready with a context of {} in {} KV tokens", ready.context_len, ready.num_kv_tokens);
  }
  TRY(ready.published, flat::decode_ids(from.published(), "published groups", limits.max_groups, limits.max_groups));
  TRY_STATUS(flat::check_count(from.ranks(), "ranks", limits.max_ranks));
  if (from.ranks() != nullptr) {
    for (const message_format::Rank* rank : *from.ranks()) {
      TRY(RankStatus decoded, decode_rank(*rank, limits));
      ready.ranks.push_back(std::move(decoded));
    }
  }
  TRY(ready.exchange_costs, decode_costs(from.exchange_costs()));
  return ProcessMessage(std::move(ready));
}

Result<ProcessMessage> decode_mask(const message_format::Mask& from, const ProcessMessageLimits& limits) {
  TRY_STATUS(flat::check_count(from.words(), "words of a mask", limits.max_mask_words));
  MaskAnswer answer{.request = from.request(), .position = from.position(), .words = flat::copy_of(from.words())};
  TRY(answer.error, decode_text(from.error(), "an error", limits.max_text));
  return ProcessMessage(std::move(answer));
}

Result<ProcessMessage> decode_node_hello(const message_format::NodeHello& from, const ProcessMessageLimits& limits) {
  NodeHello hello{.node = from.node(), .num_nodes = from.num_nodes(), .pid = from.pid()};
  if (hello.node < 1 || hello.node >= hello.num_nodes) return fail("node {} of {}", hello.node, hello.num_nodes);
  TRY(hello.host, decode_text(from.host(), "a host's name", limits.max_text));
  TRY(hello.identity, decode_text(from.identity(), "an identity", limits.max_text));
  return ProcessMessage(std::move(hello));
}

// The messages about weights.
Result<ProcessMessage> decode_of_weights(const message_format::Message& message, const ProcessMessageLimits& limits) {
  if (const auto* from = message.body_as_WeightsWanted()) return ProcessMessage(WeightsWanted{.id = from->id()});
  if (const auto* from = message.body_as_WeightsChecked()) {
    TRY(WeightsChecked checked, decode_weights_checked(*from, limits));
    return ProcessMessage(std::move(checked));
  }
  return fail("a message of unknown kind {}", static_cast<int>(message.body_type()));
}

// The messages about a profile.
Result<ProcessMessage> decode_of_profile(const message_format::Message& message, const ProcessMessageLimits& limits) {
  if (const auto* from = message.body_as_ProfileStart()) return ProcessMessage(ProfileStart{.id = from->id()});
  if (const auto* from = message.body_as_ProfileWanted()) {
    return ProcessMessage(ProfileWanted{.id = from->id(), .is_last = from->is_last()});
  }
  if (const auto* from = message.body_as_ProfilePart()) {
    TRY(ProfilePart part, decode_profile_part(*from));
    return ProcessMessage(std::move(part));
  }
  if (const auto* from = message.body_as_ClockQuestion()) return ProcessMessage(ClockQuestion{.id = from->id()});
  if (const auto* from = message.body_as_ClockAnswer()) {
    if (!is_profile_time(from->monotonic_s())) return fail("an answer at no time");
    return ProcessMessage(ClockAnswer{.id = from->id(), .monotonic_s = from->monotonic_s()});
  }
  return decode_of_weights(message, limits);
}

// The messages with which one node stands by for another.
Result<ProcessMessage> decode_of_standby(const message_format::Message& message, const ProcessMessageLimits& limits) {
  if (const auto* from = message.body_as_NodeBeat()) {
    TRY(std::string isa, decode_text(from->isa(), "an instruction set", kMaxNameLen));
    return ProcessMessage(NodeBeat{.isa = std::move(isa)});
  }
  if (const auto* from = message.body_as_JournalPart()) {
    JournalPart part{.copy = from->copy(), .begin = from->begin(), .is_whole = from->is_whole()};
    if (from->bytes() != nullptr) {
      part.bytes.assign(reinterpret_cast<const char*>(from->bytes()->Data()), from->bytes()->size());
    }
    return ProcessMessage(std::move(part));
  }
  if (const auto* from = message.body_as_JournalKept()) {
    TRY(std::string refusal, decode_text(from->refusal(), "a refusal", limits.max_text));
    return ProcessMessage(JournalKept{.copy = from->copy(), .end = from->end(), .refusal = std::move(refusal)});
  }
  if (const auto* from = message.body_as_FrontClaim()) {
    TRY(std::string host, decode_text(from->host(), "a host's name", kMaxNameLen));
    if (from->node() < 1) return fail("node {} claims to have taken over", from->node());
    return ProcessMessage(FrontClaim{.node = from->node(), .host = std::move(host)});
  }
  return decode_of_profile(message, limits);
}

// The messages about other nodes' commands.
Result<ProcessMessage> decode_of_nodes(const message_format::Message& message, const ProcessMessageLimits& limits) {
  if (const auto* from = message.body_as_NodeHello()) return decode_node_hello(*from, limits);
  if (const auto* from = message.body_as_NodeRefusal()) {
    TRY(std::string reason, decode_text(from->reason(), "a reason", limits.max_text));
    return ProcessMessage(NodeRefusal{.reason = std::move(reason)});
  }
  if (const auto* from = message.body_as_RunOnNode()) {
    TRY(std::string command, decode_text(from->command(), "a command", limits.max_text));
    return ProcessMessage(RunOnNode{.node = from->node(), .world = from->world(), .command = std::move(command)});
  }
  if (const auto* from = message.body_as_RunCommand()) {
    TRY(std::string command, decode_text(from->command(), "a command", limits.max_text));
    return ProcessMessage(RunCommand{.id = from->id(), .world = from->world(), .command = std::move(command)});
  }
  if (const auto* from = message.body_as_CommandEnded()) {
    TRY(std::string ending, decode_text(from->ending(), "an ending", limits.max_text));
    return ProcessMessage(CommandEnded{.id = from->id(), .exit_code = from->exit_code(), .ending = std::move(ending)});
  }
  if (message.body_as_NodeLeaving() != nullptr) return ProcessMessage(NodeLeaving{});
  if (const auto* from = message.body_as_EndCommands()) return ProcessMessage(EndCommands{.world = from->world()});
  if (const auto* from = message.body_as_NodeQuestion()) return ProcessMessage(NodeQuestion{.id = from->id()});
  if (const auto* from = message.body_as_NodeAnswer()) {
    TRY(std::string isa, decode_text(from->isa(), "an instruction set", limits.max_text));
    if (!std::isfinite(from->unix_s())) return fail("an answer at no time");
    return ProcessMessage(NodeAnswer{.id = from->id(), .unix_s = from->unix_s(), .isa = std::move(isa)});
  }
  return decode_of_standby(message, limits);
}

}  // namespace

SharedBytes encode(const ProcessMessage& message) {
  flat::Builder builder;
  const EncodedBody body = std::visit([&](const auto& own) { return encode_body(builder, own); }, message);
  message_format::FinishMessageBuffer(builder, message_format::CreateMessage(builder, body.type, body.at));
  return flat::take_bytes(builder);
}

Result<ProcessMessage> decode_process_message(std::span<const std::byte> bytes, const ProcessMessageLimits& limits) {
  if (static_cast<int64_t>(bytes.size()) > limits.max_bytes) {
    return fail("a message of {} bytes, at most {} are allowed", bytes.size(), limits.max_bytes);
  }
  const flat::AlignedBytes aligned(bytes);
  flatbuffers::Verifier verifier(aligned.data(), aligned.size(), kMaxMessageDepth);
  if (!message_format::VerifyMessageBuffer(verifier)) return fail("{} bytes are no message of braid", bytes.size());
  const message_format::Message& message = *message_format::GetMessage(aligned.data());
  switch (message.body_type()) {
    case message_format::Body::Hello:
      return decode_hello(*message.body_as_Hello());
    case message_format::Body::Ready:
      return decode_ready(*message.body_as_Ready(), limits);
    case message_format::Body::Failure: {
      TRY(std::string reason, decode_text(message.body_as_Failure()->reason(), "a reason", limits.max_text));
      return ProcessMessage(ProcessFailure{.reason = std::move(reason)});
    }
    case message_format::Body::Progress:
      return decode_progress(*message.body_as_Progress(), limits);
    case message_format::Body::MaskWanted: {
      const auto& from = *message.body_as_MaskWanted();
      return ProcessMessage(MaskWanted{.request = from.request(), .position = from.position()});
    }
    case message_format::Body::Start: {
      const auto& from = *message.body_as_Start();
      TRY_STATUS(flat::check_count(from.last_maps(), "groups", limits.max_groups));
      TRY(ExchangeCosts costs, decode_costs(from.exchange_costs()));
      if (from.least_context_len() < 0) return fail("a context of at least {} tokens", from.least_context_len());
      return ProcessMessage(ProcessStart{.last_maps = flat::copy_of(from.last_maps()),
                                         .exchange_costs = std::move(costs),
                                         .least_context_len = from.least_context_len()});
    }
    case message_format::Body::Mask:
      return decode_mask(*message.body_as_Mask(), limits);
    case message_format::Body::DirectMap: {
      const auto& from = *message.body_as_DirectMap();
      DirectMap direct{.group = from.group()};
      if (from.map() != nullptr) {
        const std::span map(reinterpret_cast<const std::byte*>(from.map()->Data()), from.map()->size());
        direct.map.assign(map.begin(), map.end());
      }
      return ProcessMessage(std::move(direct));
    }
    case message_format::Body::News:
      return ProcessMessage(ProcessNews{});
    case message_format::Body::Beat:
      return ProcessMessage(ProcessBeat{});
    case message_format::Body::Stop:
      return ProcessMessage(ProcessStop{});
    default:
      return decode_of_nodes(message, limits);
  }
}

}  // namespace braid
