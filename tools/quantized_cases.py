"""The tiny quantized checkpoints: one for each way in which Hugging Face directories store quantized weights.

A case is a case of model_cases.py, with a quantization_config and a function that describes the tensors of a layer.
"""

from dataclasses import dataclass
from typing import Callable

from model_cases import FEW, Case
from model_configs import llama, mistral, qwen2, qwen2_moe, qwen3, qwen3_moe, sizes
from quantized_layers import Awq, AwqMarlin, Float8, Gptq, Int8, Mxfp4, PackQuantized


@dataclass
class QuantizedCase:
    base: Case
    quantization: dict
    layer: Callable  # (name, n, k, deviation, stored) to a described layer; None: it stays in 16 bits

    @property
    def name(self):
        return self.base.name


def compressed(format, weights, ignore=("lm_head", "re:.*mlp.gate$"), activations=None):
    group = {"targets": ["Linear"], "weights": weights, "input_activations": activations, "output_activations": None}
    return {"quant_method": "compressed-tensors", "format": format, "quantization_status": "compressed",
            "config_groups": {"group_0": group}, "ignore": list(ignore), "kv_cache_scheme": None}


def _args(num_bits, strategy, kind="int", **keys):
    return {"num_bits": num_bits, "type": kind, "symmetric": True, "strategy": strategy, "dynamic": False, **keys}


DYNAMIC_INT8 = _args(8, "token", dynamic=True)
BASE = {"rope_theta": 10000.0, "rms_norm_eps": 1e-5, "tie_word_embeddings": False}


def _case(name, config, quantization, layer, stored="BF16"):
    return QuantizedCase(Case(name, config=config, stored=stored, kept_rows=FEW), quantization, layer)


CASES = [
    _case("quantized_gptq_act_order", qwen2(**sizes(168, 64, 96, 2, 4, 2), **BASE, torch_dtype="float16"),
          {"quant_method": "gptq", "bits": 4, "group_size": 32, "desc_act": True, "sym": True, "lm_head": False},
          lambda *of: Gptq(*of).describe(4, 32, True, False, act_order_seed=of[2] + ("self_attn" in of[0])), stored="F16"),
    _case("quantized_gptq_asymmetric", llama(**sizes(161, 64, 128, 2, 2, 1), **BASE, torch_dtype="float16"),
          {"quant_method": "gptq", "bits": 4, "group_size": 64, "desc_act": False, "sym": False,
           "checkpoint_format": "gptq_v2"},
          lambda *of: Gptq(*of).describe(4, 64, False, True, None), stored="F16"),
    _case("quantized_gptq_8_bits", llama(**sizes(164, 64, 96, 2, 4, 4), **BASE, torch_dtype="bfloat16"),
          {"quant_method": "gptq", "bits": 8, "group_size": -1, "desc_act": False, "sym": False},
          lambda *of: Gptq(*of).describe(8, -1, False, False, None)),
    _case("quantized_gptq_short_group", qwen2_moe(**sizes(168, 80, 160, 2, 2, 2), **BASE, torch_dtype="bfloat16",
                                                  num_experts=4, num_experts_per_tok=2, moe_intermediate_size=48,
                                                  shared_expert_intermediate_size=96, mlp_only_layers=[0]),
          {"quant_method": "gptq", "bits": 4, "group_size": 64, "desc_act": False, "sym": False},
          lambda *of: Gptq(*of).describe(4, 64, False, False, None)),
    _case("quantized_awq", qwen3_moe(**sizes(168, 64, 96, 2, 4, 2, 16), num_experts=4, num_experts_per_tok=2,
                                     moe_intermediate_size=32, norm_topk_prob=True, mlp_only_layers=[0], **BASE,
                                     torch_dtype="float16"),
          {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": True, "version": "gemm",
           "modules_to_not_convert": ["mlp.gate"]},
          lambda *of: Awq(*of).describe(32), stored="F16"),
    _case("quantized_awq_symmetric", mistral(**sizes(176, 64, 96, 2, 4, 2), **BASE, torch_dtype="bfloat16"),
          {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": False, "version": "gemm"},
          lambda *of: Awq(*of).describe(32, has_zeros=False)),
    _case("quantized_awq_marlin", llama(**sizes(180, 128, 256, 2, 4, 2), **BASE, torch_dtype="float16"),
          {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": False, "version": "marlin"},
          lambda *of: AwqMarlin(*of).describe(128), stored="F16"),
    _case("quantized_w4a16", qwen3(**sizes(172, 64, 96, 2, 4, 2, 32), **BASE, torch_dtype="bfloat16"),
          compressed("pack-quantized", _args(4, "group", group_size=32)),
          lambda *of: PackQuantized(*of).describe(4, 32, True)),
    _case("quantized_w4a16_asymmetric", mistral(**sizes(168, 64, 96, 2, 4, 2), **BASE, torch_dtype="bfloat16"),
          compressed("pack-quantized", {**_args(4, "group", group_size=32), "symmetric": False}),
          lambda *of: PackQuantized(*of).describe(4, 32, False)),
    _case("quantized_w8a16", llama(**sizes(160, 64, 96, 2, 4, 2), **BASE, torch_dtype="bfloat16"),
          compressed("pack-quantized", _args(8, "channel")),
          lambda *of: PackQuantized(*of).describe(8, None, True)),
    _case("quantized_w8a8", qwen2(**sizes(168, 64, 96, 2, 4, 2), **BASE, torch_dtype="bfloat16"),
          compressed("int-quantized", _args(8, "channel"), activations=DYNAMIC_INT8),
          lambda *of: Int8(*of).describe()),
    _case("quantized_fp8_channel", llama(**sizes(168, 64, 96, 2, 4, 2), **BASE, torch_dtype="bfloat16"),
          compressed("float-quantized", _args(8, "channel", "float"),
                     activations=_args(8, "token", "float", dynamic=True)),
          lambda *of: Float8(*of).describe("weight_scale", scale_dtype="BF16", shape=[of[1], 1])),
    _case("quantized_fp8_tensor", mistral(**sizes(163, 64, 96, 2, 2, 1), **BASE, torch_dtype="bfloat16"),
          {"quant_method": "fp8", "activation_scheme": "dynamic"},
          lambda *of: Float8(*of).describe("weight_scale", shape=[])),
    _case("quantized_fp8_blocks", qwen3(**sizes(176, 128, 256, 2, 4, 2, 32), **BASE, torch_dtype="bfloat16"),
          {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128], "fmt": "e4m3",
           "modules_to_not_convert": ["lm_head"]},
          lambda *of: Float8(*of).describe("weight_scale_inv", block=[128, 128])),
    _case("quantized_mxfp4", llama(**sizes(168, 64, 96, 2, 4, 2), **BASE, torch_dtype="bfloat16"),
          compressed("mxfp4-pack-quantized", _args(4, "group", "float", group_size=32)),
          lambda *of: Mxfp4(*of).describe()),
]
