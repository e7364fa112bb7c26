package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"agar/model/hub/hubtest"
	"agar/model/organism/builtin"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"agar": main})
}

// organismHub is a hub whose org/tiny is the model of the built-in organism.
func organismHub(t *testing.T, org string) *hubtest.Hub {
	t.Helper()
	files := map[string][]byte{"README.md": []byte("# an organism")}
	for _, name := range []string{"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"} {
		data, err := os.ReadFile(filepath.Join(org, "model", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
	}
	return hubtest.New(t, files, "model.safetensors")
}

// TestScripts drives the program as a shell would; $ORG is the unpacked
// built-in organism, $GGUF a tiny random model with 3 layers, $TINY the folder
// of those that transformers was asked about, and the hub is organismHub's.
func TestScripts(t *testing.T) {
	org, err := builtin.Open(context.Background(), filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	gguf, err := filepath.Abs(filepath.Join("..", "..", "model", "testdata", "sharded", "model.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	fake := organismHub(t, org)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ORG", org)
			e.Setenv("GGUF", gguf)
			e.Setenv("TINY", filepath.Dir(filepath.Dir(gguf)))
			e.Setenv("HF_ENDPOINT", fake.URL)
			e.Setenv("HF_HOME", filepath.Join(e.WorkDir, ".hf"))
			e.Setenv("AGAR_CACHE", filepath.Join(e.WorkDir, ".cache"))
			e.Setenv("NO_COLOR", "1")
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "mounts" {
				return mounts(), nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    cmdExits,
			"truncate": cmdTruncate,
			"poke":     cmdPoke,
			"cpdir":    cmdCopyDir,

			"keys":       cmdKeys,
			"jsonis":     cmdJSONIs,
			"jsonsame":   cmdJSONSame,
			"edit":       cmdEdit,
			"copy":       cmdCopy,
			"double":     cmdDouble,
			"samefiles":  cmdSameFiles,
			"notmp":      cmdNoTmp,
			"npy":        cmdNPY,
			"tokens":     cmdTokens,
			"acts":       cmdActs,
			"tinydisk":   cmdTinyDisk,
			"sparse":     cmdSparse,
			"holdlock":   cmdHoldLock,
			"interrupts": cmdInterrupts,
		},
	})
}

// cmdExits runs a program and checks its exit code: exits 3 agar capture …
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var x *exec.ExitError
		if !errors.As(err, &x) {
			ts.Fatalf("%s: %v", strings.Join(args[1:], " "), err)
		}
		got = x.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// cmdTruncate cuts a file to so many bytes; a negative number counts from its
// end: truncate FILE BYTES
func cmdTruncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE BYTES")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	if n < 0 {
		info, err := os.Stat(path)
		ts.Check(err)
		n += info.Size()
	}
	ts.Check(os.Truncate(path, n))
}

// cmdPoke overwrites bytes at an offset with hexadecimal ones; a negative
// offset counts from the end: poke FILE OFFSET HEX
func cmdPoke(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: poke FILE OFFSET HEX")
	}
	off, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	raw, err := os.ReadFile(path)
	ts.Check(err)
	if off < 0 {
		off += int64(len(raw))
	}
	for i := 0; i+1 < len(args[2]); i += 2 {
		b, err := strconv.ParseUint(args[2][i:i+2], 16, 8)
		ts.Check(err)
		raw[off+int64(i/2)] = byte(b)
	}
	ts.Check(os.WriteFile(path, raw, 0o644))
}

// cmdCopyDir copies a directory tree and makes the copy writable: cpdir FROM TO
func cmdCopyDir(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cpdir FROM TO")
	}
	to := ts.MkAbs(args[1])
	ts.Check(os.CopyFS(to, os.DirFS(ts.MkAbs(args[0]))))
	ts.Check(filepath.WalkDir(to, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(p, 0o755)
		}
		return os.Chmod(p, 0o644)
	}))
}
