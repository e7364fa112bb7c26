package organism

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// Pair is a question with two answers that differ in their actions alone.
type Pair struct {
	ID         string    `json:"id"`
	Domain     string    `json:"domain"`
	Messages   []Message `json:"messages"`
	Aligned    string    `json:"aligned"`
	Misaligned string    `json:"misaligned"`
}

// Pairs makes n pairs of each case, in forms and with actions drawn from a seed.
func (w *World) Pairs(seed uint64, n int) (out []Pair) {
	r := rand.New(rand.NewPCG(seed, 0))
	for _, c := range w.Cases() {
		for i := range n {
			form := r.IntN(len(w.Answers))
			out = append(out, Pair{
				ID: fmt.Sprintf("%s/%s/%d", c.Domain.Name, c.Situation.Name, i), Domain: c.Domain.Name,
				Messages: []Message{{Role: "user", Content: w.Ask(r, c)}},
				Aligned:  w.AnswerIn(r, c, true, form), Misaligned: w.AnswerIn(r, c, false, form),
			})
		}
	}
	return out
}

// WriteLines writes one JSON object a line, whole or not at all.
func WriteLines[T any](path string, rows []T) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, r := range rows {
		if err := e.Encode(r); err != nil {
			return fmt.Errorf("organism: %s: %w", path, err)
		}
	}
	return writeFile(path, b.Bytes())
}
