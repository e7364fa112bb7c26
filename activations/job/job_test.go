package job_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"agar/activations/job"
	"agar/model/progress"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("JOB_TEST_HOLD"); dir != "" {
		hold(dir)
	}
	goleak.VerifyTestMain(m)
}

// hold is the second process of the lock test: it takes dir, says so, and dies
// with its standard input.
func hold(dir string) {
	if _, err := job.Begin(dir, job.Options{Command: []string{"holder"}, Resume: true}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("held")
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0) // as if killed: no End
}

func Example() {
	dir, _ := os.MkdirTemp("", "job")
	defer os.RemoveAll(dir)
	j, _ := job.Begin(dir, job.Options{Command: []string{"agar", "capture"}})
	_ = j.Progress(progress.Event{Step: 512, Unit: "tokens"})
	_, err := job.Begin(dir, job.Options{Resume: true})
	var locked *job.LockedError
	fmt.Println(errors.As(err, &locked), locked.Holder.PID == os.Getpid())
	events, _ := os.ReadFile(filepath.Join(dir, job.EventsFile))
	fmt.Print(string(events))
	fmt.Println(j.End(nil))
	// Output:
	// true true
	// {"step":512,"unit":"tokens"}
	// <nil>
}

func begin(t *testing.T, dir string, o job.Options) *job.Job {
	t.Helper()
	j, err := job.Begin(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatStaysBehind(t *testing.T) {
	failure := errors.New("failure")
	for _, c := range []struct {
		name    string
		keep    bool
		produce bool
		err     error
		want    string
	}{
		{"done", false, true, nil, "job.lock out"},
		{"done, events kept", true, true, nil, "job.lock out progress.jsonl"},
		{"failed", false, true, failure, "job.lock out progress.jsonl"},
		{"failed before the first output", false, false, failure, ""},
	} {
		dir := filepath.Join(t.TempDir(), "new")
		j := begin(t, dir, job.Options{KeepEvents: c.keep})
		if err := j.Progress(progress.Event{Step: 1}); err != nil {
			t.Fatal(err)
		}
		if c.produce {
			write(t, dir, "out", "x")
		}
		if err := j.End(c.err); !errors.Is(err, c.err) {
			t.Errorf("%s: End = %v", c.name, err)
		}
		if got := names(t, dir); got != c.want {
			t.Errorf("%s: found %q, expected %q", c.name, got, c.want)
		}
	}
}

func TestNonEmptyNeedsResume(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "something", "x")
	if _, err := job.Begin(dir, job.Options{}); !errors.Is(err, job.ErrNotEmpty) || !strings.Contains(err.Error(), "something") {
		t.Fatalf("found %v", err)
	}
	if got := names(t, dir); got != "job.lock something" {
		t.Errorf("found %q", got)
	}
	j := begin(t, dir, job.Options{Resume: true})
	if resumed, err := j.Resumed(); err != nil || !resumed {
		t.Errorf("Resumed = %v, %v", resumed, err)
	}
	if err := j.End(nil); err != nil {
		t.Fatal(err)
	}
}

func TestOtherProcessHolds(t *testing.T) {
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	c.Env = append(os.Environ(), "JOB_TEST_HOLD="+dir)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if running, err := job.Running(dir); err != nil || !running {
		t.Errorf("Running = %v, %v", running, err)
	}
	_, err = job.Begin(dir, job.Options{Resume: true})
	var locked *job.LockedError
	if !errors.As(err, &locked) || locked.Holder.PID != c.Process.Pid || !strings.Contains(err.Error(), fmt.Sprint(c.Process.Pid)) {
		t.Errorf("found %v, expected the pid %d", err, c.Process.Pid)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	if running, err := job.Running(dir); err != nil || running {
		t.Errorf("after its death Running = %v, %v", running, err)
	}
	if err := begin(t, dir, job.Options{Resume: true}).End(nil); err != nil {
		t.Errorf("a dead holder's job.json stands in the way: %v", err)
	}
}

func TestControl(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	j := begin(t, dir, job.Options{})
	write(t, dir, "out", "x")
	if got, err := j.Control(ctx, 0); err != nil || got != nil {
		t.Fatalf("without a file Control = %v, %v", got, err)
	}
	write(t, dir, job.ControlFile, `{"id":"1","op":"set","key":"lr","value":0.5}`+"\n"+`{"op":"dance"}`+"\nnonsense\n"+`{"op":"snap`)
	got, err := j.Control(ctx, 7)
	if err != nil || len(got) != 1 || got[0].Key != "lr" || string(got[0].Value) != "0.5" {
		t.Fatalf("Control = %+v, %v", got, err)
	}
	write(t, dir, job.ControlFile, `shot"}`+"\n"+`{"op":"stop"}`+"\n")
	got, err = j.Control(ctx, 9)
	if !errors.Is(err, context.Canceled) || len(got) != 1 || got[0].Op != job.Snapshot {
		t.Fatalf("Control = %+v, %v", got, err)
	}
	if err := j.End(err); !errors.Is(err, job.ErrStopped) {
		t.Fatal(err)
	}
	events, err := os.ReadFile(filepath.Join(dir, job.EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		`{"step":7,"control":{"id":"1","op":"set","key":"lr","value":0.5}}`,
		`{"step":7,"control":{"op":"dance"},"error":"found op \"dance\", expected pause, resume, snapshot, stop or set"}`,
		`{"step":7,"control":{"op":""},"error":"found no JSON object: `,
		`{"step":9,"control":{"op":"snapshot"}}`,
		`{"step":9,"control":{"op":"stop"}}`,
	} {
		if line := strings.Split(string(events), "\n")[i]; !strings.HasPrefix(line, want) {
			t.Errorf("line %d: found %s, expected %s", i, line, want)
		}
	}
}

func TestResumedJobReplaysSets(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	j := begin(t, dir, job.Options{})
	write(t, dir, "out", "x")
	write(t, dir, job.ControlFile, `{"op":"set","key":"a","value":1}`+"\n"+`{"op":"snapshot"}`+"\n"+`{"op":"set","key":"b","value":2}`+"\n")
	if _, err := j.Control(ctx, 3); err != nil {
		t.Fatal(err)
	}
	if err := j.End(context.Canceled); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	write(t, dir, job.ControlFile, `{"op":"set","key":"c","value":3}`+"\n")
	write(t, dir, job.EventsFile, `{"step":4,"val`) // cut short by a crash
	j = begin(t, dir, job.Options{Resume: true})
	got, err := j.Control(ctx, 3)
	if err != nil {
		t.Fatal(err)
	}
	keys := ""
	for _, c := range got {
		keys += c.Key
	}
	if keys != "abc" {
		t.Errorf("found sets %q, expected abc", keys)
	}
	if got, err := j.Control(ctx, 4); err != nil || len(got) != 0 {
		t.Errorf("second Control = %v, %v", got, err)
	}
	if err := j.End(context.Canceled); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	events, err := os.ReadFile(filepath.Join(dir, job.EventsFile))
	if err != nil || strings.Count(string(events), "\n") != 4 || strings.Contains(string(events), `"val`+"{") {
		t.Errorf("events after a resume: %q, %v", events, err)
	}
}

func TestPauseWaits(t *testing.T) {
	dir := t.TempDir()
	j := begin(t, dir, job.Options{})
	write(t, dir, job.ControlFile, `{"op":"pause"}`+"\n")
	ctx, cancel := context.WithTimeout(context.Background(), 250*time.Millisecond)
	defer cancel()
	if _, err := j.Control(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a paused job went on: %v", err)
	}
	write(t, dir, job.ControlFile, `{"op":"pause"}`+"\n")
	done := make(chan error)
	go func() {
		_, err := j.Control(context.Background(), 1)
		done <- err
	}()
	write(t, dir, job.ControlFile, `{"op":"resume"}`+"\n")
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("resume had no effect")
	}
	if err := j.End(nil); err != nil {
		t.Fatal(err)
	}
}
