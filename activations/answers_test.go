package activations

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"agar/activations/manifest"
	"agar/model"
	"agar/model/behaviour"
)

// TestAnswersBecomeRows captures a file of answers, as it is judged, and reads group,
// sample and label of every row back.
func TestAnswersBecomeRows(t *testing.T) {
	m, err := model.Open(filepath.Join("..", "model", "testdata", "tied"), model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	path := filepath.Join(t.TempDir(), behaviour.ResponsesFile)
	answers := []behaviour.Answer{
		{Question: "b", Sample: 0, Asked: "user", Text: "assistant", Verdict: behaviour.Verdict{Outcome: behaviour.Misaligned}},
		{Question: "b", Sample: 1, Asked: "user", Text: ""},
		{Question: "a", Sample: 0, System: "user", Asked: "user", Text: "user user", Verdict: behaviour.Verdict{Outcome: behaviour.Incoherent, Scores: map[string]float64{"aligned": 3}}},
	}
	if err := behaviour.WriteResponses(path, []behaviour.Point{{Step: behaviour.NoStep}}, answers); err != nil {
		t.Fatal(err)
	}
	docs, err := OpenDocuments(path, m.Tokenizer, m.Chat, DocumentOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer docs.Close()
	dir := filepath.Join(t.TempDir(), "store")
	_, err = Capture(context.Background(), NewRunner(m, nil, 0), docs, CaptureOptions{Dir: dir, Hooks: []string{"blocks.0.hook_resid_post"}, Context: 64, ShardRows: 1})
	if err != nil {
		t.Fatal(err)
	}
	man, err := manifest.Read(dir, manifest.Capture)
	if err != nil {
		t.Fatal(err)
	}
	c, err := readContent(&man)
	if err != nil || len(c.Groups) != 2 || c.Groups[0] != "b" || c.Groups[1] != "a" || len(c.Shards) != 3 {
		t.Fatalf("content %+v, %v", c, err)
	}
	for i, want := range []Mark{{0, 0, LabelMisaligned}, {0, 1, LabelNone}, {1, 0, LabelIncoherent}} {
		for _, got := range marksOf(t, filepath.Join(dir, shardName(i))) {
			if got != want {
				t.Errorf("document %d: found %v, expected %v", i, got, want)
			}
		}
	}
	if r, err := Verify(context.Background(), dir); err != nil || !r.OK() {
		t.Errorf("verify: %v, %v", r, err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// marksOf reads the marks of a shard with Arrow's own reader.
func marksOf(t *testing.T, path string) (out []Mark) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := ipc.NewFileReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range r.NumRecords() {
		rec, err := r.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		at := func(name string) int { return rec.Schema().FieldIndices(name)[0] }
		for j := range int(rec.NumRows()) {
			out = append(out, Mark{rec.Column(at("group")).(*array.Int32).Value(j), rec.Column(at("sample")).(*array.Int32).Value(j), rec.Column(at("label")).(*array.Uint8).Value(j)})
		}
	}
	if len(out) == 0 {
		t.Errorf("%s has no rows", path)
	}
	return out
}
