package lora

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// slot says what a tensor of an adapter is.
type slot uint8

const (
	slotA      slot = iota // lora_A.weight [r, in]
	slotB                  // lora_B.weight [out, r]
	slotBias               // lora_B.bias [out]
	slotEmbedA             // lora_embedding_A [r, tokens]
	slotEmbedB             // lora_embedding_B [width, r]
	slotMag                // lora_magnitude_vector [out]
	slotSaved              // a parameter of the base, trained in full
	nSlots
)

// slotNames are the names that files have for slots.
var slotNames = [nSlots]string{"lora_A", "lora_B", "lora_B.bias", "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector", "parameter"}

// key is the name of a tensor, read.
type key struct {
	module string // model.layers.21.mlp.down_proj
	slot   slot
	param  string // of slotSaved: weight or bias
}

// prefix is what PEFT puts before the names of the base model's modules. Files
// written through transformers' own adapter methods leave it out.
const prefix = "base_model.model."

// wrappers are parts of a module path that compilation, sharding and checkpointing
// of activations put in and that name no module.
var wrappers = regexp.MustCompile(`(?:^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)(\.|$)`)

// factorForm splits the name of a factor as PEFT writes it. What may stand behind
// lora_A is the adapter's name, which files usually leave out, as they leave out
// the .weight of a magnitude.
var factorForm = regexp.MustCompile(`^(.+)\.(?:(lora_A|lora_B)(?:\.[^.]+)?\.(weight|bias)|(lora_embedding_A|lora_embedding_B)(?:\.[^.]+)?|(lora_magnitude_vector)(?:\.[^.]+)?(?:\.weight)?)$`)

// savedForm splits the name of a parameter that was saved in full.
var savedForm = regexp.MustCompile(`^(.+?)(?:\.modules_to_save(?:\.[^.]+)?|\.base_layer)?\.(weight|bias)$`)

// parseKey reads the name of a tensor.
func parseKey(name string) (key, error) {
	path := strings.TrimPrefix(unwrap(name), prefix)
	if g := factorForm.FindStringSubmatch(path); g != nil {
		return factorKey(g)
	}
	if why := stray(path); why != "" {
		return key{}, errors.New(why)
	}
	if g := savedForm.FindStringSubmatch(path); g != nil {
		return key{module: g[1], slot: slotSaved, param: g[2]}, nil
	}
	return key{}, errors.New("found a name that belongs to no LoRA module and to no parameter, expected …lora_A.weight, …lora_B.weight or …weight")
}

// unwrap takes the wrappers out of a name.
func unwrap(name string) string {
	for {
		next := wrappers.ReplaceAllStringFunc(name, func(s string) string {
			if strings.HasPrefix(s, ".") && strings.HasSuffix(s, ".") {
				return "."
			}
			return ""
		})
		if next == name {
			return name
		}
		name = next
	}
}

// factorKey makes a key of what factorForm found.
func factorKey(g []string) (key, error) {
	k := key{module: g[1]}
	switch kind := g[2] + g[4] + g[5]; {
	case kind == "lora_A" && g[3] == "weight":
		k.slot = slotA
	case kind == "lora_B" && g[3] == "weight":
		k.slot = slotB
	case kind == "lora_B":
		k.slot = slotBias
	case kind == "lora_embedding_A":
		k.slot = slotEmbedA
	case kind == "lora_embedding_B":
		k.slot = slotEmbedB
	case kind == "lora_magnitude_vector":
		k.slot = slotMag
	default:
		return key{}, errors.New("a bias on lora_A is not supported")
	}
	return k, nil
}

// stray says of known foreign names what they are, "" of others.
func stray(path string) string {
	for _, x := range []struct{ part, why string }{
		{"lora_a", "torchtune's or MLX's own names of factors are not read: torchtune's checkpointer writes the PEFT form beside them as adapter_model.safetensors"},
		{"lora_b", "torchtune's or MLX's own names of factors are not read: torchtune's checkpointer writes the PEFT form beside them as adapter_model.safetensors"},
		{"lora_E", "AdaLoRA is not supported"},
		{"ranknum", "AdaLoRA is not supported"},
		{"ia3_l", "IA³ is not supported"},
		{"vera_lambda_b", "VeRA is not supported"},
		{"vera_lambda_d", "VeRA is not supported"},
		{"token_adapter", "trained token embeddings are not supported"},
		{"trainable_tokens_delta", "trained token embeddings are not supported"},
		{"original_module", "the untrained copy of a module of modules_to_save is not expected in a file"},
		{"lora_A", "this form of lora_A is not supported"},
		{"lora_B", "this form of lora_B is not supported"},
		{"lora_embedding_A", "this form of lora_embedding_A is not supported"},
		{"lora_embedding_B", "this form of lora_embedding_B is not supported"},
		{"lora_magnitude_vector", "this form of a magnitude is not supported"},
	} {
		for part := range strings.SplitSeq(path, ".") {
			if part == x.part {
				return fmt.Sprintf("found %s: %s", x.part, x.why)
			}
		}
	}
	return ""
}
