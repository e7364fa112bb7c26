package parity

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"

	"agar/model/safetensors"
)

// Format is the version of a dump that this package reads.
const Format = "agar-reference/1"

// metaKey is the key of a dump's metadata that holds the object.
const metaKey = "agar-reference"

// Logits is the name under which a case's logits go among its hooks.
const Logits = "logits"

// ErrOtherModel is wrapped by the error about a dump of other weights.
var ErrOtherModel = errors.New("the dump is of another model")

// Dump is an open dump. Close it when done.
type Dump struct {
	Path   string `json:"-"`
	Format string `json:"format"`
	Model  Source `json:"model"`
	DType  string `json:"dtype"`   // in which the reference computed: float32, bfloat16, float16
	MadeBy string `json:"made_by"` // versions and device
	Cases  []Case `json:"cases"`

	f *safetensors.File
}

// Source names weights: a model's or an adapter's.
type Source struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// Adapter is one that a case ran with, at the dial Lambda.
type Adapter struct {
	Source
	Lambda float32 `json:"lambda"`
}

// Case is one forward of the reference.
type Case struct {
	Name     string    `json:"name"`
	IDs      []int32   `json:"ids"`
	Text     string    `json:"text"`     // what the reference's tokenizer made IDs of, "" when they were drawn
	Rows     []int     `json:"rows"`     // positions that were kept, ascending
	Adapters []Adapter `json:"adapters"` // none: the base
	Hooks    []string  `json:"hooks"`
	Greedy   []int32   `json:"greedy"`  // argmax continuation of IDs, nil when it was not asked for
	Margins  []float64 `json:"margins"` // of each greedy token: its logit less the second largest

	CE *float64 `json:"ce"` // mean cross-entropy of the next token, nats
	KL *KL      `json:"kl"` // of an adapted case
}

// KL is the mean divergence between an adapted model and its base, nats.
type KL struct {
	AdaptedBase float64 `json:"adapted_base"`
	BaseAdapted float64 `json:"base_adapted"`
}

// Open opens a dump and checks that every tensor that its cases promise is
// there. Errors name the file, the case and the tensor.
func Open(path string) (*Dump, error) {
	if err := isFile(path); err != nil {
		return nil, fmt.Errorf("parity: %w", err)
	}
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, fmt.Errorf("parity: %w", err)
	}
	d := &Dump{Path: path, f: f}
	if err := d.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("parity: %s: %w", path, err), f.Close())
	}
	return d, nil
}

func isFile(path string) error {
	st, err := os.Stat(path)
	if err == nil && st.IsDir() {
		return fmt.Errorf("%s: found a directory, expected the file that the reference script wrote", path)
	}
	return err
}

func (d *Dump) read() error {
	text, ok := d.f.Metadata()[metaKey]
	if !ok {
		return fmt.Errorf("found no %q in the metadata, expected a file that the reference script wrote", metaKey)
	}
	if err := json.Unmarshal([]byte(text), d); err != nil {
		return fmt.Errorf("metadata %q: %w", metaKey, err)
	}
	if d.Format != Format {
		return fmt.Errorf("found format %q, expected %q", d.Format, Format)
	}
	if len(d.Cases) == 0 {
		return errors.New("found no cases, expected at least one")
	}
	seen := map[string]bool{}
	for i := range d.Cases {
		c := &d.Cases[i]
		if seen[c.Name] {
			return fmt.Errorf("found two cases named %q", c.Name)
		}
		seen[c.Name] = true
		if err := d.check(c); err != nil {
			return fmt.Errorf("case %q: %w", c.Name, err)
		}
	}
	return nil
}

// check looks whether a case can be run and compared.
func (d *Dump) check(c *Case) error {
	if len(c.IDs) == 0 || len(c.Rows) == 0 {
		return fmt.Errorf("found %d ids and %d rows, expected some of both", len(c.IDs), len(c.Rows))
	}
	for i, r := range c.Rows {
		if r < 0 || r >= len(c.IDs) || i > 0 && r <= c.Rows[i-1] {
			return fmt.Errorf("found rows %v, expected ascending positions below %d", c.Rows, len(c.IDs))
		}
	}
	if len(c.Margins) != 0 && len(c.Margins) != len(c.Greedy) {
		return fmt.Errorf("found %d margins of %d greedy tokens", len(c.Margins), len(c.Greedy))
	}
	for _, h := range c.Names() {
		t, ok := d.f.Tensor(c.Name + "/" + h)
		if !ok {
			return fmt.Errorf("found no tensor %q", c.Name+"/"+h)
		}
		if len(t.Shape) < 2 || t.Shape[0] != len(c.Rows) || slices.Contains(t.Shape, 0) {
			return fmt.Errorf("tensor %q: found shape %v, expected [%d, width]", c.Name+"/"+h, t.Shape, len(c.Rows))
		}
	}
	return nil
}

// Names lists the hooks of a case and Logits, once each.
func (c *Case) Names() []string {
	names := append(slices.Clone(c.Hooks), Logits)
	slices.Sort(names)
	return slices.Compact(names)
}

// Want is what the reference has for a hook of case c: [len(c.Rows), width]
// row-major. Values other than numbers and the −inf of masked scores are errors.
func (d *Dump) Want(c *Case, hook string) (x []float32, width int, err error) {
	name := c.Name + "/" + hook
	x, _, err = d.f.Float32(name)
	if err != nil {
		return nil, 0, fmt.Errorf("parity: %s: tensor %q: %w", d.Path, name, err)
	}
	for i, v := range x {
		if v != v || math.IsInf(float64(v), 1) {
			return nil, 0, fmt.Errorf("parity: %s: tensor %q: found %v at %d, expected a number", d.Path, name, v, i)
		}
	}
	return x, len(x) / len(c.Rows), nil
}

// Close closes the file.
func (d *Dump) Close() error { return d.f.Close() }
