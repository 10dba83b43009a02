#include "braid/bench/serving/server_profile.h"

#include <string_view>
#include <utility>

#include "braid/bench/serving/server_page.h"
#include "braid/formats/json.h"

namespace braid::serving {
namespace {

// A timeline may have millions of events: only what follows them is parsed. Within a string a line break would be
// escaped, so that this is no part of one.
Result<std::string> summary_of(std::string_view trace) {
  constexpr std::string_view kOtherData = "\n\"otherData\":";
  const size_t at = trace.rfind(kOtherData);
  const size_t end = trace.rfind('}');
  if (at == std::string_view::npos || end < at) return fail("the server's profile has no \"otherData\": is it braid?");
  const size_t begin = at + kOtherData.size();
  TRY(const Json data, parse_json(trace.substr(begin, end - begin)));
  TRY(const JsonObject object, JsonObject::of(data, "the profile's otherData"));
  return object.get_string("summary");
}

}  // namespace

Result<ServerProfile> ServerProfile::start(const LoadOptions& load, const std::string& path) {
  TRY(OutputFile file, OutputFile::create("--profile", path));
  TRY_STATUS(ask_server(load.server, load.api_key, PageMethod::kPost, "/start_profile"));
  return ServerProfile(load, std::move(file));
}

Result<std::string> ServerProfile::stop() {
  TRY(const std::string trace, ask_server(load_->server, load_->api_key, PageMethod::kPost, "/stop_profile"));
  TRY(std::string summary, summary_of(trace));
  file_.stream() << trace;
  TRY_STATUS(file_.commit());
  return summary;
}

}  // namespace braid::serving
