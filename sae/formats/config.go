package formats

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"agar/sae"
)

// LayoutVersion is the SAELens version whose layout Save writes, recorded as
// sae_lens_version so that SAELens reads the directory without migration.
const LayoutVersion = "6.54.12"

const archBatchTopK = "batchtopk" // training checkpoints only

// config is cfg.json. Pointers tell an absent key from a zero.
type config struct {
	DIn            int            `json:"d_in"`
	DSAE           int            `json:"d_sae"`
	DType          string         `json:"dtype"`
	Device         string         `json:"device"`
	ApplyBDec      *bool          `json:"apply_b_dec_to_input"`
	Normalize      *string        `json:"normalize_activations"`
	Reshape        *string        `json:"reshape_activations"`
	Metadata       map[string]any `json:"metadata"`
	Architecture   string         `json:"architecture"`
	K              *float64       `json:"k,omitempty"`
	Rescale        *bool          `json:"rescale_acts_by_decoder_norm,omitempty"`
	SAELensVersion string         `json:"sae_lens_version,omitempty"`
}

func readConfig(path string) (*config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("formats: %w", err)
	}
	c, err := parseConfig(b)
	if err != nil {
		return nil, fmt.Errorf("formats: %s: %w", path, err)
	}
	return c, nil
}

// parseConfig decodes and judges cfg.json.
func parseConfig(b []byte) (*config, error) {
	c := new(config)
	if err := json.Unmarshal(b, c); err != nil {
		return nil, err
	}
	return c, c.check()
}

// maxSize bounds d_in and d_sae, so that their product is an int anywhere.
const maxSize = 1 << 30

func (c *config) check() error {
	switch {
	case c.Architecture == "":
		return fmt.Errorf("architecture is missing, expected standard, topk, jumprelu or batchtopk")
	case !known(c.Architecture):
		return fmt.Errorf("architecture %q is not read, expected standard, topk, jumprelu or batchtopk", c.Architecture)
	case !atLeastSix(c.version()):
		return fmt.Errorf("sae_lens_version %q is not read, expected 6.0.0 or later", c.version())
	case c.DIn <= 0 || c.DSAE <= 0 || c.DIn > maxSize || c.DSAE > maxSize:
		return fmt.Errorf("found d_in %d and d_sae %d, expected both from 1 to %d", c.DIn, c.DSAE, maxSize)
	case c.Normalize != nil && *c.Normalize != "none":
		return fmt.Errorf("normalize_activations %q is not read, expected none: fold the scale into the weights first", *c.Normalize)
	case c.Reshape != nil && *c.Reshape != "none":
		return fmt.Errorf("reshape_activations %q is not read, expected none", *c.Reshape)
	case c.Architecture == sae.ArchTopK && c.K != nil && (*c.K < 1 || *c.K > float64(c.DSAE) || *c.K != float64(int(*c.K))):
		return fmt.Errorf("topk with k %v, expected a whole number from 1 to d_sae %d", *c.K, c.DSAE)
	}
	return nil
}

func known(arch string) bool {
	switch arch {
	case sae.ArchStandard, sae.ArchTopK, sae.ArchJumpReLU, archBatchTopK:
		return true
	}
	return false
}

// version finds the version at the top level or in the metadata, as SAELens
// does.
func (c *config) version() string {
	if c.SAELensVersion != "" {
		return c.SAELensVersion
	}
	v, _ := c.Metadata["sae_lens_version"].(string)
	return v
}

func atLeastSix(version string) bool {
	major, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(major)
	return err == nil && n >= 6
}

// defaultK is SAELens's k of a topk configuration that names none.
const defaultK = 100

// topK is the k of a topk dictionary.
func (c *config) topK() int {
	if c.K == nil {
		return min(defaultK, c.DSAE)
	}
	return int(*c.K)
}

// rescales says whether pre-activations are multiplied by the decoder's norms.
// Left out, it is off for inference files and on for training checkpoints.
func (c *config) rescales() bool {
	switch {
	case c.Architecture != sae.ArchTopK && c.Architecture != archBatchTopK:
		return false
	case c.Rescale == nil:
		return c.Architecture == archBatchTopK
	}
	return *c.Rescale
}

// configOf is the cfg.json of s.
func configOf(s *sae.SAE) *config {
	none, yes := "none", s.ApplyBDecToInput
	c := &config{
		DIn: s.DIn, DSAE: s.DSAE, DType: "float32", Device: "cpu",
		ApplyBDec: &yes, Normalize: &none, Reshape: &none,
		Metadata: metadataOf(s), Architecture: s.Arch,
	}
	if s.Arch == sae.ArchTopK {
		k, no := float64(s.K), false
		c.K, c.Rescale = &k, &no
	}
	return c
}

// metadataOf adds the layout's version where the metadata names none.
func metadataOf(s *sae.SAE) map[string]any {
	m := map[string]any{"sae_lens_version": LayoutVersion, "sae_lens_training_version": nil}
	for k, v := range s.Metadata {
		m[k] = v
	}
	return m
}
