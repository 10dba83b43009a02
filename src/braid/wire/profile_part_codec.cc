#include "braid/wire/profile_part_codec.h"

#include <cstdint>
#include <utility>

namespace braid {
flat::Offset<process_message_format::ProfilePart> encode_profile_part(flat::Builder& builder, const ProfilePart& part) {
  std::vector<uint8_t> phases;
  std::vector<uint64_t> steps;
  std::vector<double> begins_s;
  std::vector<double> ends_s;
  for (const TraceSpan& span : part.spans) {
    phases.push_back(static_cast<uint8_t>(span.phase));
    steps.push_back(span.step);
    begins_s.push_back(span.begin_s);
    ends_s.push_back(span.end_s);
  }
  const auto phases_at = flat::add_list(builder, phases);
  const auto steps_at = flat::add_list(builder, steps);
  const auto begins_at = flat::add_list(builder, begins_s);
  const auto ends_at = flat::add_list(builder, ends_s);
  return process_message_format::CreateProfilePart(builder, part.id, part.rank, part.has_more, phases_at, steps_at,
                                                   begins_at, ends_at);
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
  part.spans.reserve(phases.size());
  for (size_t i = 0; i < phases.size(); ++i) {
    if (phases[i] >= kNumTracePhases) return fail("a span of unknown phase {}", phases[i]);
    part.spans.push_back(
        {.phase = static_cast<TracePhase>(phases[i]), .step = steps[i], .begin_s = begins_s[i], .end_s = ends_s[i]});
    const bool is_span = is_profile_time(begins_s[i]) && is_profile_time(ends_s[i]) && begins_s[i] <= ends_s[i];
    if (!is_span) return fail("a span from {} s to {} s", begins_s[i], ends_s[i]);
  }
  return part;
}

}  // namespace braid
