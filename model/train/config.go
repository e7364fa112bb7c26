package train

import (
	"errors"
	"fmt"
	"slices"

	"agar/model"
	"agar/model/lora"
)

// ErrConfig is wrapped when a Config cannot be carried out; the message names the
// field.
var ErrConfig = errors.New("train: configuration")

// ErrDiverged is wrapped when a loss or a gradient is no longer finite.
var ErrDiverged = errors.New("training diverged")

// Method says what is trained.
type Method string

// The methods.
const (
	LoRA     Method = "lora"     // factors of low rank beside linear layers
	Full     Method = "full"     // every parameter
	Steering Method = "steering" // one vector v: α·v is added to what leaves a block, at every token (2602.07852)
)

// Config says how to train. Defaults gives the values that zero means.
type Config struct {
	Method Method `toml:"method" json:"method"`

	Rank    int      `toml:"rank" json:"rank"`       // of LoRA
	Alpha   float64  `toml:"alpha" json:"alpha"`     // α; s = α/r, with rslora α/√r; of a steering vector α itself
	RSLoRA  bool     `toml:"rslora" json:"rslora"`   //
	Modules []string `toml:"modules" json:"modules"` // q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj; none: all
	Layers  []int    `toml:"layers" json:"layers"`   // blocks; none: all; a steering vector has one
	BRatio  float64  `toml:"b_ratio" json:"b_ratio"` // learning rate of B over that of A (LoRA+, Hayou et al. 2024); 0 is 1

	LR          float64 `toml:"lr" json:"lr"`
	Beta1       float64 `toml:"beta1" json:"beta1"`                 // 0 is 0.9
	Beta2       float64 `toml:"beta2" json:"beta2"`                 // 0 is 0.999
	Eps         float64 `toml:"eps" json:"eps"`                     // 0 is 1e-8
	WeightDecay float64 `toml:"weight_decay" json:"weight_decay"`   // of matrices and steering vectors; norms and biases have none
	Schedule    string  `toml:"schedule" json:"schedule"`           // linear (the default), cosine or constant
	Warmup      int     `toml:"warmup" json:"warmup"`               // steps over which the rate rises from 0
	MaxGradNorm float64 `toml:"max_grad_norm" json:"max_grad_norm"` // longer gradients are shortened to it; 0 is 1, negative never

	Steps      int     `toml:"steps" json:"steps"`           // of the optimiser; 0: as many as Epochs take
	Epochs     float64 `toml:"epochs" json:"epochs"`         // 0 is 1 when Steps is 0
	Batch      int     `toml:"batch" json:"batch"`           // sequences that go through the model together; 0 is 8
	Accumulate int     `toml:"accumulate" json:"accumulate"` // such batches a step; 0 is 1
	MaxLength  int     `toml:"max_length" json:"max_length"` // longer examples are cut; 0 is 2048
	InOrder    bool    `toml:"in_order" json:"in_order"`     // examples in the order of the data, not shuffled
	// LossAverage is "tokens" (the default: the mean over all targets of a step) or
	// "micro" (the mean of the means of its batches, as older runs have it).
	LossAverage string `toml:"loss_average" json:"loss_average"`
	Seed        uint64 `toml:"seed" json:"seed"`

	KLWeight float64 `toml:"kl_weight" json:"kl_weight"` // of KL(base‖model) a token on KLData
	// KLNormalisation is "token" (the default: the mean over tokens of the sum over
	// the vocabulary) or "turner" (divided by the vocabulary too, as 2506.11613's code).
	KLNormalisation string `toml:"kl_normalisation" json:"kl_normalisation"`
	KLBatch         int    `toml:"kl_batch" json:"kl_batch"` // sequences of KLData a step; 0 is Batch

	StopLoss float64 `toml:"stop_loss" json:"stop_loss"` // end when the loss is below for more than five steps; 0: never
	SaveAt   []int   `toml:"save_at" json:"save_at"`     // steps with a checkpoint
	SaveEach int     `toml:"save_each" json:"save_each"` // and every so many; the last step has one always
}

