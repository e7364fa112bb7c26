package lora

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// harmless lists the keys of adapter_config.json, PEFT 0.3 to 0.21, whose
// value does not change the forward pass of a loaded, unmerged LoRA adapter, or
// that Config reads.
var harmless = map[string]bool{
	"r": true, "lora_alpha": true, "use_rslora": true, "rank_pattern": true, "alpha_pattern": true,
	"target_modules": true, "exclude_modules": true, "layers_to_transform": true, "layers_pattern": true,
	"use_dora": true, "lora_bias": true, "modules_to_save": true, "ensure_weight_tying": true,
	"base_model_name_or_path": true, "revision": true, "task_type": true, "auto_mapping": true,
	"inference_mode": true, "peft_version": true, "lora_dropout": true, "merge_weights": true,
	"megatron_core": true, "qalora_group_size": true, "runtime_config": true,
	// B is [out, r] and A is [r, in] whichever way the base stores W; DoRA's norm
	// runs over the inputs of a neuron either way
	"fan_in_fan_out": true,
	// settings of initialisations and of a backward pass; init_lora_weights says whether they were used
	"loftq_config": true, "eva_config": true, "corda_config": true, "lora_ga_config": true, "velora_config": true,
}

// altering lists the keys that change the forward pass when they hold anything
// but nothing, with the words that explain it.
var altering = map[string]string{
	"enable_lora":             "LoRA on a part of a fused layer is not supported",
	"layer_replication":       "replicated layers are not supported",
	"trainable_token_indices": "trained token embeddings are not supported",
	"target_parameters":       "LoRA on bare parameters is not supported",
	"alora_invocation_tokens": "activated LoRA is not supported",
	"alora_invocation_string": "activated LoRA is not supported",
	"invocation_string":       "activated LoRA is not supported",
	"megatron_config":         "Megatron parallel layers are not supported",
	"monteclora_config":       "MonteCLoRA is not supported",
	"use_qalora":              "QALoRA is not supported",
	"use_bdlora":              "block-diagonal LoRA is not supported",
	"arrow_config":            "Arrow routing is not supported",
	"kasa_config":             "KaSA is not supported",
}

// inits lists the values of init_lora_weights that leave the base weights as
// they are. MiCA and EVA choose where A or B starts, nothing more.
var inits = []string{"true", "false", "null", `"gaussian"`, `"orthogonal"`, `"eva"`, `"mica"`}

// methods explains values of peft_type that are not LORA.
var methods = map[string]string{
	"ADALORA": "its ranks are pruned by a third factor E", "IA3": "it scales activations", "VERA": "its factors are random and shared",
	"LOHA": "its ΔW is a Hadamard product", "LOKR": "its ΔW is a Kronecker product", "OFT": "it rotates weights", "BOFT": "it rotates weights",
	"XLORA": "it mixes adapters by a router", "TRAINABLE_TOKENS": "it trains token embeddings",
	"PROMPT_TUNING": "it prepends trained tokens", "P_TUNING": "it prepends trained tokens", "PREFIX_TUNING": "it prepends trained keys and values",
}

// refuse checks every key of an adapter_config.json against what this engine
// computes. Unknown keys that are empty are let through with a warning.
func refuse(raw map[string]json.RawMessage) (warnings []string, err error) {
	if err := method(raw); err != nil {
		return nil, err
	}
	keys := make([]string, 0, len(raw))
	for k := range raw {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		why, alters := altering[k]
		switch {
		case harmless[k] || k == "peft_type" || k == "bias" || k == "init_lora_weights":
		case alters && !empty(raw[k]):
			return nil, fmt.Errorf("key %q: found %s: %s", k, brief(raw[k]), why)
		case alters:
		case empty(raw[k]):
			warnings = append(warnings, fmt.Sprintf("adapter_config.json: unknown key %q is empty and was ignored", k))
		default:
			return nil, fmt.Errorf("key %q: found %s: the key is unknown here and could change the forward pass", k, brief(raw[k]))
		}
	}
	return warnings, nil
}

// method checks the keys that say which method made the adapter.
func method(raw map[string]json.RawMessage) error {
	var peft string
	if err := json.Unmarshal(raw["peft_type"], &peft); err != nil || peft != "LORA" {
		why := ""
		if w, ok := methods[peft]; ok {
			why = ": " + peft + " is not supported, " + w
		}
		return fmt.Errorf("key %q: found %s, expected \"LORA\"%s", "peft_type", orAbsent(raw["peft_type"]), why)
	}
	v := strings.TrimSpace(string(raw["init_lora_weights"]))
	if v == "" || slices.Contains(inits, v) {
		return nil
	}
	return fmt.Errorf("key %q: found %s, expected one of %s: %s", "init_lora_weights", brief(raw["init_lora_weights"]), strings.Join(inits, ", "), conversion(v))
}

// conversion says what to do about an initialisation that took the first adapter
// out of the base weights, so that the adapter on the published base is not the
// fine-tune.
func conversion(init string) string {
	const residual = "if MODEL is the changed base itself, as saved with the adapter, set the key to true"
	if strings.Contains(init, "loftq") {
		return "this initialisation replaced the base weights by quantised ones, which PEFT cannot undo; " + residual
	}
	return "this initialisation changed the base weights; convert the adapter with PEFT: save the untrained adapter to INIT, " +
		"after training call model.save_pretrained(OUT, path_initial_model_for_weight_conversion=INIT); " + residual
}

// empty tells whether a JSON value is null, false, "", [] or {}.
func empty(v json.RawMessage) bool {
	v = bytes.TrimSpace(v)
	switch string(v) {
	case "null", "false", `""`:
		return true
	}
	var list []json.RawMessage
	if json.Unmarshal(v, &list) == nil {
		return len(list) == 0
	}
	var object map[string]json.RawMessage
	return json.Unmarshal(v, &object) == nil && len(object) == 0
}

func orAbsent(v json.RawMessage) string {
	if len(v) == 0 {
		return "nothing"
	}
	return brief(v)
}
