package model

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// config is what agar reads of a config.json. Pointers tell an absent key from
// a zero.
type config struct {
	Architectures     []string        `json:"architectures"`
	NameOrPath        string          `json:"_name_or_path"`
	HiddenSize        *int            `json:"hidden_size"`
	IntermediateSize  *int            `json:"intermediate_size"`
	Layers            *int            `json:"num_hidden_layers"`
	Heads             *int            `json:"num_attention_heads"`
	KVHeads           *int            `json:"num_key_value_heads"`
	HeadDim           *int            `json:"head_dim"`
	VocabSize         *int            `json:"vocab_size"`
	MaxPos            *int            `json:"max_position_embeddings"`
	RMSNormEps        *float64        `json:"rms_norm_eps"`
	RopeTheta         *float64        `json:"rope_theta"`
	RopeScaling       *ropeConfig     `json:"rope_scaling"`
	RopeParameters    *ropeConfig     `json:"rope_parameters"`
	TieWordEmbeddings *bool           `json:"tie_word_embeddings"`
	HiddenAct         string          `json:"hidden_act"`
	AttentionBias     bool            `json:"attention_bias"`
	MLPBias           bool            `json:"mlp_bias"`
	PartialRotary     *float64        `json:"partial_rotary_factor"`
	EOS               tokenIDs        `json:"eos_token_id"`
	Quantization      json.RawMessage `json:"quantization_config"`
}

// ropeConfig is rope_scaling of older and rope_parameters of newer configs.
type ropeConfig struct {
	Theta          *float64 `json:"rope_theta"`
	RopeType       string   `json:"rope_type"`
	Type           string   `json:"type"`
	Factor         float64  `json:"factor"`
	LowFreqFactor  float64  `json:"low_freq_factor"`
	HighFreqFactor float64  `json:"high_freq_factor"`
	OriginalMaxPos int      `json:"original_max_position_embeddings"`
	PartialRotary  *float64 `json:"partial_rotary_factor"`
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

// parseConfig reads a config.json and gives the Spec of its family.
func parseConfig(data []byte) (*config, *family, Spec, error) {
	var c config
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, nil, Spec{}, err
	}
	f, name, err := familyOf(c.Architectures)
	if err != nil {
		return nil, nil, Spec{}, err
	}
	s, err := f.spec(&c)
	if err != nil {
		return nil, nil, Spec{}, err
	}
	s.Architecture = name
	return &c, f, s, s.check()
}

// need reads a key that has no default.
func need[T any](v *T, key string, err *error) T {
	if v == nil {
		if *err == nil {
			*err = fmt.Errorf("found no %q", key)
		}
		var zero T
		return zero
	}
	return *v
}

// or reads a key that has a default.
func or[T any](v *T, def T) T {
	if v == nil {
		return def
	}
	return *v
}

// rope reads theta and scaling from wherever this config has them.
func (c *config) rope(defaultTheta float64) (theta float64, s RopeScaling, err error) {
	theta = or(c.RopeTheta, defaultTheta)
	r := c.RopeParameters
	if r == nil {
		r = c.RopeScaling
	}
	for _, p := range []*float64{c.PartialRotary, partial(r)} {
		if p != nil && *p != 1 {
			return 0, s, fmt.Errorf("partial_rotary_factor %g is not supported, expected 1", *p)
		}
	}
	if r == nil {
		return theta, s, nil
	}
	theta = or(r.Theta, theta)
	kind := r.RopeType
	if kind == "" {
		kind = r.Type
	}
	if kind == "" || kind == "default" {
		return theta, s, nil
	}
	s = RopeScaling{Type: kind, Factor: r.Factor, LowFreqFactor: r.LowFreqFactor, HighFreqFactor: r.HighFreqFactor, OriginalMaxPos: r.OriginalMaxPos}
	return theta, s, nil
}

func partial(r *ropeConfig) *float64 {
	if r == nil {
		return nil
	}
	return r.PartialRotary
}

// quantized tells whether the config announces weights in another form.
func (c *config) quantized() bool {
	return len(c.Quantization) > 0 && !bytes.Equal(bytes.TrimSpace(c.Quantization), []byte("null"))
}
