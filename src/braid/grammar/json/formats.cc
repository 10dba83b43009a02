// The regular expressions of formats (string_schema.h). Tested by schema_compiler_test.cc.
#include <algorithm>
#include <utility>

#include "braid/grammar/json/string_schema.h"
#include "braid/grammar/source_excerpt.h"

namespace braid::grammar {
namespace {

// RFC 3339, with the lengths of months and leap years (years 0001 to 9999).
#define BRAID_LEAP_YEAR R"((?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00))"
#define BRAID_YEAR R"((?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3}))"
#define BRAID_DATE                                                                                               \
  "(?:" BRAID_YEAR R"(-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|)" \
  R"(02-(?:0[1-9]|1[0-9]|2[0-8]))|)" BRAID_LEAP_YEAR "-02-29)"
#define BRAID_HOUR_MINUTE R"((?:[01][0-9]|2[0-3]):[0-5][0-9])"
#define BRAID_TIME BRAID_HOUR_MINUTE R"(:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-])" BRAID_HOUR_MINUTE ")"
// RFC 3339, appendix A.
#define BRAID_DURATION_TIME \
  R"(T(?:[0-9]{1,9}H(?:[0-9]{1,9}M(?:[0-9]{1,9}S)?)?|[0-9]{1,9}M(?:[0-9]{1,9}S)?|[0-9]{1,9}S))"
#define BRAID_DURATION                                                                                                    \
  R"(P(?:(?:[0-9]{1,9}Y(?:[0-9]{1,9}M(?:[0-9]{1,9}D)?)?|[0-9]{1,9}M(?:[0-9]{1,9}D)?|[0-9]{1,9}D)(?:)" BRAID_DURATION_TIME \
  ")?|" BRAID_DURATION_TIME R"(|[0-9]{1,9}W))"
// RFC 1123; four labels of at most 60 characters never exceed the longest allowed name.
#define BRAID_LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,58}[A-Za-z0-9])?"
#define BRAID_HOSTNAME BRAID_LABEL R"((?:\.)" BRAID_LABEL "){0,3}"
// RFC 5321: a dot-string, at a name with a dot.
#define BRAID_EMAIL                                                                                 \
  R"([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,30}(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,30})?@)" BRAID_LABEL \
  R"((?:\.)" BRAID_LABEL "){1,3}"
#define BRAID_OCTET "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define BRAID_IPV4 BRAID_OCTET R"((?:\.)" BRAID_OCTET "){3}"
// RFC 4291, section 2.2.
#define BRAID_H16 "[0-9a-fA-F]{1,4}"
#define BRAID_IPV6                                                                                                   \
  "(?:(?:" BRAID_H16 ":){7}" BRAID_H16 "|(?:" BRAID_H16 ":){6}" BRAID_IPV4 "|(?:" BRAID_H16 ":){1,7}:|(?:" BRAID_H16 \
  ":){1,6}:" BRAID_H16 "|(?:" BRAID_H16 ":){1,5}(?::" BRAID_H16 "){1,2}|(?:" BRAID_H16 ":){1,4}(?::" BRAID_H16       \
  "){1,3}|(?:" BRAID_H16 ":){1,3}(?::" BRAID_H16 "){1,4}|(?:" BRAID_H16 ":){1,2}(?::" BRAID_H16 "){1,5}|" BRAID_H16  \
  ":(?::" BRAID_H16 "){1,6}|:(?:(?::" BRAID_H16 "){1,7}|:))"
// RFC 3986: URIs with an authority: a subset of what these formats allow.
#define BRAID_URI_CHARACTER R"((?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}))"
#define BRAID_URI_TAIL \
  "(?:/" BRAID_URI_CHARACTER R"(*)*(?:\?(?:)" BRAID_URI_CHARACTER "|[/?])*)?(?:#(?:" BRAID_URI_CHARACTER "|[/?])*)?"
#define BRAID_URI "[A-Za-z][A-Za-z0-9+.-]{0,30}://" BRAID_HOSTNAME "(?::[1-9][0-9]{0,3})?" BRAID_URI_TAIL
#define BRAID_URI_REFERENCE "(?:" BRAID_URI "|/" BRAID_URI_CHARACTER "+" BRAID_URI_TAIL ")"
#define BRAID_JSON_POINTER R"((?:/(?:[^/~\x00-\x1f]|~[01])*)*)"

constexpr std::pair<std::string_view, std::string_view> kFormats[] = {
    {"date", BRAID_DATE},
    {"time", BRAID_TIME},
    {"date-time", BRAID_DATE "T" BRAID_TIME},
    {"duration", BRAID_DURATION},
    {"uuid", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"},
    {"email", BRAID_EMAIL},
    {"idn-email", BRAID_EMAIL},
    {"hostname", BRAID_HOSTNAME},
    {"idn-hostname", BRAID_HOSTNAME},
    {"ipv4", BRAID_IPV4},
    {"ipv6", BRAID_IPV6},
    {"uri", BRAID_URI},
    {"iri", BRAID_URI},
    {"uri-reference", BRAID_URI_REFERENCE},
    {"iri-reference", BRAID_URI_REFERENCE},
    {"uri-template", "(?:" BRAID_URI R"((?:\{[A-Za-z_][A-Za-z0-9_]{0,30}\})?))"},
    {"json-pointer", BRAID_JSON_POINTER},
    {"relative-json-pointer", "(?:0|[1-9][0-9]{0,5})(?:#|" BRAID_JSON_POINTER ")"},
    {"byte", "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"},
    {"password", "(?s:.*)"},
    {"binary", "(?s:.*)"},
};

constexpr std::string_view kNumberFormats[] = {"int32", "int64", "float", "double"};

}  // namespace

bool is_number_format(std::string_view format) {
  return std::ranges::find(kNumberFormats, format) != std::end(kNumberFormats);
}

Result<std::string_view> format_pattern(std::string_view format) {
  for (const auto& [name, pattern] : kFormats) {
    if (name == format) return pattern;
  }
  std::string known;
  for (const auto& [name, pattern] : kFormats) {
    if (!known.empty()) known += ", ";
    known += name;
  }
  return fail("\"format\": \"{}\" is not supported: {}", excerpt(format), known);
}

}  // namespace braid::grammar
