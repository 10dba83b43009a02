// Whether all groups compute, and compute the same. Tested by tests/e2e/test_doctor.py.
#include <fmt/ranges.h>
#include <unistd.h>

#include <mutex>
#include <utility>

#include "braid/base/clock.h"
#include "braid/cli/doctor/checks.h"

namespace braid {
namespace {

constexpr int32_t kNumTokens = 8;
constexpr const char* kPrompt = "The quick brown fox jumps over the lazy dog.";

struct GroupTokens {
  std::vector<TokenId> tokens;
  std::string error;
};

Result<GroupTokens> ask_group(Engine& engine, int32_t group) {
  GenerationRequest request{.prompt = std::string(kPrompt), .ignore_eos = true};
  request.sampling.temperature = 0;
  request.sampling.max_new_tokens = kNumTokens;
  request.dp_rank = group;
  request.dp_rank_strict = true;
  std::mutex mutex;
  GroupTokens answer;
  TRY(const SubmissionId id, engine.submit(std::move(request), [&](const Delta& delta) {
    const std::lock_guard lock(mutex);
    for (const SampledToken& token : delta.tokens) answer.tokens.push_back(token.token);
    if (!delta.error.empty()) answer.error = delta.error;
  }));
  engine.wait(id);
  const std::lock_guard lock(mutex);
  return answer;
}

}  // namespace

void check_tokens(const DoctorCase& doctor, DoctorReport& report) {
  const double start_s = monotonic_seconds();
  auto engine = Engine::load(doctor.engine, doctor.logger);
  if (!engine.ok()) {
    report.fail("tokens", engine.error().message, "the lines above say which rank, and why");
    return;
  }
  const double loaded_s = monotonic_seconds();
  std::vector<TokenId> first;
  for (int32_t group = 0; group < (*engine)->num_groups(); ++group) {
    const auto answer = ask_group(**engine, group);
    const std::string error = answer.ok() ? answer->error : answer.error().message;
    if (!error.empty() || std::ssize(answer->tokens) != kNumTokens) {
      report.fail("tokens", fmt::format("group {}: {}", group, error.empty() ? "too few tokens" : error),
                  "the lines above say which rank, and why");
      if (!error.empty()) _exit(report.exit_code());  // ranks may be stuck
      return;
    }
    if (group == 0) first = answer->tokens;
    if (answer->tokens != first) {
      report.fail(
          "tokens",
          fmt::format("group {} has {}, group 0 has {}", group, fmt::join(answer->tokens, " "), fmt::join(first, " ")),
          "its memory or its processor is at fault: test the host (memtest, mprime)");
      return;
    }
  }
  report.pass("tokens", fmt::format("{} greedy tokens are equal in all groups, {} in all: {}; loaded in {:.1f} s",
                                    kNumTokens, (*engine)->num_groups(), fmt::join(first, " "), loaded_s - start_s));
}

}  // namespace braid
