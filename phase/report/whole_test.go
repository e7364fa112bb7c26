package report

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"agar/model/safetensors"
	"agar/phase"
)

// wholeModels writes a base and a fine-tune of it in full that turns in the middle.
func wholeModels(t *testing.T, root string) (run, base string) {
	t.Helper()
	run, base = filepath.Join(root, "full"), filepath.Join(root, "base")
	write := func(dir string, along, across float64) {
		w := make([]float32, 12*8)
		for i := range w {
			w[i] = float32(math.Sin(float64(i)))
		}
		w[0] += float32(along)
		w[9] += float32(across)
		var buf bytes.Buffer
		if err := safetensors.Write(&buf, []safetensors.Out{{Name: "model.layers.1.mlp.down_proj.weight", Shape: []int{12, 8}, F32: w}}, nil); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, "model.safetensors"), buf.Bytes())
	}
	write(base, 0, 0)
	for step := 5; step <= lastStep; step += 5 {
		x := float64(step) + .3*math.Sin(float64(step*step))
		write(filepath.Join(run, fmt.Sprintf("checkpoint-%d", step)), min(x, lastStep/2), max(x-lastStep/2, 0))
	}
	return run, base
}

// TestFull reports on a fine-tune in full: its turn, its directions, and all of it
// anew from the hashes.
func TestFull(t *testing.T) {
	root := t.TempDir()
	run, base := wholeModels(t, root)
	dir := filepath.Join(root, "report")
	r, err := Write(context.Background(), dir, Options{Run: run, Base: base, Rank: 2})
	if err != nil {
		t.Fatal(err)
	}
	md := string(r.Files[MarkdownFile])
	for _, want := range []string{"`full` fine-tunes `base` in full", "ΔW = W − W\\_base", "`direction:model.layers.1.mlp.down_proj` (the first 2 left singular directions of the last ΔW", "| base | 1 |"} {
		if !strings.Contains(md, want) {
			t.Errorf("report.md has no %q", want)
		}
	}
	turns := 0
	for _, e := range r.Data.Run.Events {
		if e.Kind == phase.KindTurn && e.Step >= 140 && e.Step <= 160 {
			turns++
		}
	}
	if turns != 1 {
		t.Errorf("found events %v, expected a turn about step 150", r.Data.Run.Events)
	}
	if bytes.Contains(r.Files[DataFile], []byte(root)) {
		t.Error("report.json names the directory it was made in")
	}
	resolves(t, r)
	if v := verify(t, dir); !v.OK {
		t.Errorf("found %+v", v)
	}
	path := filepath.Join(base, "model.safetensors")
	old := get(t, path)
	changed := bytes.Clone(old)
	changed[len(changed)-2] ^= 1
	put(t, path, changed)
	if v := verify(t, dir); v.OK || len(v.Changed) != 1 || v.Changed[0].Role != roleBase || v.Differing == 0 {
		t.Errorf("another base: %+v", v.Changed)
	}
	if _, err := Make(context.Background(), Options{Run: run}); err == nil {
		t.Error("whole models were read without a base")
	}
}

// grokked writes a run that measures itself: the test accuracy rises long after the
// training accuracy, the restricted loss between them.
func grokked(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	way := func(step, at int) float64 { return 1 / (1 + math.Exp(-float64(step-at)/40)) }
	for step := 0; step <= 2000; step += 20 {
		fmt.Fprintf(&b, `{"step":%d,"train_loss":%.5f,"train_accuracy":%.5f,"restricted_loss":%.5f,"test_loss":%.5f,"test_accuracy":%.5f}`+"\n",
			step, 4*(1-way(step, 200)), way(step, 200), 4*(1-way(step, 800)), 4*(1-way(step, 1400)), way(step, 1400))
	}
	put(t, filepath.Join(dir, "measures.jsonl"), []byte(b.String()))
	for step := 200; step <= 2000; step += 200 {
		put(t, filepath.Join(dir, fmt.Sprintf("checkpoint-%d", step), "trainer_state.json"), []byte(`{"global_step":1,"log_history":[]}`))
	}
	return dir
}

