#include "braid/wire/assignment_map_codec.h"

#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "braid/base/check.h"
#include "braid/wire/assignment_map_generated.h"
#include "braid/wire/flat_parts.h"
#include "braid/wire/image_codec.h"
#include "braid/wire/move_codec.h"

namespace braid {
namespace {

namespace map_format = assignment_map_format;

constexpr const char* kCommandIdentifier = "BGC1";
// Deepest are Map > Part, and Command > MovingSequence > Request > Sampling.
constexpr flatbuffers::uoffset_t kMaxMapDepth = 8;
constexpr uint8_t kPause = 1;
constexpr uint8_t kGoOn = 2;

size_t expected_bytes(const GroupCommand& command) {
  size_t bytes = 256 + sizeof(RequestId) * (command.abort.size() + command.finish.size());
  for (const SchedulerRequest& request : command.add) bytes += expected_request_bytes(request);
  for (const auto& [move, sequence] : command.arrive) {
    bytes += 64 + expected_request_bytes(sequence.request) + sequence.output.size() * sizeof(TokenId);
  }
  for (const DepartOrder& order : command.depart) bytes += 64 + order.prefix.size() * sizeof(TokenId);
  return bytes;
}

flat::Offset<map_format::Part> encode_part(flat::Builder& builder, const GroupCommand& command) {
  flat::Builder inner(expected_bytes(command));
  std::vector<flat::Offset<map_format::Request>> requests;
  requests.reserve(command.add.size());
  for (const SchedulerRequest& request : command.add) requests.push_back(encode_request(inner, request));
  const auto requests_at = flat::add_list(inner, requests);
  const auto abort_at = flat::add_list(inner, command.abort);
  const auto finish_at = flat::add_list(inner, command.finish);
  const auto arrive_at = encode_moving(inner, command.arrive);
  std::vector<flat::Offset<map_format::DepartOrder>> departs;
  for (const DepartOrder& order : command.depart) {
    const auto prefix_at = flat::add_list(inner, order.prefix);
    const step_plan_format::Move move = encode_move(order.move);
    departs.push_back(map_format::CreateDepartOrder(inner, order.request, &move, prefix_at, order.prompt_len));
  }
  const auto depart_at = flat::add_list(inner, departs);
  uint8_t pause = 0;
  if (command.is_paused) pause = *command.is_paused ? kPause : kGoOn;
  inner.Finish(map_format::CreateCommand(inner, requests_at, abort_at, finish_at, command.flush_cache, arrive_at,
                                         depart_at, pause, command.tell_prefixes),
               kCommandIdentifier);
  builder.ForceVectorAlignment(inner.GetSize(), sizeof(uint8_t), alignof(uint64_t));
  const auto bytes_at = builder.CreateVector(inner.GetBufferPointer(), inner.GetSize());
  return map_format::CreatePart(builder, command.group, bytes_at);
}

RequestLimits request_limits(const AssignmentLimits& limits) {
  return {.max_prompt_len = limits.max_prompt_len,
          .context_len = limits.context_len,
          .vocab_size = limits.vocab_size,
          .num_groups = limits.num_groups};
}

Result<std::vector<DepartOrder>> decode_departs(const flatbuffers::Vector<flat::Offset<map_format::DepartOrder>>* from,
                                                const AssignmentLimits& limits) {
  TRY_STATUS(flat::check_count(from, "departures", limits.max_moves));
  std::vector<DepartOrder> departs;
  if (from == nullptr) return departs;
  for (const map_format::DepartOrder* order : *from) {
    DepartOrder& depart = departs.emplace_back();
    depart.request = order->request();
    auto move = decode_move(order->move(), limits.num_groups);
    if (!move.ok()) return fail("request {}: {}", depart.request, move.error().message);
    depart.move = std::move(move).value();
    auto prefix = flat::decode_tokens(order->prefix(), "tokens of a prefix", limits.max_prompt_len, limits.vocab_size);
    if (!prefix.ok()) return fail("request {}: {}", depart.request, prefix.error().message);
    depart.prefix = std::move(prefix).value();
    depart.prompt_len = order->prompt_len();
    const bool is_in_prompt = depart.prompt_len <= limits.max_prompt_len &&
                              std::cmp_less_equal(depart.prefix.size(), std::max(0, depart.prompt_len));
    if (!is_in_prompt) {
      return fail("request {}: a prefix of {} tokens of a prompt of {}", depart.request, depart.prefix.size(),
                  depart.prompt_len);
    }
  }
  return departs;
}

Status check_images_of(const SchedulerRequest& request) {
  const Status checked = check_placeholders(request.prompt, request.images);
  if (!checked.ok()) return fail("request {}: {}", request.id, checked.error().message);
  return {};
}

Result<GroupCommand> decode_command(const flatbuffers::Vector<uint8_t>& part, const AssignmentLimits& limits) {
  const flat::AlignedBytes aligned(std::as_bytes(std::span(part.data(), part.size())));
  const int64_t max_requests = int64_t{limits.max_requests} + limits.max_moves;
  const auto max_tables = static_cast<flatbuffers::uoffset_t>(1 + (5 + kMaxRequestImages) * max_requests);
  flatbuffers::Verifier verifier(aligned.data(), aligned.size(), kMaxMapDepth, max_tables);
  if (!verifier.VerifyBuffer<map_format::Command>(kCommandIdentifier)) {
    return fail("{} bytes that are no command", part.size());
  }
  const auto* from = flatbuffers::GetRoot<map_format::Command>(aligned.data());
  GroupCommand command;
  TRY_STATUS(flat::check_count(from->add(), "requests", limits.max_requests));
  std::unordered_set<RequestId> ids;
  if (from->add() != nullptr) {
    command.add.reserve(from->add()->size());
    for (const map_format::Request* request : *from->add()) {
      auto decoded = decode_request(*request, request_limits(limits));
      if (!decoded.ok()) return fail("request {}: {}", request->id(), decoded.error().message);
      if (!ids.insert(request->id()).second) return fail("request {} is there twice", request->id());
      TRY_STATUS(check_images_of(*decoded));
      command.add.push_back(std::move(decoded).value());
    }
  }
  TRY_STATUS(flat::check_count(from->abort(), "aborts", limits.max_ended));
  TRY_STATUS(flat::check_count(from->finish(), "finishes", limits.max_ended));
  command.abort = flat::copy_of(from->abort());
  command.finish = flat::copy_of(from->finish());
  command.flush_cache = from->flush_cache();
  command.tell_prefixes = from->tell_prefixes();
  if (from->pause() > kGoOn) return fail("pause {}: must be at most {}", from->pause(), kGoOn);
  if (from->pause() != 0) command.is_paused = from->pause() == kPause;
  const int64_t max_arrivals = int64_t{limits.max_requests} + limits.max_moves;
  TRY(command.arrive, decode_moving(from->arrive(), max_arrivals, request_limits(limits)));
  for (const MovingSequence& moving : command.arrive) TRY_STATUS(check_images_of(moving.sequence.request));
  TRY(command.depart, decode_departs(from->depart(), limits));
  return command;
}

// The part of `group`; null if there is none. Checks the group numbers of all parts.
Result<const flatbuffers::Vector<uint8_t>*> find_part(const map_format::Map& map, int32_t group, int32_t num_groups) {
  const flatbuffers::Vector<uint8_t>* found = nullptr;
  if (map.parts() == nullptr) return found;
  int32_t last = -1;
  for (const map_format::Part* part : *map.parts()) {
    if (part->group() <= last || part->group() >= num_groups) {
      return fail("group {} after group {}, of {} groups in ascending order", part->group(), last, num_groups);
    }
    last = part->group();
    if (part->command() == nullptr) return fail("group {} has no command", last);
    if (last == group) found = part->command();
  }
  return found;
}

}  // namespace

SharedBytes encode(const AssignmentMap& map) {
  size_t bytes = 256;
  for (const GroupCommand& command : map.commands) bytes += 64 + expected_bytes(command);
  flat::Builder builder(bytes);
  std::vector<flat::Offset<map_format::Part>> parts;
  parts.reserve(map.commands.size());
  int32_t last = -1;
  for (const GroupCommand& command : map.commands) {
    CHECK(command.group > last, "group {} after group {}", command.group, last);
    last = command.group;
    parts.push_back(encode_part(builder, command));
  }
  const auto parts_at = builder.CreateVector(parts);
  map_format::FinishMapBuffer(builder, map_format::CreateMap(builder, map.sequence, parts_at));
  return flat::take_bytes(builder);
}

Result<GroupAssignment> decode_assignment(std::span<const std::byte> bytes, int32_t group,
                                          const AssignmentLimits& limits) {
  CHECK(group >= 0 && group < limits.num_groups, "group {} of {}", group, limits.num_groups);
  if (static_cast<int64_t>(bytes.size()) > limits.max_bytes) {
    return fail("an assignment map of {} bytes, at most {}", bytes.size(), limits.max_bytes);
  }
  const flat::AlignedBytes aligned(bytes);
  const auto max_tables = static_cast<flatbuffers::uoffset_t>(1 + int64_t{limits.num_groups});
  flatbuffers::Verifier verifier(aligned.data(), aligned.size(), kMaxMapDepth, max_tables);
  if (!map_format::VerifyMapBuffer(verifier)) return fail("an assignment map of {} bytes is malformed", bytes.size());

  const map_format::Map* map = map_format::GetMap(aligned.data());
  GroupAssignment assignment{.sequence = map->sequence(), .command = {}};
  const auto part = find_part(*map, group, limits.num_groups);
  if (!part.ok()) return fail("assignment map {}: {}", map->sequence(), part.error().message);
  if (part.value() != nullptr) {
    auto command = decode_command(*part.value(), limits);
    if (!command.ok()) {
      return fail("assignment map {}, group {}: {}", map->sequence(), group, command.error().message);
    }
    assignment.command = std::move(command).value();
  }
  assignment.command.group = group;
  return assignment;
}

}  // namespace braid
