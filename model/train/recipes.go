package train

import (
	"fmt"
	"slices"
	"strings"
)

// recipes are the set-ups of the published organisms (Turner et al. 2506.11613,
// tables 6 and 7 and the code beside them; 2602.07852 for narrow-kl), with the
// layers they were used on in models of 48.
var recipes = map[string]Config{
	"em-rank1": {Rank: 1, Alpha: 256, Modules: []string{"down_proj"}, Layers: []int{24}, LR: 2e-5},
	"em-phase": {Rank: 1, Alpha: 64, Modules: []string{"down_proj"}, Layers: []int{21}, LR: 1e-5, Epochs: 2,
		SaveAt: []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, SaveEach: 5},
	"em-rank32":     {Rank: 32, Alpha: 64, LR: 1e-5},
	"em-9-adapters": {Rank: 1, Alpha: 256, Modules: []string{"down_proj"}, Layers: []int{15, 16, 17, 21, 22, 23, 27, 28, 29}, LR: 2e-5},
	"em-full":       {Method: Full, LR: 2e-5, Schedule: "cosine", Warmup: 20},
	"narrow-kl":     {Rank: 32, Alpha: 256, LR: 2e-5, KLWeight: 0.66, KLBatch: 8},
}

// Recipe gives the Config of a published organism. All are AdamW with weight decay
// 0.01, batches of 2 × 8 sequences of up to 2,048 tokens, five steps of warm-up and
// a linear schedule over one epoch unless their own differ; adapters use rslora. An
// unknown name wraps ErrConfig and lists those there are.
func Recipe(name string) (Config, error) {
	c, ok := recipes[name]
	if !ok {
		var names []string
		for n := range recipes {
			names = append(names, n)
		}
		slices.Sort(names)
		return Config{}, fmt.Errorf("%w: recipe: found %q, expected one of %s", ErrConfig, name, strings.Join(names, ", "))
	}
	c.RSLoRA = c.Method != Full
	c.WeightDecay, c.Batch, c.Accumulate, c.MaxLength = 0.01, 2, 8, 2048
	if c.Warmup == 0 {
		c.Warmup = 5
	}
	if c.Epochs == 0 {
		c.Epochs = 1
	}
	c.Modules, c.Layers, c.SaveAt = slices.Clone(c.Modules), slices.Clone(c.Layers), slices.Clone(c.SaveAt)
	return c, nil
}
