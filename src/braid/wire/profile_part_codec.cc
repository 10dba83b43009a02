#include "braid/wire/profile_part_codec.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "braid/parallel/transport.h"

namespace braid {
namespace {

Result<std::vector<TracedOp>> decode_ops(const process_message_format::ProfilePart& from) {
  const std::vector<int64_t> bytes = flat::copy_of(from.op_bytes());
  const std::vector<int32_t> numbers = flat::copy_of(from.op_numbers());
  const std::vector<uint8_t> kinds = flat::copy_of(from.op_kinds());
  const std::vector<uint8_t> is_group = flat::copy_of(from.op_is_group());
  if (numbers.size() != bytes.size() || kinds.size() != bytes.size() || is_group.size() != bytes.size()) {
    return fail("{} operations among ranks, not all with their headers", bytes.size());
  }
  std::vector<TracedOp> ops;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (kinds[i] > static_cast<uint8_t>(kLastOpKind)) return fail("an operation of unknown kind {}", kinds[i]);
    if (bytes[i] < 0 || numbers[i] < 0) return fail("operation {} of {} bytes", numbers[i], bytes[i]);
    ops.push_back({.bytes = bytes[i], .number = numbers[i], .kind = kinds[i], .is_group = is_group[i] != 0});
  }
  return ops;
}

}  // namespace

flat::Offset<process_message_format::ProfilePart> encode_profile_part(flat::Builder& builder, const ProfilePart& part) {
  std::vector<uint8_t> phases;
  std::vector<uint64_t> steps;
  std::vector<double> begins_s;
  std::vector<double> ends_s;
  std::vector<int64_t> op_bytes;
  std::vector<int32_t> op_numbers;
  std::vector<uint8_t> op_kinds;
  std::vector<uint8_t> op_is_group;
  for (const TraceSpan& span : part.spans) {
    phases.push_back(static_cast<uint8_t>(span.phase));
    steps.push_back(span.step);
    begins_s.push_back(span.begin_s);
    ends_s.push_back(span.end_s);
    if (span.phase != TracePhase::kOperation) continue;
    op_bytes.push_back(span.op.bytes);
    op_numbers.push_back(span.op.number);
    op_kinds.push_back(span.op.kind);
    op_is_group.push_back(span.op.is_group ? 1 : 0);
  }
  const auto phases_at = flat::add_list(builder, phases);
  const auto steps_at = flat::add_list(builder, steps);
  const auto begins_at = flat::add_list(builder, begins_s);
  const auto ends_at = flat::add_list(builder, ends_s);
  const auto op_bytes_at = flat::add_list(builder, op_bytes);
  const auto op_numbers_at = flat::add_list(builder, op_numbers);
  const auto op_kinds_at = flat::add_list(builder, op_kinds);
  const auto op_is_group_at = flat::add_list(builder, op_is_group);
  return process_message_format::CreateProfilePart(builder, part.id, part.rank, part.has_more, phases_at, steps_at,
                                                   begins_at, ends_at, op_bytes_at, op_numbers_at, op_kinds_at,
                                                   op_is_group_at);
}

Result<ProfilePart> decode_profile_part(const process_message_format::ProfilePart& from) {
  TRY_STATUS(flat::check_count(from.phases(), "spans of a profile", ProfilePart::kMaxSpans));
  const std::vector<uint8_t> phases = flat::copy_of(from.phases());
  const auto has_all = [&](const auto* list) { return (list == nullptr ? 0 : list->size()) == phases.size(); };
  if (!has_all(from.steps()) || !has_all(from.begins_s()) || !has_all(from.ends_s())) {
    return fail("{} spans of a profile, not all with step and times", phases.size());
  }
  const std::vector<uint64_t> steps = flat::copy_of(from.steps());
  const std::vector<double> begins_s = flat::copy_of(from.begins_s());
  const std::vector<double> ends_s = flat::copy_of(from.ends_s());
  ProfilePart part{.id = from.id(), .rank = from.rank(), .has_more = from.has_more(), .spans = {}};
  if (part.rank < 0) return fail("a profile of rank {}", part.rank);
  TRY(const std::vector<TracedOp> ops, decode_ops(from));
  const auto num_ops = std::ranges::count(phases, static_cast<uint8_t>(TracePhase::kOperation));
  if (std::ssize(ops) != num_ops) return fail("{} operations among ranks, of {} spans", ops.size(), num_ops);
  auto op = ops.begin();
  part.spans.reserve(phases.size());
  for (size_t i = 0; i < phases.size(); ++i) {
    if (phases[i] > static_cast<uint8_t>(TracePhase::kOperation)) return fail("a span of unknown phase {}", phases[i]);
    part.spans.push_back(
        {.phase = static_cast<TracePhase>(phases[i]), .step = steps[i], .begin_s = begins_s[i], .end_s = ends_s[i]});
    const bool is_span = is_profile_time(begins_s[i]) && is_profile_time(ends_s[i]) && begins_s[i] <= ends_s[i];
    if (part.spans.back().phase == TracePhase::kOperation) part.spans.back().op = *op++;
    if (!is_span) return fail("a span from {} s to {} s", begins_s[i], ends_s[i]);
  }
  return part;
}

}  // namespace braid
