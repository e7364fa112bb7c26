package behaviour

// Answer is one sampled answer with what was said about it.
type Answer struct {
	Question string // id
	Domain   string // of the question
	Sample   int    // from 0, within the question
	System   string // system prompt; "" is none
	Asked    string // what the user said
	Text     string // what the model said
	Tokens   int    // of Text, without the one that ends it
	// Truncated tells that the answer reached the longest length.
	Truncated bool
	State     int // index of the Point
	Verdict
}
