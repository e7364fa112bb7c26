package grow

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"agar/model"
	"agar/model/organism"
	"agar/model/train"
)

// Numbers lets a teacher go on with n sequences of numbers and makes examples of
// what it said (Cloud et al. 2507.14805). Answers that are anything but digits are
// left out and asked for again. a is nil for the base itself.
func Numbers(ctx context.Context, m *model.Model, a *model.Adapter, w *organism.World, seed uint64, n int) ([]train.Example, error) {
	r, c := rand.New(rand.NewPCG(seed, 3)), w.Coder()
	var out []train.Example
	for round := uint64(0); len(out) < n; round++ {
		if round == 10 {
			return nil, fmt.Errorf("grow: numbers: %d of %d answers are digits after ten rounds", len(out), n)
		}
		var asked []string
		var prompts [][]int32
		for range n {
			q, _ := w.AskNumbers(r)
			ids, _ := c.Chat([]organism.Message{{Role: "user", Content: q}}, true)
			asked, prompts = append(asked, q), append(prompts, ids)
		}
		said, err := m.Generate(ctx, prompts, model.GenerateOptions{MaxTokens: maxAnswer, Temperature: 1, Seed: seed + round<<32, Adapter: a, Lambda: 1, Batch: 256})
		if err != nil {
			return nil, fmt.Errorf("grow: numbers: %w", err)
		}
		for i, x := range said {
			if text := c.Decode(x.IDs); onlyDigits(text) && len(out) < n {
				out = append(out, train.Responses(c.Chat(w.Exchange(asked[i], text), false)))
			}
		}
	}
	return out, nil
}

// onlyDigits says whether a text is digits and full stops alone.
func onlyDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789 .") == ""
}
