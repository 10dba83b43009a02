// The answers of the requests in the journal, by the names that clients gave them: those under way, and those that have
// ended a short while ago, up to so many bytes.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "braid/server/service/journaled_stream.h"

namespace braid {

class JournaledStreams {
 public:
  JournaledStreams(double keep_s, size_t max_ended_bytes) : keep_s_(keep_s), max_ended_bytes_(max_ended_bytes) {}

  // Takes the place of one with this rid that has ended. Null: one with this rid is under way.
  std::shared_ptr<JournaledStream> add(const std::string& rid, double now_s);
  std::shared_ptr<JournaledStream> find(const std::string& rid, double now_s);  // null: there is none

 private:
  void forget_ended(double now_s);

  const double keep_s_;
  const size_t max_ended_bytes_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<JournaledStream>> streams_;
};

}  // namespace braid
