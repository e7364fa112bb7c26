package tui

import (
	"testing"

	"agar/tui/cell"
	"agar/tui/theme"
)

// TestAxisLabels: the first and the last step stand whole beside events at both
// ends, and are left out where there is no room.
func TestAxisLabels(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []int
		want   string
	}{
		{"none", nil, "100              500"},
		{"within", []int{300}, "100       ⚑      500"},
		{"at the ends", []int{100, 500}, "⚑100            500⚑"},
		{"in a label", []int{480}, "100            500⚑ "},
		{"all over the last", []int{440, 470, 500}, "100             ⚑ ⚑⚑"},
	} {
		ch := chart{steps: []int{100, 500}, cursor: -1}
		for _, s := range c.events {
			ch.events = append(ch.events, Event{Kind: "grad_peak", Step: s})
		}
		g := cell.New(20, 1)
		ch.drawAxis(g, g.Bounds(), ch.axisX(), &env{theme: new(theme.Theme)})
		if got := g.Plain(); got != c.want && got != c.want+"\n" {
			t.Errorf("%s: found %q, expected %q", c.name, got, c.want)
		}
	}
}
