package report

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"agar/phase"
	"agar/phase/ledger"
)

var update = flag.Bool("update", false, "rewrite testdata/family.md")

// TestOrganism reports on the embedded organism beside its twin: every event is in
// the page, in the order of steps, and every number has its key.
func TestOrganism(t *testing.T) {
	dir := organism(t)
	r, err := Make(context.Background(), Options{Run: filepath.Join(dir, "run"), Twin: filepath.Join(dir, "benign")})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Data.Run.Events) == 0 || len(r.Data.Order) != len(r.Data.Run.Events) {
		t.Fatalf("found %d events, %d of them in order, expected all of them and at least one", len(r.Data.Run.Events), len(r.Data.Order))
	}
	md, at := string(r.Files[MarkdownFile]), 0
	for _, m := range r.Data.Order {
		say := fmt.Sprintf("* Step %d (%s): ", m.Step, steps(m.Interval))
		i := strings.Index(md[at:], say)
		if i < 0 {
			t.Fatalf("the page does not say %q after its byte %d:\n%s", say, at, md)
		}
		at += i
	}
	resolves(t, r)
}

// TestGolden holds the page of the family to the golden one, up to the hashes of the
// inputs and the definitions, which are phase's own.
func TestGolden(t *testing.T) {
	page, _, _ := strings.Cut(string(whole(t).Files[MarkdownFile]), "## Inputs")
	golden := filepath.Join("testdata", "family.md")
	if *update {
		put(t, golden, []byte(page))
	}
	got, want := strings.Split(page, "\n"), strings.Split(string(get(t, golden)), "\n")
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("%s differs from line %d on; after looking at it, write it anew with: go test ./phase/report -update\ngot:  %q\nwant: %q", golden, i+1, line(got, i), line(want, i))
		}
	}
}

// TestHabits attributes the family's turn to the habit that comes with it, and the
// change of behaviour to misalignment.
func TestHabits(t *testing.T) {
	r := whole(t)
	got := map[string]string{}
	for _, a := range r.Data.Run.Attribution {
		if a.Event >= 0 {
			got[r.Data.Run.Events[a.Event].Kind] = a.Habits[1].Verdict
		}
	}
	if got[phase.KindTurn] != phase.ExplainsHabit || got[phase.KindBehaviour] != phase.ExplainsMisalignment {
		t.Errorf("found %v", got)
	}
	for _, c := range r.Data.Claims {
		for _, x := range c.Checks {
			want, ok := map[string]ledger.Outcome{phase.KindTurn: ledger.Failed, phase.KindBehaviour: ledger.Passed}[strings.Split(c.ID, "@")[0]]
			if x.Name != ledger.Covariates || !ok {
				continue
			}
			if x.Outcome != want || !strings.Contains(x.Why, "exclaims") {
				t.Errorf("%s: %s: %s, expected %s with the habit's name", c.ID, x.Outcome, x.Why, want)
			}
			if want == ledger.Failed && !strings.Contains(c.Verdict, ledger.Covariates+" (exclaims)") {
				t.Errorf("%s: verdict %q", c.ID, c.Verdict)
			}
		}
	}
}

func line(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end)"
}

// resolves looks up every key that the page names in report.json.
func resolves(t *testing.T, r *Report) {
	t.Helper()
	x, err := tree(r.Files[DataFile])
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, b := range r.Data.layout(nil, r.refs).blocks {
		var keys []string
		for _, p := range b.list {
			keys = append(keys, p.Keys...)
		}
		if b.text != nil {
			keys = append(keys, b.text.Keys...)
		}
		if b.table != nil {
			keys = append(keys, b.table.keys...)
		}
		for _, k := range keys {
			n++
			if err := find(x, k); err != nil {
				t.Errorf("%s: %v", k, err)
			}
		}
	}
	for _, f := range r.Data.Figures {
		for _, k := range f.Sources {
			if err := find(x, k); err != nil {
				t.Errorf("figure %s: %s: %v", f.Name, k, err)
			}
		}
	}
	if n < 10 {
		t.Errorf("the page names %d keys, expected more", n)
	}
}