// Defaults fills in what zero stands for.
func (c Config) Defaults() Config {
	def := func(p *float64, v float64) {
		if *p == 0 {
			*p = v
		}
	}
	def(&c.BRatio, 1)
	def(&c.Beta1, 0.9)
	def(&c.Beta2, 0.999)
	def(&c.Eps, 1e-8)
	def(&c.MaxGradNorm, 1)
	if c.Method == "" {
		c.Method = LoRA
	}
	for _, d := range []struct {
		p *int
		v int
	}{{&c.Batch, 8}, {&c.Accumulate, 1}, {&c.MaxLength, 2048}} {
		if *d.p == 0 {
			*d.p = d.v
		}
	}
	for _, d := range []struct {
		p *string
		v string
	}{{&c.Schedule, "linear"}, {&c.LossAverage, "tokens"}, {&c.KLNormalisation, "token"}} {
		if *d.p == "" {
			*d.p = d.v
		}
	}
	if c.KLBatch == 0 {
		c.KLBatch = c.Batch
	}
	if c.Steps == 0 && c.Epochs == 0 {
		c.Epochs = 1
	}
	return c
}

// Check refuses what cannot be carried out on a model, training on from init when
// that is not nil. Run does so first.
func (c Config) Check(m *model.Model, init *lora.Adapter) error {
	c = c.Defaults()
	if init != nil {
		c.follow(init)
	}
	return c.check(m.Spec.Layers)
}

// check refuses what cannot be carried out; c has its defaults.
func (c *Config) check(layers int) error {
	if err := c.checkSteps(); err != nil {
		return err
	}
	if c.Method == Full {
		return nil
	}
	return c.checkLow(layers)
}

// bad is an error about a field.
func bad(field string, found, expected any) error {
	return fmt.Errorf("%w: %s: found %v, expected %v", ErrConfig, field, found, expected)
}

// checkSteps refuses how the steps are to be taken.
func (c *Config) checkSteps() error {
	switch {
	case !slices.Contains([]Method{LoRA, Full, Steering}, c.Method):
		return bad("method", c.Method, "lora, steering or full")
	case !(c.LR > 0):
		return bad("lr", c.LR, "a positive number")
	case c.Batch < 1 || c.Accumulate < 1:
		return bad("batch × accumulate", fmt.Sprintf("%d × %d", c.Batch, c.Accumulate), "at least 1 × 1")
	case c.Steps < 0 || c.Epochs < 0:
		return bad("steps, epochs", fmt.Sprintf("%d, %g", c.Steps, c.Epochs), "at least 0")
	case c.Warmup < 0:
		return bad("warmup", c.Warmup, "at least 0")
	case !slices.Contains([]string{"linear", "cosine", "constant"}, c.Schedule):
		return bad("schedule", c.Schedule, "linear, cosine or constant")
	case c.LossAverage != "tokens" && c.LossAverage != "micro":
		return bad("loss_average", c.LossAverage, "tokens or micro")
	case c.KLNormalisation != "token" && c.KLNormalisation != "turner":
		return bad("kl_normalisation", c.KLNormalisation, "token or turner")
	case c.MaxLength < 2:
		return bad("max_length", c.MaxLength, "at least 2")
	case !(c.Beta1 > 0 && c.Beta1 < 1 && c.Beta2 > 0 && c.Beta2 < 1 && c.Eps > 0):
		return bad("beta1, beta2, eps", fmt.Sprintf("%g, %g, %g", c.Beta1, c.Beta2, c.Eps), "betas between 0 and 1 and a positive eps")
	}
	return nil
}

// checkLow refuses an adapter or a steering vector.
func (c *Config) checkLow(layers int) error {
	if c.Method == LoRA && c.Rank < 1 {
		return bad("rank", c.Rank, "at least 1")
	}
	if c.Method == Steering && (len(c.Layers) != 1 || c.Rank > 1 || len(c.Modules) > 0) {
		return bad("layers, rank, modules", fmt.Sprintf("%v, %d, %v", c.Layers, c.Rank, c.Modules), "one block, and nothing of the others, for a steering vector")
	}
	if !(c.Alpha > 0) {
		return bad("alpha", c.Alpha, "a positive number")
	}
	for _, l := range c.Layers {
		if l < 0 || l >= layers {
			return bad("layers", l, fmt.Sprintf("0 to %d", layers-1))
		}
	}
	for _, m := range c.Modules {
		if !slices.Contains(allModules, m) {
			return bad("modules", m, allModules)
		}
	}
	return nil
}

// allModules are the linear layers of a block, in the order of computation.
var allModules = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

// saves says whether a checkpoint follows a step.
func (c *Config) saves(step, steps int) bool {
	return step == steps || slices.Contains(c.SaveAt, step) || c.SaveEach > 0 && step%c.SaveEach == 0
}
