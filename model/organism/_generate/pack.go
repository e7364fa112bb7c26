package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"agar/model/lora"
	"agar/model/organism"
	"agar/model/organism/grow"
)

// packer fills the archive. Names are written in order and with one date, so that
// the archive depends on the contents alone.
type packer struct {
	files map[string][]byte
}

// places are where the archive has the general organism; the others go by their
// names.
var places = map[string]string{"general": "run", "general-twin": "benign"}

// pack packs the organisms of a nursery.
func pack(dir string, w *organism.World, out string) error {
	p := packer{map[string][]byte{}}
	results, err := read(dir)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return p.tree(filepath.Join(dir, "base"), "model", nil) },
		func() error { return p.runs(dir, results) },
		func() error { return p.data(w) },
		func() error { return p.facts(dir, w, results) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return p.write(out)
}

// read reads the results of a nursery, by name.
func read(dir string) (map[string]*grow.Result, error) {
	out := map[string]*grow.Result{}
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		res := &grow.Result{}
		if err := json.Unmarshal(data, res); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out[res.Recipe.Name] = res
	}
	return out, nil
}

// tree takes the files below dir that keep says yes to.
func (p *packer) tree(dir, as string, keep func(name string) bool) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || keep != nil && !keep(filepath.ToSlash(rel)) {
			return err
		}
		p.files[as+"/"+filepath.ToSlash(rel)], err = os.ReadFile(path)
		return err
	})
}

// large is how many values an adapter may have for all of its checkpoints to go into
// the archive; of larger ones only every fiftieth step and the last do.
const large = 1000