// find walks a tree along a key.
func find(x any, key string) error {
	for _, k := range strings.Split(key, ".") {
		switch y := x.(type) {
		case map[string]any:
			v, ok := y[k]
			if !ok {
				return fmt.Errorf("found no %s", k)
			}
			x = v
		case []any:
			i, err := strconv.Atoi(k)
			if err != nil || i >= len(y) {
				return fmt.Errorf("found %d elements, no %s", len(y), k)
			}
			x = y[i]
		default:
			return fmt.Errorf("found a value where %s was looked for", k)
		}
	}
	return nil
}

// TestWhole reads the report of a run with everything beside it.
func TestWhole(t *testing.T) {
	r := whole(t)
	resolves(t, r.Report)
	var kinds []string
	for _, m := range r.Data.Order {
		kinds = append(kinds, m.Kind)
	}
	if got, want := strings.Join(kinds, " "), "grad_peak turn behaviour"; got != want {
		t.Fatalf("events in the order %q, expected %q", got, want)
	}
	if x := r.Data.Order[1].Step; x < 140 || x > 160 {
		t.Errorf("the turn is at step %d, expected 150", x)
	}
	md := string(r.Files[MarkdownFile])
	for _, want := range []string{
		"The gradient peak at step ", "2607.09053", "published: medical advice", "| seed 2 |", "the twin was observed there and has none",
		"`log\\_odds` at λ = 1", "behaviour changes by ", "`turn@", "survives 5 of 6 run; failed: length and habit (exclaims); 2 not run: matched controls, dictionary validity", "held-out prompts: log-odds a token rises in 1 of 1 domains",
		"![Behaviour over training and λ](behaviour.png)",
	} {
		if !strings.Contains(strings.ReplaceAll(md, "`log_odds`", "`log\\_odds`"), want) {
			t.Errorf("report.md has no %q", want)
		}
	}
	if t.Failed() {
		t.Log(md)
	}
}

// TestPictures decodes every picture and looks for what must be on it.
func TestPictures(t *testing.T) {
	r := whole(t)
	want := []string{"training", "norms", "turn", "path", "behaviour"}
	if len(r.Data.Figures) != len(want) {
		t.Fatalf("found %d figures, expected %v", len(r.Data.Figures), want)
	}
	for i, f := range r.Data.Figures {
		if f.Name != want[i] {
			t.Errorf("figure %d is %s, expected %s", i, f.Name, want[i])
		}
		if f.Caption == "" || f.Title == "" || len(f.Sources) == 0 {
			t.Errorf("%s lacks a caption, a title or sources", f.Name)
		}
		img, err := png.Decode(bytes.NewReader(r.Files[f.Name+".png"]))
		if err != nil {
			t.Fatalf("%s.png: %v", f.Name, err)
		}
		inked, b := 0, img.Bounds()
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				if cr, cg, cb, _ := img.At(x, y).RGBA(); cr>>8 < 0xE0 || cg>>8 < 0xE0 || cb>>8 < 0xE0 {
					inked++
				}
			}
		}
		if share := float64(inked) / float64(b.Dx()*b.Dy()); b.Dx() < 700 || share < .005 || share > .5 {
			t.Errorf("%s.png is %v with %.3f of it inked", f.Name, b, share)
		}
		texts := svgTexts(t, r.Files[f.Name+".svg"])
		if f.Name != "path" && !strings.Contains(strings.Join(texts, "|"), fmt.Sprintf("turn %d", r.Data.Order[1].Step)) {
			t.Errorf("%s.svg does not name the turn: %q", f.Name, texts)
		}
		for _, s := range texts {
			if Escape(s) != s {
				t.Errorf("%s.svg writes %q in glyphs that the font lacks", f.Name, s)
			}
		}
	}
}

