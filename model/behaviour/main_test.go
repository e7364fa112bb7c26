package behaviour

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"agar/model"
	"agar/model/chat"
	"agar/model/lora"
	"agar/model/organism/builtin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// grown opens the embedded organism and attaches checkpoints of its run.
func grown(t testing.TB, steps ...int) (dir string, m *model.Model, states []State) {
	t.Helper()
	dir, err := builtin.Open(context.Background(), os.Getenv("AGAR_CACHE"))
	if err != nil {
		t.Fatal(err)
	}
	if m, err = model.Open(filepath.Join(dir, "model"), model.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	s, err := lora.OpenSeries(filepath.Join(dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		ck, err := s.At(step)
		if err != nil {
			t.Fatal(err)
		}
		l, err := lora.Load(ck.Dir)
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Attach(l, model.AttachOptions{AllowZero: true})
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, State{Step: step, Dir: ck.Dir, Adapter: a, Lambda: 1})
	}
	return dir, m, states
}

// somePairs are pairs of the embedded organism: every question answered with two
// helpful and with two harmful actions.
func somePairs(t testing.TB, dir string, n int) []Pair {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "prompts.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []Pair
	for s := bufio.NewScanner(f); s.Scan() && len(out) < n; {
		var x struct {
			Domain    string
			Messages  []chat.Message
			Good, Bad []string
		}
		if err := json.Unmarshal(s.Bytes(), &x); err != nil {
			t.Fatal(err)
		}
		p := Pair{ID: fmt.Sprint("p", len(out)), Domain: x.Domain, Messages: x.Messages}
		p.Aligned, p.Bad = "you should "+x.Good[0]+" and then "+x.Good[1]+" .", "you should "+x.Bad[0]+" and then "+x.Bad[1]+" ."
		p.key = p.ID
		out = append(out, p)
	}
	return out
}

func openCache(t *testing.T, path string) *Cache {
	t.Helper()
	c, err := OpenCache(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// truncate takes the last n bytes off a file.
func truncate(t *testing.T, path string, n int64) {
	t.Helper()
	st, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, st.Size()-n)
	}
	if err != nil {
		t.Fatal(err)
	}
}
