package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"agar/model/internal/rawjson"
)

// config reads a config.json key by key. It keeps the first error, and which keys
// were read: whatever remains in the end is a key that the family does not know.
type config struct {
	keys map[string]json.RawMessage
	read map[string]bool
	path string // of keys inside an object, with a dot behind
	err  error
	// yarnIsLongrope says that configs of the family called longrope yarn once,
	// originalMaxPos what its original context is when a config does not say.
	yarnIsLongrope bool
	originalMaxPos int
}

// maxConfigValues is how many values a config.json may have; known ones have some
// hundred. Each takes some hundred bytes of memory.
const maxConfigValues = 1 << 13

func newConfig(data []byte) (*config, error) {
	if n := rawjson.Values(data); n > maxConfigValues {
		return nil, fmt.Errorf("found %d values, expected at most %d", n, maxConfigValues)
	}
	c := &config{read: map[string]bool{}}
	if err := json.Unmarshal(data, &c.keys); err != nil {
		return nil, err
	}
	return c, nil
}

// get decodes a key into v and tells whether it is there and not null.
func (c *config) get(key string, v any) bool {
	c.read[key] = true
	raw, ok := c.keys[key]
	if !ok || bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return false
	}
	if err := json.Unmarshal(raw, v); err != nil {
		c.fail("%s%s: %w", c.path, key, err)
		return false
	}
	return true
}

func (c *config) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

// has tells whether a key is there and not null.
func (c *config) has(key string) bool {
	var v json.RawMessage
	return c.get(key, &v)
}

func (c *config) int(key string, def int) int {
	v := def
	c.get(key, &v)
	return v
}

// need reads an integer that has no default.
func (c *config) need(key string) (v int) {
	if !c.get(key, &v) {
		c.fail("found no %q", c.path+key)
	}
	return v
}

// float reads a number; JSON's integers are numbers too.
func (c *config) float(key string, def float64) float64 {
	v := def
	c.get(key, &v)
	return v
}

func (c *config) bool(key string, def bool) bool {
	v := def
	c.get(key, &v)
	return v
}

func (c *config) string(key, def string) string {
	v := def
	c.get(key, &v)
	return v
}

// only refuses a key with any value but those, of which the first is the default.
func (c *config) only(key string, values ...any) {
	var v any
	if !c.get(key, &v) || slices.Contains(values, v) {
		return
	}
	var want []string
	for _, w := range values {
		s, _ := json.Marshal(w)
		want = append(want, string(s))
	}
	c.fail("%s%s %s is not supported, expected %s", c.path, key, bytes.TrimSpace(c.keys[key]), strings.Join(want, " or "))
}

// object reads an object for its own keys; nil when it is not there.
func (c *config) object(key string) *config {
	o := &config{read: map[string]bool{}, path: c.path + key + "."}
	if !c.get(key, &o.keys) {
		return nil
	}
	return o
}

// unread names the keys that nobody read and that are not null, in ascending order.
func (c *config) unread() []string {
	var left []string
	for k := range c.keys {
		if !c.read[k] && c.has(k) {
			left = append(left, c.path+k)
		}
	}
	slices.Sort(left)
	return left
}

// harmless are the keys of configs that change no number of a forward: what a
// text generation starts from, how the model was trained, saved or is to be run,
// and what only other heads read.
var harmless = strings.Fields(`
	_name_or_path _attn_implementation _attn_implementation_autoset architectures attention_dropout attention_probs_dropout_prob
	attn_implementation attn_pdrop auto_map bad_words_ids begin_suppress_tokens bos_token_id cache_implementation
	chunk_size_feed_forward classifier_dropout custom_pipelines decoder_start_token_id diversity_penalty do_sample dtype
	early_stopping embd_pdrop embd_dropout encoder_no_repeat_ngram_size eos_token_id experts_implementation exponential_decay_length_penalty
	finetuning_task forced_bos_token_id forced_eos_token_id gradient_checkpointing hidden_dropout hidden_dropout_prob id2label
	initializer_range label2id language length_penalty max_length min_length model_max_length model_type no_repeat_ngram_size
	num_beam_groups num_beams num_return_sequences output_attentions output_hidden_states output_router_logits output_scores
	pad_token_id prefix pretraining_tp problem_type remove_invalid_values repetition_penalty resid_pdrop residual_dropout
	return_dict return_dict_in_generate router_aux_loss_coef sep_token_id summary_activation summary_first_dropout
	summary_proj_to_labels summary_type summary_use_proj suppress_tokens task_specific_params temperature tf_legacy_loss
	tokenizer_class top_k top_p torch_dtype torchscript transformers.js_config transformers_version typical_p
	unsloth_fixed unsloth_version use_bfloat16 use_cache
`)

// everywhere are keys that may only have one value in any family.
func (c *config) everywhere() {
	c.only("is_encoder_decoder", false)
	c.only("add_cross_attention", false)
	c.only("is_decoder", false, true)
	c.only("tie_encoder_decoder", false)
	c.only("cross_attention_hidden_size")
	for _, key := range []string{"quantization_config", "compression_config"} {
		if c.has(key) {
			c.fail("%s is not supported, expected plain F64, F32, F16 or BF16 weights (GGUF files may be quantised)", key)
		}
	}
	var pruned map[string]any
	if c.get("pruned_heads", &pruned) && len(pruned) > 0 {
		c.fail("pruned_heads is not supported, expected none")
	}
	for _, k := range harmless {
		c.read[k] = true
	}
}

// tokenIDs is a JSON number, a list of them, or null.
type tokenIDs []int32

// UnmarshalJSON takes all three.
func (t *tokenIDs) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	if b[0] == '[' {
		return json.Unmarshal(b, (*[]int32)(t))
	}
	var one int32
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*t = tokenIDs{one}
	return nil
}

// parseConfig reads a config.json and gives the Spec of its family. A key that
// the family does not know is an error that names it.
func parseConfig(data []byte) (*config, *family, Spec, error) {
	c, err := newConfig(data)
	if err != nil {
		return nil, nil, Spec{}, err
	}
	var architectures []string
	c.get("architectures", &architectures)
	f, name, err := familyOf(architectures)
	if err != nil {
		return nil, nil, Spec{}, err
	}
	s := f.spec(c)
	s.Architecture = name
	c.everywhere()
	if left := c.unread(); len(left) > 0 {
		c.fail("%s is not known of %s and could change its numbers (null or leaving it out takes the default)", strings.Join(left, ", "), name)
	}
	if c.err != nil {
		return nil, nil, Spec{}, c.err
	}
	s.complete()
	return c, f, s, s.check()
}
