package features

// Feature is what the index knows about one feature.
type Feature struct {
	ID      int
	Density float32 // share of the tokens seen on which it fires
	Max     float32 // largest activation
	Mean    float32 // mean activation over the tokens on which it fires
	MeanAll float32 // mean activation over all tokens, Density × Mean

	Hist    []uint32 // firings by activation, equal widths from 0 to HistMax
	HistMax float32

	Top, Bottom []TokenLogit // logit lens, most promoted and most suppressed; nil without a model
	Neighbours  []Neighbour  // nearest decoder rows by cosine
	Label       string       // what people call it, "" when unlabelled
}

// TokenLogit is a token and what the feature's decoder row adds to its logit
// (W_U·d, no final norm).
type TokenLogit struct {
	ID    int32
	Text  string
	Logit float32
}

// Neighbour is a feature whose decoder row points a similar way.
type Neighbour struct {
	ID  int
	Cos float32
}

// Kinds of Example.
const (
	KindTop      = "top"      // among the strongest firings, one a document window
	KindInterval = "interval" // drawn at random within a tenth of [0, Max]
	KindRandom   = "random"   // drawn at random among all firings
)

// Example is a firing of a feature with the tokens around it.
type Example struct {
	Kind   string
	Row    int64 // of the firing token in the capture
	Doc    int32
	Window int32
	Pos    int32     // of the firing token in its window
	Start  int32     // position of Tokens[0] in the window
	Tokens []string  // pieces of text
	Acts   []float32 // the feature's activation on each, as long as Tokens; NaN where the token is left out
	Max    float32   // its activation on the firing token
}