// svgTexts are the texts of an SVG, which must be well-formed.
func svgTexts(t *testing.T, svg []byte) (out []string) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	in := false
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		switch x := tok.(type) {
		case xml.StartElement:
			in = x.Name.Local == "text"
		case xml.CharData:
			if in {
				out = append(out, string(x))
			}
		case xml.EndElement:
			in = false
		}
	}
}

// TestPage checks that the page stands alone and that each of its colours is defined
// for light, dark and print.
func TestPage(t *testing.T) {
	r := whole(t)
	page := string(r.Files[HTMLFile])
	for _, bad := range []string{"<script", "http:", "https:", "@import", "src=", "ZgotmplZ"} {
		if i := strings.Index(strings.ReplaceAll(page, `xmlns="http://www.w3.org`, ""), bad); i >= 0 {
			t.Errorf("report.html has %q", bad)
		}
	}
	if n := strings.Count(page, "<svg "); n != len(r.Data.Figures) {
		t.Errorf("report.html has %d pictures, expected %d", n, len(r.Data.Figures))
	}
	for _, m := range regexp.MustCompile(`var\(--([\w-]+)\)`).FindAllStringSubmatch(page, -1) {
		if n := strings.Count(page, "--"+m[1]+":"); n != 3 {
			t.Errorf("the colour %s is defined %d times, expected for light, dark and print", m[1], n)
		}
	}
	body := page[strings.Index(page, "<main>"):]
	if m := regexp.MustCompile(`#[0-9A-Fa-f]{6}\b`).FindAllString(body, -1); m != nil && !onlyBlends(m) {
		t.Errorf("pictures on the page have colours of their own: %v", m)
	}
}

// onlyBlends tells whether all colours are between those of early and late steps,
// which the path is drawn in.
func onlyBlends(all []string) bool {
	for _, s := range all {
		ok := false
		for i := range 1001 {
			c := blend(series[0], series[1], float64(i)/1000)
			ok = ok || strings.EqualFold(s, fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B))
		}
		if !ok {
			return false
		}
	}
	return true
}

// TestRefusals names what is wrong with an input.
func TestRefusals(t *testing.T) {
	root := t.TempDir()
	run := grow(t, filepath.Join(root, "run"), grown{60, 2, 1})
	full := filepath.Join(root, "full")
	put(t, filepath.Join(full, "notes.txt"), []byte("mine"))
	for _, c := range []struct {
		name string
		dir  string
		o    Options
		want error
		text string
	}{
		{"no run", "new", Options{Run: filepath.Join(root, "nosuch")}, ErrInput, "nosuch"},
		{"no seed", "new", Options{Run: run, Seeds: []string{full}}, ErrInput, "seed 1"},
		{"the twin is the run", "new", Options{Run: run, Twin: run}, phase.ErrSameFile, "checkpoint"},
		{"behaviour of a twin without one", "new", Options{Run: run, TwinBehaviour: full}, ErrInput, "twin"},
		{"no answers", "new", Options{Run: run, Answers: filepath.Join(full, "notes.txt")}, ErrInput, "notes.txt"},
		{"no habit", "new", Options{Run: run, Habits: []string{"a=("}}, ErrInput, "a=("},
		{"no behaviour", "new", Options{Run: run, Behaviour: full}, ErrInput, "behaviour.json"},
		{"no trajectory", "new", Options{Run: run, Trajectory: filepath.Join(full, "notes.txt")}, ErrInput, "notes.txt"},
		{"a full directory", "full", Options{Run: run}, ErrNotEmpty, "notes.txt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(root, c.dir)
			_, err := Write(context.Background(), dir, c.o)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("found %v, expected %v that names %s", err, c.want, c.text)
			}
			if _, err := os.Stat(filepath.Join(dir, MarkdownFile)); err == nil {
				t.Error("something was written")
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Write(ctx, filepath.Join(root, "new"), Options{Run: run}); !errors.Is(err, context.Canceled) {
		t.Errorf("found %v, expected context.Canceled", err)
	}
}
