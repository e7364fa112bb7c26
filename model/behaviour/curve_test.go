package behaviour

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCurveRoundTrip(t *testing.T) {
	dir := t.TempDir()
	c := &Curve{Model: "m", Run: "run", Points: []Point{
		{Step: NoStep, Paired: Paired{LogOdds: Missing()}, Answered: Answered{EMAll: Rate{0, 0, .3, 10}}},
		{Step: 10, Adapter: "run/checkpoint-10", Lambda: 1, Paired: Paired{LogOdds: Rate{-.5, -.7, -.3, 8}}},
		{Step: 10, Adapter: "run/checkpoint-10", Lambda: 5, Paired: Paired{LogOdds: Rate{.5, .3, .7, 8}}},
	}}
	if err := c.Write(dir); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, CurveFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"format": "agar-behaviour/1"`, `"step": null`, `"step": 10`, `"value": null`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("behaviour.json lacks %s", want)
		}
	}
	got, err := ReadCurve(dir)
	if err != nil {
		t.Fatal(err)
	}
	if p := got.Points[0]; p.Step != NoStep || p.LogOdds.OK() || !math.IsNaN(p.LogOdds.Lo) || p.EMAll != (Rate{0, 0, .3, 10}) {
		t.Errorf("first point came back as %+v", p)
	}
	if ls := got.Lambdas(); len(ls) != 3 || len(got.At(5)) != 1 || got.At(5)[0].LogOdds.Value != .5 {
		t.Errorf("found dials %v and %d points at 5", ls, len(got.At(5)))
	}
}

func TestReadCurveRefusesOtherFormats(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, CurveFile), []byte(`{"format":"agar-behaviour/2"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCurve(dir); !errors.Is(err, ErrFormat) {
		t.Errorf("found %v, expected ErrFormat", err)
	}
}
