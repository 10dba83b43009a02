#include "braid/server/http/open_files.h"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace braid::http {

size_t most_open_files() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : std::numeric_limits<size_t>::max();
}

size_t raise_open_files(size_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  if (limit.rlim_cur < wanted) {
    const rlimit before = limit;
    limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit = before;
  }
  return limit.rlim_cur;
}

}  // namespace braid::http
