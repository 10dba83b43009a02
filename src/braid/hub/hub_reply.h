// The outcome of an HTTP request to the hub.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace braid {

struct HubReply {
  int32_t status = 0;             // 0: no answer
  std::string transport_problem;  // why the transfer failed: "Could not resolve host: …"
  bool is_cut_off = false;        // the transfer broke off, or the server is overloaded: retrying may help
  std::string body;               // at most the requested bytes; for an error a few kilobytes
  std::map<std::string, std::string> headers = {};  // of the first answer, before redirections; names in lower case

  bool is_complete() const { return transport_problem.empty() && status >= 200 && status < 300; }
  // Empty: no such header.
  std::string_view header(std::string_view lower_case_name) const {
    const auto found = headers.find(std::string(lower_case_name));
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
  }
};

}  // namespace braid
