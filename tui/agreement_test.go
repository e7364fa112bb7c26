package tui

import (
	"testing"

	"agar/phase"
)

// TestAgreement has turns tell their windows, behaviour its measures, and both what the
// twin shows.
func TestAgreement(t *testing.T) {
	turn := phase.Event{Kind: phase.KindTurn, Agreement: phase.Agreement{Ks: []int{20, 40}, OfKs: 3, Modules: []string{"a", "b"}}}
	behaves := phase.Event{Kind: phase.KindBehaviour, Unit: "nats a token", Interval: [2]int{60, 80}, Agreement: phase.Agreement{Measures: []string{"log_odds", "em"}}}
	twin := behaves
	twin.Twin = &phase.TwinAt{Label: phase.TwinOwn}
	for want, e := range map[string]phase.Event{
		"seen at k 20, 40, 2 of 3, in 2 modules":                        turn,
		"log_odds and em, nats a token, within 60–80":                   behaves,
		"log_odds and em, nats a token, within 60–80 · not in the twin": twin,
		"": {Kind: phase.KindGradPeak},
	} {
		if got := agreement(e); got != want {
			t.Errorf("found %q, expected %q", got, want)
		}
	}
}
