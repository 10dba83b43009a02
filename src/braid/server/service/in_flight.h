// Which requests are on their way: by their ids, so that they can be aborted, and how many, so that a server that ends
// can wait for them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace braid {

class InFlight {
 public:
  // Counts until it is destroyed.
  using Token = std::shared_ptr<void>;
  Token enter();

  // `abort` is called, from any thread, for as long as the id is there. False: a request has it already.
  // `is_part`: of a request that has an id of its own, too, which abort_all uses.
  bool add(const std::string& id, std::function<void()> abort, bool is_part = false);
  void remove(const std::string& id);

  bool abort(const std::string& id);  // false: no request has it
  int64_t abort_all();                // the number of requests

  int64_t count() const;
  // False: some were left after so long.
  bool wait_until_none(std::chrono::steady_clock::duration time) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  int64_t count_ = 0;
  struct Entry {
    std::function<void()> abort;
    bool is_part = false;
  };
  std::unordered_map<std::string, Entry> aborts_;
};

}  // namespace braid
