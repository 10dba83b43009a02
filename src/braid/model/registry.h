// The families of models that braid runs. Tested by load_model_test.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "braid/model/family.h"

namespace braid {

std::span<const ModelFamily> model_families();

// Null: not supported.
const ModelFamily* find_family(std::string_view architecture);

// "LlamaForCausalLM, MixtralForCausalLM, …", for errors.
std::string supported_architectures();

}  // namespace braid
