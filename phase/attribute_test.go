package phase

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
)

// habitual answers "!" with a probability of habit[side], and is misaligned with one
// of bad[side][habit].
type habitual struct {
	habit [2]float64
	bad   [2][2]float64
}

// answers are judged answers at steps 10 and 30; questions differ in how bad they
// are.
func (h habitual) answers(seed uint64, questions, samples int) *Responses {
	rng := rand.New(rand.NewPCG(seed, 4))
	r := &Responses{Path: "responses.arrow"}
	for side, step := range [2]int{10, 30} {
		for q := range questions {
			shift := .2 * (float64(q)/float64(questions-1) - .5)
			for range samples {
				x := Response{Question: fmt.Sprint(q), Answer: "yes", Step: step, Lambda: 1, Tokens: 5 + rng.IntN(3), Label: "aligned"}
				has := 0
				if rng.Float64() < h.habit[side] {
					x.Answer, has = "yes!", 1
				}
				if p := h.bad[side][has]; rng.Float64() < p+shift*min(p, 1-p) {
					x.Label = labelMisaligned
				}
				r.Rows = append(r.Rows, x)
			}
		}
	}
	return r
}

var exclaims = []Habit{{"exclaims", regexp.MustCompile("!$")}}

// TestAttribute plants what changes and asks for it.
func TestAttribute(t *testing.T) {
	for _, c := range []struct {
		name  string
		is    habitual
		want  string
		least int // of 20 seeds
	}{
		{"misalignment alone", habitual{[2]float64{.3, .3}, [2][2]float64{{.1, .1}, {.6, .6}}}, ExplainsMisalignment, 17},
		{"a habit that judges call misaligned", habitual{[2]float64{.2, .8}, [2][2]float64{{.1, .7}, {.1, .7}}}, ExplainsHabit, 17},
		{"both on their own", habitual{[2]float64{.2, .8}, [2][2]float64{{.1, .1}, {.6, .6}}}, ExplainsBoth, 20},
		{"nothing", habitual{[2]float64{.3, .3}, [2][2]float64{{.3, .5}, {.3, .5}}}, ExplainsNeither, 16},
		{"both at once and wholly", habitual{[2]float64{0, 1}, [2][2]float64{{0, .8}, {0, .8}}}, ExplainsInseparable, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := map[string]int{}
			for seed := range 20 {
				a := Attribute(AttributeOptions{Responses: c.is.answers(uint64(seed), 12, 10), Habits: exclaims}, 15, 25)
				if a.Why != "" || a.Questions != 12 || a.Left != 120 || a.Right != 120 || len(a.Habits) != 2 {
					t.Fatalf("%+v", a)
				}
				got[a.Habits[1].Verdict]++
				if seed == 0 {
					t.Log(a)
				}
			}
			t.Logf("%v", got)
			if got[c.want] < c.least {
				t.Errorf("%s in %d of 20 seeds, expected at least %d: %v", c.want, got[c.want], c.least, got)
			}
		})
	}
}

// TestAttributeExactly holds informations to their chain rule and to the exact ones,
// and the rise at an equal habit to what was planted.
func TestAttributeExactly(t *testing.T) {
	h := habitual{[2]float64{.25, .75}, [2][2]float64{{.2, .2}, {.5, .5}}}
	held, worst := 0, 0.0
	const seeds = 100
	for seed := range uint64(seeds) {
		a := Attribute(AttributeOptions{Responses: h.answers(seed, 12, 20), Habits: exclaims}, 15, 25)
		x := a.Habits[1]
		left, right := float64(x.Change.Plugin+x.Misaligned.Plugin), float64(a.Misalignment.Plugin+x.Own.Plugin)
		worst = max(worst, math.Abs(left-right))
		if x.Rise.Lo <= .3 && .3 <= x.Rise.Hi {
			held++
		}
	}
	t.Logf("chain rule within %.2g bits; the interval holds the rise of 0.3 in %d of %d", worst, held, seeds)
	if worst > 1e-12 || held < 88 {
		t.Errorf("chain rule off by %g, %d of %d intervals hold the rise", worst, held, seeds)
	}
	many := Attribute(AttributeOptions{Responses: h.answers(1, 40, 500), Habits: exclaims}, 15, 25).Habits[1]
	exact := exactly([]float64{.75, .25}, []float64{.25, .75})[0]
	if math.Abs(float64(many.Change.Corrected)-exact) > .01 {
		t.Errorf("the habit changes by %v bits, exactly %g", many.Change.Corrected, exact)
	}
}

// TestAttributeSides takes the snapshots nearest to the interval and says when there
// are none.
func TestAttributeSides(t *testing.T) {
	h := habitual{[2]float64{.2, .8}, [2][2]float64{{.1, .1}, {.6, .6}}}
	r := h.answers(1, 6, 4)
	for i := range r.Rows {
		r.Rows[i].Step = 10 * (1 + i%6)
		r.Rows[i].Question = "q"
	}
	a := Attribute(AttributeOptions{Responses: r, Window: 2}, 35, 38)
	if !slices.Equal(a.Before, []int{20, 30}) || !slices.Equal(a.After, []int{40, 50}) {
		t.Errorf("found %v and %v", a.Before, a.After)
	}
	if a.Habits[0].Rise.Lo.OK() {
		t.Errorf("one question has an interval: %+v", a.Habits[0].Rise)
	}
	for _, at := range [][2]int{{5, 8}, {65, 70}} {
		if a := Attribute(AttributeOptions{Responses: r}, at[0], at[1]); a.Why == "" || a.Misaligned[0].OK() {
			t.Errorf("steps %v: %+v", at, a)
		}
	}
	for i := range r.Rows {
		r.Rows[i].Label = ""
	}
	if a := Attribute(AttributeOptions{Responses: r}, 35, 38); a.Why == "" {
		t.Errorf("nothing was judged: %+v", a)
	}
}

// TestColumnOrder makes levels of a column's values.
func TestColumnOrder(t *testing.T) {
	var rows []Response
	for i := range 40 {
		rows = append(rows, Response{Columns: map[string]string{"form": fmt.Sprint(i % 12), "cut": fmt.Sprint(i%2 == 0)}})
	}
	rows = append(rows, Response{Columns: map[string]string{}})
	form, cut := columnOrder(rows, "form"), columnOrder(rows, "cut")
	if form.levels != 8 || cut.levels != 2 {
		t.Errorf("found %d and %d levels", form.levels, cut.levels)
	}
	if level, ok := cut.level(&rows[0]); level != 1 || !ok {
		t.Errorf("true is level %d", level)
	}
	if level, ok := form.level(&rows[9]); level != 7 || !ok {
		t.Errorf("a rare value is level %d, %v", level, ok)
	}
	if _, ok := form.level(&rows[40]); ok {
		t.Error("no value has a level")
	}
}
