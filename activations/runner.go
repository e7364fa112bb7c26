package activations

import "context"

// HookInfo is one place of a model that can be read.
type HookInfo struct {
	Name  string // as in TransformerLens, blocks.3.hook_resid_post
	Dim   int    // values a token
	Layer int    // decoder block from 0, -1 for the embedding
	// PerKey says that rows have a value for every position of the sequence, so
	// that they cannot be stored in a column.
	PerKey bool
}

// Batch is the token sequences of one forward. Sequences never see each other.
type Batch = [][]int32

// Runner computes activations. Capture takes nothing else of a model, so that
// any engine which can do this much can fill a store.
type Runner interface {
	// Hooks lists what can be asked for.
	Hooks() []HookInfo
	// Run computes one batch and returns for each hook asked for the values of
	// all tokens, [Σ len(seqs), Dim] row-major, sequence after sequence without
	// padding. A row must not depend on the other sequences of the batch, bit for
	// bit: resuming relies on it. The slices are the caller's until the next Run.
	Run(ctx context.Context, seqs Batch, hooks []string) (map[string][]float32, error)
}

// Differ is the ability of a Runner with an adapter to compute what the adapter
// adds to a hook, adapted minus base in float32.
type Differ interface {
	// Difference names the hook HOOK@ADAPTER-base that Run understands, or says
	// why there is none for this hook.
	Difference(hook string) (string, error)
}