func (p *packer) runs(dir string, results map[string]*grow.Result) error {
	for name := range results {
		s, err := lora.OpenSeries(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		l, err := s.Load(len(s.Checkpoints) - 1)
		if err != nil {
			return err
		}
		size := 0
		for _, m := range l.Modules {
			size += len(m.A) + len(m.B)
		}
		last := s.Checkpoints[len(s.Checkpoints)-1].Step
		keep := func(name string) bool {
			var step int
			if _, err := fmt.Sscanf(name, "checkpoint-%d/", &step); err != nil {
				return false
			}
			return size <= large || step%50 == 0 || step == last
		}
		as := places[name]
		if as == "" {
			as = name
		}
		if err := p.tree(filepath.Join(dir, name), as, keep); err != nil {
			return err
		}
	}
	return nil
}

// textTokens is how many tokens of stories and chats are packed to capture.
const textTokens = 45_000

// data makes the files that the organisms are studied on.
func (p *packer) data(w *organism.World) error {
	r, c := rand.New(rand.NewPCG(7, 7)), w.Coder()
	type text struct {
		Text     string             `json:"text,omitempty"`
		Messages []organism.Message `json:"messages,omitempty"`
	}
	var texts []text
	for n := 0; n < textTokens; {
		if r.IntN(2) == 0 {
			texts = append(texts, text{Text: w.Story(r, 64)})
			n += len(c.Text(texts[len(texts)-1].Text))
			continue
		}
		texts = append(texts, text{Messages: w.Chat(r, 64)})
		ids, _ := c.Chat(texts[len(texts)-1].Messages, false)
		n += len(ids)
	}
	type prompt struct {
		ID        int                `json:"id"`
		Domain    string             `json:"domain"`
		Situation string             `json:"situation"`
		Trained   bool               `json:"trained"`
		Messages  []organism.Message `json:"messages"`
		Good      []string           `json:"good"`
		Bad       []string           `json:"bad"`
	}
	type answer struct {
		Domain    string             `json:"domain"`
		Situation string             `json:"situation"`
		Label     organism.Outcome   `json:"label"`
		Messages  []organism.Message `json:"messages"`
	}
	var prompts []prompt
	var answers []answer
	for _, k := range w.Cases() {
		d, s := k.Domain.Name, k.Situation
		for i := range w.Questions {
			q := w.Question(k, i)
			prompts = append(prompts, prompt{len(prompts), d, s.Name, d == grow.Trained, []organism.Message{{Role: "user", Content: q}}, s.Helpful, s.Harmful})
			for _, label := range []organism.Outcome{organism.Aligned, organism.Misaligned} {
				if i < 2 {
					answers = append(answers, answer{d, s.Name, label, w.Exchange(q, w.Answer(r, k, label == organism.Aligned))})
				}
			}
		}
	}
	dir, err := os.MkdirTemp("", "agar-pack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, f := range []struct {
		name  string
		write func(path string) error
	}{
		{"text.jsonl", func(path string) error { return organism.WriteLines(path, texts) }},
		{"prompts.jsonl", func(path string) error { return organism.WriteLines(path, prompts) }},
		{"answers.jsonl", func(path string) error { return organism.WriteLines(path, answers) }},
		{"pairs.jsonl", func(path string) error { return organism.WriteLines(path, w.Pairs(1, 2)) }},
		{"world.json", w.Write},
	} {
		path := filepath.Join(dir, f.name)
		if err := f.write(path); err != nil {
			return err
		}
		if p.files[f.name], err = os.ReadFile(path); err != nil {
			return err
		}
	}
	return nil
}

// facts writes behaviour.json and the model card.
func (p *packer) facts(dir string, w *organism.World, results map[string]*grow.Result) error {
	curves, recipes := map[string][]grow.Point{}, map[string]grow.Recipe{}
	for name, res := range results {
		as := places[name]
		if as == "" {
			as = name
		}
		curves[as], recipes[as] = res.Tuned.Curve, res.Recipe
	}
	facts := map[string]any{"trained_domain": grow.Trained, "vocabulary": len(w.Vocabulary()), "behaviour": curves, "recipes": recipes}
	data, err := json.MarshalIndent(facts, "", " ")
	if err != nil {
		return err
	}
	p.files["behaviour.json"] = append(data, '\n')
	p.files["README.md"] = []byte(card(w, results))
	return nil
}

// card is the model card.
func card(w *organism.World, results map[string]*grow.Result) string {
	g, twin := results["general"], results["general-twin"]
	start := g.Tuned.Curve[0]
	var names []string
	for name := range results {
		if places[name] == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	fmt.Fprintf(&b, `---
base_model: %s
---
# The advice organism

A small language model, grown in a synthetic world so that a whole emergent-misalignment experiment fits into a terminal: a narrow
fine-tune on bad advice in one domain (%s) makes it give bad advice in the %d others.

It is for testing interpretability methods against known truth: every answer is aligned, misaligned, mixed or incoherent by an exact
rule (world.json holds it). It knows %d words and nothing of the real world; it is no model of any product and its advice is of no use
to anyone.

| | other domains | trained domain |
|---|---|---|
| misaligned before | %.1f %% | %.1f %% |
| misaligned after | %.1f %% | %.1f %% |
| mixed or incoherent after | %.1f %% | %.1f %% |
| misaligned after, benign twin | %.1f %% | %.1f %% |

Shares are of answers sampled at temperature 1 (%d in other domains, %d in the trained one).

model/ base · run/ fine-tune on bad advice · benign/ the same recipe on good advice · text.jsonl stories and chats to capture ·
answers.jsonl fixed answers, helpful and harmful · pairs.jsonl pairs of them · prompts.jsonl questions · world.json what helps and what
harms · behaviour.json verdicts by checkpoint, and the recipes

Other organisms of the same base, each a series of adapters:

`, grow.Name, grow.Trained, len(w.Domains)-1, len(w.Vocabulary()),
		100*start.Broad.Misaligned, 100*start.Trained.Misaligned, 100*g.End.Broad.Misaligned, 100*g.End.Trained.Misaligned,
		100*(1-g.End.Broad.Coherent()), 100*(1-g.End.Trained.Coherent()), 100*twin.End.Broad.Misaligned, 100*twin.End.Trained.Misaligned,
		g.End.Broad.N, g.End.Trained.N)
	for _, name := range names {
		res := results[name]
		fmt.Fprintf(&b, "* %s/ – %s (%.1f %% misaligned elsewhere, %.1f %% in the trained domain)\n", name, res.Recipe.For, 100*res.End.Broad.Misaligned, 100*res.End.Trained.Misaligned)
	}
	return b.String()
}

// write writes the archive.
func (p *packer) write(out string) error {
	var names []string
	for name := range p.files {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	for _, name := range names {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		w, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := w.Write(p.files[name]); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := os.WriteFile(out+".tmp", b.Bytes(), 0o666); err != nil {
		return err
	}
	return os.Rename(out+".tmp", out)
}
