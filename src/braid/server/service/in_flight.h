// The requests in flight: their ids, for aborts, and their number, which a server waits for when it ends. Tested by
// api_service_life_test.cc.
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
  // Counts as in flight until it is destroyed.
  using Token = std::shared_ptr<void>;
  Token enter();

  // `abort` may be called from any thread until remove(). False: another request has the id.
  // `is_part`: the id of one prompt; the request has an id of its own, which abort_all() uses.
  bool add(const std::string& id, std::function<void()> abort, bool is_part = false);
  void remove(const std::string& id);

  bool abort(const std::string& id);  // false: no request has it
  int64_t abort_all();                // returns the number of requests

  int64_t count() const;
  // False: requests were left after this time.
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
