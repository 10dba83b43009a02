#include "braid/server/parsers/call_writer.h"

#include <utility>

namespace braid::parsers {

namespace {

// One step of splitmix64, and its number.
uint64_t next_random(uint64_t& state) {
  uint64_t x = (state += 0x9e3779b97f4a7c15U);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

}  // namespace

std::string make_call_id(CallIdStyle style, uint64_t seed, int32_t call) {
  constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const bool is_short = style == CallIdStyle::kNineAlphanumeric;
  std::string id = is_short ? "" : "call_";
  // Neighbouring seeds must not give neighbouring calls the same id.
  uint64_t state = next_random(seed) + static_cast<uint64_t>(call);
  state = next_random(state);
  for (int i = 0; i < (is_short ? 9 : 24); ++i) id += kLetters[next_random(state) % kLetters.size()];
  return id;
}

void CallWriter::begin(std::string name, Events& out) {
  const int32_t call = num_calls_++;
  has_arguments_ = false;
  if (options_.only_first && call > 0) return;
  out.push_back({.kind = Event::Kind::kCallBegin,
                 .call = call,
                 .id = make_call_id(options_.id_style, options_.id_seed, call),
                 .name = std::move(name)});
}

void CallWriter::add_arguments(std::string_view text, Events& out) {
  has_arguments_ = has_arguments_ || !text.empty();
  if (options_.only_first && num_calls_ > 1) return;
  append_text(out, Event::Kind::kCallArguments, text, num_calls_ - 1);
}

}  // namespace braid::parsers
