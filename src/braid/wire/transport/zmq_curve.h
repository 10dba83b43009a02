// CURVE, ZeroMQ's encryption: each end knows its peers' keys and refuses all others. Tested by link_test.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/wire/transport/zmq_socket.h"

namespace braid {

// Keys are 40 characters of Z85 (ZeroMQ RFC 32).
struct CurveKeyPair {
  std::string public_key;
  std::string secret_key;
};
Result<CurveKeyPair> make_curve_key_pair();

// `what` names the key in the error; the error does not contain the key.
Status check_curve_key(std::string_view what, const std::string& key);

struct CurveServer {
  CurveKeyPair own;
  std::vector<std::string> allowed_clients;  // public keys
};
struct CurveClient {
  CurveKeyPair own;
  std::string server_key;  // the server's public key
};

// Call before the socket binds or connects.
Status set_curve(ZmqSocket& socket, const CurveServer& keys);
Status set_curve(ZmqSocket& socket, const CurveClient& keys);

// Answers the library's question whether a client may connect (ZAP, RFC 27). One for each context, opened before any of
// its sockets binds. The thread that waits for messages must also call serve().
class CurveGate {
 public:
  static Result<CurveGate> open(const ZmqContext& context, std::vector<std::string> allowed_clients);

  // Answers all pending questions. Returns the number of refused clients.
  Result<int> serve();
  const ZmqSocket& socket() const { return socket_; }

 private:
  CurveGate(ZmqSocket socket, std::vector<std::string> allowed)
      : socket_(std::move(socket)), allowed_(std::move(allowed)) {}

  ZmqSocket socket_;
  std::vector<std::string> allowed_;  // 32 bytes each
};

}  // namespace braid
