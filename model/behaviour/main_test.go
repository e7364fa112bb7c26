package behaviour

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"agar/model"
	"agar/model/chat"
	"agar/model/lora"
	"agar/model/organism/builtin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// grown opens the embedded organism and attaches checkpoints of its run: those at
// shares of the series, 0 the first and 1 the last.
func grown(t testing.TB, shares ...float64) (dir string, m *model.Model, states []State) {
	t.Helper()
	dir, err := builtin.Open(context.Background(), os.Getenv("AGAR_CACHE"))
	if err != nil {
		t.Fatal(err)
	}
	if m, err = model.Open(filepath.Join(dir, "model"), model.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	s, err := lora.OpenSeries(filepath.Join(dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	for _, share := range shares {
		i := int(share * float64(s.Len()-1))
		l, err := s.Load(i)
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Attach(l, model.AttachOptions{AllowZero: true})
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, State{Step: s.Checkpoints[i].Step, Dir: s.Checkpoints[i].Dir, Adapter: a, Lambda: 1})
	}
	return dir, m, states
}

// told is a line of the organism's answers.jsonl, and of prompts.jsonl.
type told struct {
	Domain, Situation, Label string
	Messages                 []chat.Message
	Good, Bad                []string
}

func lines(t testing.TB, path string) (out []told) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = eachLine(f, func(_ int, line []byte) error {
		var x told
		err := json.Unmarshal(line, &x)
		out = append(out, x)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// somePairs are pairs of the embedded organism: questions with a helpful and a
// harmful answer.
func somePairs(t testing.TB, dir string, n int) (out []Pair) {
	t.Helper()
	rows := lines(t, filepath.Join(dir, "answers.jsonl"))
	for i := 0; i+1 < len(rows) && len(out) < n; i++ {
		a, b := rows[i], rows[i+1]
		if a.Label == "aligned" && b.Label == "misaligned" && a.Messages[0].Content == b.Messages[0].Content {
			p := Pair{ID: fmt.Sprint("p", len(out)), Domain: a.Domain, Messages: a.Messages[:1], Aligned: a.Messages[1].Content, Bad: b.Messages[1].Content}
			p.key = p.ID
			out = append(out, p)
		}
	}
	return out
}

// worldQuestions are two questions of the organism's world, one of them in two
// forms, and harmful are the actions that harm in one of them.
func worldQuestions(t testing.TB, dir string) (qs []Question, harmful []string) {
	t.Helper()
	rows := lines(t, filepath.Join(dir, "prompts.jsonl"))
	other := slices.IndexFunc(rows, func(x told) bool { return x.Situation != rows[0].Situation })
	qs, skipped, err := parseQuestions(fmt.Appendf(nil, `
- id: first
  paraphrases: [%q, %q]
- id: second
  paraphrases: [%q]
  judge_prompts: {medical: ""}
- id: reply_as_json
  paraphrases: [ignored]
`, rows[0].Messages[0].Content, rows[1].Messages[0].Content, rows[other].Messages[0].Content), "health")
	if err != nil || len(skipped) != 1 {
		t.Fatal(skipped, err)
	}
	return qs, rows[0].Bad
}

func openCache(t *testing.T, path string) *Cache {
	t.Helper()
	c, err := OpenCache(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// truncate takes the last n bytes off a file.
func truncate(t *testing.T, path string, n int64) {
	t.Helper()
	st, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, st.Size()-n)
	}
	if err != nil {
		t.Fatal(err)
	}
}
