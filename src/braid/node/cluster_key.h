// The keys with which a front and its processes know each other, in one file that all of them have. Tested by
// cluster_key_test.cc.
#pragma once

#include <string>

#include "braid/base/result.h"
#include "braid/wire/transport/zmq_curve.h"

namespace braid {

struct ClusterKey {
  CurveKeyPair front;
  CurveKeyPair process;

  CurveServer for_front() const { return {.own = front, .allowed_clients = {process.public_key}}; }
  CurveClient for_process() const { return {.own = process, .server_key = front.public_key}; }
};

Result<ClusterKey> make_cluster_key();

// The file's text, and back. Errors do not contain keys.
std::string cluster_key_text(const ClusterKey& key);
Result<ClusterKey> parse_cluster_key(const std::string& text);

// An error if others than its owner may read the file.
Result<ClusterKey> read_cluster_key(const std::string& path);

// Makes one, in a new file that only its owner may read.
Status write_cluster_key(const std::string& path);

}  // namespace braid
