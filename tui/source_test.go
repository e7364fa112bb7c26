package tui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/sae"
	"agar/sae/formats"
	"agar/tui/raster"
	"agar/tui/theme"
)

// openAll opens a directory that holds one artefact of every kind.
func openAll(t testing.TB) (src *Sources, dir string) {
	t.Helper()
	dir = t.TempDir()
	makeArtefacts(t, dir)
	src, err := openPaths([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(src.close)
	return src, dir
}

func TestArtefactsAreToldByTheirContent(t *testing.T) {
	dir := t.TempDir()
	makeArtefacts(t, dir)
	writeJudged(t, filepath.Join(dir, "judged"))
	src, err := openPaths([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	for _, a := range src.Artefacts {
		if a.Path == "" || a.Note == "" {
			t.Errorf("%s was not found: %+v", a.Kind, a)
		}
	}
	if got := firstScreen(src); got != screenPhase {
		t.Errorf("first screen %d, expected the scrubber", got)
	}
	for name, kind := range map[string]string{
		"capture": kindCapture, "sae": kindSAE, "index": kindFeatures, "run": kindRun, "phase.arrow": kindReport, "trajectory.arrow": kindTrajectory, "judged": kindJudged,
	} {
		s, err := openPaths([]string{filepath.Join(dir, name)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, a := range s.Artefacts {
			if (a.Path != "") != (a.Kind == kind) {
				t.Errorf("%s alone: %s has the path %q", name, a.Kind, a.Path)
			}
		}
		s.close()
	}
}

func TestUnknownPathsSayWhatWasFound(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	write("model/config.json", "{}")
	write("adapter/adapter_config.json", "{}")
	write("new/manifest.json", `{"format":"agar-features/99"}`)
	write("other/manifest.json", `{"format":"zarr/3"}`)
	for path, want := range map[string]string{
		write("notes.txt", "hello"):     "a file of 5 bytes",
		filepath.Join(dir, "model"):     "a model: agar model inspect",
		filepath.Join(dir, "new"):       "agar-features/99",
		filepath.Join(dir, "other"):     "zarr/3",
		filepath.Join(dir, "nothing"):   "found nothing there",
		write("broken.arrow", "ARROW1"): "broken.arrow",
		write("phase.arrow", "ARROW1"):  "file too small",
		write("model.gguf", "GGUF"):     "agar model inspect",
		filepath.Join(dir, "adapter"):   "its run is the directory above it",
	} {
		_, err := openPaths([]string{path})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Errorf("%s: got %v, expected %q", path, err, want)
		}
	}
}

func TestTwoOfAKindAreRefused(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	writeRun(t, filepath.Join(a, "run"))
	writeRun(t, filepath.Join(b, "run"))
	if _, err := openPaths([]string{a, b}); err == nil || !strings.Contains(err.Error(), "two of a kind") {
		t.Errorf("got %v", err)
	}
}

func TestARunWithoutAReportIsAnalysed(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	writeRun(t, run)
	src, err := openPaths([]string{run})
	if err != nil {
		t.Fatal(err)
	}
	p, err := src.Phase.Phase(context.Background(), PhaseQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Steps, runSteps()) || p.Module != "model.layers.0.mlp.down_proj" {
		t.Errorf("steps %v, module %q", p.Steps, p.Module)
	}
	if i := indexAt(p.Steps, 100); math.Abs(p.Turn[i]-90) > 1 {
		t.Errorf("the angle at 100 is %v, expected 90°", p.Turn[i])
	}
	for _, k := range p.Ks {
		q, err := src.Phase.Phase(context.Background(), PhaseQuery{K: k})
		if err != nil || q.K != k || !slices.Contains(p.Ks, q.TurnK) || !slices.Contains(p.Ks, q.DebiasedK) {
			t.Errorf("k = %d: got %d (%d, %d), %v", k, q.K, q.TurnK, q.DebiasedK, err)
		}
	}
}

func TestTableOverAnIndex(t *testing.T) {
	src, _ := openAll(t)
	ctx := context.Background()
	o, err := src.Table.Order(ctx, Query{Sort: ColMax, Desc: true})
	if err != nil {
		t.Fatal(err)
	}
	if o.Total != 6 || o.Dead != 1 || o.IDs[5] != 5 {
		t.Errorf("%d features, %d dead, order %v; expected 6, 1, the dead one last", o.Total, o.Dead, o.IDs)
	}
	o, _ = src.Table.Order(ctx, Query{Sort: ColDelta, Desc: true})
	if o.IDs[0] != 0 || o.IDs[5] != 1 {
		t.Errorf("by change: %v, expected 0 first and 1 last", o.IDs)
	}
	o, _ = src.Table.Order(ctx, Query{Sort: ColOnset})
	if o.IDs[0] != 1 || o.IDs[1] != 0 {
		t.Errorf("by onset: %v, expected 1 (step 50), 0 (step 100), those without last", o.IDs)
	}
	rows, err := src.Table.Rows(ctx, []uint32{0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	if rows[0].Onset != 100 || rows[1].Onset != 50 || rows[2].Onset != -1 || rows[0].Delta != 1 || rows[1].onset() != "▼50" || rows[2].onset() != "·" {
		t.Errorf("rows %+v", rows)
	}
}

func TestMissingValuesSortLast(t *testing.T) {
	v := []float32{2, float32(math.NaN()), 1, float32(math.NaN()), 3}
	for desc, want := range map[bool][]uint32{false: {2, 0, 4, 1, 3}, true: {4, 0, 2, 1, 3}} {
		ids := []uint32{0, 1, 2, 3, 4}
		sortBy(ids, func(id uint32) float32 { return v[id] }, desc)
		if !slices.Equal(ids, want) {
			t.Errorf("descending %v: %v, expected %v", desc, ids, want)
		}
	}
}

func TestSearchFindsPromotedTokensAndExamples(t *testing.T) {
	src, _ := openAll(t)
	h, err := src.Table.Search(context.Background(), "W3", 0)
	if err != nil || !h.Done || !slices.Contains(h.IDs, 3) {
		t.Errorf("got %+v, %v; expected feature 3", h, err)
	}
	if h, err := src.Table.Search(context.Background(), "nowhere", 0); err != nil || len(h.IDs) > 0 {
		t.Errorf("got %+v, %v; expected nothing", h, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := src.Table.Search(ctx, "w", 0); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled search returned %v", err)
	}
}

func TestDetailOverAnIndex(t *testing.T) {
	src, _ := openAll(t)
	ctx := context.Background()
	f, err := src.Detail.Feature(ctx, 4)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Neighbours) == 0 || f.Neighbours[0].ID != 0 || math.Abs(f.Neighbours[0].Cos-.8) > 1e-6 {
		t.Errorf("neighbours %+v, expected feature 0 at .8", f.Neighbours)
	}
	for _, kind := range exampleKinds {
		ex, err := src.Detail.Examples(ctx, 0, kind.kind, 3)
		if err != nil || len(ex) == 0 || len(ex) > 3 {
			t.Fatalf("%s: %d examples, %v", kind.kind, len(ex), err)
		}
		for _, e := range ex {
			if math.Abs(e.Acts[e.Peak]-e.Max) > 1e-6 {
				t.Errorf("%s: activation %v at the peak, expected %v", kind.kind, e.Acts[e.Peak], e.Max)
			}
		}
	}
	if _, err := src.Detail.Feature(ctx, 99); err == nil {
		t.Error("feature 99 was found")
	}
	src.close()
	if _, err := src.Detail.Feature(ctx, 0); !errors.Is(err, errClosed) {
		t.Errorf("after closing: %v", err)
	}
}

func TestTrajectorySource(t *testing.T) {
	src, _ := openAll(t)
	ctx := context.Background()
	ax, err := src.Trajectory.Axes(ctx)
	if err != nil || nearestOne(ax.Lambdas) != 1 {
		t.Fatalf("axes %+v, %v", ax, err)
	}
	ch, err := src.Trajectory.Changes(ctx, len(ax.Steps)-1, 2, 10)
	if err != nil || len(ch) != 2 || ch[0].ID != 0 || ch[1].ID != 1 || math.Abs(ch[0].Now-2.1) > 1e-6 || ch[0].Label == "" {
		t.Errorf("changes %+v, %v", ch, err)
	}
	if ch, _ := src.Trajectory.Changes(ctx, 0, 0, 10); len(ch) != 0 {
		t.Errorf("at λ = 0: %+v, expected no change", ch)
	}
	tr, err := src.Trajectory.Trace(ctx, 1, 2)
	if err != nil || tr.Onset != 50 || tr.Delta >= 0 {
		t.Errorf("trace %+v, %v", tr, err)
	}
	if _, err := src.Trajectory.Trace(ctx, 6, 0); err == nil {
		t.Error("feature 6 was followed")
	}
}

// TestATrajectoryOfAnotherDictionaryIsRefused when index and trajectory do not
// fit.
func TestATrajectoryOfAnotherDictionaryIsRefused(t *testing.T) {
	dir := t.TempDir()
	makeArtefacts(t, dir)
	tr := plantedTrajectory()
	tr.DSAE = 3
	n := len(tr.Steps) * len(tr.Lambdas) * 3
	tr.Mean, tr.Density = tr.Mean[:n], tr.Density[:n]
	tr.Base.Mean, tr.Base.Density = tr.Base.Mean[:3], tr.Base.Density[:3]
	if err := tr.Write(filepath.Join(dir, "trajectory.arrow")); err != nil {
		t.Fatal(err)
	}
	if _, err := openPaths([]string{dir}); err == nil || !strings.Contains(err.Error(), "expected both of one dictionary") {
		t.Errorf("got %v", err)
	}
}

// TestPartsOfAnotherFineTuneAreRefused: a report or trajectory with checkpoints
// that the run does not have would put the one's figures over the other's steps.
func TestPartsOfAnotherFineTuneAreRefused(t *testing.T) {
	dir := t.TempDir()
	makeArtefacts(t, dir)
	last := fmt.Sprintf("checkpoint-%d", runSteps()[len(runSteps())-1])
	if err := os.RemoveAll(filepath.Join(dir, "run", last)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"phase.arrow", "trajectory.arrow"} {
		_, err := openPaths([]string{filepath.Join(dir, "run"), filepath.Join(dir, name)})
		if err == nil || !strings.Contains(err.Error(), "expected both of one fine-tune") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestADictionaryOfAnotherSizeIsRefused: the index is of six features.
func TestADictionaryOfAnotherSizeIsRefused(t *testing.T) {
	dir := t.TempDir()
	makeArtefacts(t, dir)
	other := filepath.Join(dir, "other")
	if err := formats.Save(other, sae.New(sae.ArchJumpReLU, 4, 9)); err != nil {
		t.Fatal(err)
	}
	if _, err := openPaths([]string{filepath.Join(dir, "index"), other}); err == nil || !strings.Contains(err.Error(), "6 features") || !strings.Contains(err.Error(), "9: expected both of one dictionary") {
		t.Errorf("got %v", err)
	}
}

// TestCommandsThatMakeAPartNameWhatIsOpen: what is shown can be pasted.
func TestCommandsThatMakeAPartNameWhatIsOpen(t *testing.T) {
	dir := t.TempDir()
	makeArtefacts(t, dir)
	src, err := openPaths([]string{filepath.Join(dir, "sae"), filepath.Join(dir, "capture")})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("agar sae index %s %s --out INDEX", filepath.Join(dir, "sae"), filepath.Join(dir, "capture"))
	var missing *Missing
	if _, err := src.Detail.Feature(context.Background(), 0); !errors.As(err, &missing) || missing.Make != want {
		t.Errorf("got %v, expected %q", err, want)
	}
	if got := (&Workspace{Run: "my run"}).fill("agar phase RUN"); got != `agar phase "my run"` {
		t.Errorf("got %s", got)
	}
}

// TestScreensOverRealArtefacts: all screens show, with nothing missing, and every
// panel says where its numbers come from.
func TestScreensOverRealArtefacts(t *testing.T) {
	src, _ := openAll(t)
	a := testAppOver(t, src, theme.None, raster.Braille, 120, 36)
	for _, id := range a.order {
		a.settle(a.show(id))
		checkFrame(t, a.View(), 120, 36, id)
		(&journey{t, a}).notSee("make it with", "tui:")
		for _, p := range a.front().base().panels {
			if len(p.describe()) == 0 {
				t.Errorf("panel %s describes nothing", p.id)
			}
			for _, o := range p.origin() {
				if o.Name == "" || o.Definition == "" && o.Source == "" {
					t.Errorf("panel %s: origin %+v", p.id, o)
				}
			}
		}
	}
}

func TestLineMode(t *testing.T) {
	dir := t.TempDir()
	makeArtefacts(t, dir)
	var out bytes.Buffer
	if err := Run(context.Background(), Options{Paths: []string{dir}, ScreenReader: true, Output: &out}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{"screen: phase", "event: turn at 100", "feature 0: density", "λ = 1", "top example: ", "promotes: ", "step 100: mean 1.10"} {
		if !strings.Contains(text, want) {
			t.Errorf("line mode does not say %q", want)
		}
	}
	for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
		if !strings.Contains(l, ":") && !strings.Contains(l, "=") || strings.ContainsAny(l, "│┃━─\x1b") {
			t.Errorf("no label: value line: %q", l)
		}
	}
}
