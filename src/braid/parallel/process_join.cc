#include "braid/parallel/process_join.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <numeric>
#include <string_view>
#include <vector>

#include "braid/parallel/message_head.h"
#include "braid/parallel/process_texts.h"

namespace braid {
namespace {

const char* name_of(MoeParallel moe_parallel) {
  return moe_parallel == MoeParallel::kTp ? "tp" : "ep";
}

const char* name_of(HeadParallel head_parallel) {
  return head_parallel == HeadParallel::kWorld ? "world" : "group";
}

// What must be the same in all processes, then a line of the one number that need not.
std::string hello_text(const JoinOptions& options) {
  const ParallelLayout& layout = options.layout;
  return fmt::format(
      "messages {}, tp_size {}, dp_size {}, DP attention {}, moe_parallel {}, head over each {}, padding {}, sums as "
      "{}; {}\n{}",
      kMessageVersion, layout.tp_size, layout.dp_size, layout.enable_dp_attention ? "on" : "off",
      name_of(layout.moe_parallel), name_of(layout.head_parallel), dp_padding_name(options.padding),
      dtype_name(options.exchange_dtype), options.identity, options.num_ranks);
}

struct ReadHello {
  std::string_view common;
  int32_t num_ranks = 0;
};

Result<ReadHello> read_hello(std::string_view text, size_t process) {
  const size_t line = text.find('\n');
  ReadHello hello{.common = text.substr(0, line)};
  const std::string_view number = line == std::string_view::npos ? "" : text.substr(line + 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), hello.num_ranks);
  if (error != std::errc() || end != number.data() + number.size() || hello.num_ranks < 1) {
    return fail("process {} joins with what is no greeting of braid: is it another program?", process);
  }
  return hello;
}

}  // namespace

Result<RankSpread> join_processes(ProcessPort& port, const JoinOptions& options) {
  TRY(const std::vector<std::string> hellos, gather_texts(port, hello_text(options), "joined", options.timeout_s));
  std::vector<int32_t> ranks_of_each;
  TRY(const ReadHello first, read_hello(hellos.front(), 0));
  for (size_t process = 0; process < hellos.size(); ++process) {
    TRY(const ReadHello hello, read_hello(hellos[process], process));
    if (hello.common != first.common) {
      return fail("the processes do not fit together: process 0 has \"{}\", process {} has \"{}\"", first.common,
                  process, hello.common);
    }
    ranks_of_each.push_back(hello.num_ranks);
  }
  const int64_t sum = std::accumulate(ranks_of_each.begin(), ranks_of_each.end(), int64_t{0});
  if (sum != options.layout.tp_size) {
    return fail("the processes have {} ranks, which is {}: --tp-size is {}", fmt::join(ranks_of_each, " + "), sum,
                options.layout.tp_size);
  }
  return RankSpread(ranks_of_each);
}

}  // namespace braid
