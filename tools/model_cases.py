"""The tiny checkpoints for comparing braid's models with transformers: one for each option of each family.

A case is a config.json as checkpoints have it (classic keys, or transformers 5's rope_parameters; a key whose default is
tested is left out) and how its tensors are stored.
"""

from dataclasses import dataclass, field

from model_configs import (gemma2, gemma3, gemma3_vision, glm4_moe, gpt_oss, granite, llama, llama3_rope, mistral,
                           mixtral, olmo2, phi3, qwen2, qwen2_5_vl, qwen2_moe, qwen3, qwen3_moe, qwen3_vl, qwen3_vl_moe,
                           siglip_config, sizes, smollm3)
from model_tensors import gemma3_vision_tensors, qwen_vision_tensors, siglip_tensors


@dataclass
class Case:
    name: str
    config: dict
    stored: str  # dtype of the tensors: BF16, F16 or F32
    # Further stored tensors, which the text model does not use: (name, shape, same_as), or (name, shape, scale, offset).
    extra: list = field(default_factory=list)
    # Scale of the embedding's values. At 0.003 the first norm sees squares near 1e-5, so its epsilon matters.
    embedding_scale: float = 1.0
    # (a, b): the logits of every a-th row of a long prompt are kept, and of every b-th row of one of up to 64 tokens.
    kept_rows: tuple = (4, 1)
    # Images, as (rows, columns) of their tokens, videos, as (pairs of frames, rows, columns, seconds of a pair), and
    # prompts of numbers of text tokens and, as "a", "b", …, images, as "A", "B", …, videos.
    images: list = field(default_factory=list)
    videos: list = field(default_factory=list)
    image_prompts: list = field(default_factory=list)


FEW = (8, 4)  # kept_rows
_VIDEO_PROMPTS = [["A", 7], [5, "c", 2, "B", 3, "A", 4, "b", 9]]


def _qwen_vl_case(name, stored, config, prefix, video_prompts=(), **more):
    images = [(4, 6), (2, 7), (5, 3)]
    # Pairs at the same time, at times that are cut to whole numbers, and at some behind the positions of what follows.
    videos = [(4, 2, 3, 0.3), (2, 3, 2, 4.0)] if video_prompts else []
    return Case(name, stored=stored, kept_rows=FEW, config=config, extra=qwen_vision_tensors(config, prefix), images=images,
                videos=videos, image_prompts=[[9, "a", 30], [3, "b", 4, "c", 2, "b", 12], ["c", 5], *video_prompts],
                **more)


