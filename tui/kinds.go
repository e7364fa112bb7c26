package tui

// Kinds of artefacts, as Artefact.Kind names them.
const (
	kindRun        = "run"
	kindReport     = "phase report"
	kindTrajectory = "trajectory"
	kindFeatures   = "feature index"
	kindSAE        = "SAE"
	kindCapture    = "capture"
	kindJudged     = "behaviour measured" // kindBehaviour is an event
)

// kinds are all kinds in the order of the overview, with what makes them.
var kinds = []struct{ kind, make string }{
	{kindRun, "your fine-tuning with PEFT and the HF Trainer (save_strategy=\"steps\")"},
	{kindReport, makeRun},
	{kindTrajectory, makeTrajectory},
	{kindFeatures, makeFeatures},
	{kindSAE, "agar sae train CAPTURE --hook H --d-sae N --k K --tokens N --out SAE"},
	{kindJudged, "agar judge MODEL --run RUN --pairs FILE --out JUDGED"},
	{kindCapture, "agar capture MODEL --data FILE --hooks H --out CAPTURE"},
}
