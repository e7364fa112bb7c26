package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"agar/activations/job"
)

// wants checks the number of a script command's arguments.
func wants(ts *testscript.TestScript, ok bool, usage string) {
	if !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

// lookup walks a JSON file along a path such as events.0.kind.
func lookup(ts *testscript.TestScript, file, path string) (any, bool) {
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(file)), &v))
	for _, key := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			next, ok := x[key]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func mustLookup(ts *testscript.TestScript, file, path string) []byte {
	v, ok := lookup(ts, file, path)
	if !ok {
		ts.Fatalf("%s has no %s", file, path)
	}
	b, err := json.Marshal(v)
	ts.Check(err)
	return b
}

// cmdKeys checks that a JSON file has keys: keys FILE PATH…
func cmdKeys(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, !neg && len(args) > 1, "keys FILE PATH…")
	for _, path := range args[1:] {
		mustLookup(ts, args[0], path)
	}
}

// cmdJSONIs compares a value of a JSON file: jsonis FILE PATH JSON
func cmdJSONIs(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, len(args) == 3, "[!] jsonis FILE PATH JSON")
	got := mustLookup(ts, args[0], args[1])
	if bytes.Equal(got, []byte(args[2])) == neg {
		ts.Fatalf("%s: %s is %s", args[0], args[1], got)
	}
}

// cmdJSONSame compares values of two JSON files: jsonsame FILE PATH FILE PATH
func cmdJSONSame(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, len(args) == 4, "[!] jsonsame FILE PATH FILE PATH")
	a, b := mustLookup(ts, args[0], args[1]), mustLookup(ts, args[2], args[3])
	if bytes.Equal(a, b) == neg {
		ts.Fatalf("%s: %s, %s: %s", args[0], a, args[2], b)
	}
}

// cmdEdit replaces the first occurrence of a text in a file, which must have
// it; a replacement of the same length keeps a safetensors header whole.
func cmdEdit(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, !neg && len(args) == 3, "edit FILE OLD NEW")
	path := ts.MkAbs(args[0])
	raw, err := os.ReadFile(path)
	ts.Check(err)
	if !bytes.Contains(raw, []byte(args[1])) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(path, bytes.Replace(raw, []byte(args[1]), []byte(args[2]), 1), 0o644))
}

// cmdCopy copies a file and makes the copy writable: copy FROM TO
func cmdCopy(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, !neg && len(args) == 2, "copy FROM TO")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(ts.ReadFile(args[0])), 0o644))
}

// cmdDouble writes a file twice over: double FROM TO
func cmdDouble(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, !neg && len(args) == 2, "double FROM TO")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Repeat(ts.ReadFile(args[0]), 2)), 0o644))
}

// tree maps the files of a directory, without the empty lock, to their bytes.
func tree(ts *testscript.TestScript, dir string) map[string]string {
	out := map[string]string{}
	root := ts.MkAbs(dir)
	ts.Check(filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == job.LockFile {
			return err
		}
		b, err := os.ReadFile(p)
		out[strings.TrimPrefix(p, root)] = string(b)
		return err
	}))
	return out
}

// cmdSameFiles compares two directories byte for byte: samefiles A B
func cmdSameFiles(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, !neg && len(args) == 2, "samefiles A B")
	a, b := tree(ts, args[0]), tree(ts, args[1])
	if len(a) == 0 {
		ts.Fatalf("%s holds no files", args[0])
	}
	for name := range a {
		if other, ok := b[name]; !ok || other != a[name] {
			ts.Fatalf("%s differs between %s and %s", name, args[0], args[1])
		}
		delete(b, name)
	}
	for name := range b {
		ts.Fatalf("%s is in %s only", name, args[1])
	}
}

// cmdNoTmp checks that no file is half-written: notmp DIR
func cmdNoTmp(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, !neg && len(args) == 1, "notmp DIR")
	for name := range tree(ts, args[0]) {
		if strings.HasSuffix(name, ".tmp") {
			ts.Fatalf("%s%s was left behind", args[0], name)
		}
	}
}

// cmdNPY writes rows that repeat a few directions: npy FILE ROWS DIM
func cmdNPY(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, !neg && len(args) == 3, "npy FILE ROWS DIM")
	rows, err := strconv.Atoi(args[1])
	ts.Check(err)
	dim, err := strconv.Atoi(args[2])
	ts.Check(err)
	out := npyHeader("<f4", rows, dim)
	for i := range rows * dim {
		x := float32(math.Sin(float64(i%dim)*float64(1+i/dim%5))) + 1e-3*float32(i%7)
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out, 0o644))
}

