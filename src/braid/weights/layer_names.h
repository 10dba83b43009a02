// Which layers of a checkpoint a quantization_config speaks of. Tested by layer_names_test.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/config/quantization_config.h"
#include "braid/tokenizer/regex/regex.h"

namespace braid {

class LayerNames {
 public:
  // `config` must outlive it. An error names the regular expression that is none, or says that there are too many.
  static Result<LayerNames> make(const QuantizationConfig& config);

  // The scheme of the layer "model.layers.0.mlp.up_proj"; null: it is not quantized.
  const QuantizationScheme* scheme_of(std::string_view layer) const;
  // The entry of QuantizationConfig::ignored that names the layer, or the target of an excluding scheme; null: none.
  const std::string* ignored_by(std::string_view layer) const;

 private:
  struct Name {
    const std::string* text;
    std::vector<Regex> regex;  // one if the text is a regular expression, else none
  };
  // What a target says of the layers that it names.
  struct Rule {
    std::optional<Name> target;  // absent: all layers
    const QuantizationScheme* scheme;
  };

  static Result<Name> compile(const std::string& text);
  static bool begins_with(const Name& name, std::string_view layer);
  bool is_ignored_by(const Name& name, std::string_view layer) const;
  const Name* ignored_name(std::string_view layer) const;  // null: none
  const Rule* rule_of(std::string_view layer) const;       // null: none

  bool names_are_exact_ = false;  // compressed-tensors' are; other tools' lists have parts of names
  std::vector<Rule> rules_;       // the first one that names a layer holds
  std::vector<Name> ignored_;
};

}  // namespace braid
