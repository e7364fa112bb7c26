package train

import (
	"fmt"
	"math"
)

// Options configures training. The zero value of a field means the default
// named beside it; steps below are batches.
type Options struct {
	DSAE   int    // number of features; required
	K      int    // mean features a token; required
	Tokens int64  // how many tokens to train on, rounded down to whole batches; required
	Batch  int    // tokens a step; 0: as many as leave 1,000 steps, a power of two from 256 to 4,096
	Seed   uint64 // of the initial weights and the order of the data

	LR         float64 // Adam's step size; 0: 2e-4/√(DSAE/2¹⁴)
	Warmup     int     // steps of linear warm-up; 0: a twentieth of the run, at most 1,000; negative: none
	DecayStart int     // step from which the rate falls linearly to 0; 0: after four fifths of the run; negative: never

	AuxAlpha   float64 // weight of the auxiliary loss; 0: 1/32; negative: none
	AuxK       int     // dead features a row in it; 0: DIn/2
	DeadTokens int64   // tokens without firing that make a feature dead; 0: a twentieth of the run, at most 10 million

	ThresholdStart int     // the threshold follows after this step; 0: half of the run, at most 1,000; negative: from the first
	ThresholdBeta  float64 // weight of the old threshold in a step; 0: 1 − 10/(steps that it follows), at most 0.999

	// RawScale trains on activations as they are. Otherwise they are divided by
	// the root of their mean squared norm, estimated on the first 100 batches,
	// and the finished dictionary is scaled back.
	RawScale bool
}

// Limits of the defaults, those of dictionary_learning.
const (
	maxWarmup         = 1000
	maxDeadTokens     = 10_000_000
	maxThresholdStart = 1000
	maxThresholdBeta  = 0.999
	auxAlpha          = 1.0 / 32
	beta1, beta2      = 0.9, 0.999
	adamEps           = 1e-8
	clipNorm          = 1.0
)

// Config is Options with every default filled in, as recorded in the finished
// dictionary.
type Config struct {
	DIn            int     `json:"d_in"`
	DSAE           int     `json:"d_sae"`
	K              int     `json:"k"`
	Batch          int     `json:"batch"`
	Steps          int     `json:"steps"`
	Seed           uint64  `json:"seed"`
	LR             float64 `json:"lr"`
	Warmup         int     `json:"warmup_steps"`
	DecayStart     int     `json:"decay_start"` // Steps for no decay
	AuxAlpha       float64 `json:"auxk_alpha"`
	AuxK           int     `json:"top_k_aux"`
	DeadSteps      int     `json:"dead_steps"` // steps without firing that make a feature dead
	ThresholdStart int     `json:"threshold_start_step"`
	ThresholdBeta  float64 `json:"threshold_beta"`
	RawScale       bool    `json:"raw_scale"`
}

// Resolve fills in the defaults for activations of width dIn, or says which
// field cannot be.
func (o Options) Resolve(dIn int) (Config, error) {
	c := Config{DIn: dIn, DSAE: o.DSAE, K: o.K, Batch: o.Batch, Seed: o.Seed, RawScale: o.RawScale}
	if c.Batch == 0 {
		c.Batch = defaultBatch(o.Tokens)
	}
	if err := o.check(dIn, c.Batch); err != nil {
		return c, err
	}
	c.Steps = int(o.Tokens / int64(c.Batch))
	c.LR = or(o.LR, 2e-4/math.Sqrt(float64(o.DSAE)/(1<<14)))
	c.Warmup = orInt(o.Warmup, min(c.Steps/20, maxWarmup), 0)
	c.DecayStart = min(orInt(o.DecayStart, c.Steps-c.Steps/5, c.Steps), c.Steps)
	c.AuxAlpha = max(or(o.AuxAlpha, auxAlpha), 0)
	c.AuxK = orInt(o.AuxK, dIn/2, 0)
	c.setDead(o)
	c.setThreshold(o)
	return c, nil
}

func (o Options) check(dIn, batch int) error {
	switch {
	case dIn < 1:
		return fmt.Errorf("train: found activations of width %d, expected at least 1", dIn)
	case o.DSAE < 1:
		return fmt.Errorf("train: found %d features, expected at least 1", o.DSAE)
	case o.K < 1 || o.K > o.DSAE:
		return fmt.Errorf("train: found k %d, expected 1 to the number of features %d", o.K, o.DSAE)
	case batch < 2:
		return fmt.Errorf("train: found a batch of %d tokens, expected at least 2", batch)
	case o.Tokens < int64(batch):
		return fmt.Errorf("train: found %d tokens to train on, expected at least one batch of %d", o.Tokens, batch)
	case o.LR < 0 || o.ThresholdBeta < 0 || o.ThresholdBeta >= 1 || o.DeadTokens < 0 || o.AuxK < 0:
		return fmt.Errorf("train: found lr %v, threshold beta %v, dead tokens %d and aux k %d, expected none negative and beta below 1",
			o.LR, o.ThresholdBeta, o.DeadTokens, o.AuxK)
	}
	return nil
}

// deadShare is the part of a run after which a silent feature counts as dead:
// early enough that the auxiliary loss has most of the run to revive it.
const deadShare = 20

func (c *Config) setDead(o Options) {
	tokens := o.DeadTokens
	if tokens == 0 {
		tokens = min(o.Tokens/deadShare, maxDeadTokens)
	}
	c.DeadSteps = max(int((tokens+int64(c.Batch)-1)/int64(c.Batch)), 1)
}

// thresholdMemories is how many times the memory of the moving average fits
// into the steps that it follows: the first value then weighs e⁻¹⁰.
const thresholdMemories = 10

func (c *Config) setThreshold(o Options) {
	c.ThresholdStart = orInt(o.ThresholdStart, min(c.Steps/2, maxThresholdStart), -1)
	follows := c.Steps - 1 - c.ThresholdStart
	beta := max(0, 1-thresholdMemories/float64(max(follows, 1)))
	c.ThresholdBeta = or(o.ThresholdBeta, min(beta, maxThresholdBeta))
}

// defaultBatch is the largest power of two from 256 to 4,096 that leaves a
// thousand steps.
func defaultBatch(tokens int64) int {
	b := 256
	for b < 4096 && tokens/int64(2*b) >= 1000 {
		b *= 2
	}
	return b
}

func or(v, def float64) float64 {
	if v == 0 {
		return def
	}
	return v
}

// orInt is def for 0 and none for negative values.
func orInt(v, def, none int) int {
	switch {
	case v == 0:
		return def
	case v < 0:
		return none
	}
	return v
}

// rate is the factor on LR at a step: linear from 0 during warm-up, 1, linear to
// 0 from DecayStart (get_lr_schedule of dictionary_learning).
func (c *Config) rate(step int) float64 {
	switch {
	case step < c.Warmup:
		return float64(step) / float64(c.Warmup)
	case step >= c.DecayStart && c.DecayStart < c.Steps:
		return float64(c.Steps-step) / float64(c.Steps-c.DecayStart)
	}
	return 1
}
