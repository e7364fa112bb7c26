package ledger_test

import (
	"fmt"

	"agar/phase"
	"agar/phase/ledger"
)

// A turn that is nowhere but in one run survives only what was run.
func ExampleClaims() {
	turn := phase.Event{
		Kind: phase.KindTurn, Step: 140, Interval: [2]int{135, 145}, Statistic: 44, SE: 6, Prominence: 31, K: 40,
		Agreement: phase.Agreement{Ks: []int{40, 60}, Steps: []int{140, 140}},
	}
	run := &phase.Report{Unit: 5, Events: []phase.Event{turn}, Checkpoints: []phase.CheckpointRow{{Step: 400}}}
	for _, c := range ledger.Claims(&ledger.Evidence{Run: ledger.Run{Report: run}}) {
		fmt.Println(c.ID, c.Verdict)
	}
	// Output:
	// turn@140 survives 2 of 2 run; 6 not run: twin, seeds, matched controls, length and habit, held-out prompts, dictionary validity
}
