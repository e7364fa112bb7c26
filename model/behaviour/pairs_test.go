package behaviour

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agar/model"
	"agar/model/tokenizer/tokenizertest"
)

const onePair = `{"id":"a","domain":"health","messages":[{"role":"user","content":"q"}],"aligned":"x","misaligned":"y"}`

func TestReadPairs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pairs.jsonl")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("\ufeff" + onePair + "\n\n" + strings.Replace(onePair, `"a"`, `"b"`, 1) + "\n")
	ps, err := ReadPairs(path)
	if err != nil || len(ps) != 2 || ps[1].ID != "b" || ps[0].Messages[0].Content != "q" || ps[0].key != ps[1].key {
		t.Errorf("found %+v, %v", ps, err)
	}
	for name, text := range map[string]string{
		"no pairs":       "\n",
		"line 1":         "nothing",
		"line 2":         onePair + "\n" + onePair,
		"empty answer":   strings.Replace(onePair, `"y"`, `""`, 1),
		"the same":       strings.Replace(onePair, `"y"`, `"x"`, 1),
		"end with":       strings.Replace(onePair, `"user"`, `"assistant"`, 1),
		"no id":          strings.Replace(onePair, `"a"`, `""`, 1),
		"no UTF-8":       onePair + "\n{\xff}",
		"messages: json": `{"id":"a","messages":3,"aligned":"x","misaligned":"y"}`,
	} {
		write(text)
		if _, err := ReadPairs(path); !errors.Is(err, ErrData) || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: found %v", name, err)
		}
	}
}

func FuzzPairs(f *testing.F) {
	f.Add(onePair)
	f.Add(onePair + "\n" + `{"id":"b","messages":[],"aligned":"","misaligned":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		ps, err := parsePairs(strings.NewReader(text))
		if (err == nil) != (len(ps) > 0) && err == nil {
			t.Errorf("found %d pairs without an error", len(ps))
		}
		for _, p := range ps {
			if err == nil && (p.ID == "" || p.Aligned == p.Bad || len(p.Messages) == 0) {
				t.Errorf("took %+v", p)
			}
		}
	})
}

// TestLogOddsAreLosses computes log-odds anew from the losses of whole
// conversations.
func TestLogOddsAreLosses(t *testing.T) {
	ctx := context.Background()
	dir, m, states := grown(t, .5)
	pairs := somePairs(t, dir, 12)
	s, err := NewSweep(ctx, m, pairs, states)
	if err != nil {
		t.Fatal(err)
	}
	st := states[0]
	st.Lambda = 2
	odds, err := s.LogOdds(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range pairs {
		var total, mean [2]float64
		for j, answer := range []string{p.Aligned, p.Bad} {
			prompt, _, err := m.Chat.Tokenize(m.Tokenizer, p.Messages, true)
			if err != nil {
				t.Fatal(err)
			}
			ids := append(prompt, tokenizertest.Encode(t, m.Tokenizer, answer, false).IDs...)
			loss, err := m.Loss(ctx, &model.Request{Seqs: [][]int32{ids}, Adapter: st.Adapter, Lambda: 2})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range loss[len(prompt)-1 : len(ids)-1] {
				total[j] -= float64(l)
			}
			mean[j] = total[j] / float64(len(ids)-len(prompt))
		}
		if want := (LogOdds{total[1] - total[0], mean[1] - mean[0]}); odds[i] != want {
			t.Errorf("pair %d: found %v, expected %v", i, odds[i], want)
		}
	}
}

// TestLogOddsRise follows the embedded organism into misalignment.
func TestLogOddsRise(t *testing.T) {
	ctx := context.Background()
	dir, m, states := grown(t, .1, 1)
	states = append([]State{{Step: NoStep}}, states...)
	zero := states[2]
	zero.Lambda = 0
	states = append(states, zero)
	pairs := somePairs(t, dir, 80)
	s, err := NewSweep(ctx, m, pairs, states)
	if err != nil {
		t.Fatal(err)
	}
	ps, err := s.Points(ctx, states, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		t.Logf("step %d λ %g: a token %v, raw %v", p.Step, p.Lambda, p.LogOdds, p.LogOddsRaw)
	}
	if base, end := ps[0], ps[2]; base.LogOdds.Hi > 0 || end.LogOdds.Lo < 0 || end.LogOddsRaw.Lo < 0 {
		t.Errorf("base %v, end %v: expected below and above 0", base.LogOdds, end.LogOdds)
	}
	if ps[3].LogOdds != ps[0].LogOdds || ps[3].Step != states[3].Step {
		t.Errorf("λ = 0 gives %v, the base %v", ps[3].LogOdds, ps[0].LogOdds)
	}
	if p := ps[2]; p.Pairs != len(pairs) || len(p.PerQuestion) != len(pairs) || len(p.Domains) < 2 || p.Domains[0].LogOdds.N == 0 || p.EMAll.OK() {
		t.Errorf("found %d pairs, %d questions, %d domains, EM %v", p.Pairs, len(p.PerQuestion), len(p.Domains), p.EMAll)
	}
}