// TestMeasuresOnly reports on a run without adapters by what it measured of itself.
func TestMeasuresOnly(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "report")
	r, err := Write(context.Background(), dir, Options{Run: grokked(t, filepath.Join(root, "grok"))})
	if err != nil {
		t.Fatal(err)
	}
	md := string(r.Files[MarkdownFile])
	for _, want := range []string{"`grok` trains a whole model", "the rise of `test_accuracy`", "![What the run measured of itself](measures.png)", "Nothing was run of "} {
		if !strings.Contains(md, want) {
			t.Errorf("report.md has no %q", want)
		}
	}
	if !regexp.MustCompile("`restricted_loss` moves [0-9]+ steps before `test_accuracy` does").MatchString(md) {
		t.Error("report.md does not say that the restricted loss leads the accuracy")
	}
	for _, no := range []string{"published", "norms.png", "twin was given", "Behaviour was not measured"} {
		if strings.Contains(strings.ReplaceAll(md, "no twin, other seeds", ""), no) {
			t.Errorf("report.md has %q", no)
		}
	}
	resolves(t, r)
	if v := verify(t, dir); !v.OK {
		t.Errorf("found %+v", v)
	}
	path := filepath.Join(root, "grok", "measures.jsonl")
	put(t, path, bytes.Replace(get(t, path), []byte("4.0"), []byte("3.0"), 1))
	if v := verify(t, dir); v.OK || len(v.Changed) != 1 {
		t.Errorf("other measures: %+v", v.Changed)
	}
	if t.Failed() {
		t.Log(md)
	}
}

// TestMeasuredFile keeps what running a model gave, and notices when it was changed.
func TestMeasuredFile(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "report")
	at := func(step int, v phase.Number) phase.DivergenceAt {
		return phase.DivergenceAt{Step: step, Lambda: 1, KLModelBase: phase.Interval{Value: v, Lo: v - .01, Hi: v + .01}, KLBaseModel: phase.Interval{Value: 2 * v, Lo: phase.Missing(), Hi: phase.Missing()}, Loss: phase.Interval{Value: 1 - v, Lo: phase.Missing(), Hi: phase.Missing()}}
	}
	m := &Measured{Source: Source{Model: "base", ModelSHA256: strings.Repeat("a", 64), Data: "answers.jsonl"},
		Divergence: &phase.Divergence{On: phase.OnAnswers, Documents: 3, Tokens: 70, Lambda: 1, At: []phase.DivergenceAt{at(5, .125), at(300, .5)}}}
	r, err := Write(context.Background(), dir, Options{Run: grow(t, filepath.Join(root, "run"), grown{60, 2, 1}), Measured: m})
	if err != nil {
		t.Fatal(err)
	}
	md := string(r.Files[MarkdownFile])
	for _, want := range []string{"KL(model‖base) goes from 0.1250 \\[0.1150, 0.1350\\] at step 5 to 0.5000", "by running `base` (SHA-256 aaaaaaaaaaaa) on `answers.jsonl`", "(divergence.png)"} {
		if !strings.Contains(md, want) {
			t.Errorf("report.md has no %q", want)
		}
	}
	if x := r.Data.Run.Checkpoints[59].KLModelBase; x != .5 {
		t.Errorf("the last checkpoint's KL is %v", x)
	}
	resolves(t, r)
	if v := verify(t, dir); !v.OK || len(v.Recorded) != 1 {
		t.Errorf("found %+v", v)
	}
	path := filepath.Join(dir, MeasuredFile)
	put(t, path, bytes.Replace(get(t, path), []byte("0.125"), []byte("0.126"), 1))
	if v := verify(t, dir); v.OK || len(v.Files) != 1 || !mentions(v, "run.checkpoints.0.kl_model_base") {
		t.Errorf("a changed measurement: %+v %+v", v.Files, v.Differences)
	}
}