// cmdTokens writes token ids 1, 2, 3 … as int32 to an .npy file: tokens FILE
// DOCUMENTS TOKENS
func cmdTokens(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, !neg && len(args) == 3, "tokens FILE DOCUMENTS TOKENS")
	docs, err := strconv.Atoi(args[1])
	ts.Check(err)
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	out := npyHeader("<i4", docs, n)
	for i := range docs * n {
		out = binary.LittleEndian.AppendUint32(out, uint32(1+i))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out, 0o644))
}

// npyHeader is the beginning of an .npy file of rows × dim values.
func npyHeader(descr string, rows, dim int) []byte {
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }", descr, rows, dim)
	head += strings.Repeat(" ", 127-10-len(head)) + "\n"
	return append(append([]byte("\x93NUMPY\x01\x00"), byte(len(head)), 0), head...)
}

// cmdActs writes a safetensors file with the tensors token_ids, int32 [rows], and
// HOOK, float32 [rows, dim]: acts FILE ROWS DIM HOOK
func cmdActs(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, !neg && len(args) == 4, "acts FILE ROWS DIM HOOK")
	rows, err := strconv.Atoi(args[1])
	ts.Check(err)
	dim, err := strconv.Atoi(args[2])
	ts.Check(err)
	head := fmt.Sprintf(`{"%s":{"dtype":"F32","shape":[%d,%d],"data_offsets":[0,%d]},"token_ids":{"dtype":"I32","shape":[%d],"data_offsets":[%d,%d]}}`,
		args[3], rows, dim, 4*rows*dim, rows, 4*rows*dim, 4*rows*dim+4*rows)
	head += strings.Repeat(" ", (8-len(head)%8)%8)
	out := append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...)
	for i := range rows * dim {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(math.Cos(float64(i)))))
	}
	for i := range rows {
		out = binary.LittleEndian.AppendUint32(out, uint32(1+i))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out, 0o644))
}

// cmdSparse writes a safetensors file of so many bytes of data, which take no
// room on the disk: sparse FILE BYTES
func cmdSparse(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, !neg && len(args) == 2, "sparse FILE BYTES")
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	head := fmt.Sprintf(`{"model.embed_tokens.weight":{"dtype":"BF16","shape":[%d],"data_offsets":[0,%d]}}`, n/2, n)
	raw := append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...)
	path := ts.MkAbs(args[0])
	ts.Check(os.WriteFile(path, raw, 0o644))
	ts.Check(os.Truncate(path, int64(len(raw))+n))
}

// cmdHoldLock takes a job directory until the script ends; $HOLDER is the
// process that holds it: holdlock DIR
func cmdHoldLock(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, !neg && len(args) == 1, "holdlock DIR")
	j, err := job.Begin(ts.MkAbs(args[0]), job.Options{Command: []string{"agar", "test"}})
	ts.Check(err)
	ts.Setenv("HOLDER", strconv.Itoa(os.Getpid()))
	ts.Defer(func() { ts.Check(j.End(nil)) })
}

// cmdInterrupts starts a program, sends it an interrupt as soon as a file is
// there, and expects exit code 130: interrupts FILE PROGRAM [ARG…]
func cmdInterrupts(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, !neg && len(args) > 1, "interrupts FILE PROGRAM [ARG…]")
	path, err := lookPath(ts.Getenv("PATH"), args[1])
	ts.Check(err)
	c := exec.Command(path, args[2:]...)
	c.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "AGAR_CACHE", "NO_COLOR", "AGAR_KERNEL"} {
		c.Env = append(c.Env, name+"="+ts.Getenv(name))
	}
	c.Stderr = ts.Stderr()
	ts.Check(c.Start())
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	awaitFile(ts, ts.MkAbs(args[0]), done)
	ts.Check(c.Process.Signal(os.Interrupt))
	var x *exec.ExitError
	if err := <-done; !errors.As(err, &x) || x.ExitCode() != exitInterrupted {
		ts.Fatalf("%s: %v, want exit code %d", strings.Join(args[1:], " "), err, exitInterrupted)
	}
}

func lookPath(path, name string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		full := filepath.Join(dir, name)
		if st, err := os.Stat(full); err == nil && !st.IsDir() {
			return full, nil
		}
	}
	return "", fmt.Errorf("%s is not in %s", name, path)
}

// awaitFile waits until there is something in a file, or the process ends.
func awaitFile(ts *testscript.TestScript, path string, done <-chan error) {
	deadline := time.After(time.Minute)
	for {
		if st, err := os.Stat(path); err == nil && st.Size() > 0 {
			return
		}
		select {
		case err := <-done:
			ts.Fatalf("ended before %s was there: %v", path, err)
		case <-deadline:
			ts.Fatalf("%s was not there after a minute", path)
		case <-time.After(time.Millisecond):
		}
	}
}
