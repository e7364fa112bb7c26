package tokenizer

// Encoding is a tokenized text. Offsets[i] is the half-open byte range of the
// text that IDs[i] stands for; see the package documentation.
type Encoding struct {
	IDs     []int32
	Offsets [][2]int
}

// Encode tokenizes text. Added tokens that are written in it are recognised,
// special ones too. With addSpecial the post-processor adds its own, such as a
// BOS token. The result belongs to the caller. Errors are a
// *PatternError, and one that says that the normalizers let the text grow without
// measure.
func (t *Tokenizer) Encode(text string, addSpecial bool) (_ Encoding, err error) {
	defer catch(&err)
	e := t.encoders.Get().(*encoder)
	room := len(text)/4 + 8 // tokens of English; others grow the slices
	e.out = Encoding{IDs: make([]int32, 0, room), Offsets: make([][2]int, 0, room)}
	t.raw.split(newText(text), e.normalize, e.take)
	out := e.out
	e.out = Encoding{}
	t.encoders.Put(e)
	for _, p := range t.posts {
		out = p.process(t, text, out, addSpecial)
	}
	return out, nil
}

// encoder is the state of one Encode: the pipeline as a chain of functions,
// built once, and buffers.
type encoder struct {
	t       *Tokenizer
	out     Encoding
	scratch scratch
	chain   []func(text) // chain[i] runs pre-tokenizer i, the last the model
}

func newEncoder(t *Tokenizer) *encoder {
	e := &encoder{t: t, chain: make([]func(text), len(t.pre)+1)}
	e.chain[len(t.pre)] = e.word
	for i := len(t.pre) - 1; i >= 0; i-- {
		e.chain[i] = func(x text) { t.pre[i].split(x, e.chain[i+1]) }
	}
	return e
}

// normalize takes a stretch between added tokens.
func (e *encoder) normalize(x text) {
	if e.t.norm != nil {
		x = e.t.norm.normalize(x)
	}
	e.t.normalized.split(x, e.chain[0], e.take)
}

// take puts out an added token.
func (e *encoder) take(a *addedToken, x text) { e.emit(a.ID, x.origin(0, len(x.s)), len(x.orig)) }

// word runs the model on one pre-tokenized piece.
func (e *encoder) word(x text) {
	if x.s == "" {
		return
	}
	at := 0
	var o span
	for _, s := range e.t.model.tokenize(x.s, x.raw, &e.scratch) {
		if s.size > 0 {
			end := at + int(s.size)
			o = x.origin(at, end)
			at = end
		}
		if s.id >= 0 {
			e.emit(s.id, o, len(x.orig))
		}
	}
}

func (e *encoder) emit(id int32, o span, length int) {
	e.out.IDs = append(e.out.IDs, id)
	e.out.Offsets = append(e.out.Offsets, [2]int{min(o.start, length), min(o.end, length)})
}