CASES = [
    # --- Qwen3ForCausalLM
    Case("qwen3_tied", stored="BF16",
         config=qwen3(**sizes(200, 64, 96, 2, 4, 2, 32), tie_word_embeddings=True, rope_theta=1000000.0,
                      rms_norm_eps=1e-6, attention_bias=False, rope_scaling=None, use_sliding_window=False,
                      sliding_window=None, max_window_layers=2, torch_dtype="bfloat16", bos_token_id=1,
                      eos_token_id=2),
         extra=[("lm_head.weight", [200, 64], "model.embed_tokens.weight"),
                ("model.layers.2.input_layernorm.weight", [64], None)]),
    Case("qwen3_odd_sizes", stored="F32",
         config=qwen3(**sizes(173, 72, 100, 3, 3, 1, 24), tie_word_embeddings=False, attention_bias=True,
                      rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 50000.0},
                      use_sliding_window=False, sliding_window=4096, max_window_layers=28,
                      layer_types=["full_attention"] * 3, dtype="float32", bos_token_id=None, eos_token_id=[2, 3])),
    Case("qwen3_linear_rope", stored="F16",
         config=qwen3(**sizes(160, 48, 80, 2, 8, 1, 16), rope_theta=10000.0,
                      rope_scaling={"type": "linear", "factor": 4.0}, rms_norm_eps=1e-6, torch_dtype="float16")),
    Case("qwen3_llama3_rope", stored="BF16",
         config=qwen3(**sizes(168, 64, 112, 2, 4, 4, 64), rope_parameters=llama3_rope(rope_theta=100000.0),
                      dtype="bfloat16")),
    Case("qwen3_absent_keys", stored="BF16", embedding_scale=0.003,  # defaults: head_dim 128, theta 10 000, eps 1e-6, untied, no bias
         config=qwen3(**sizes(160, 64, 64, 1, 2, 2))),
    # Windows that the prompts exceed several times: by layer_types, and in the upper layers.
    Case("qwen3_layer_types", stored="F32",
         config=qwen3(**sizes(280, 64, 96, 3, 4, 2, 16), use_sliding_window=True, sliding_window=24,
                      layer_types=["sliding_attention", "full_attention", "sliding_attention"], dtype="float32")),
    Case("qwen3_upper_windows", stored="BF16",
         config=qwen3(**sizes(160, 48, 64, 2, 2, 1, 24), use_sliding_window=True, sliding_window=50,
                      max_window_layers=1, torch_dtype="bfloat16")),
    # --- Qwen2ForCausalLM
    Case("qwen2_tied", stored="BF16",
         config=qwen2(**sizes(190, 64, 96, 2, 4, 2), tie_word_embeddings=True, rope_theta=1000000.0,
                      rms_norm_eps=1e-6, use_sliding_window=False, sliding_window=32768, max_window_layers=2,
                      torch_dtype="bfloat16", bos_token_id=1, eos_token_id=2)),
    Case("qwen2_absent_keys", stored="F32", embedding_scale=0.003,  # eps 1e-6, theta 10 000, untied by default
         config=qwen2(**sizes(163, 72, 100, 3, 3, 1), dtype="float32")),
    Case("qwen2_linear_rope", stored="F16",  # as many KV heads as heads, by null
         config=qwen2(**{**sizes(168, 64, 112, 2, 4), "num_key_value_heads": None},
                      rope_parameters={"rope_type": "linear", "factor": 3.0, "rope_theta": 50000.0},
                      layer_types=["full_attention"] * 2, dtype="float16")),
    Case("qwen2_upper_windows", stored="BF16",
         config=qwen2(**sizes(184, 48, 64, 2, 3, 1), use_sliding_window=True, sliding_window=40,
                      max_window_layers=1, torch_dtype="bfloat16")),
    # --- MistralForCausalLM
    Case("mistral_no_window", stored="BF16",
         config=mistral(**sizes(176, 64, 112, 2, 4, 2, 32), rope_theta=1000000.0, rms_norm_eps=1e-5,
                        sliding_window=None, tie_word_embeddings=False, torch_dtype="bfloat16", bos_token_id=1,
                        eos_token_id=2)),
    Case("mistral_absent_keys", stored="F32", embedding_scale=0.003,  # a window of 4096 behind a context of 512
         config=mistral(**sizes(165, 128, 100, 2, 16), dtype="float32")),
    Case("mistral_window", stored="BF16",
         config=mistral(**sizes(172, 48, 64, 2, 2, 1, 24), rms_norm_eps=1e-5, sliding_window=33,
                        torch_dtype="bfloat16", bos_token_id=1, eos_token_id=2)),
    # --- LlamaForCausalLM
    Case("llama_multi_head", stored="F16",  # as many KV heads as heads, head_dim hidden / heads, by default
         config=llama(**sizes(192, 64, 88, 2, 4), rms_norm_eps=1e-5, torch_dtype="float16", bos_token_id=1,
                      eos_token_id=2, pretraining_tp=1),
         extra=[("model.layers.0.self_attn.rotary_emb.inv_freq", [8], None)]),
    Case("llama_llama3_rope", stored="BF16",
         config=llama(**sizes(176, 128, 160, 2, 4, 2), tie_word_embeddings=True, rope_theta=500000.0,
                      rope_scaling=llama3_rope(), rms_norm_eps=1e-5, attention_bias=False, mlp_bias=False,
                      torch_dtype="bfloat16", bos_token_id=1, eos_token_id=[2, 5])),
    Case("llama_biases", stored="F32", embedding_scale=0.003,  # eps 1e-6 by default
         config=llama(**sizes(165, 72, 100, 2, 4, 2, 24), attention_bias=True, mlp_bias=True,
                      rope_parameters={"rope_type": "linear", "factor": 2.5, "rope_theta": 10000.0},
                      dtype="float32")),
    Case("llama_grouped_9_to_3", stored="BF16",  # SmolLM2-135M's ratio
         config=llama(**sizes(180, 72, 192, 3, 9, 3), tie_word_embeddings=True, rms_norm_eps=1e-5,
                      rope_parameters={"rope_theta": 100000.0, "rope_type": "default"}, dtype="bfloat16")),
    # --- Qwen3MoeForCausalLM
    Case("qwen3_moe_normalized", stored="BF16",
         config=qwen3_moe(**sizes(280, 64, 96, 2, 4, 2, 32), moe_intermediate_size=48, num_experts=16,
                          num_experts_per_tok=4, norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[],
                          rope_theta=1000000.0, rms_norm_eps=1e-6, tie_word_embeddings=False, attention_bias=False,
                          rope_scaling=None, sliding_window=None, use_sliding_window=False, max_window_layers=2,
                          output_router_logits=False, router_aux_loss_coef=0.001, torch_dtype="bfloat16")),
    Case("qwen3_moe_some_dense", stored="F32",  # layers 1 and 3 are sparse by the step, 3 is dense by the list
         config=qwen3_moe(**sizes(161, 72, 100, 4, 3, 1, 24), moe_intermediate_size=40, num_experts=10,
                          num_experts_per_tok=3, norm_topk_prob=False, decoder_sparse_step=2, mlp_only_layers=[3],
                          rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, attention_bias=True,
                          rms_norm_eps=1e-6, tie_word_embeddings=True, dtype="float32")),
    # norm_topk_prob false, every layer sparse, head_dim hidden / heads, untied, eps 1e-6
    Case("qwen3_moe_absent_keys", stored="F16", embedding_scale=0.003,
         config=qwen3_moe(**sizes(168, 64, 96, 2, 4, 2), moe_intermediate_size=56, num_experts=6,
                          num_experts_per_tok=2,
                          rope_scaling={"rope_type": "linear", "factor": 2.0})),
    # --- Qwen2MoeForCausalLM
    Case("qwen2_moe_plain", stored="BF16",
         config=qwen2_moe(**sizes(280, 64, 96, 2, 4, 2), moe_intermediate_size=48, num_experts=12,
                          shared_expert_intermediate_size=80, num_experts_per_tok=4, norm_topk_prob=False,
                          decoder_sparse_step=1, rope_theta=1000000.0, rms_norm_eps=1e-6, sliding_window=None,
                          use_sliding_window=False, max_window_layers=2, tie_word_embeddings=False,
                          torch_dtype="bfloat16")),
    Case("qwen2_moe_some_dense", stored="F32",  # no bias; layer 1 is dense by the list
         config=qwen2_moe(**sizes(161, 72, 100, 3, 3, 1), moe_intermediate_size=40, num_experts=10,
                          shared_expert_intermediate_size=56, num_experts_per_tok=3, norm_topk_prob=True,
                          mlp_only_layers=[1], qkv_bias=False, tie_word_embeddings=True, dtype="float32")),
    # --- MixtralForCausalLM
    Case("mixtral_plain", stored="BF16",
         config=mixtral(**sizes(184, 64, 96, 2, 4, 2), num_local_experts=8, num_experts_per_tok=2,
                        rope_theta=1000000.0, rms_norm_eps=1e-5, sliding_window=None, tie_word_embeddings=False,
                        output_router_logits=False, router_aux_loss_coef=0.02, torch_dtype="bfloat16", bos_token_id=1,
                        eos_token_id=2)),
    Case("mixtral_odd_sizes", stored="F32", embedding_scale=0.003,  # theta 1 000 000 and eps 1e-5 by default
         config=mixtral(**sizes(171, 72, 100, 2, 6, 2, 24), num_local_experts=5, num_experts_per_tok=3,
                        dtype="float32")),
    Case("mixtral_window", stored="BF16",
         config=mixtral(**sizes(160, 48, 64, 2, 4, 2, 16), num_local_experts=4, num_experts_per_tok=2,
                        sliding_window=33, torch_dtype="bfloat16")),
    Case("mixtral_top_1", stored="F16",
         config=mixtral(**sizes(160, 48, 72, 2, 4, 1, 16), num_local_experts=4, num_experts_per_tok=1,
                        rope_parameters=llama3_rope(rope_theta=10000.0), tie_word_embeddings=True, dtype="float16")),
    # --- Olmo2ForCausalLM
    Case("olmo2_plain", stored="BF16", kept_rows=FEW,
         config=olmo2(**sizes(168, 64, 96, 2, 4, 2), rope_theta=500000.0, rms_norm_eps=1e-6, attention_bias=False,
                      tie_word_embeddings=True, torch_dtype="bfloat16")),
    Case("olmo2_absent_keys", stored="F32", kept_rows=FEW, embedding_scale=0.003,  # eps 1e-5, as many KV heads as heads
         config=olmo2(**sizes(161, 72, 100, 2, 3), attention_bias=True, dtype="float32")),
    # --- GraniteForCausalLM
    Case("granite_tied", stored="BF16", kept_rows=FEW,
         config=granite(**sizes(176, 64, 96, 2, 4, 2), embedding_multiplier=12.0, logits_scaling=4.0,
                        residual_multiplier=0.22, attention_multiplier=0.1, rope_theta=10000.0, rms_norm_eps=1e-5,
                        attention_bias=False, mlp_bias=False, tie_word_embeddings=True, torch_dtype="bfloat16")),
    Case("granite_biases", stored="F32", kept_rows=FEW,  # attention_multiplier and all other multipliers but one are 1
         config=granite(**sizes(163, 72, 100, 2, 3, 1), logits_scaling=1.5, attention_bias=True, mlp_bias=True,
                        dtype="float32")),
    # --- SmolLM3ForCausalLM
    Case("smollm3_absent_keys", stored="BF16", kept_rows=FEW,  # tied, theta 2 000 000, every fourth layer without rope
         config=smollm3(**sizes(168, 64, 80, 5, 4, 2))),
    Case("smollm3_listed", stored="F32", kept_rows=FEW,
         config=smollm3(**sizes(165, 72, 100, 3, 3, 1), no_rope_layers=[0, 1, 0, 1], no_rope_layer_interval=2,
                        rope_theta=50000.0, attention_bias=True, mlp_bias=True, tie_word_embeddings=False,
                        use_sliding_window=False, sliding_window=None, layer_types=["full_attention"] * 3,
                        dtype="float32")),
    Case("smollm3_interval", stored="F16", kept_rows=FEW,
         config=smollm3(**sizes(160, 64, 80, 3, 4, 4), no_rope_layer_interval=2, torch_dtype="float16",
                        rope_scaling={"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128,
                                      "attention_factor": 1.2, "beta_fast": 16.0, "beta_slow": 2.0})),
    Case("smollm3_window", stored="BF16", kept_rows=FEW,  # in the layers without rope
         config=smollm3(**sizes(164, 48, 64, 3, 2, 1, 24), no_rope_layer_interval=2, use_sliding_window=True,
                        sliding_window=36, torch_dtype="bfloat16")),
    # --- Phi3ForCausalLM
    Case("phi3_plain", stored="BF16", kept_rows=FEW,
         config=phi3(**sizes(176, 64, 112, 2, 4, 2), rope_theta=10000.0, rms_norm_eps=1e-5, sliding_window=2047,
                     tie_word_embeddings=False, torch_dtype="bfloat16", bos_token_id=1)),
    Case("phi3_partial_rotary", stored="F32", kept_rows=FEW,  # as many KV heads as heads
         config=phi3(**sizes(163, 96, 80, 2, 3), partial_rotary_factor=0.75, tie_word_embeddings=True,
                     rope_parameters={"rope_type": "default", "rope_theta": 20000.0}, dtype="float32")),
    Case("phi3_longrope", stored="BF16", kept_rows=FEW,
         # the prompts of 1 and 7 tokens stay short, that of 40 becomes long, that of 201 is
         config=phi3(**{**sizes(168, 64, 96, 2, 4, 2), "max_position_embeddings": 1024},
                     original_max_position_embeddings=52, rope_theta=10000.0, sliding_window=262144,
                     partial_rotary_factor=0.75, torch_dtype="bfloat16",
                     rope_scaling={"type": "longrope", "short_factor": [1.0, 1.05, 1.3, 1.6, 2.0, 2.5],
                                   "long_factor": [1.0, 1.5, 2.5, 4.0, 6.0, 8.0]})),
    # --- Glm4MoeForCausalLM
    # half of each head is rotated by default; a stored layer predicts further tokens
    Case("glm4_moe_groups", stored="BF16", kept_rows=FEW,
         config=glm4_moe(**sizes(168, 64, 96, 3, 4, 2, 16), moe_intermediate_size=40, n_routed_experts=12,
                         num_experts_per_tok=3, n_shared_experts=1, n_group=4, topk_group=2, norm_topk_prob=True,
                         routed_scaling_factor=1.5, first_k_dense_replace=1, use_qk_norm=True, attention_bias=True,
                         num_nextn_predict_layers=1, rope_theta=1000000.0, rms_norm_eps=1e-5,
                         tie_word_embeddings=False, dtype="bfloat16"),
         extra=[("model.layers.3.eh_proj.weight", [64, 128], None), ("model.layers.3.enorm.weight", [64], None),
                ("model.layers.3.input_layernorm.weight", [64], None),
                ("model.layers.3.shared_head.head.weight", [168, 64], None)]),
    # one group, no norm on heads, no bias; two dense layers; two shared experts; weights as they are
    Case("glm4_moe_plain", stored="F32", kept_rows=FEW,
         config=glm4_moe(**sizes(161, 72, 80, 4, 3, 1, 24), moe_intermediate_size=32, n_routed_experts=8,
                         num_experts_per_tok=2, n_shared_experts=2, norm_topk_prob=False, first_k_dense_replace=2,
                         partial_rotary_factor=1.0, tie_word_embeddings=True, dtype="float32")),
    # --- GptOssForCausalLM
    Case("gpt_oss_plain", stored="BF16", kept_rows=FEW,
         config=gpt_oss(**sizes(280, 64, 48, 2, 4, 2, 16), num_local_experts=8, num_experts_per_tok=3,
                        experts_per_token=3, sliding_window=24, layer_types=["sliding_attention", "full_attention"],
                        attention_bias=True, rope_theta=150000.0, rms_norm_eps=1e-5, swiglu_limit=7.0,
                        tie_word_embeddings=False, torch_dtype="bfloat16", pad_token_id=0, eos_token_id=2,
                        rope_scaling={"rope_type": "yarn", "factor": 16.0, "beta_fast": 32.0, "beta_slow": 1.0,
                                      "original_max_position_embeddings": 64, "truncate": False})),
    # heads of 64, 8 KV heads, windows of 128 in every second layer, yarn, eps 1e-5, four experts a token
    Case("gpt_oss_absent_keys", stored="F32", kept_rows=FEW, embedding_scale=0.003,
         config=gpt_oss(**sizes(161, 40, 36, 3, 8), num_local_experts=10, dtype="float32")),
    Case("gpt_oss_no_biases", stored="F16", kept_rows=FEW,
         config=gpt_oss(**sizes(164, 48, 40, 2, 2, 1, 24), num_local_experts=4, num_experts_per_tok=1,
                        layer_types=["full_attention"] * 2, attention_bias=False, tie_word_embeddings=True,
                        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, torch_dtype="float16")),
    Case("gpt_oss_mxfp4", stored="BF16", kept_rows=FEW,
         config=gpt_oss(**sizes(168, 64, 96, 2, 4, 2, 16), num_local_experts=6, num_experts_per_tok=2,
                        sliding_window=40, rope_theta=150000.0,
                        quantization_config={"modules_to_not_convert": [
                            "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"],
                            "quant_method": "mxfp4"})),
    # --- Gemma2ForCausalLM: soft caps low enough, and windows short enough, to show in the logits
    Case("gemma2_plain", stored="BF16", kept_rows=FEW,
         config=gemma2(**sizes(168, 64, 96, 2, 4, 2, 32), attn_logit_softcapping=5.0, final_logit_softcapping=3.0,
                       query_pre_attn_scalar=24, sliding_window=40, rope_theta=10000.0, rms_norm_eps=1e-6,
                       attention_bias=False, cache_implementation="hybrid", torch_dtype="bfloat16", bos_token_id=2,
                       eos_token_id=1, pad_token_id=0)),
    # tied, heads of 256, 4 KV heads, caps of 50 and 30, scores by 1 / 16
    Case("gemma2_absent_keys", stored="F32", kept_rows=FEW, config=gemma2(**sizes(161, 64, 80, 2, 4))),
    Case("gemma2_layer_types", stored="F32", kept_rows=FEW,  # no caps, untied, biases
         config=gemma2(**sizes(165, 72, 100, 3, 3, 1, 24), attn_logit_softcapping=None, final_logit_softcapping=None,
                       query_pre_attn_scalar=20, sliding_window=24, attention_bias=True, tie_word_embeddings=False,
                       layer_types=["full_attention", "sliding_attention", "full_attention"], dtype="float32",
                       rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 50000.0})),
    # --- Gemma3ForCausalLM: ropes so far apart that one for all layers would show
    Case("gemma3_plain", stored="BF16", kept_rows=FEW,
         config=gemma3(**sizes(168, 64, 96, 3, 4, 1, 32), hidden_activation="gelu_pytorch_tanh",
                       attn_logit_softcapping=None, final_logit_softcapping=None, query_pre_attn_scalar=24,
                       sliding_window=30, sliding_window_pattern=2, rope_theta=1000000.0, rope_local_base_freq=100.0,
                       rope_scaling=None, rms_norm_eps=1e-6, attention_bias=False, torch_dtype="bfloat16",
                       bos_token_id=2, eos_token_id=[1, 106], pad_token_id=0)),
    # tied, heads of 256, 4 KV heads, eps 1e-6, five of six layers with the local rope and a window that none outgrows
    Case("gemma3_absent_keys", stored="F16", kept_rows=FEW, embedding_scale=0.01, config=gemma3(**sizes(160, 48, 48, 6, 4))),
    Case("gemma3_two_ropes", stored="F32", kept_rows=FEW,
         config=gemma3(**sizes(163, 72, 80, 3, 3, 1, 24), query_pre_attn_scalar=30, final_logit_softcapping=4.0,
                       sliding_window=24, attention_bias=True, tie_word_embeddings=False, dtype="float32",
                       layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                       rope_parameters={"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 20000.0},
                                        "sliding_attention": {"rope_type": "default", "rope_theta": 500.0}})),
    # --- Gemma3ForConditionalGeneration: its text tower, under its first published names and under today's
    Case("gemma3_vision", stored="BF16", kept_rows=FEW, extra=gemma3_vision_tensors(""),
         config=gemma3_vision({**sizes(168, 64, 64, 2, 4, 2, 32), "sliding_window": 30, "sliding_window_pattern": 2,
                               "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}, torch_dtype="bfloat16",
                              eos_token_id=[1, 106])),
    Case("gemma3_vision_new_names", stored="F32", kept_rows=FEW, extra=gemma3_vision_tensors("model."),
         config=gemma3_vision({**sizes(160, 64, 64, 1, 4, 2, 16), "sliding_window": 30,
                               "layer_types": ["full_attention"], "query_pre_attn_scalar": 30,
                               "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 10000.0},
                                                   "sliding_attention": {"rope_type": "default",
                                                                         "rope_theta": 500.0}}}, dtype="float32")),
    # Images of 16 tokens, which see each other within a window of 12: those of more than half an image.
    Case("gemma3_images", stored="BF16", kept_rows=FEW, extra=siglip_tensors("model.", 56, 14, 64), images=[(4, 4), (4, 4)],
         image_prompts=[[9, "a", 30], [3, "b", 4, "a", 2, "b", 12], ["b", 5]],
         config=siglip_config(gemma3_vision(
             {**sizes(168, 64, 64, 3, 4, 2, 32), "sliding_window": 12, "sliding_window_pattern": 3,
              "query_pre_attn_scalar": 24}, torch_dtype="bfloat16"), 56, 14)),
    # --- Qwen3VLForConditionalGeneration, Qwen3VLMoeForConditionalGeneration, Qwen2_5_VLForConditionalGeneration
    _qwen_vl_case("qwen3_vl_tied", "BF16", prefix="model.visual.", video_prompts=_VIDEO_PROMPTS, config=qwen3_vl(
        {**sizes(168, 64, 96, 3, 4, 2, 32), "dtype": "bfloat16", "attention_bias": False, "rms_norm_eps": 1e-6,
         "rope_scaling": {"mrope_interleaved": True, "mrope_section": [6, 5, 5], "rope_type": "default"},
         "rope_theta": 5000000, "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": True},
        tie_word_embeddings=True)),
    # as transformers 5 saves it; theta 500 000, eps 1e-6 and untied by default
    _qwen_vl_case("qwen3_vl_new_keys", "F32", prefix="model.visual.", config=qwen3_vl(
        {**sizes(163, 72, 100, 2, 3, 1, 24), "attention_bias": True,
         "rope_parameters": {"mrope_interleaved": True, "mrope_section": [2, 5, 5], "rope_type": "default"}},
        dtype="float32")),
    # a theta with which every pair of dimensions matters; columns run out of pairs before rows do
    _qwen_vl_case("qwen3_vl_moe", "BF16", prefix="model.visual.", config=qwen3_vl_moe(
        {**sizes(164, 64, 80, 3, 4, 2, 32), "moe_intermediate_size": 40, "num_experts": 8, "num_experts_per_tok": 3,
         "norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": [1], "rope_theta": 200,
         "rope_scaling": {"mrope_interleaved": True, "mrope_section": [8, 5, 3], "rope_type": "default"}},
        tie_word_embeddings=False, dtype="bfloat16")),
    # as first published: the text's keys beside those of the whole
    _qwen_vl_case("qwen2_5_vl_flat", "BF16", prefix="visual.", video_prompts=_VIDEO_PROMPTS, config=qwen2_5_vl(
        **sizes(168, 64, 96, 2, 4, 2), rope_theta=1000000.0, rms_norm_eps=1e-6, tie_word_embeddings=False,
        rope_scaling={"type": "mrope", "mrope_section": [2, 3, 3]}, use_sliding_window=False, sliding_window=32768,
        max_window_layers=2, torch_dtype="bfloat16", bos_token_id=1, eos_token_id=2)),
    _qwen_vl_case("qwen2_5_vl_yarn", "F32", prefix="model.visual.", config=qwen2_5_vl(
        text_config={"model_type": "qwen2_5_vl_text", **sizes(161, 72, 100, 2, 3, 1), "tie_word_embeddings": True,
                     "bos_token_id": None, "eos_token_id": None,
                     "rope_parameters": {"rope_type": "yarn", "mrope_section": [2, 6, 4], "rope_theta": 1000000.0,
                                         "factor": 4.0, "original_max_position_embeddings": 128}},
        dtype="float32")),
    # --- rope scaling of every family
    Case("qwen2_yarn", stored="BF16", kept_rows=FEW,
         config=qwen2(**sizes(168, 64, 96, 2, 2, 1), rope_theta=1000000.0, torch_dtype="bfloat16",
                      rope_scaling={"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128})),
    Case("llama_yarn_mscale", stored="F32", kept_rows=FEW,
         config=llama(**sizes(163, 64, 96, 2, 2), dtype="float32", bos_token_id=1, eos_token_id=2,
                      rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 8.0, "truncate": False,
                                       "mscale": 0.7, "mscale_all_dim": 1.0,
                                       "original_max_position_embeddings": 64})),
    Case("llama_dynamic_rope", stored="F32", kept_rows=FEW,
         config=llama(**sizes(160, 64, 96, 1, 4), dtype="float32", bos_token_id=1, eos_token_id=2,
                      rope_scaling={"type": "dynamic", "factor": 4.0})),
]

