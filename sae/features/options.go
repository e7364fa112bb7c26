package features

import (
	"cmp"
	"fmt"

	"agar/activations"
	"agar/activations/manifest"
	"agar/model/progress"
)

// BuildOptions configures Build. The zero value of a field means the default
// named beside it.
type BuildOptions struct {
	Out    string             // directory to make; required
	Hook   string             // column of the capture; required
	Filter activations.Filter // which tokens count; those left out fire nothing

	Top         int    // strongest examples a feature, one a document window; 0: 20
	PerInterval int    // examples from each tenth of [0, max]; 0: 2
	Random      int    // examples from all firings; 0: 10
	Around      int    // tokens of context on either side; 0: 10, at most 255
	Seed        uint64 // of the random draws

	// Lens, when set, gives W_U·d [vocabulary] for a decoder row d; *model.Model
	// is one. It is used when the width of the dictionary is that of the residual
	// stream, which the caller has to know.
	Lens Lens
	// Piece gives the text of a token; nil writes #ID.
	Piece func(id int32) string

	Command  []string                // for manifest.json
	Version  string                  // of the program, for manifest.json
	Inputs   map[string]manifest.Ref // what was read, capture and sae
	Progress progress.Func
}

// Lens is what a model does with a direction of its residual stream.
type Lens interface {
	LogitLens(dir []float32) []float32
}

// LensBatch is the ability of a Lens to take many directions at once: dirs
// [n, d] to logits [n, vocabulary].
type LensBatch interface {
	LogitLensBatch(dirs []float32, n int) []float32
}

// Sizes that are not options.
const (
	intervals  = 10 // equal parts of [0, max]
	histBins   = 64
	sampleBins = 64 // of the power of two above max, so at least 32 of [0, max] and two wholly in each tenth
	lensTokens = 10 // promoted and suppressed tokens each
	neighbours = 5
	maxAround  = 255
)

func (o BuildOptions) resolve() (BuildOptions, error) {
	o.Top, o.PerInterval, o.Random = cmp.Or(o.Top, 20), cmp.Or(o.PerInterval, 2), cmp.Or(o.Random, 10)
	o.Around = cmp.Or(o.Around, 10)
	if o.Piece == nil {
		o.Piece = func(id int32) string { return fmt.Sprintf("#%d", id) }
	}
	switch {
	case o.Out == "":
		return o, fmt.Errorf("features: no output directory given")
	case o.Top < 0 || o.PerInterval < 0 || o.Random < 0 || o.Around < 0 || o.Around > maxAround:
		return o, fmt.Errorf("features: found %d top, %d interval and %d random examples with %d tokens around, expected none negative and at most %d around",
			o.Top, o.PerInterval, o.Random, o.Around, maxAround)
	}
	return o, nil
}
