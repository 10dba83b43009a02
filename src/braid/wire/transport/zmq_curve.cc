#include "braid/wire/transport/zmq_curve.h"

#include <zmq.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace braid {
namespace {

constexpr size_t kKeyLen = 40;
constexpr size_t kKeyBytes = 32;

Result<std::string> raw_key(std::string_view what, const std::string& key) {
  std::string raw(kKeyBytes, '\0');
  if (key.size() != kKeyLen || zmq_z85_decode(reinterpret_cast<uint8_t*>(raw.data()), key.c_str()) == nullptr) {
    return fail("{} is no CURVE key: it has {} characters, a key is 40 characters of Z85", what, key.size());
  }
  return raw;
}

Status check_curve_is_there() {
  if (zmq_has("curve") == 1) return {};
  return fail("this ZeroMQ library was built without CURVE");
}

Status set_own_keys(ZmqSocket& socket, const CurveKeyPair& own) {
  TRY_STATUS(check_curve_is_there());
  TRY(const std::string public_key, raw_key("the own public key", own.public_key));
  TRY(const std::string secret_key, raw_key("the own secret key", own.secret_key));
  TRY_STATUS(socket.set(ZMQ_CURVE_PUBLICKEY, public_key));
  return socket.set(ZMQ_CURVE_SECRETKEY, secret_key);
}

}  // namespace

Result<CurveKeyPair> make_curve_key_pair() {
  TRY_STATUS(check_curve_is_there());
  char public_key[kKeyLen + 1] = {};
  char secret_key[kKeyLen + 1] = {};
  if (zmq_curve_keypair(public_key, secret_key) != 0) return fail("no CURVE keys: {}", zmq_error_text());
  return CurveKeyPair{.public_key = public_key, .secret_key = secret_key};
}

Status check_curve_key(std::string_view what, const std::string& key) {
  const auto raw = raw_key(what, key);
  if (!raw.ok()) return raw.error();
  return {};
}

Status set_curve(ZmqSocket& socket, const CurveServer& keys) {
  TRY_STATUS(socket.set(ZMQ_CURVE_SERVER, 1));
  return set_own_keys(socket, keys.own);
}

Status set_curve(ZmqSocket& socket, const CurveClient& keys) {
  TRY(const std::string server_key, raw_key("the controller's public key", keys.server_key));
  TRY_STATUS(set_own_keys(socket, keys.own));
  return socket.set(ZMQ_CURVE_SERVERKEY, server_key);
}

Result<CurveGate> CurveGate::open(const ZmqContext& context, std::vector<std::string> allowed_clients) {
  std::vector<std::string> allowed;
  for (const std::string& key : allowed_clients) {
    TRY(std::string raw, raw_key("an allowed publisher's key", key));
    allowed.push_back(std::move(raw));
  }
  TRY(ZmqSocket socket, ZmqSocket::make(context, ZMQ_REP));
  TRY_STATUS(socket.bind("inproc://zeromq.zap.01"));
  return CurveGate(std::move(socket), std::move(allowed));
}

Result<int> CurveGate::serve() {
  int num_refused = 0;
  while (true) {
    TRY(const auto question, socket_.receive(7));
    if (!question) return num_refused;
    // version, request, domain, address, identity, mechanism, the client's public key
    const bool is_whole = question->size() == 7 && text_of((*question)[5]) == "CURVE";
    const std::string request(question->size() > 1 ? text_of((*question)[1]) : std::string_view());
    const bool is_allowed = is_whole && std::ranges::find(allowed_, text_of((*question)[6])) != allowed_.end();
    num_refused += is_allowed ? 0 : 1;
    const auto sent = socket_.send_frames(
        {"1.0", request, is_allowed ? "200" : "400", is_allowed ? "OK" : "this key is not allowed", "", ""});
    if (!sent.ok()) return sent.error();
  }
}

}  // namespace braid
