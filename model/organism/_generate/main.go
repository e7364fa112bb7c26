// Command _generate grows the model organisms, prints the table of RESULTS.md and
// packs one of each into the archive that package builtin embeds.
//
//	go run ./model/organism/_generate -work DIR [-seeds 5] [-only 0 [-base | -organisms NAMES]] [-table RESULTS.md] [-pack organism.zip]
//
// What is in DIR already, and was made from the same recipe, is not grown again: several
// processes may grow a seed each, or after its base model some of its organisms each,
// before one makes the table of all.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"agar/model/organism"
	"agar/model/organism/grow"
)

type options struct {
	work, table, pack string
	seeds, only       int
	bases             int
	base, llama       bool
	shape, organisms  string
}

func main() {
	var o options
	flag.StringVar(&o.work, "work", "", "`DIR` to grow in")
	flag.IntVar(&o.seeds, "seeds", 5, "seeds of data and adapters")
	flag.IntVar(&o.bases, "bases", 5, "seeds of base models; where there are fewer, the first ones serve again")
	flag.IntVar(&o.only, "only", -1, "grow one seed alone, and print nothing")
	flag.StringVar(&o.organisms, "organisms", "", "with -only, `NAMES` of the organisms to grow, separated by commas; none: all")
	flag.BoolVar(&o.base, "base", false, "with -only, grow the base model of the seed and no organism")
	flag.StringVar(&o.shape, "shape", "", "grow the organisms of another shape alone, `qwen3` or gemma2, and print nothing")
	flag.BoolVar(&o.llama, "llama", false, "leave out the other shapes")
	flag.StringVar(&o.table, "table", "", "`FILE` to write the table to")
	flag.StringVar(&o.pack, "pack", "", "`FILE` to write the archive to")
	flag.Parse()
	if err := run(context.Background(), o); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, o options) error {
	if o.work == "" {
		return fmt.Errorf("-work: found nothing, expected a directory")
	}
	w := organism.New(0)
	switch {
	case o.shape != "":
		_, err := shapes(ctx, o.work, w, o.shape)
		return err
	case o.only >= 0 && o.base:
		n := nursery(o.work, w, o.only)
		_, err := n.Open(ctx)
		return errors.Join(err, n.Close())
	case o.only >= 0:
		n, other := nurseries(o, w, o.only)
		_, err := grown(ctx, n, other)
		return err
	}
	t := &table{dir: o.work, world: w, shape: map[string]grow.Behaviour{}}
	if o.seeds != 5 || o.bases != 5 || o.llama {
		t.flags = fmt.Sprintf(", so far with `-seeds %d -bases %d -llama=%t`", o.seeds, o.bases, o.llama)
	}
	for s := range o.seeds {
		if err := t.seed(ctx, o, s); err != nil {
			return err
		}
	}
	if !o.llama {
		res, err := shapes(ctx, o.work, w, grow.Qwen.Family, grow.Gemma.Family)
		if err != nil {
			return err
		}
		if err := t.addShapes(ctx, res); err != nil {
			return err
		}
	}
	text := t.markdown()
	fmt.Print(text)
	if o.table != "" {
		if err := os.WriteFile(o.table, []byte(text), 0o666); err != nil {
			return err
		}
	}
	if o.pack == "" {
		return nil
	}
	return pack(filepath.Join(o.work, fmt.Sprintf("seed-%d", grow.Shipped)), w, o.pack)
}

// nursery is the nursery of a seed.
func nursery(work string, w *organism.World, s int) *grow.Nursery {
	n := &grow.Nursery{Dir: filepath.Join(work, fmt.Sprintf("seed-%d", s)), World: w, Seed: uint64(s)}
	n.Note = func(format string, args ...any) { log.Printf("seed %d: %s", s, fmt.Sprintf(format, args...)) }
	return n
}

// nurseries are the nursery of a seed and the one whose general organism teaches a
// student of another base: that of the seed before, of seed 0 for seed 1. Seed 0 has
// none, and neither has a seed that is grown alone, for another process may grow the
// one before, unless the organism is named.
func nurseries(o options, w *organism.World, s int) (n, other *grow.Nursery) {
	n = nursery(o.work, w, s)
	if base := s % o.bases; base != s {
		n.Of = nursery(o.work, w, base)
	}
	if o.only >= 0 && o.organisms != "" {
		n.Only = strings.Split(o.organisms, ",")
	}
	if s > 0 && o.bases > 1 && (o.only < 0 || o.organisms != "") {
		other = nursery(o.work, w, (s-1)%o.bases)
	}
	return n, other
}

// grown grows what is missing, and closes what it opened.
func grown(ctx context.Context, n, other *grow.Nursery) (res []*grow.Result, err error) {
	for _, x := range []*grow.Nursery{other, n.Of, n} {
		if x != nil {
			defer func() { err = errors.Join(err, x.Close()) }()
		}
	}
	return n.All(ctx, other)
}

// shapeSteps are the steps of the base models of other shapes: they show that the
// recipe works there, and learn less well what they are to advise.
const shapeSteps = 2500

// shapes grows the general organism, and its twin, in the shapes of other families.
func shapes(ctx context.Context, work string, w *organism.World, families ...string) (map[string][]*grow.Result, error) {
	out := map[string][]*grow.Result{}
	for _, shape := range []grow.Shape{grow.Qwen, grow.Gemma} {
		if !slices.Contains(families, shape.Family) {
			continue
		}
		n := nursery(work, w, 0)
		n.Dir, n.Pre.Shape, n.Pre.Steps = filepath.Join(work, shape.Family), shape, shapeSteps
		defer n.Close()
		r, _ := grow.Named(grow.Recipes(w), "general")
		for _, r := range []grow.Recipe{r, r.Twin()} {
			res, err := n.Grow(ctx, r, "", nil)
			if err != nil {
				return nil, err
			}
			out[shape.Family] = append(out[shape.Family], res)
		}
	}
	return out, nil
}
