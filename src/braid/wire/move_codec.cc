#include "braid/wire/move_codec.h"

#include <unordered_set>
#include <utility>

#include "braid/wire/image_codec.h"
#include "braid/wire/sampling_codec.h"

namespace braid {
namespace {

namespace moving_format = assignment_map_format;

Result<MovingSequence> decode_moving_sequence(const moving_format::MovingSequence& from, const RequestLimits& limits) {
  MovingSequence moving;
  TRY(moving.move, decode_move(from.move(), limits.num_groups, true));
  MovedSequence& sequence = moving.sequence;
  TRY(sequence.request, decode_request(*from.request(), limits));
  TRY(sequence.output, flat::decode_ids(from.output(), "output tokens", limits.context_len, limits.vocab_size));
  const auto num_tokens = static_cast<int64_t>(sequence.request.prompt.size() + sequence.output.size());
  if (num_tokens > limits.context_len) return fail("{} tokens, the context is {}", num_tokens, limits.context_len);
  if (moving.move.num_pages > num_tokens * kMaxKvGroups) {
    return fail("{} pages of {} tokens", moving.move.num_pages, num_tokens);
  }
  sequence.cached_tokens = from.cached_tokens();
  if (sequence.cached_tokens < 0 || sequence.cached_tokens > limits.context_len) {
    return fail("{} cached tokens, the context is {}", sequence.cached_tokens, limits.context_len);
  }
  if (!sequence.is_prefix()) return moving;
  if (sequence.cached_tokens < 1 || std::cmp_greater(sequence.cached_tokens, sequence.request.prompt.size()) ||
      moving.move.num_pages < 1) {
    return fail("it moves before its first token, with a prefix of {} of its {} tokens in {} pages",
                sequence.cached_tokens, sequence.request.prompt.size(), moving.move.num_pages);
  }
  return moving;
}

}  // namespace

size_t expected_request_bytes(const SchedulerRequest& request) {
  size_t bytes = 256 + request.prompt.size() * sizeof(TokenId);
  for (const RequestImage& image : request.images) bytes += 128 + image.bytes->size();
  return bytes;
}

flat::Offset<moving_format::Request> encode_request(flat::Builder& builder, const SchedulerRequest& request) {
  const auto prompt_at = flat::add_list(builder, request.prompt);
  const auto sampling_at = encode_sampling(builder, request.sampling);
  const auto images_at = encode_images(builder, request.images);
  return moving_format::CreateRequest(builder, request.id, prompt_at, sampling_at, request.priority, request.arrival,
                                      request.is_masked, images_at);
}

Result<SchedulerRequest> decode_request(const moving_format::Request& from, const RequestLimits& limits) {
  SchedulerRequest request;
  request.id = from.id();
  TRY(request.prompt, flat::decode_tokens(from.prompt(), "prompt tokens", limits.max_prompt_len, limits.vocab_size));
  if (request.prompt.empty()) return fail("no prompt");
  TRY(request.images, decode_images(from.images()));
  if (from.sampling() == nullptr) return fail("no sampling parameters");
  TRY(request.sampling, decode_sampling_params(*from.sampling(), limits.vocab_size));
  request.priority = from.priority();
  request.arrival = from.arrival();
  request.is_masked = from.is_masked();
  return request;
}

step_plan_format::Move encode_move(const Move& move) {
  return {move.id, move.from_group, move.to_group, move.num_pages};
}

Result<Move> decode_move(const step_plan_format::Move* from, int32_t num_groups, bool may_come_back) {
  if (from == nullptr) return fail("a move without groups");
  const Move move{
      .id = from->id(), .from_group = from->from_group(), .to_group = from->to_group(), .num_pages = from->num_pages()};
  const auto is_group = [&](int32_t group) { return group >= 0 && group < num_groups; };
  const bool goes_nowhere = move.from_group == move.to_group && !(may_come_back && move.num_pages == 0);
  if (!is_group(move.from_group) || !is_group(move.to_group) || goes_nowhere) {
    return fail("move {} from group {} to group {}, there are {} groups", move.id, move.from_group, move.to_group,
                num_groups);
  }
  if (move.num_pages < 0) return fail("move {} of {} pages", move.id, move.num_pages);
  return move;
}

flat::Offset<MovingSequences> encode_moving(flat::Builder& builder, const std::vector<MovingSequence>& moving) {
  std::vector<flat::Offset<moving_format::MovingSequence>> sequences;
  sequences.reserve(moving.size());
  for (const auto& [move, sequence] : moving) {
    const auto request_at = encode_request(builder, sequence.request);
    const auto output_at = flat::add_list(builder, sequence.output);
    const step_plan_format::Move move_at = encode_move(move);
    sequences.push_back(
        moving_format::CreateMovingSequence(builder, &move_at, request_at, output_at, sequence.cached_tokens));
  }
  return flat::add_list(builder, sequences);
}

Result<std::vector<MovingSequence>> decode_moving(const MovingSequences* from, int64_t max_count,
                                                  const RequestLimits& limits) {
  TRY_STATUS(flat::check_count(from, "sequences that move", max_count));
  std::vector<MovingSequence> moving;
  if (from == nullptr) return moving;
  std::unordered_set<RequestId> ids;
  moving.reserve(from->size());
  for (const moving_format::MovingSequence* sequence : *from) {
    if (sequence->request() == nullptr) return fail("a sequence without a request moves");
    const RequestId id = sequence->request()->id();
    auto decoded = decode_moving_sequence(*sequence, limits);
    if (!decoded.ok()) return fail("request {}: {}", id, decoded.error().message);
    if (!ids.insert(id).second) return fail("request {} is there twice", id);
    moving.push_back(std::move(decoded).value());
  }
  return moving;
}

}  // namespace braid
