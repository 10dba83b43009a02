// The environment variables that say where models are. Plain data.
#pragma once

#include <string>

namespace braid {

// Read in cli/, and nowhere below.
struct ModelPathEnvironment {
  std::string home = {};          // HOME
  std::string hf_home = {};       // HF_HOME; empty: home/.cache/huggingface
  std::string hf_hub_cache = {};  // HF_HUB_CACHE, or --download-dir; empty: hf_home/hub
  std::string hf_token = {};      // HF_TOKEN, or the token that `hf auth login` stored; empty: none
  std::string hf_endpoint = {};   // HF_ENDPOINT; empty: https://huggingface.co
  bool is_offline = false;        // HF_HUB_OFFLINE
};

}  // namespace braid
