package tui

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"agar/tui/cell"
)

// Tests that drive the program as it is built through a real terminal need tmux and
// some minutes; they run when tmuxVar is set.
const tmuxVar = "AGAR_TMUX"

// needTmux skips a test where tmux is not wanted or not there.
func needTmux(t testing.TB) {
	t.Helper()
	if os.Getenv(tmuxVar) == "" {
		t.Skipf("%s is not set", tmuxVar)
	}
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed")
	}
}

// builtAgar is the program that buildAgar has built.
var builtAgar string

// buildAgar builds the program once for all tests.
var buildAgar = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "agar-tmux-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "agar")
	c := exec.Command("go", "build", "-buildvcs=false", "-o", program, "agar/cmd/agar")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %v\n%s", err, out)
	}
	builtAgar = program
	return program, nil
})

// agar is the program as it is built.
func agar(t testing.TB) string {
	t.Helper()
	program, err := buildAgar()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// terminal is a tmux pane with a program in it. What is pressed goes in as bytes,
// what is seen is what a person would see.
type terminal struct {
	t        testing.TB
	socket   string
	patience time.Duration   // how long a change may take
	delays   []time.Duration // from a key to what it changed
}

// openTerminal runs a command with further variables in a terminal of w×h. When the
// command ends its exit code is written below.
func openTerminal(t testing.TB, w, h int, env []string, argv ...string) *terminal {
	t.Helper()
	tm := &terminal{t: t, patience: tmuxPatience, socket: fmt.Sprintf("agar-%d-%d", os.Getpid(), time.Now().UnixNano())}
	conf := filepath.Join(t.TempDir(), "tmux.conf")
	err := os.WriteFile(conf, []byte("set -g status off\nset -g escape-time 0\nset -g default-terminal tmux-256color\nset -g default-shell /bin/sh\n"), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	words := slices.Clone(env)
	if !slices.ContainsFunc(env, func(s string) bool { return strings.HasPrefix(s, "LC_ALL=") }) {
		words = append(words, "LC_ALL=C.UTF-8")
	}
	line := "env"
	for _, word := range append(words, argv...) {
		line += " '" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	tm.run("-f", conf, "-u", "new-session", "-d", "-s", "s", "-x", strconv.Itoa(w), "-y", strconv.Itoa(h), line+`; echo "exit=$?"; exec sleep 3600`)
	t.Cleanup(func() { _ = exec.Command("tmux", "-L", tm.socket, "kill-server").Run() })
	return tm
}

// run is a tmux command on the server of this terminal.
func (tm *terminal) run(args ...string) string {
	tm.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-L", tm.socket}, args...)...).CombinedOutput()
	if err != nil {
		tm.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// frame is the text on the screen, styled with the escape sequences of its styles.
func (tm *terminal) frame() string { tm.t.Helper(); return tm.run("capture-pane", "-p", "-t", "s") }
func (tm *terminal) styled() string {
	tm.t.Helper()
	return tm.run("capture-pane", "-e", "-p", "-t", "s")
}

// resize changes the size of the terminal.
func (tm *terminal) resize(w, h int) {
	tm.t.Helper()
	tm.run("resize-window", "-t", "s", "-x", strconv.Itoa(w), "-y", strconv.Itoa(h))
}

// tmuxKeys are keys that tmux calls otherwise.
var tmuxKeys = map[string]string{
	"enter": "Enter", "esc": "Escape", "tab": "Tab", "shift+tab": "BTab", "up": "Up", "down": "Down", "left": "Left", "right": "Right",
	"home": "Home", "end": "End", "pgup": "PageUp", "pgdown": "PageDown", "ctrl+c": "C-c", "ctrl+d": "C-d", "ctrl+u": "C-u", "ctrl+l": "C-l",
	"backspace": "BSpace", " ": "Space",
}

// send presses keys and waits for nothing.
func (tm *terminal) send(keys ...string) {
	tm.t.Helper()
	args := []string{"send-keys", "-t", "s"}
	for _, k := range keys {
		name, ok := tmuxKeys[k]
		if !ok {
			name = k
		}
		args = append(args, name)
	}
	tm.run(args...)
}

// press presses keys, waits for what they change, and until the screen rests. Keys
// that change nothing take tmuxNothing.
func (tm *terminal) press(keys ...string) *terminal {
	tm.t.Helper()
	if len(keys) == 0 {
		return tm
	}
	before := tm.frame()
	tm.send(keys...)
	for end := time.Now().Add(tmuxNothing); tm.frame() == before && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	tm.rest()
	return tm
}

// How long a change may take, and how long a screen without one counts as resting.
// The title of a panel tells by … when a question is still to be put or answered.
const (
	tmuxPatience = 10 * time.Second
	tmuxRest     = 50 * time.Millisecond
	tmuxNothing  = 400 * time.Millisecond
)

// waiting is a title that awaits an answer.
var waiting = regexp.MustCompile(`[┏┌][━─] [^┃│]*? (…|[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]) [━─]`)

// rest waits until the screen does not change and no title awaits an answer.
func (tm *terminal) rest() string {
	tm.t.Helper()
	end := time.Now().Add(tm.patience)
	last, since := tm.frame(), time.Now()
	for {
		time.Sleep(15 * time.Millisecond)
		f := tm.frame()
		if f != last {
			last, since = f, time.Now()
		}
		if time.Since(since) > tmuxRest && !waiting.MatchString(f) {
			return f
		}
		if time.Now().After(end) {
			return f
		}
	}
}

// until waits until ok holds of the screen.
func (tm *terminal) until(what string, ok func(frame string) bool) string {
	tm.t.Helper()
	end := time.Now().Add(tm.patience)
	for {
		f := tm.frame()
		if ok(f) {
			return f
		}
		if time.Now().After(end) {
			tm.t.Fatalf("expected %s on the screen:\n%s", what, f)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// see waits for texts, notSee for their absence.
func (tm *terminal) see(texts ...string) *terminal {
	tm.t.Helper()
	for _, s := range texts {
		tm.until(strconv.Quote(s), func(f string) bool { return strings.Contains(f, s) })
	}
	return tm
}

func (tm *terminal) notSee(texts ...string) *terminal {
	tm.t.Helper()
	for _, s := range texts {
		tm.until("no "+strconv.Quote(s), func(f string) bool { return !strings.Contains(f, s) })
	}
	return tm
}

// get is the first group of a pattern on the screen, which must be there.
func (tm *terminal) get(pattern *regexp.Regexp) string {
	tm.t.Helper()
	m := pattern.FindStringSubmatch(tm.until(pattern.String(), pattern.MatchString))
	return m[1]
}

// number is get as a number.
func (tm *terminal) number(pattern *regexp.Regexp) int {
	tm.t.Helper()
	n, err := strconv.Atoi(strings.ReplaceAll(tm.get(pattern), ",", ""))
	if err != nil {
		tm.t.Fatal(err)
	}
	return n
}

// changes presses a key and waits until what pattern finds is as expected of what it
// was before.
func (tm *terminal) changes(key string, pattern *regexp.Regexp, what string, ok func(before, after string) bool) {
	tm.t.Helper()
	before, start := tm.get(pattern), time.Now()
	tm.send(key)
	tm.until(fmt.Sprintf("after %q %s (before: %q, pattern %s)", key, what, before, pattern), func(f string) bool {
		m := pattern.FindStringSubmatch(f)
		return m != nil && ok(before, m[1])
	})
	tm.delays = append(tm.delays, time.Since(start))
	tm.rest()
}

// moves is changes for numbers.
func (tm *terminal) moves(key string, pattern *regexp.Regexp, what string, ok func(before, after int) bool) {
	tm.t.Helper()
	tm.changes(key, pattern, what, func(b, a string) bool {
		before, err1 := strconv.Atoi(strings.ReplaceAll(b, ",", ""))
		after, err2 := strconv.Atoi(strings.ReplaceAll(a, ",", ""))
		return err1 == nil && err2 == nil && ok(before, after)
	})
}

// ended waits until the program has ended with code 0 and left the terminal as it
// was.
func (tm *terminal) ended() {
	tm.t.Helper()
	tm.see("exit=0").notSee("┏", "┌")
	if got := strings.TrimSpace(tm.run("display-message", "-p", "-t", "s", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}")); got != "0 1 0" {
		tm.t.Errorf("alternate screen, cursor, mouse: %s, expected 0 1 0 after leaving", got)
	}
}

// within reports the first line of a frame that is longer than w cells, and frames of
// more than h lines.
func within(t testing.TB, frame string, w, h int) {
	t.Helper()
	lines := strings.Split(strings.TrimRight(frame, "\n"), "\n")
	if len(lines) > h {
		t.Errorf("%d lines, expected at most %d", len(lines), h)
	}
	for i, l := range lines {
		if cell.Width(l) > w {
			t.Errorf("line %d has %d cells, expected at most %d: %s", i, cell.Width(l), w, l)
		}
	}
}
