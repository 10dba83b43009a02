// What an HTTP request to the hub came to.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace braid {

struct HubReply {
  int32_t status = 0;             // 0: there was no answer
  std::string transport_problem;  // why the exchange did not end as it should: "Could not resolve host: …"
  bool is_cut_off = false;        // it began and broke off, or the server is overloaded: trying again may help
  std::string body;               // of at most the bytes asked for; of an error a few kilobytes
  std::map<std::string, std::string> headers = {};  // of the first answer, before redirections; names in lower case

  bool is_complete() const { return transport_problem.empty() && status >= 200 && status < 300; }
  // Empty: there is none.
  std::string_view header(std::string_view lower_case_name) const {
    const auto found = headers.find(std::string(lower_case_name));
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
  }
};

}  // namespace braid
